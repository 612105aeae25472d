// From a template's text to its parts. The grammar stands in template.h.
// Invariant: the literals of a parsed template are fit for their place, and so is every default.
#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "http/template.h"
#include "http/uri.h"
#include "http/utf8.h"

namespace siding {

namespace {

constexpr std::array<std::string_view, 7> kSources{"query", "path", "header", "cookie",
                                                   "form",  "json", "client"};
constexpr std::array<std::string_view, 6> kFilters{"trim", "lower",   "first",
                                                   "form", "requote", "number"};

std::string ticked(std::string_view text) { return '`' + std::string(text) + '`'; }

constexpr size_t kLongestWord = 9;  // with two more letters than any that is known

/// Insertions, deletions and replacements that turn one word into the other, of kLongestWord at most.
size_t edits(std::string_view a, std::string_view b) {
  std::array<size_t, kLongestWord + 1> row{};  // what turns the front of `a` into each front of `b`
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row[b.size()];
}

/// "; did you mean `query`?", else all the words.
template <size_t N>
std::string advice(std::string_view word, const std::array<std::string_view, N>& words) {
  std::string all;
  for (std::string_view known : words) {
    if (word.size() <= kLongestWord && edits(lower(word), known) <= 2) {
      return "; did you mean " + ticked(known) + "?";
    }
    all += (all.empty() ? "" : ", ") + ticked(known);
  }
  return "; there are " + all;
}

bool is_pointer(std::string_view text) {
  if (!text.starts_with('/')) return false;
  for (size_t i = text.find('~'); i != std::string_view::npos; i = text.find('~', i + 1)) {
    if (i + 1 == text.size() || (text[i + 1] != '0' && text[i + 1] != '1')) return false;
  }
  return true;
}

}  // namespace

std::string_view to_string(Template::Source source) {
  return source == Template::Source::leg ? "leg" : kSources[static_cast<size_t>(source)];
}
std::string_view to_string(Template::Filter filter) {
  return kFilters[static_cast<size_t>(filter)];
}

class Template::Parser {
 public:
  Parser(std::string_view text, TemplatePlace place) : text_(text) {
    result_.text_ = text;
    result_.place_ = place;
  }

  Parsed run() {
    if (target() && !text_.starts_with('/')) {
      fail(0, "a target begins with `/`: scheme and host are those of the [upstream]");
    }
    for (size_t at = 0; at < text_.size() && !error_;) {
      char c = text_[at];
      bool brace = c == '{' || c == '}';
      bool doubled = brace && text_.substr(at + 1).starts_with(c);
      if (c == '{' && !doubled) {
        at = placeholder(at);
      } else if (c == '}' && !doubled) {
        fail(at, "this `}` closes nothing; write `}}` for the character itself");
      } else {
        literal(at);
        at += doubled ? 2 : 1;
      }
    }
    finish();
    Parsed parsed;
    if (error_) {
      parsed.error = std::move(error_);
    } else {
      parsed.value = std::move(result_);
    }
    return parsed;
  }

 private:
  bool target() const { return result_.place_ == TemplatePlace::target; }

  /// Keeps the first fault only.
  bool fail(size_t offset, std::string message) {
    if (!error_) error_ = TemplateError{offset, std::move(message)};
    return false;
  }

  void literal(size_t at) {
    char c = text_[at];
    auto byte = static_cast<unsigned char>(c);
    bool control = byte < 0x20 || byte == 0x7f;
    if (!target()) {
      const bool header = result_.place_ == TemplatePlace::header_value;
      if (control && header) fail(at, "a header value holds no control characters");
    } else if (c == '#') {
      fail(at, "`#` begins a fragment, which is never sent; write `%23` for the character itself");
    } else if (c == '%' && !is_escape(text_, at)) {
      fail(at, "`%` takes two hexadecimal digits; write `%25` for the character itself");
    } else if (control || c == ' ' || byte >= 0x80) {
      fail(at, "write this as it goes on the wire: " + ticked(escaped_run(at)));
    }
    part_.literal += c;
    outline_ += c;
  }

  /// The text from `at` on that cannot stand in a target, escaped.
  std::string escaped_run(size_t at) const {
    auto fits = [](char c) { return c > ' ' && c != 0x7f; };
    size_t end = at;
    while (end < text_.size() && !fits(text_[end])) ++end;
    std::string out;
    percent_encode(text_.substr(at, end - at), kUnreserved, out);
    return out;
  }

  /// Parses the one that begins at `at`; returns where it ends.
  size_t placeholder(size_t at) {
    size_t begin = at + 1;
    size_t end = text_.find_first_of("{}", begin);
    if (end == std::string_view::npos || text_[end] == '{') {
      fail(at, "this `{` is not closed; write `{{` for the character itself");
      return text_.size();
    }
    part_.has_value = true;
    part_.slot = slot();

    std::string_view inner = text_.substr(begin, end - begin);
    size_t colon = inner.find(':');
    std::string_view head = inner.substr(0, colon);
    size_t bar = head.find('|');
    bool good = source(begin, head.substr(0, bar));
    while (good && bar != std::string_view::npos) {
      size_t next = head.find('|', bar + 1);
      good = filter(begin + bar + 1, head.substr(bar + 1, next - bar - 1));
      bar = next;
    }
    if (good && colon != std::string_view::npos) {
      default_value(begin + colon + 1, inner.substr(colon + 1));
    }
    result_.parts_.push_back(std::move(part_));
    part_ = Part();
    outline_ += 'x';
    return end + 1;
  }

