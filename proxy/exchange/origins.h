// The two kinds of servers that siding talks to, at run time: a backend with its admission, an
// upstream with its concurrency, both with their connections.
// Invariant: process-wide; what they hold is thread-safe or kept by loop.
#pragma once

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
  Backend(const BackendConfig& c, uint64_t queue_bytes, const std::vector<Loop*>& loops);
  const BackendConfig& config;
  Admission admission;
  Pool pool;         ///< of admitted requests: at most concurrency + backlog connections
  Pool direct_pool;  ///< of routes with queue = false, which are outside the cap
};

struct Upstream {
  Upstream(const UpstreamConfig& c, const std::vector<Loop*>& loops);
  const UpstreamConfig& config;
  Admission calls;  ///< calls at once that siding makes; the worker's own do not count
  Pool pool;
  Endpoints endpoints;
  RetryBudget retries;
  RateLimit rate;
  Latency latency;
  const Addresses literal;         ///< of a url that names an address; else empty
  bool prefetches_bodies = false;  ///< a prefetch sends one: the worker's calls are compared whole
  const IgnoredFields ignored;     ///< in comparisons: set on both sides, or configured
};

}  // namespace siding
