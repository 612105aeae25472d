// One configuration at work: what is looked up in it, and the servers that it names. An exchange keeps to
// the snapshot that it began with, to its end; a reload makes the next one.
// Invariants: its shape never changes; what outlives a configuration is taken over from the one before, by
// name: queues, connections, breakers, what prefetches have taught.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "proxy/exchange/caches.h"
#include "proxy/exchange/learning.h"
#include "proxy/exchange/origins.h"
#include "proxy/exchange/purge_news.h"
#include "proxy/exchange/router.h"
#include "proxy/exchange/secrets.h"
#include "proxy/exchange/speculation.h"
#include "proxy/exchange/tls_contexts.h"
#include "proxy/exchange/trust.h"

namespace siding {

class Snapshot {
 public:
  /// Reads the files of TLS: blocks. `before`: what was in force until now; null: nothing was.
  /// `queue_bytes`: of a queue that has no bound of its own.
  Snapshot(ConfigRef c, uint64_t queue_bytes, const std::vector<Loop*>& loops,
           const Snapshot* before = nullptr);
  /// On a loop's thread, once: what was taken over keeps to this configuration from now on.
  void take_effect();
  /// On each loop, when `next` is in force: closes what is kept for nobody any more.
  void give_way(const Snapshot& next, Loop& loop);

  const ConfigRef config;
  const Router router;
  const TrustedProxies trusted;
  /// Shared with the thread that reads their files.
  const std::shared_ptr<Secrets> secrets;
  /// Likewise.
  const std::shared_ptr<TlsContexts> tls;
  const CacheOwnersRef caches;
  const std::shared_ptr<PurgeNews> purge_news;       ///< of its Redis; another one's are others
  std::vector<std::unique_ptr<Backend>> backends;    // in the order of the configuration
  std::vector<std::unique_ptr<Upstream>> upstreams;  // likewise

  /// What its prefetches have taught.
  struct Route {
    std::string name;  ///< routes with an equal one share the rest
    Speculation::RouteRef speculation;
    std::vector<std::shared_ptr<LearnedFields>> learned;  ///< by call
  };
  std::vector<Route> routes;  // likewise
  size_t index_of(const RouteConfig& route) const {
    return static_cast<size_t>(&route - config->routes.data());
  }

  Backend& backend(std::string_view name);
  Backend* find_backend(std::string_view name) const;
  Upstream* upstream(std::string_view name) const;

 private:
  const uint64_t queue_bytes_;
};
using SnapshotRef = std::shared_ptr<Snapshot>;

}  // namespace siding
