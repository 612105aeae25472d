// What must hold of everything that reads field values for the cache, whatever the bytes are. Made for
// tests of junk and for fuzzing: check_directives() needs nothing but bytes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "cache/directives.h"
#include "cache/freshness.h"
#include "cache/range.h"
#include "cache/validate.h"
#include "cache/vary.h"
#include "http/date.h"
#include "http/structured_fields.h"
#include "tests/cache/heads.h"

namespace siding::cache_junk {

using cache_test::fields;
using cache_test::kNow;

/// A second reading of a list: where its items end, at commas outside of quoted strings. A quote that
/// is never closed is a character like others.
class ListReading {
 public:
  explicit ListReading(std::string_view text) : text_(text) {
    // From the right: where a quoted string ends whose inside begins here.
    std::vector<size_t> end(text.size() + 2, std::string_view::npos);
    for (size_t i = text.size(); i-- > 0;) {
      end[i] = text[i] == '"' ? i : end[i + (text[i] == '\\' ? 2 : 1)];
    }
    size_t begin = 0;
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '"' && end[i + 1] != std::string_view::npos) {
        i = end[i + 1];
      } else if (text[i] == ',') {
        add(begin, i);
        begin = i + 1;
      }
    }
    add(begin, text.size());
  }
  bool has(std::string_view name) const {
    return std::any_of(names_.begin(), names_.end(),
                       [&](const std::string& n) { return n == name; });
  }
  /// Behind each item but the last.
  const std::vector<size_t>& commas() const { return commas_; }

 private:
  void add(size_t begin, size_t end) {
    if (end < text_.size()) commas_.push_back(end);
    std::string_view item = trim_ows(text_.substr(begin, end - begin));
    constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
    size_t n = 0;
    while (n < item.size() &&
           (is_alpha(item[n]) || is_digit(item[n]) || kMarks.find(item[n]) != kMarks.npos)) {
      ++n;
    }
    names_.push_back(lower(item.substr(0, n)));
  }

  std::string_view text_;
  std::vector<std::string> names_;
  std::vector<size_t> commas_;
};

inline bool is_age(std::optional<Seconds> age) {
  return !age || (*age >= Seconds(0) && *age <= kForever);
}
/// Whether `b` is as strict as `a`: it may not live longer, nor be sent to more clients.
inline bool no_looser(std::optional<Seconds> a, std::optional<Seconds> b) {
  return !a || (b && *b <= *a);
}
inline bool keeps_names(const std::vector<std::string_view>& a, bool whole,
                        const std::vector<std::string_view>& b) {
  return whole ||
         std::all_of(a.begin(), a.end(), [&](std::string_view n) { return names_field(b, n); });
}
inline bool no_looser(const ResponseDirectives& a, const ResponseDirectives& b) {
  return a.no_store <= b.no_store && a.no_cache <= b.no_cache && a.is_private <= b.is_private &&
         a.must_revalidate <= b.must_revalidate && a.proxy_revalidate <= b.proxy_revalidate &&
         no_looser(a.max_age, b.max_age) && no_looser(a.s_maxage, b.s_maxage) &&
         no_looser(a.stale_while_revalidate, b.stale_while_revalidate) &&
         no_looser(a.stale_if_error, b.stale_if_error) &&
         keeps_names(a.no_cache_fields, b.no_cache, b.no_cache_fields) &&
         keeps_names(a.private_fields, b.is_private, b.private_fields);
}

inline const char* broken_response_rule(std::string_view bytes) {
  const ListReading list(bytes);
  const Fields whole = fields({{"Cache-Control", bytes}});
  const ResponseDirectives d = response_directives(whole);
  if (d.targeted) return "Cache-Control is no targeted field";
  if (d.no_store != list.has("no-store"))
    return "no-store counts outside of quotes, and only there";
  if (d.must_revalidate != list.has("must-revalidate")) return "must-revalidate outside of quotes";
  if (d.proxy_revalidate != list.has("proxy-revalidate")) return "proxy-revalidate likewise";
  if (list.has("no-cache") != (d.no_cache || !d.no_cache_fields.empty())) return "no-cache";
  if (list.has("private") != (d.is_private || !d.private_fields.empty())) return "private";
  if (list.has("max-age") != d.max_age.has_value()) return "max-age";
  if (list.has("s-maxage") != d.s_maxage.has_value()) return "s-maxage";
  if (d.is_public && !(list.has("public") && d.for_all)) return "public";
  if (!is_age(d.max_age) || !is_age(d.s_maxage) || !is_age(d.stale_while_revalidate) ||
      !is_age(d.stale_if_error)) {
    return "ages are between 0 and forever";
  }
  // What stands before a cut still counts behind it, wherever that is.
  const std::vector<size_t>& commas = list.commas();
  for (size_t k = 0; k < commas.size(); k += 1 + commas.size() / 4) {
    const Fields before = fields({{"Cache-Control", bytes.substr(0, commas[k])}});
    const ResponseDirectives strict = response_directives(before);
    const size_t rest = bytes.size() - commas[k];
    for (size_t cut : {commas[k], commas[k] + 1, commas[k] + rest / 2, bytes.size() - 1}) {
      const Fields shorter = fields({{"Cache-Control", bytes.substr(0, cut)}});
      if (!no_looser(strict, response_directives(shorter))) return "a cut made it more permissive";
    }
    if (!no_looser(strict, d)) return "what follows made it more permissive";
  }
  // In two lines it is as strict as in one.
  const Fields lines = fields({{"Cache-Control", bytes}, {"Cache-Control", "no-store"}});
  if (!response_directives(lines).no_store || !no_looser(d, response_directives(lines))) {
    return "lines hide each other";
  }
  return nullptr;
}

