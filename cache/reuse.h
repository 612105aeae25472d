// What to do with a request for which a response is stored: key and Vary match (RFC 9111 section 4).
// Invariant: nothing stale goes out unless a directive, the route, or a failure of the origin allows
// it, and nothing that forbids it is there (RFC 9111 4.2.4).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "cache/freshness.h"
#include "cache/policy.h"
#include "http/message.h"

namespace siding {

enum class Reuse : uint8_t {
  fresh,                   ///< send it
  stale,                   ///< send it: the client takes stale ones (max-stale)
  stale_while_revalidate,  ///< send it, and fetch a newer one in the background (RFC 5861 3)
  validate,                ///< ask the origin first, conditionally where there is a validator
  bypass,                  ///< none of the cache's business, or no-store: forward it, store nothing
  only_if_cached,          ///< 504: it would have to be validated, and the client forbids that
  count_
};
std::string_view to_string(Reuse r);

struct ReuseDecision {
  Reuse kind = Reuse::validate;
  /// For `validate`: the stored one may be sent in place of a 500, 502, 503 or 504 of the origin: it is
  /// within a window for that, or still fresh and only the client wanted a newer one (but not no-cache).
  bool stale_if_error = false;
  /// For `validate`: it may be sent if there is no answer: refused, reset, no name, time-out, no place
  /// in the queue, breaker open. True wherever `stale_if_error` is. If not, and there was none, the
  /// client gets 504 (RFC 9111 5.2.2.2).
  bool stale_if_unreachable = false;
  /// The request's own directives or Pragma are why a fresh one is not sent.
  bool by_request = false;
  /// current_age, for the Age field of what is sent; nullopt if it cannot be known.
  std::optional<Duration> age;
  /// Lifetime minus age, for Cache-Status.
  std::optional<Duration> time_left;
  bool send_now() const {
    return kind == Reuse::fresh || kind == Reuse::stale || kind == Reuse::stale_while_revalidate;
  }
};

ReuseDecision may_reuse(const RequestHead& request, const Freshness& stored,
                        const CachePolicy& policy, WallTime now);

/// Whether the cache is to look for a stored response at all: GET, HEAD or QUERY, without a content
/// where the method gives it no meaning, without conditions that only an origin can judge (If-Match,
/// If-Unmodified-Since: RFC 9111 4.3.2), and without the fields by which some frameworks let a request
/// mean another URI or method (X-Original-URL, X-HTTP-Method-Override, ...): they are in no key, and
/// whoever sends one must not choose what others get.
bool may_look_up(const RequestHead& request);
/// Whether it comes with a content, as its fields say.
bool has_content(const RequestHead& request);
/// Nothing is stored: the client wants no call to the origin (only-if-cached: 504).
bool refuses_forwarding(const RequestHead& request);

/// An answer of the origin that counts as its failure (RFC 5861 section 4).
constexpr bool is_stale_if_error_status(int status) {
  return status == 500 || status == 502 || status == 503 || status == 504;
}

}  // namespace siding
