// What is known of one exchange when it is over: the source of the access log, the ring behind
// `siding explain`, and the counters.
// Invariant: filled on one thread, handed over whole in the exchange's destructor.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/outcome.h"

namespace siding {

/// One call of a route's prefetch.
struct PrefetchRecord {
  std::string call;        ///< the template, "music:/s?word={query.q}"
  std::string expected;    ///< key that siding computed
  std::string actual;      ///< of a miss: the nearest key that the worker asked for
  std::string difference;  ///< the first one, for people
  std::string reason;      ///< why it was skipped, missed or refused; the metric label
  PrefetchOutcome outcome = PrefetchOutcome::unused;
  int status = 0;
  Duration took{};
  std::optional<PrefetchSkip> skip{};  ///< set: no call was made; `outcome` means nothing then

  /// The word for logs and metrics: "used", "missed", "skipped".
  std::string_view word() const { return skip.has_value() ? "skipped" : to_string(outcome); }
  /// Why, where there is a why: "field:x-user-id", "budget".
  std::string_view why() const {
    return reason.empty() && skip.has_value() ? to_string(*skip) : std::string_view(reason);
  }
};

/// One leg of a route's fan-out.
struct LegRecord {
  std::string name;
  LegOutcome outcome = LegOutcome::timeout;
  int status = 0;  ///< of its answer; 0: none
  Duration took{};
  std::string detail;  ///< for `explain`
};

struct ExchangeRecord {
  std::string request_id;
  WallTime wall{};     ///< when the request began
  std::string client;  ///< address after trusted_proxies
  std::string method;
  std::string host;
  std::string target;
  std::string route;  ///< RouteConfig::text(); empty: none matched
  std::string backend;
  int minor_version = 1;
  int status = 0;  ///< sent to the client; 0: none
  Outcome outcome = Outcome::internal;
  std::string detail;      ///< for `explain`
  uint64_t bytes_in = 0;   ///< request body
  uint64_t bytes_out = 0;  ///< on the wire
  Duration body_wait{};    ///< until the request was whole
  Duration queue_wait{};   ///< from entering until a worker had it
  Duration worker{};       ///< from the first byte sent to the worker's last byte
  Duration total{};
  uint32_t ahead = 0;     ///< requests before it when it entered
  uint32_t attempts = 0;  ///< connections tried
  bool spilled = false;
  CacheResult cache = CacheResult::none;
  bool by_flight = false;  ///< what calls there were belong to a fetch, which is counted by itself
  std::vector<PrefetchRecord> prefetches;
  std::vector<LegRecord> legs;
};

}  // namespace siding
