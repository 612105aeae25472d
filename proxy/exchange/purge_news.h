// Purges among replicas, by a stream in the Redis: each appends its own, and follows those of the others.
// Invariants: what was in the Redis before a purge that means it is not used by who knows of the purge;
// nothing of the Redis is used while the stream cannot be followed; where purges may have been missed,
// everything counts as purged.
#pragma once

#include <atomic>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>

#include "cache/purge.h"
#include "proxy/exchange/redis_tier.h"

namespace siding {

class Caches;

/// The purges that one Redis may still hold something of.
class PurgeNews {
 public:
  /// As many as the stream keeps; older entries than the last one forgotten count as purged.
  static constexpr size_t kMost = 10'000;
  /// Clocks of replicas differ.
  static constexpr Duration kSkew = std::chrono::seconds(2);

  void add(const Purge& purge, WallTime at);
  /// An entry that came from the origin before a purge that means it.
  bool is_purged(std::string_view uri, const Entry& entry) const;
  /// Whether all purges up to now are known.
  bool followed() const { return followed_.load(std::memory_order_acquire); }
  void follow(bool f) { followed_.store(f, std::memory_order_release); }

 private:
  struct News {
    Purge purge;
    WallTime at;
  };
  mutable std::mutex mutex_;
  std::deque<News> news_;  // by time
  WallTime forgotten_{};
  std::atomic<bool> followed_{false};
};

/// Runs for ever on one loop of the process. `tier`: of that loop.
Task<> follow_purges(Caches& caches, std::shared_ptr<RedisTier> tier);

}  // namespace siding