  bool source(size_t offset, std::string_view text) {
    size_t dot = text.find('.');
    std::string_view word = text.substr(0, dot);
    auto known = std::find(kSources.begin(), kSources.end(), word);
    const size_t pointer = text.find("./");
    if (known == kSources.end() && pointer != std::string_view::npos && pointer > 0) {
      // Whether there is such a leg is seen where the legs are known.
      part_.source = Source::leg;
      part_.name = text;
      return is_pointer(text.substr(pointer + 1)) ||
             fail(offset + pointer + 1, "this is no JSON pointer (RFC 6901), such as `/user/name`");
    }
    if (known == kSources.end()) {
      return fail(offset, "unknown source " + ticked(word) + advice(word, kSources));
    }
    std::string_view name = dot == std::string_view::npos ? "" : text.substr(dot + 1);
    size_t name_offset = offset + std::min(text.size(), word.size() + 1);
    part_.source = static_cast<Source>(known - kSources.begin());
    part_.name = name;
    if (part_.source == Source::client_ip) {
      return name == "ip" || fail(name_offset, "of the client there is only `client.ip`");
    }
    if (part_.source == Source::json) {
      return is_pointer(name) || fail(name_offset,
                                      "`json.` takes a JSON pointer (RFC 6901), such "
                                      "as `json./user/name`");
    }
    return !name.empty() ||
           fail(name_offset,
                ticked(word) + " takes a name: " + ticked(std::string(word) + ".NAME"));
  }

  bool filter(size_t offset, std::string_view word) {
    auto known = std::find(kFilters.begin(), kFilters.end(), word);
    if (known == kFilters.end()) {
      return fail(offset, "unknown filter " + ticked(word) + advice(word, kFilters));
    }
    if (part_.has(Filter::form) || part_.has(Filter::requote) || part_.has(Filter::number)) {
      return fail(offset, ticked(to_string(part_.filters.back())) +
                              " is the encoding and comes last; put " + ticked(word) +
                              " before it or leave one out");
    }
    auto filter = static_cast<Filter>(known - kFilters.begin());
    part_.filters.push_back(filter);
    if (filter == Filter::form && part_.slot != Slot::query) {
      return fail(offset, "`form` is an encoding of the query; leave it out here");
    }
    if (filter == Filter::number && part_.slot != Slot::body) {
      return fail(offset, "`number` is for values of a JSON body; leave it out here");
    }
    if (filter == Filter::requote && (part_.slot == Slot::header || part_.slot == Slot::body)) {
      return fail(offset, "`requote` is an encoding of targets; leave it out here");
    }
    if (filter == Filter::requote && part_.slot == Slot::query) {
      std::string_view parameter = outline_;
      parameter.remove_prefix(parameter.find_last_of("?&") + 1);
      if (parameter.find('=') == std::string_view::npos) {
        return fail(offset, "`requote` would let the value name a parameter; write `NAME=` before");
      }
    }
    return true;
  }

  void default_value(size_t offset, std::string_view text) {
    if (text.find('|') != std::string_view::npos) {
      fail(offset, "filters stand before the default: `{query.n|trim:10}`");
    }
    std::string unused;
    if (!append_value(part_, text, unused)) {
      fail(offset, "the default " + ticked(text) + " cannot stand in this place");
    }
    part_.default_value = text;
  }

  Slot slot() const {
    switch (result_.place_) {
      case TemplatePlace::header_value: return Slot::header;
      case TemplatePlace::body_value: return Slot::body;
      case TemplatePlace::target: break;
    }
    return in_query() ? Slot::query : Slot::path;
  }
  bool in_query() const { return outline_.find('?') != std::string::npos; }

  void finish() {
    result_.parts_.push_back(std::move(part_));
    if (!target()) {
      if (!is_utf8(text_)) fail(0, "this is not UTF-8");
      const auto& parts = result_.parts_;
      if (result_.is_number() &&
          (parts.size() != 2 || parts[0].literal != "" || parts[1].literal != "")) {
        fail(0, "a `number` stands alone: \"{query.n|number}\" and nothing around it");
      }
      return;
    }
    if (!is_fit_path(std::string_view(outline_).substr(0, outline_.find('?')))) {
      fail(0,
           "a path has no control characters, and HTTP libraries remove `.` and `..` from it; "
           "write the path that is left");
    }
  }

  std::string_view text_;
  Template result_;
  Part part_;            // the one that is being read
  std::string outline_;  // the text so far with "x" for every value
  std::optional<TemplateError> error_;
};

Template::Parsed Template::parse(std::string_view text, TemplatePlace place) {
  return Parser(text, place).run();
}

}  // namespace siding
