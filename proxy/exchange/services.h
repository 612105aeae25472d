// What all exchanges share: process-wide services and those of one loop.
// Invariants: Services is built before the threads start and outlives them; LoopServices is created
// and destroyed on its loop's thread.
#pragma once

#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "config/config.h"
#include "proxy/exchange/body_store.h"
#include "proxy/exchange/caches.h"
#include "proxy/exchange/learning.h"
#include "proxy/exchange/origins.h"
#include "proxy/exchange/pins.h"
#include "proxy/exchange/purge_news.h"
#include "proxy/exchange/redis_tier.h"
#include "proxy/exchange/router.h"
#include "proxy/exchange/secrets.h"
#include "proxy/exchange/speculation.h"
#include "proxy/exchange/tls_contexts.h"
#include "proxy/exchange/trust.h"
#include "proxy/exchange/tunnels.h"
#include "proxy/loop/background.h"
#include "proxy/net/resolver.h"
#include "proxy/observe/observer.h"

namespace siding {

struct Services {
  /// `memory` for bodies, `cache` for stored answers: bytes.
  Services(ConfigRef c, Observer& o, Disk& disk, uint64_t memory, uint64_t cache,
           const std::vector<Loop*>& loops);

  const ConfigRef config;
  Observer& observer;
  BodyBudgets bodies;
  const Router router;
  const TrustedProxies trusted;
  /// Shared with the thread that reads their files.
  const std::shared_ptr<Secrets> secrets;
  /// Likewise.
  const std::shared_ptr<TlsContexts> tls;
  /// Of the resolvers of all loops.
  const std::shared_ptr<ResolverCounters> dns = std::make_shared<ResolverCounters>();
  /// Names this process in CDN-Loop (RFC 8586), so that a request it caused is known when it comes
  /// back.
  const std::string self_id;
  std::vector<std::unique_ptr<Backend>> backends;    // in the order of the configuration
  std::vector<std::unique_ptr<Upstream>> upstreams;  // likewise
  /// Connections of workers' calls to hosts that are no [upstream]; none is kept.
  Pool unlisted;
  Endpoints unlisted_endpoints{BreakerConfig{}};  ///< theirs: who failed is tried last
  const std::unique_ptr<Caches> caches;
  RedisShared redis;
  PurgeNews purge_news;
  PinStore pins;
  Speculation speculation;
  Tunnels tunnels;         ///< of clients
  Tunnels worker_tunnels;  ///< CONNECT
  /// By route and call.
  std::vector<std::vector<std::unique_ptr<LearnedFields>>> learned;
  /// Answers being read although their clients have gone, over all threads.
  std::atomic<uint32_t> abandoned{0};

  Backend& backend(std::string_view name);
  Upstream* upstream(std::string_view name);
  void collect(MetricSink& sink) const;
};

class Fetch;
class FlightFetch;

struct LoopServices {
  LoopServices(Services& services, Loop& l);
  ~LoopServices();
  std::string new_request_id();
  /// A stored answer that does not hold any more goes; in the store that replicas share, all of its URI.
  void forget(const std::string& uri, const EntryRef& entry);
  /// See Caches; in the store that replicas share too.
  void invalidate_after(const RequestHead& request, const AskedOrigin& origin,
                        const ResponseHead& response);
  ThreadCounters& counters() { return shared.observer.here(loop); }

  Services& shared;
  Loop& loop;
  Resolver resolver;
  std::mt19937_64 random;
  /// Prefetches under way that may be shared (`share = true`), by what they ask for.
  std::unordered_map<std::string, std::weak_ptr<Fetch>> shared_fetches;
  std::unique_ptr<RedisTier> redis;  ///< null: there is none
  List<FlightFetch> fetches;         ///< for the cache; they are owned here
  TunnelsEnd tunnels_end;
  Background background;  // last: its tasks use the rest

 private:
  void drop_shared(const std::string& uri);
};

}  // namespace siding
