// How long a response is fresh, and how old it is (RFC 9111 4.2).
// Invariant: all sums saturate, and whatever cannot be known, such as the age after the clock was set
// back, counts as stale.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "cache/directives.h"
#include "cache/policy.h"
#include "http/message.h"

namespace siding {

/// When the request for a response was begun, and when its head was there.
struct ResponseTimes {
  WallTime request;
  WallTime response;
};

enum class LifetimeSource : uint8_t {
  none,       ///< stale from the start: to be validated before each use
  s_maxage,   ///< of Cache-Control or a targeted field
  max_age,    ///< likewise
  expires,    ///< Expires minus Date
  ttl,        ///< the route's, for the status
  heuristic,  ///< from Last-Modified
  count_
};
std::string_view to_string(LifetimeSource s);

struct Lifetime {
  Seconds length{0};  ///< from the making of the response; below zero if it came expired
  LifetimeSource source = LifetimeSource::none;
  /// The origin said it.
  bool is_explicit() const {
    return source == LifetimeSource::s_maxage || source == LifetimeSource::max_age ||
           source == LifetimeSource::expires;
  }
};
/// RFC 9111 4.2.1 for a shared cache, then the route's ttl, then the heuristic of 4.2.2.
Lifetime lifetime_of(const ResponseHead& head, const ResponseDirectives& directives,
                     const CachePolicy& policy, WallTime response_time);

/// All that a lookup asks of a stored response: made when one is stored or updated, without views.
struct Freshness {
  Lifetime lifetime;
  WallTime response_time;
  /// corrected_initial_age: how old it was when it came. nullopt if the clock was set back meanwhile.
  std::optional<Duration> initial_age;
  bool always_validate = false;  ///< no-cache
  bool never_stale = false;      ///< must-revalidate, proxy-revalidate
  bool shared_maxage = false;    ///< s-maxage: never stale, unless RFC 5861 directives allow it
  bool immutable = false;
  std::optional<Seconds> stale_while_revalidate;
  std::optional<Seconds> stale_if_error;
};
Freshness freshness_of(const ResponseHead& head, const CachePolicy& policy, ResponseTimes times);

/// current_age (RFC 9111 4.2.3); nullopt if it cannot be known: the clock was set back.
std::optional<Duration> current_age(const Freshness& f, WallTime now);
/// Lifetime minus age, negative once stale; nullopt if the age cannot be known.
std::optional<Duration> time_left(const Freshness& f, WallTime now);

/// The value of Date, or else of `response_time`.
WallTime date_of(const Fields& fields, WallTime response_time);
/// The value of the first field of that name as an HTTP-date.
std::optional<WallTime> date_field(const Fields& fields, std::string_view name, WallTime now);
/// The value of Age: of several the first, of a list the first member; 0 if that is no number (5.1).
Seconds age_field(const Fields& fields);

/// Sets Age to whole seconds, rounded down (RFC 9111 5.1).
void set_age(Fields& fields, Duration age);

/// Differences and sums that stop at the ends of Duration.
Duration saturating_since(WallTime later, WallTime earlier);
Duration saturating_add(Duration a, Duration b);

}  // namespace siding