inline const char* broken_request_rule(std::string_view bytes) {
  const ListReading list(bytes);
  const RequestDirectives d = request_directives(fields({{"Cache-Control", bytes}}));
  if (d.no_store != list.has("no-store")) return "no-store of a request";
  if (d.no_cache != list.has("no-cache")) return "no-cache of a request";
  if (d.only_if_cached != list.has("only-if-cached")) return "only-if-cached";
  if (!is_age(d.max_age) || !is_age(d.min_fresh) || !is_age(d.max_stale) ||
      !is_age(d.stale_if_error)) {
    return "ages of a request";
  }
  return nullptr;
}

inline const char* broken_structured_rule(std::string_view bytes) {
  const Fields one = fields({{"CDN-Cache-Control", bytes}});
  const auto members = parse_sf_dictionary(one, "cdn-cache-control");
  const ResponseDirectives d = response_directives(one);
  if (d.targeted && (!members || members->empty())) return "an invalid targeted field counts";
  if (!members) return nullptr;
  std::vector<std::string_view> keys;
  for (const SfMember& m : *members) keys.push_back(m.key);
  std::sort(keys.begin(), keys.end());
  if (std::adjacent_find(keys.begin(), keys.end()) != keys.end()) return "a key is there twice";
  // A valid one stays so with a member more, and has as many members when it is there twice.
  const Fields more = fields({{"CDN-Cache-Control", bytes}, {"CDN-Cache-Control", "zz=1"}});
  const auto longer = parse_sf_dictionary(more, "cdn-cache-control");
  if (!longer || longer->empty() || longer->back().key != "zz") return "a member more";
  const Fields twice = fields({{"CDN-Cache-Control", bytes}, {"CDN-Cache-Control", bytes}});
  const auto again = parse_sf_dictionary(twice, "cdn-cache-control");
  if (!again || again->size() != members->size()) return "twice the same members";
  return nullptr;
}

inline const char* broken_vary_rule(std::string_view bytes) {
  const Vary vary = read_vary(fields({{"Vary", bytes}}));
  bool star = false;
  for (const std::string& name : vary.names) {
    star = star || name == "*";
    if (name.empty() || name.find(',') != name.npos || name != lower(name)) return "names of Vary";
  }
  if (star != vary.star) return "the star";
  if (std::adjacent_find(vary.names.begin(), vary.names.end(), std::greater_equal<>()) !=
      vary.names.end()) {
    return "names of Vary in order, each once";
  }
  const CachePolicy policy;
  for (std::string_view name : {"accept-encoding", "accept-language", "cookie", "x-a"}) {
    Vary by;
    by.names = {std::string(name), "x-b"};
    const Fields with = fields({{name, bytes}});
    const std::string key = vary_key(by, with, policy);
    if (!vary_matches(by, key, with, policy)) return "a request suits its own key";
    if (key == vary_key(by, {}, policy))
      return "an absent field is another thing than an empty one";
    if (key == vary_key(by, fields({{"x-b", bytes}}), policy))
      return "one field passes for another";
    Fields both = fields({{name, bytes}, {"x-b", bytes}});
    if (key == vary_key(by, both, policy)) return "a field hides another";
  }
  return nullptr;
}

inline const char* broken_value_rule(std::string_view bytes) {
  if (std::optional<EntityTag> tag = parse_entity_tag(bytes)) {
    std::string text = tag->weak ? "W/\"" : "\"";
    text.append(tag->opaque).append("\"");
    if (text != bytes || tag->opaque.find('"') != tag->opaque.npos) return "an entity tag";
  }
  if (std::optional<WallTime> date = date_field(fields({{"Date", bytes}}), "date", kNow)) {
    if (parse_http_date(imf_fixdate(*date), kNow) != date) return "a date";
  }
  const Seconds age = age_field(fields({{"Age", bytes}}));
  if (!is_age(age)) return "Age";
  for (uint64_t length :
       {uint64_t{0}, uint64_t{1}, uint64_t{11}, std::numeric_limits<uint64_t>::max()}) {
    const ResponseHead stored = cache_test::response(200, {{"ETag", "\"a\""}});
    RequestHead request = cache_test::request({{"Range", bytes}});
    const RangeDecision range = range_of(request, stored, length);
    if (range.kind == RangeDecision::Kind::part &&
        (range.first > range.last || range.last >= length)) {
      return "a range within the body";
    }
    request = cache_test::request({{"Range", "bytes=0-0"}, {"If-Range", bytes}});
    const bool part = range_of(request, stored, length).kind != RangeDecision::Kind::whole;
    if (part && bytes != "\"a\"") return "If-Range";
  }
  return nullptr;
}

/// The first rule that reading `bytes` breaks; nullptr if all hold.
inline const char* broken_rule(std::string_view bytes) {
  for (auto* rule : {broken_response_rule, broken_request_rule, broken_structured_rule,
                     broken_vary_rule, broken_value_rule}) {
    if (const char* broken = rule(bytes)) return broken;
  }
  return nullptr;
}

/// For fuzzing: stops the program where a rule is broken.
inline void check_directives(std::string_view bytes) {
  if (const char* broken = broken_rule(bytes)) {
    std::fprintf(stderr, "broken: %s\n", broken);
    std::abort();
  }
}

}  // namespace siding::cache_junk
