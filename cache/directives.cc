// See directives.h.
#include "cache/directives.h"

#include <algorithm>

#include "base/text.h"
#include "http/structured_fields.h"
#include "http/uri.h"

namespace siding {

namespace {

constexpr CharSet kTchar(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~");

/// What a stored response cannot do without.
constexpr std::string_view kNeverLeftOut[] = {"age",
                                              "cache-control",
                                              "cdn-cache-control",
                                              "content-encoding",
                                              "content-length",
                                              "content-type",
                                              "date",
                                              "etag",
                                              "expires",
                                              "last-modified",
                                              "location",
                                              "vary",
                                              "siding-cache-control"};

struct Directive {
  std::string_view name;
  std::optional<std::string_view>
      value;          // without quotes; escapes stay, as no known value needs them
  bool junk = false;  // something that the grammar has no place for
};

size_t token_length(std::string_view text) {
  size_t n = 0;
  while (n < text.size() && kTchar.has(text[n])) ++n;
  return n;
}

/// The length of the quoted string that begins `text`, quotes and all; 0 if it does not end.
size_t quoted_length(std::string_view text) {
  for (size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') return i + 1;
    if (text[i] == '\\') ++i;
  }
  return 0;
}

/// Takes the directives off a line, one by one. Up to the next comma outside of a quoted string all
/// belongs to one; a quote that never ends is not one, so that it cannot hide the directives behind it.
class DirectiveReader {
 public:
  explicit DirectiveReader(std::string_view line) : line_(line) {}

  /// False if there are no more.
  bool take(Directive& out) {
    while (!line_.empty() && (line_[0] == ',' || line_[0] == ' ' || line_[0] == '\t')) {
      line_.remove_prefix(1);
    }
    if (line_.empty()) return false;
    out = next();
    return true;
  }

 private:
  /// The length of the quoted string at `at`, quotes and all; 0 if there is none.
  size_t quoted(size_t at) {
    if (all_open_ || at >= line_.size() || line_[at] != '"') return 0;
    size_t length = quoted_length(line_.substr(at));
    // Every quote behind one that never ends is escaped in it, so that none of them ends either. To
    // look again at each of them would take the square of the line's length.
    all_open_ = length == 0;
    return length;
  }

  Directive next() {
    Directive d;
    size_t at = token_length(line_);
    d.name = line_.substr(0, at);
    if (at < line_.size() && line_[at] == '=') {
      std::string_view rest = line_.substr(at + 1);
      size_t length = quoted(at + 1);
      size_t n = length > 0 ? length : token_length(rest);
      d.value = length > 0 ? rest.substr(1, length - 2) : rest.substr(0, n);
      at += 1 + n;
    }
    size_t end = at;
    while (end < line_.size() && line_[end] != ',') end += std::max<size_t>(quoted(end), 1);
    d.junk = !trim_ows(line_.substr(at, end - at)).empty();
    line_.remove_prefix(end);
    return d;
  }

  std::string_view line_;
  bool all_open_ = false;
};

template <class F>
void for_each_directive(const Fields& fields, std::string_view name, F f) {
  for (const Field& field : fields) {
    if (!equals_ignore_case(field.name, name)) continue;
    DirectiveReader in(field.value);
    for (Directive d; in.take(d);) f(d);
  }
}

std::optional<Seconds> seconds_of(const Directive& d) {
  if (d.junk || !d.value) return std::nullopt;
  return parse_delta_seconds(*d.value);
}

/// A lifetime: two that differ, or one that is none, make the response stale.
void set_lifetime(std::optional<Seconds>& age, std::optional<Seconds> value) {
  Seconds one = value.value_or(Seconds(0));
  age = age && *age != one ? Seconds(0) : one;
}
void keep_least(std::optional<Seconds>& age, Seconds value) {
  age = age ? std::min(*age, value) : value;
}

/// Adds the names in the argument of no-cache or private; false if the directive is one without.
bool add_names(std::string_view argument, std::vector<std::string_view>& names) {
  bool good = true;
  size_t before = names.size();
  for_each_item(argument, [&](std::string_view item) {
    bool vital = std::any_of(std::begin(kNeverLeftOut), std::end(kNeverLeftOut),
                             [&](std::string_view n) { return equals_ignore_case(n, item); });
    good = good && !vital && token_length(item) == item.size();
    names.push_back(item);
  });
  return good && names.size() > before;
}

/// One directive of a response, however it was written.
void apply_response_directive(const Directive& d, ResponseDirectives& out) {
  auto is = [&](std::string_view name) { return equals_ignore_case(d.name, name); };
  if (is("no-store")) {
    out.no_store = true;
  } else if (is("no-cache") || is("private")) {
    bool cache = is("no-cache");
    bool named =
        d.value && !d.junk && add_names(*d.value, cache ? out.no_cache_fields : out.private_fields);
    bool& flag = cache ? out.no_cache : out.is_private;
    flag = flag || !named;
  } else if (is("must-revalidate")) {
    out.must_revalidate = true;
    out.for_all = out.for_all || (!d.value && !d.junk);
  } else if (is("proxy-revalidate")) {
    out.proxy_revalidate = true;
  } else if (is("max-age")) {
    set_lifetime(out.max_age, seconds_of(d));
  } else if (is("s-maxage")) {
    std::optional<Seconds> age = seconds_of(d);
    set_lifetime(out.s_maxage, age);
    out.for_all = out.for_all || age;
  } else if (is("stale-while-revalidate")) {
    keep_least(out.stale_while_revalidate, seconds_of(d).value_or(Seconds(0)));
  } else if (is("stale-if-error")) {
    keep_least(out.stale_if_error, seconds_of(d).value_or(Seconds(0)));
  } else if (!d.value && !d.junk) {  // what follows allows more
    out.is_public = out.is_public || is("public");
    out.for_all = out.for_all || out.is_public;
    out.must_understand = out.must_understand || is("must-understand");
    out.immutable = out.immutable || is("immutable");
  }
}

/// RFC 9213 2.1: numbers are Integers, flags are Booleans, lists of names are Strings. A directive of
/// another type is an error of the field, as is a broken grammar.
bool read_targeted(const Fields& fields, std::string_view name, ResponseDirectives& out) {
  if (!fields.has(name)) return false;
  using Type = SfMember::Type;
  std::optional<std::vector<SfMember>> members = parse_sf_dictionary(fields, name);
  if (!members || members->empty()) return false;
  for (const SfMember& m : *members) {
    auto is_any = [&](std::initializer_list<std::string_view> names) {
      return std::find(names.begin(), names.end(), m.key) != names.end();
    };
    bool number = is_any({"max-age", "s-maxage", "stale-while-revalidate", "stale-if-error"});
    bool flag = is_any({"no-store", "must-revalidate", "proxy-revalidate", "public",
                        "must-understand", "immutable"});
    bool list = is_any({"no-cache", "private"});
    if (!number && !flag && !list) continue;
    bool right = number ? m.type == Type::integer
                        : m.type == Type::boolean || (list && m.type == Type::string);
    if (!right) return false;
  }
  out.targeted = true;
  for (const SfMember& m : *members) {
    if (m.type == Type::boolean && !m.boolean) continue;
    Directive d{m.key, std::nullopt, false};
    std::string digits;
    if (m.type == Type::integer) digits = std::to_string(m.integer);  // "-5" is no age, hence 0
    if (m.type == Type::integer) d.value = digits;
    if (m.type == Type::string) d.value = m.text;
    apply_response_directive(d, out);
  }
  return true;
}

bool pragma_no_cache(const Fields& fields) {
  return !fields.has("cache-control") && fields.has_token("pragma", "no-cache");
}

}  // namespace

std::optional<Seconds> parse_delta_seconds(std::string_view text) {
  if (text.empty() || !std::all_of(text.begin(), text.end(), is_digit)) return std::nullopt;
  std::optional<uint64_t> n = parse_u64(text);
  if (!n || *n > static_cast<uint64_t>(kForever.count())) return kForever;
  return Seconds(static_cast<int64_t>(*n));
}

bool names_field(const std::vector<std::string_view>& list, std::string_view name) {
  return std::any_of(list.begin(), list.end(),
                     [name](std::string_view n) { return equals_ignore_case(n, name); });
}

ResponseDirectives response_directives(const Fields& fields) {
  for (std::string_view name : {"siding-cache-control", "cdn-cache-control"}) {
    ResponseDirectives targeted;
    if (read_targeted(fields, name, targeted)) return targeted;
  }
  ResponseDirectives out;
  for_each_directive(fields, "cache-control",
                     [&](const Directive& d) { apply_response_directive(d, out); });
  // Never specified for responses, but nobody writes it to have them cached.
  out.no_cache = out.no_cache || pragma_no_cache(fields);
  return out;
}

RequestDirectives request_directives(const Fields& fields) {
  RequestDirectives out;
  for_each_directive(fields, "cache-control", [&](const Directive& d) {
    auto is = [&](std::string_view name) { return equals_ignore_case(d.name, name); };
    std::optional<Seconds> n = seconds_of(d);
    if (is("no-cache")) {
      out.no_cache = true;
    } else if (is("no-store")) {
      out.no_store = true;
    } else if (is("only-if-cached")) {
      out.only_if_cached = true;
    } else if (is("max-age") && n) {
      keep_least(out.max_age, *n);
    } else if (is("min-fresh") && n) {
      out.min_fresh = std::max(out.min_fresh.value_or(Seconds(0)), *n);
    } else if (is("max-stale") && (n || (!d.value && !d.junk))) {
      keep_least(out.max_stale, n.value_or(kForever));
    } else if (is("stale-if-error") && n) {
      keep_least(out.stale_if_error, *n);
    }
  });
  out.no_cache = out.no_cache || pragma_no_cache(fields);
  return out;
}

}  // namespace siding
