// The kinds of values: how an option is read from a node into its field, and printed back. Each has
// read(node, field, faults), which leaves the field alone after a fault, and print(field).
// Invariant: a kind knows nothing about the option that it is used for but bounds and words.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/node.h"
#include "config/printer.h"
#include "config/reader.h"
#include "config/values.h"

namespace siding {

struct Flag {
  void read(const Node& node, bool& out, Faults& faults) const;
  std::string print(bool value) const { return value ? "true" : "false"; }
};

/// A whole number; `zero` is a word for 0, if there is one ("auto").
struct Count {
  int64_t min;
  int64_t max;
  std::string_view zero = "";

  template <class T>
  void read(const Node& node, T& out, Faults& faults) const {
    if (const auto value = parse(node, faults)) out = static_cast<T>(*value);
  }
  template <class T>
  std::string print(T value) const {
    return value == 0 && !zero.empty() ? toml_string(zero) : std::to_string(value);
  }

 private:
  std::optional<int64_t> parse(const Node& node, Faults& faults) const;
};

/// A number of bytes with its unit; `zero` is a word for 0, if there is one.
struct Size {
  uint64_t min;
  uint64_t max;
  std::string_view zero = "";

  template <class T>
  void read(const Node& node, T& out, Faults& faults) const {
    if (const auto value = parse(node, faults)) out = static_cast<T>(*value);
  }
  std::string print(uint64_t value) const {
    return toml_string(value == 0 && !zero.empty() ? zero : format_size(value));
  }

 private:
  std::optional<uint64_t> parse(const Node& node, Faults& faults) const;
};

/// A duration; for an optional field, `none` is the word for its absence.
struct Time {
  Duration min;
  Duration max;
  std::string_view none = "";

  void read(const Node& node, Duration& out, Faults& faults) const;
  void read(const Node& node, std::optional<Duration>& out, Faults& faults) const;
  std::string print(Duration value) const { return toml_string(format_duration(value)); }
  std::string print(const std::optional<Duration>& value) const {
    return value ? print(*value) : toml_string(none);
  }
};

/// The string of a node, or nullopt after reporting what was expected.
std::optional<std::string_view> read_string(const Node& node, Faults& faults,
                                            std::string_view what = "a string");

/// One of some words.
template <class E>
struct OneOf {
  std::vector<std::pair<std::string, E>> words;

  void read(const Node& node, E& out, Faults& faults) const {
    const auto text = read_string(node, faults);
    if (!text) return;
    std::vector<std::string> known;
    for (const auto& [word, value] : words) {
      if (word == *text) {
        out = value;
        return;
      }
      known.push_back(word);
    }
    const std::string near = nearest(*text, known);
    faults.error(node.place, "`" + std::string(*text) + "` is not one of " + join_quoted(known) +
                                 (near.empty() ? "" : "; did you mean `" + near + "`?"));
  }
  std::string print(const E& value) const {
    auto it = std::find_if(words.begin(), words.end(), [&](auto& w) { return w.second == value; });
    return toml_string(it == words.end() ? "" : it->first);
  }
};

/// A string with a grammar of its own.
template <class T>
struct Text {
  Parsed<T> (*parse)(std::string_view text);
  std::string (*write)(const T& value);

  void read(const Node& node, T& out, Faults& faults) const {
    const auto text = read_string(node, faults);
    if (!text) return;
    Parsed<T> parsed = parse(*text);
    if (parsed.value) {
      out = std::move(*parsed.value);
    } else {
      faults.error(node.place, std::move(parsed.error));
    }
  }
  std::string print(const T& value) const { return toml_string(write(value)); }
};

/// A list of such values; one value alone is a list of one.
template <class Kind>
struct ListOf {
  Kind item;

  template <class T>
  void read(const Node& node, std::vector<T>& out, Faults& faults) const {
    out.clear();
    if (!node.is(Node::Kind::list)) return read_item(node, out, faults);
    for (const Node& child : node.children) read_item(child, out, faults);
  }
  template <class T>
  std::string print(const std::vector<T>& values) const {
    std::string out;
    for (const T& value : values) out += (out.empty() ? "" : ", ") + item.print(value);
    return "[" + out + "]";
  }

 private:
  template <class T>
  void read_item(const Node& node, std::vector<T>& out, Faults& faults) const {
    if (!node.broken) item.read(node, out.emplace_back(), faults);
  }
};
template <class Kind>
ListOf(Kind) -> ListOf<Kind>;

/// A table in the place of a value: { key = ... }.
template <class S>
struct TableOf {
  std::string_view title;  ///< what messages call it

  void read(const Node& node, S& out, Faults& faults) const {
    if (!node.is(Node::Kind::table)) return report_type(node, faults, "a table");
    Reader reader(node, std::string(title), faults);
    options(reader, out);
    reader.finish();
  }
  std::string print(const S& value) const {
    S copy = value;  // a visitor may write; this one does not
    Printer printer("", Printer::Style::braces);
    options(printer, copy);
    return "{ " + printer.text() + " }";
  }
};

/// An address as a string, or as a table that says what comes before HTTP there.
struct ListenEntry {
  bool clients = false;  ///< for them: with `tls` and `proxy_protocol`

  void read(const Node& node, ListenAddress& out, Faults& faults) const;
  std::string print(const ListenAddress& value) const;
};

/// Networks, or words that stand for several: they are written out.
struct Networks {
  void read(const Node& node, std::vector<Cidr>& out, Faults& faults) const;
  std::string print(const std::vector<Cidr>& value) const;
};

/// A string, or { file = "..." } whose content it is. Never printed.
struct Secret {
  void read(const Node& node, HeaderValue& out, Faults& faults) const;
  std::string print(const HeaderValue& value) const;
};

/// Field names and their values, which may be secrets.
struct AddedHeaders {
  void read(const Node& node, HeaderList& out, Faults& faults) const;
  std::string print(const HeaderList& value) const;
};

/// Field names and the values that a request must have there; "*" = any.
struct MatchedHeaders {
  using List = std::vector<std::pair<std::string, std::string>>;
  void read(const Node& node, List& out, Faults& faults) const;
  std::string print(const List& value) const;
};

/// Field names and templates of their values.
struct TemplateHeaders {
  using List = std::vector<std::pair<std::string, Template>>;
  void read(const Node& node, List& out, Faults& faults) const;
  std::string print(const List& value) const;
};

/// Statuses and lifetimes: { 200 = "1m", 404 = "10s" }.
struct StatusTtls {
  using List = std::vector<std::pair<int, Duration>>;
  void read(const Node& node, List& out, Faults& faults) const;
  std::string print(const List& value) const;
};

struct RoutePath {
  void read(const Node& node, PathPattern& out, Faults& faults) const;
  std::string print(const PathPattern& value) const;
};

/// { json = ... } or { form = { ... } }, whose texts are templates; fills two fields of a call.
struct CallBody {
  void read(const Node& node, CallConfig& out, Faults& faults) const;
  std::string print(const CallConfig& value) const {
    return value.body.empty() ? "{}" : value.body_text;
  }
};

/// "UPSTREAM:/path?query", which fills three fields of a call.
struct CallText {
  void read(const Node& node, CallConfig& out, Faults& faults) const;
  std::string print(const CallConfig& value) const { return toml_string(value.text); }
};

}  // namespace siding
