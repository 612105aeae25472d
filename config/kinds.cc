// Reading of the plain kinds: flags, counts, sizes, times, addresses, networks (see kinds.h).
#include "config/kinds.h"

#include "base/text.h"
#include "config/sections.h"

namespace siding {
namespace {

std::string range(std::string_view written, const std::string& min, const std::string& max,
                  std::string_view word) {
  return "`" + std::string(written) + "` is out of range; it goes from " + min + " to " + max +
         (word.empty() ? "" : ", or is " + toml_string(word));
}

// What may be meant by a bare number.
std::string in_units(int64_t number, const std::string& one, const std::string& other) {
  if (number < 0) return "; it cannot be negative";
  const std::string text = std::to_string(number);
  return "; write \"" + text + one + "\" or \"" + text + other + "\"";
}

}  // namespace

std::optional<std::string_view> read_string(const Node& node, Faults& faults,
                                            std::string_view what) {
  if (node.is(Node::Kind::string)) return node.text;
  report_type(node, faults, what);
  return std::nullopt;
}

void Flag::read(const Node& node, bool& out, Faults& faults) const {
  // Strings are all that an environment variable can give.
  if (node.is(Node::Kind::boolean)) {
    out = node.number != 0;
  } else if (node.expanded && (node.text == "true" || node.text == "false")) {
    out = node.text == "true";
  } else {
    const bool word = node.text == "true" || node.text == "false";
    report_type(node, faults, "true or false", word ? "; write it without quotes" : "");
  }
}

std::optional<int64_t> Count::parse(const Node& node, Faults& faults) const {
  if (!zero.empty() && node.is(Node::Kind::string) && node.text == zero) return 0;
  int64_t value = node.number;
  if (!node.is(Node::Kind::integer)) {
    const auto digits = parse_u64(node.text);
    const std::string what = "a whole number" + (zero.empty() ? "" : " or " + toml_string(zero));
    if (!digits || *digits > INT64_MAX) {
      report_type(node, faults, what);
      return std::nullopt;
    }
    if (!node.expanded) {
      report_type(node, faults, what, "; write " + node.text + " without quotes");
      return std::nullopt;
    }
    value = static_cast<int64_t>(*digits);
  }
  if (value >= min && value <= max) return value;
  faults.error(node.place,
               range(std::to_string(value), std::to_string(min), std::to_string(max), zero));
  return std::nullopt;
}

std::optional<uint64_t> Size::parse(const Node& node, Faults& faults) const {
  if (!zero.empty() && node.is(Node::Kind::string) && node.text == zero) return 0;
  const std::string what =
      "a size with its unit, such as \"64MiB\"" + (zero.empty() ? "" : ", or " + toml_string(zero));
  if (node.is(Node::Kind::integer)) {
    report_type(node, faults, what, in_units(node.number, "B", "MiB"));
    return std::nullopt;
  }
  const auto text = read_string(node, faults, what);
  if (!text) return std::nullopt;
  const auto value = parse_size(*text);
  if (!value) {
    faults.error(node.place, "`" + std::string(*text) +
                                 "` is not a size: a whole number and one "
                                 "of B, KB, MB, GB, KiB, MiB, GiB, such as \"64MiB\"");
  } else if (*value < min || *value > max) {
    faults.error(node.place, range(*text, format_size(min), format_size(max), zero));
  } else {
    return value;
  }
  return std::nullopt;
}

void Time::read(const Node& node, Duration& out, Faults& faults) const {
  const std::string what = "a duration with its unit, such as \"10s\"" +
                           (none.empty() ? "" : ", or " + toml_string(none));
  if (node.is(Node::Kind::integer)) {
    report_type(node, faults, what, in_units(node.number, "s", "ms"));
    return;
  }
  const auto text = read_string(node, faults, what);
  if (!text) return;
  const auto value = parse_duration(*text);
  if (!value) {
    faults.error(node.place, "`" + std::string(*text) +
                                 "` is not a duration: a whole number and "
                                 "one of ms, s, m, h, d, such as \"10s\" or \"1500ms\"");
  } else if (*value < min || *value > max) {
    faults.error(node.place, range(*text, format_duration(min), format_duration(max), none));
  } else {
    out = *value;
  }
}

void Time::read(const Node& node, std::optional<Duration>& out, Faults& faults) const {
  if (node.is(Node::Kind::string) && node.text == none) {
    out.reset();
  } else {
    Duration value = Duration::min();
    read(node, value, faults);
    if (value != Duration::min()) out = value;
  }
}

void ListenEntry::read(const Node& node, ListenAddress& out, Faults& faults) const {
  if (node.is(Node::Kind::table)) {
    TableOf<ListenAddress>{clients ? "[[listen]]" : "this table"}.read(node, out, faults);
    for (const char* key : {"tls", "proxy_protocol"}) {
      const Node* set = clients ? nullptr : node.find(key);
      if (set == nullptr) continue;
      faults.error(set->key_place,
                   "`" + std::string(key) +
                       "` is for the listen of clients, at the top of the file; this "
                       "one is for the application and its machine");
    }
  } else if (node.is(Node::Kind::integer)) {
    faults.error(node.place, parse_listen_address(std::to_string(node.number)).error);
  } else {
    kind::kAddress.read(node, out, faults);
  }
}

std::string ListenEntry::print(const ListenAddress& value) const {
  const bool plain = !value.tls && !value.proxy_protocol;
  return plain ? toml_string(value.text()) : TableOf<ListenAddress>().print(value);
}

void Networks::read(const Node& node, std::vector<Cidr>& out, Faults& faults) const {
  const std::vector<std::pair<std::string_view, std::vector<std::string_view>>> kWords{
      {"private", {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"}},
      {"loopback", {"127.0.0.0/8", "::1/128"}},
      {"any", {"::/0"}}};  // IPv4 addresses are held as mapped ones, so this covers them
  if (node.is(Node::Kind::list)) {
    for (const Node& child : node.children) {
      if (!child.broken) read(child, out, faults);
    }
    return;
  }
  const auto text = read_string(node, faults);
  if (!text) return;
  std::vector<std::string_view> networks{*text};
  for (const auto& [word, meaning] : kWords) {
    if (word == *text) networks = meaning;
  }
  for (std::string_view network : networks) {
    Parsed<Cidr> parsed = parse_network(network);
    if (parsed.value) {
      out.push_back(*parsed.value);
    } else {
      faults.error(node.place, parsed.error);
    }
  }
}

std::string Networks::print(const std::vector<Cidr>& value) const {
  return ListOf{Text<Cidr>{parse_network, print_network}}.print(value);
}

}  // namespace siding
