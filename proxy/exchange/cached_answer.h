// Answers of the cache on their way to a client: conditions and ranges are answered from what is stored,
// a fetch under way is passed on while it grows.
// Invariant: what a client gets is whole, or visibly torn.
#pragma once

#include <optional>

#include "cache/cache_status.h"
#include "cache/entry.h"
#include "proxy/exchange/flight.h"
#include "proxy/exchange/relay.h"

namespace siding {

/// How sending ended.
struct Sent {
  Outcome outcome = Outcome::ok;
  int status = 0;
  std::string detail = {};
};

/// A stored answer; 304, 206 or 416 where the request wants that, which outlives the sending. `age`: see
/// ReuseDecision.
Task<Sent> send_stored(Stream& stream, const RequestHead& request, EntryRef entry,
                       CacheStatus status, std::optional<Duration> age, TimePoint deadline);
/// What a flight brings, from its first byte on.
Task<Sent> send_flight(Stream& stream, const RequestHead& request, Flight::Reader& reader,
                       CacheStatus status, std::optional<Duration> age, TimePoint deadline);

}  // namespace siding
