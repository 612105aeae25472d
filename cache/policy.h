// What a route says about its cache, in plain values, and what is known of statuses.
// Invariant: the defaults are those of `cache = true` and nothing else, but for `enabled`.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace siding {

using Seconds = std::chrono::seconds;

/// What stands for "infinitely long" in ages and lifetimes (RFC 9111 1.2.2). As a window for stale
/// answers it is no bound.
inline constexpr Seconds kForever{int64_t{1} << 31};

struct StatusTtl {
  int status = 200;
  Seconds ttl{0};
};

struct CachePolicy {
  bool enabled = false;
  /// Answers with Set-Cookie are stored too, cookies and all.
  bool store_set_cookie = false;
  /// Where the origin gives no lifetime: a tenth of the time since Last-Modified, a day at most.
  bool heuristic = false;
  /// Lifetimes by status, for answers to which the origin gives none.
  std::vector<StatusTtl> ttl;
  /// For answers that do not say it themselves (RFC 5861): how long past its lifetime one is sent while
  /// a newer one is fetched ...
  Seconds stale_while_revalidate{0};
  /// ... or in place of a 500, 502, 503 or 504 of the origin ...
  Seconds stale_if_error{0};
  /// ... or where the origin cannot be reached at all (RFC 9111 4.2.4).
  Seconds stale_if_unreachable = kForever;
  uint64_t max_object = 8 << 20;  ///< bytes of a body
  /// Parameters of the query that do not count, or the only ones that do. Not both.
  std::vector<std::string> ignore_parameters;
  std::vector<std::string> only_parameters;
  /// The order of languages without or with equal weights counts. RFC 9110 12.5.4 gives it no meaning
  /// that one could rely on; some applications do.
  bool language_order = false;

  std::optional<Seconds> ttl_of(int status) const {
    for (const StatusTtl& t : ttl) {
      if (t.status == status) return t.ttl;
    }
    return std::nullopt;
  }
};

/// May be stored without a lifetime of its own (RFC 9110 15.1); 206 is not, as siding stores none.
constexpr bool heuristically_cacheable(int status) {
  switch (status) {
    case 200:
    case 203:
    case 204:
    case 300:
    case 301:
    case 308:
    case 404:
    case 405:
    case 410:
    case 414:
    case 501: return true;
    default: return false;
  }
}

/// siding does all that the status's definition asks of a cache (RFC 9111 5.2.2.3).
constexpr bool understood_status(int status) {
  switch (status) {
    case 302:
    case 303:
    case 307:
    case 400:
    case 403:
    case 500:
    case 502:
    case 503:
    case 504: return true;
    default: return heuristically_cacheable(status);
  }
}

/// Its meaning hangs on request fields that are not part of the key (Range, If-Match, Expect), so that
/// it must not answer anybody else.
constexpr bool answers_one_request_only(int status) {
  return status == 206 || status == 304 || status == 412 || status == 416 || status == 417;
}

}  // namespace siding
