// The store behind the one in memory, which replicas share: a Redis. Of a URI there is one hash: a field
// for each owner and content, which holds the answer, or by which fields to look for its variants.
// Invariants: never more than a miss, whatever the Redis does; what comes from it is checked whole.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "cache/policy.h"
#include "proxy/exchange/storing.h"
#include "proxy/observe/gauges.h"
#include "proxy/upstream/redis_client.h"

namespace siding {

class PurgeNews;

/// Of all threads.
struct RedisShared {
  RedisCounters commands;
  std::atomic<uint64_t> hits{0};
  std::atomic<uint64_t> misses{0};
  std::atomic<uint64_t> invalid{0};  ///< what was there is no entry: junk, cut, another version
  std::atomic<uint64_t> stored{0};
  void collect(MetricSink& sink) const;
};

class RedisTier {
 public:
  struct Uses {
    Loop& loop;
    std::shared_ptr<Resolver> resolver;
    RedisShared& shared;
    std::shared_ptr<PurgeNews> purges;  ///< of this Redis
    std::function<std::string()> password;
    std::function<Result<std::shared_ptr<TlsContext>>()> tls;
  };
  /// `name`: of this process.
  RedisTier(Uses uses, const RedisConfig& config, std::string name);

  /// On its loop's thread.
  void start() { client_.start(); }

  /// Larger bodies stay with who fetched them: one would hold up the commands of all others.
  static constexpr uint64_t kMostBody = 1 << 20;

  /// What suits the request, fresh or not; null: nothing, or no answer in time.
  Task<EntryRef> find(StorePlace place, RequestHead request, const CachePolicy& policy);
  /// False: it is not one to be shared, or there is no connection.
  bool put(const StorePlace& place, const Entry& entry, const CachePolicy& policy, WallTime now);
  /// False: there is no connection.
  bool drop(const std::string& uri);

  enum class Lease : uint8_t {
    ours,    ///< fetch, then release()
    others,  ///< another replica fetches
    pass,    ///< answers of this key are for one client each: nobody waits
    none,    ///< no answer of the Redis, or no leases are wanted
  };
  /// Who fetches: one of all replicas, for so long as `lease` says.
  Task<Lease> take(std::string key);
  /// `pass`: tells the others for so long that waiting is in vain; zero: it does not.
  void release(const std::string& key, Duration pass);
  Duration longest_lease() const { return config_.lease; }

  /// Tells all replicas; an error: they do not know.
  Task<Result<>> publish(std::string purge);
  PurgeNews& purges() { return *uses_.purges; }
  /// Where purges are told.
  std::string stream() const { return config_.prefix + ":purges"; }
  /// A connection of somebody else's own; it ends before this object does.
  std::unique_ptr<RedisClient> new_client() const;

 private:
  RedisClient::Options client_options() const;
  std::string uri_key_of(const std::string& uri) const;
  std::string lease_key_of(const std::string& key) const;

  const Uses uses_;
  RedisShared& shared_;
  const RedisConfig config_;
  const std::string name_;  // of this process: who holds a lease
  RedisClient client_;
};

}  // namespace siding
