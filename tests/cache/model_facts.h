// The facts of one case for the model of RFC 9111 (tests/cache/model.h): what was said and what happened,
// without a way of writing it.
// Invariant: every fact can be left out.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace siding::cache_model {

enum class Kind : uint8_t {
  // Directives, of the field that `place` names.
  no_store,
  no_cache,
  no_cache_names,  ///< value: which of kNameLists
  private_,
  private_names,  ///< likewise
  public_,
  must_revalidate,
  proxy_revalidate,
  must_understand,
  immutable,
  only_if_cached,
  max_age,
  s_maxage,
  min_fresh,
  max_stale,
  stale_while_revalidate,
  stale_if_error,
  unknown,
  // Fields. Dates are in seconds from kStart.
  pragma,         ///< of the request or the response, by `place`; value 0: no-cache, else another
  expires,        ///< form bad: no date
  date,           ///< likewise
  last_modified,  ///< likewise
  age,            ///< form plain, bad, or list: more members follow
  etag,           ///< form bad: without quotes
  set_cookie,
  vary_star,
  content_length,
  content_location,  ///< form plain: the request's own target; bad: another one
  authorization,
  request_content,
  precondition,  ///< If-Match or If-Unmodified-Since
  rewritten,     ///< X-HTTP-Method-Override and the like
  // What happened. Times are in nanoseconds from kStart.
  method,  ///< value: which of kMethods
  status,
  request_time,
  response_time,
  now,
  // What the route says.
  disabled,
  store_set_cookie,
  heuristic,
  ttl,  ///< of the status
  route_stale_while_revalidate,
  route_stale_if_error,
  route_stale_if_unreachable,
  max_object,
  count_
};
enum class Place : uint8_t { request, cache_control, cdn, siding };
enum class Form : uint8_t {
  plain,
  quoted,    ///< max-age="5"; a flag in a structured field: no-store=?1
  bare,      ///< max-age
  empty,     ///< max-age=
  word,      ///< max-age=x, no-store=x; names: private=x-a
  decimal,   ///< max-age=5.5
  negative,  ///< max-age=-5
  spaced,    ///< max-age =5, max-age=5 x: junk, which the grammar has no place for
  upper,     ///< Max-Age=5 where case counts
  bad,
  list,
  far_past,    ///< a date before all that WallTime can say
  far_future,  ///< or behind
};
struct Fact {
  Kind kind = Kind::unknown;
  Place place = Place::cache_control;
  Form form = Form::plain;
  int64_t value = 0;
};
using Facts = std::vector<Fact>;

inline constexpr std::array<const char*, 6> kMethods = {"GET",  "HEAD", "QUERY",
                                                        "POST", "PUT",  "M-SEARCH"};
/// As they stand between the quotes; the last two name what cannot be left out, or nothing.
inline constexpr std::array<const char*, 5> kNameLists = {"x-a", "X-A , x-b", "Set-Cookie",
                                                          "x-a,Content-Type", ""};
inline constexpr bool names_whole_response(int64_t which) { return which >= 3; }
inline constexpr bool names_cookie(int64_t which) { return which == 2; }

__extension__ typedef __int128 Wide;              // nanoseconds, or seconds, that never overflow
inline constexpr int64_t kStart = 1'700'000'000;  // seconds from 1970
inline constexpr Wide kSecond = 1'000'000'000;
inline constexpr Wide kLastDate = 9'223'372'035;
inline constexpr int64_t kInfinite = int64_t{1} << 31;  // 1.2.2

inline bool is_number(Kind k) { return k >= Kind::max_age && k <= Kind::stale_if_error; }
inline bool is_directive(Kind k) { return k <= Kind::unknown; }
inline constexpr size_t kDirectives = static_cast<size_t>(Kind::unknown) + 1;
inline constexpr size_t kFirstNumber = static_cast<size_t>(Kind::max_age);

/// The key in a Dictionary: with and without names it is the same directive.
inline Kind key_of(Kind k) {
  if (k == Kind::no_cache_names) return Kind::no_cache;
  return k == Kind::private_names ? Kind::private_ : k;
}

}  // namespace siding::cache_model
