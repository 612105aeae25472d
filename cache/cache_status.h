// How the cache handled a request, as the Cache-Status field says it (RFC 9211).
// Invariant: a hit never went forward, and what went forward is no hit: `fwd` and `hit` exclude each
// other.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "cache/policy.h"
#include "cache/reuse.h"
#include "http/fields.h"

namespace siding {

/// Why a request went forward (RFC 9211 2.2); none: it was a hit.
enum class Forward : uint8_t {
  none,
  bypass,     ///< the cache is off for it
  method,     ///< its method is not one that is cached
  uri_miss,   ///< nothing is stored for its URI
  vary_miss,  ///< what is stored is for other values of the fields that Vary names
  miss,       ///< either of these, unknown which
  request,    ///< something is stored and fresh, but the request's directives do not want it
  stale,      ///< something is stored, but it has to be validated
  partial,    ///< something is stored, but not enough of it
  count_
};
std::string_view to_string(Forward f);
/// For a decision that did not send the stored response at once. only_if_cached did not go forward: its
/// 504 is siding's own, and those carry no Cache-Status.
Forward forward_of(const ReuseDecision& decision);

struct CacheStatus {
  Forward forward = Forward::none;
  int forward_status = 0;  ///< of the origin's answer, where the client gets another; 0: not told
  std::optional<Duration> ttl =
      std::nullopt;              ///< what is left of the lifetime; negative once stale
  bool stored = false;           ///< the answer that came is now stored
  bool collapsed = false;        ///< another request's call brought it
  std::string_view detail = {};  ///< a reason's to_string()
};
/// "siding; hit; ttl=30", "siding; fwd=stale; fwd-status=304; ttl=60; stored; collapsed; detail=...".
std::string cache_status(const CacheStatus& status);
/// Appends it behind what caches nearer to the origin said (RFC 9211 section 2).
void add_cache_status(Fields& fields, const CacheStatus& status);

}  // namespace siding
