// All that is cached in this process: the store, the fetches under way, and the policies of routes and
// upstreams.
// Invariant: process-wide and thread-safe; one flight a key at a time among those who may share.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "cache/memory_store.h"
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

/// The fetches under way that others may join.
class Flights {
 public:
  struct Joined {
    FlightRef flight;
    bool leads = false;  ///< it is new: the caller starts its fetch
  };
  /// `make` is called under a mutex, if there is none.
  template <class F>
  Joined join(const std::string& key, const std::string& uri, F make) {
    Shard& shard = shard_of(key);
    std::lock_guard lock(shard.mutex);
    auto& slot = shard.flights[key];
    if (FlightRef running = slot.flight.lock()) return {std::move(running), false};
    Joined made{make(), true};
    slot = {made.flight, uri};
    return made;
  }
  /// Nobody joins it any more.
  void close(const std::string& key, const Flight& flight);
  /// Those that are under way for a URI may have begun before it changed: they are not stored.
  void invalidate(std::string_view uri);

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
  Caches(const Config& config, uint64_t bytes);

  /// Null where it has no cache.
  const CacheOwner* of_route(size_t index) const { return routes_[index].get(); }
  const CacheOwner* of_upstream(std::string_view name) const;

  bool any() const { return any_; }

  /// A URI's answers are not to be used any more.
  void invalidate(std::string_view uri);
  /// What an answer to an unsafe method makes invalid (RFC 9111 4.4), whosever it is: these URIs.
  std::set<std::string> invalidate_after(const RequestHead& request, const AskedOrigin& origin,
                                         const ResponseHead& response);

  void collect(MetricSink& sink) const;

  MemoryStore store;
  Flights flights;
  FlightCounts counts;

 private:
  std::vector<std::unique_ptr<CacheOwner>> routes_;
  std::unordered_map<std::string, std::unique_ptr<CacheOwner>> upstreams_;
  bool any_ = false;
};

}  // namespace siding
