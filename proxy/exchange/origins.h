// The two kinds of servers that siding talks to, at run time, as one configuration has them: a backend with
// its admission, an upstream with its concurrency, both with their connections. The next configuration takes
// over, by name, what it may: who waits, who is inside and what was learned of a server outlive it.
// Invariant: process-wide; what they hold is thread-safe or kept by loop.
#pragma once

#include <memory>
#include <vector>

#include "config/config.h"
#include "proxy/exchange/admission.h"
#include "proxy/exchange/pins.h"
#include "proxy/upstream/endpoints.h"
#include "proxy/upstream/latency.h"
#include "proxy/upstream/pool.h"
#include "proxy/upstream/rate_limit.h"
#include "proxy/upstream/retry_budget.h"

namespace siding {

struct Backend {
  /// `before`: that of the same name; null: there is none.
  Backend(const BackendConfig& c, uint64_t queue_bytes, const std::vector<Loop*>& loops,
          const Backend* before);
  /// On a loop's thread: what was taken over keeps to this configuration from now on.
  void take_effect(uint64_t queue_bytes);

  const BackendConfig& config;
  const std::shared_ptr<Admission> kept_admission;
  const std::shared_ptr<Pool> kept_pool;  ///< a new one where connections differ
  const std::shared_ptr<Pool> kept_direct_pool;
  const bool moved;  ///< connections lead elsewhere than those of `before`
  Admission& admission = *kept_admission;
  Pool& pool = *kept_pool;                ///< of admitted requests: at most concurrency + backlog
  Pool& direct_pool = *kept_direct_pool;  ///< of routes with queue = false, outside the cap
};

struct Upstream {
  Upstream(const UpstreamConfig& c, const std::vector<Loop*>& loops, const Upstream* before);
  /// As Backend's.
  void take_effect();

  const UpstreamConfig& config;
  const std::shared_ptr<Admission> kept_calls;
  const std::shared_ptr<Pool> kept_pool;  ///< a new one where connections differ
  const std::shared_ptr<Endpoints> kept_endpoints;
  const std::shared_ptr<RetryBudget> kept_retries;
  const std::shared_ptr<RateLimit> kept_rate;  ///< a new one where it differs
  const std::shared_ptr<Latency> kept_latency;
  /// Calls at once that siding makes; the worker's own do not count.
  Admission& calls = *kept_calls;
  Pool& pool = *kept_pool;
  Endpoints& endpoints = *kept_endpoints;
  RetryBudget& retries = *kept_retries;
  RateLimit& rate = *kept_rate;
  Latency& latency = *kept_latency;
  const Addresses literal;         ///< of a url that names an address; else empty
  bool prefetches_bodies = false;  ///< a prefetch sends one: the worker's calls are compared whole
  /// In comparisons: set on both sides, or configured.
  const std::shared_ptr<const IgnoredFields> ignored;
};

}  // namespace siding
