// All that is cached in this process: the store, the fetches under way, and the policies of routes and
// upstreams.
// Invariant: process-wide and thread-safe; one flight a key at a time among those who may share.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "cache/memory_store.h"
#include "cache/purge_log.h"
#include "config/config.h"
#include "http/forwarded.h"
#include "proxy/exchange/flight.h"
#include "proxy/observe/gauges.h"

namespace siding {

/// One that has a cache: a route or an upstream.
struct CacheOwner {
  uint64_t id = 0;  ///< tells its answers from those of others, under the next configuration too
  CachePolicy policy;
  bool coalesce = true;
  std::string upstream;  ///< empty: a route's
};
CachePolicy policy_of(const CacheConfig& config);

/// All of them under one configuration.
class CacheOwners {
 public:
  explicit CacheOwners(const Config& config);
  /// Null where it has no cache.
  const CacheOwner* of_route(size_t index) const { return routes_[index].get(); }
  const CacheOwner* of_upstream(std::string_view name) const;
  bool any() const { return any_; }
  template <class F>
  void for_each(F f) const {
    for (const auto& owner : routes_) {
      if (owner) f(*owner);
    }
    for (const auto& [name, owner] : upstreams_) f(*owner);
  }

 private:
  std::vector<std::unique_ptr<CacheOwner>> routes_;  // in the configuration's order
  std::unordered_map<std::string, std::unique_ptr<CacheOwner>> upstreams_;
  bool any_ = false;
};
using CacheOwnersRef = std::shared_ptr<const CacheOwners>;

/// Where an answer is stored.
struct StorePlace {
  std::string uri;
  VariantKey variant;
  uint64_t since = 0;  ///< moment of PurgeLog: purges that came later mean the answer too
  uint32_t epoch = 0;  ///< of the URI: see Caches::epoch_of()
};

/// The fetches under way that others may join.
class Flights {
 public:
  struct Joined {
    FlightRef flight;
    bool leads = false;  ///< it is new: the caller starts its fetch
  };
  /// `make` is called under a mutex, if there is none. `waits`: somebody does, and not for a refresh that
  /// lets everybody else go first.
  template <class F>
  Joined join(const std::string& key, const std::string& uri, bool waits, F make) {
    Shard& shard = shard_of(key);
    std::lock_guard lock(shard.mutex);
    auto& slot = shard.flights[key];
    FlightRef running = slot.flight.lock();
    if (running && !(waits && running->stands_back())) return {std::move(running), false};
    Joined made{make(), true};
    slot = {made.flight, uri};
    return made;
  }
  /// Nobody joins it any more.
  void close(const std::string& key, const Flight& flight);
  /// Those that are under way for a URI may have begun before it changed: they are not stored, and nobody
  /// joins them.
  void invalidate(std::string_view uri);
  /// What is purged, or may turn out to be, goes on for those who read it; nobody joins it any more.
  void purge(const Purge& purge);

 private:
  struct Slot {
    std::weak_ptr<Flight> flight;
    std::string uri;
  };
  struct Shard {
    std::mutex mutex;
    std::unordered_map<std::string, Slot> flights;
  };
  Shard& shard_of(std::string_view key);
  std::array<Shard, 16> shards_;
};

class Caches {
 public:
  /// `bytes`: of the store, if there is anybody to store something.
  Caches(CacheOwnersRef owners, uint64_t bytes);

  /// Those of the configuration that is in force: whose policies count for what is stored.
  CacheOwnersRef owners() const;
  /// Others take their place. What is stored stays, for those of the same name.
  void adopt(CacheOwnersRef owners, uint64_t bytes);

  /// Stores an answer in the place of `old`, if there is one. False: a purge met either meanwhile.
  bool keep(const StorePlace& place, const EntryRef& entry, const EntryRef& old = {});
  /// It was made invalid, or purged, since it was asked for.
  bool outdated(const StorePlace& place, const Entry& entry) const;
  /// Drops what is stored and what is under way to be; returns how many entries. All at once: where others
  /// are to be served meanwhile, use purge_by_turns().
  size_t purge(const Purge& purge);
  /// A purge as each owner knows it.
  std::vector<Purge> forms_of(const Purge& purge) const;

  /// Changes when the URI is made invalid (and with it a few others): what was asked for before is not
  /// stored then.
  uint32_t epoch_of(std::string_view uri) const;
  /// A URI's answers are not to be used any more.
  void invalidate(std::string_view uri);
  /// What an answer to an unsafe method makes invalid (RFC 9111 4.4), whosever it is: these URIs.
  std::set<std::string> invalidate_after(const RequestHead& request, const AskedOrigin& origin,
                                         const ResponseHead& response);

  void collect(MetricSink& sink) const;

  MemoryStore store;
  Flights flights;
  FlightCounts counts;
  PurgeLog purges;

 private:
  friend class Purging;
  mutable std::mutex owners_mutex_;
  CacheOwnersRef owners_;  // guarded by owners_mutex_
  std::array<std::atomic<uint64_t>, static_cast<size_t>(Purge::Kind::count_)> purged_by_kind_{};
  std::atomic<uint64_t> purged_{0};  // entries
  // By the URI's hash. An unsafe request keeps what is under way for URIs of the same place out too: with
  // so many places, next to none.
  std::array<std::atomic<uint32_t>, 65'536> epochs_{};
};

/// A purge in steps, each of which takes a fraction of a millisecond whatever the store holds.
class Purging {
 public:
  Purging(Caches& caches, const Purge& purge);
  /// False: that was the last one.
  bool step();
  size_t dropped() const { return dropped_; }

 private:
  Caches& caches_;
  const Purge purge_;
  MemoryStore::Walk walk_;
  size_t dropped_ = 0;
};

/// Caches::purge() on a loop that serves others: a step a turn. The caches outlive it.
Task<size_t> purge_by_turns(Caches& caches, Purge purge);

}  // namespace siding
