// What all exchanges share: what lasts as long as the process, what lasts as long as a loop, and, for one
// configuration, what a loop finds of both.
// Invariants: Services is built before the threads start and outlives them; LoopWork and LoopServices are
// created and destroyed on their loop's thread; whoever may outlive the snapshot that is in force holds
// its LoopServices.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "config/config.h"
#include "proxy/exchange/body_store.h"
#include "proxy/exchange/caches.h"
#include "proxy/exchange/pins.h"
#include "proxy/exchange/redis_tier.h"
#include "proxy/exchange/snapshot.h"
#include "proxy/exchange/speculation.h"
#include "proxy/exchange/tunnels.h"
#include "proxy/loop/background.h"
#include "proxy/net/resolver.h"
#include "proxy/observe/observer.h"

namespace siding {

/// Bytes, and tunnels of clients, that a configuration gives: it depends on the machine too.
struct Shares {
  uint64_t memory = 0;  ///< for bodies
  uint64_t cache = 0;   ///< for stored answers
  uint32_t tunnels = 0;
};

/// Of the process, whatever its configuration.
struct Services {
  Services(const ConfigRef& config, Observer& o, Disk& disk, const Shares& shares,
           const std::vector<Loop*>& loops);

  /// The snapshot in force. Any thread.
  SnapshotRef now() const;
  /// It, and those before that somebody still has.
  size_t snapshots() const;
  /// One for `config`, which takes over what it may of the one in force. Reads the files of TLS: blocks.
  SnapshotRef snapshot_of(ConfigRef config, const Shares& shares) const;
  /// From now on `next` is in force: the loops are to make LoopServices of it. For one thread at a time.
  void put_in_force(SnapshotRef next, const Shares& shares);

  Observer& observer;
  const std::vector<Loop*> loops;
  BodyBudgets bodies;
  /// Of the resolvers of all loops.
  const std::shared_ptr<ResolverCounters> dns = std::make_shared<ResolverCounters>();
  /// Names this process in CDN-Loop (RFC 8586), so that a request it caused is known when it comes
  /// back.
  const std::string self_id;
  /// Connections of workers' calls to hosts that are no [upstream]; none is kept.
  Pool unlisted;
  Endpoints unlisted_endpoints{BreakerConfig{}};  ///< theirs: who failed is tried last
  const std::unique_ptr<Caches> caches;
  RedisShared redis;
  PinStore pins;
  Speculation speculation;
  Tunnels tunnels;         ///< of clients
  Tunnels worker_tunnels;  ///< CONNECT
  /// Answers being read although their clients have gone, over all threads.
  std::atomic<uint32_t> abandoned{0};

  void collect(MetricSink& sink) const;

 private:
  mutable std::mutex now_mutex_;
  SnapshotRef now_;                              // guarded by now_mutex_
  std::vector<std::weak_ptr<Snapshot>> in_use_;  // likewise: it, and those before that somebody has
};

class Fetch;
class FlightFetch;

/// What is under way on one loop, under whichever snapshot.
struct LoopWork {
  explicit LoopWork(Loop& l) : loop(l), random(std::random_device{}()) {}
  ~LoopWork() { end(); }
  /// All of it.
  void end();

  Loop& loop;
  std::mt19937_64 random;
  List<FlightFetch> fetches;  ///< for the cache; they are owned here
  TunnelsEnd tunnels_end;
  Background background;
};

/// What one loop uses under one snapshot.
struct LoopServices : std::enable_shared_from_this<LoopServices> {
  /// `before`: of this loop, under the snapshot before; null: there is none.
  static std::shared_ptr<LoopServices> make(Services& services, SnapshotRef snapshot,
                                            LoopWork& work, const LoopServices* before = nullptr);
  std::string new_request_id();
  /// A stored answer that does not hold any more goes; in the store that replicas share, all of its URI.
  void forget(const std::string& uri, const EntryRef& entry);
  /// See Caches; in the store that replicas share too.
  void invalidate_after(const RequestHead& request, const AskedOrigin& origin,
                        const ResponseHead& response);
  ThreadCounters& counters() { return shared.observer.here(loop); }
  /// Closes this loop's idle connections: at the end.
  void close_idle();

  Services& shared;
  const SnapshotRef kept_snapshot;
  Snapshot& snapshot = *kept_snapshot;
  Loop& loop;
  const std::shared_ptr<Resolver> kept_resolver;
  Resolver& resolver = *kept_resolver;
  std::mt19937_64& random;
  /// Prefetches under way that may be shared (`share = true`), by what they ask for.
  std::unordered_map<std::string, std::weak_ptr<Fetch>> shared_fetches;
  const std::shared_ptr<RedisTier> redis;  ///< null: there is none
  List<FlightFetch>& fetches;
  TunnelsEnd& tunnels_end;
  Background& background;

 private:
  LoopServices(Services& services, SnapshotRef of, LoopWork& work, const LoopServices* before);
  void drop_shared(const std::string& uri);
};
using LoopServicesRef = std::shared_ptr<LoopServices>;

}  // namespace siding
