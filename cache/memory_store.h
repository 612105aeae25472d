// Stored responses in memory: by URI, then variant. Who stays is decided by S3-FIFO (Yang et al., SOSP
// 2023): what is asked for once leaves quickly by a small queue, what is asked for again lives in a
// large one, and what came back soon after it had left goes there at once.
// Invariants: the bytes held, all overhead included, never exceed the budget; thread-safe, in shards,
// so that threads rarely meet; an entry that is being read lives on after it has left, and counts until then.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/budget.h"
#include "base/clock.h"
#include "base/list.h"
#include "cache/entry.h"

namespace siding {

class MemoryStore {
 public:
  static constexpr size_t kShards = 16;
  /// Of one URI; one more replaces the oldest.
  static constexpr size_t kMaxVariants = 32;

  /// `bytes`: 0 stores nothing.
  explicit MemoryStore(uint64_t bytes);
  ~MemoryStore();
  MemoryStore(const MemoryStore&) = delete;
  MemoryStore& operator=(const MemoryStore&) = delete;

  struct Found {
    EntryRef entry;
    bool other_variants = false;  ///< none suits, but there are others: a miss by Vary
    Vary vary;                    ///< then: of the newest of those
    bool pass = false;            ///< hit-for-miss: nobody should wait for another's fetch of it
  };
  Found find(std::string_view uri, const VariantKey& variant, const Fields& request,
             const CachePolicy& policy, TimePoint now);

  /// Takes the place of the one with the same variant and vary_key. False if there is no room for it.
  bool put(std::string_view uri, EntryRef entry);
  /// Remembers that answers of this URI are for one client each, until `until`.
  void mark_pass(std::string_view uri, TimePoint until);

  /// Drops what is stored for a URI, all variants; returns how many.
  size_t drop(std::string_view uri);
  /// Drops one entry, if it is still the one that is stored.
  void drop(std::string_view uri, const EntryRef& entry);
  using Wanted = std::function<bool(std::string_view uri, const Entry&)>;
  /// How far a walk over everything has come.
  class Walk {
   public:
    bool ended() const { return ended_; }

   private:
    friend class MemoryStore;
    struct At {
      size_t next = 0;     // bucket of the shard's table
      size_t buckets = 0;  // that it had
    };
    std::array<At, kShards> at_{};
    bool ended_ = false;
  };
  /// One step of it: drops what `wanted` says, in a bounded part of each shard; returns how many entries.
  /// Sees all that was there when the walk began and still is.
  size_t drop_step(Walk& walk, const Wanted& wanted);
  /// The whole walk.
  size_t drop_if(const Wanted& wanted);

  struct Snapshot {
    uint64_t bytes = 0;  ///< what has left and is still read is among them
    uint64_t entries = 0;
    uint64_t evicted = 0;  ///< URIs, since the start
    uint64_t refused = 0;  ///< entries that found no room
  };
  Snapshot snapshot() const;
  uint64_t limit() const { return used_.limit(); }
  /// Makes room at once where it is less than before. For one thread at a time.
  void set_limit(uint64_t bytes);

 private:
  /// All that is stored for one URI.
  struct Resource : Link<> {
    std::string uri;
    uint64_t hash = 0;
    std::vector<EntryRef> variants;  // oldest first
    TimePoint pass_until{};
    uint64_t cost = 0;
    uint8_t hits = 0;  // up to kMostHits
    bool in_main = false;
  };
  /// Who left by the small queue, until as many have left after it as there are now.
  struct Ghost {
    uint32_t print = 0;
    uint32_t when = 0;
  };
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<std::string_view, std::unique_ptr<Resource>> resources;
    List<Resource> small;  // oldest first
    List<Resource> main;
    uint64_t small_bytes = 0;
    uint64_t main_bytes = 0;
    std::vector<Ghost> ghosts;  // by hash
    uint32_t left = 0;          // by the small queue, ever
    uint64_t entries = 0;
    uint64_t evicted = 0;
    uint64_t refused = 0;
  };
  struct Held;
  Shard& shard_of(uint64_t hash) { return shards_[hash % kShards]; }
  bool take(uint64_t bytes, uint64_t hash);
  bool evict_one(Shard& shard);
  static Resource* find_in(Shard& shard, std::string_view uri);
  static uint64_t cost_of(std::string_view uri);
  static uint64_t cost_of(const Entry& entry);
  Resource& enter(Shard& shard, std::string_view uri, uint64_t hash);
  Resource& make(Shard& shard, std::string_view uri, uint64_t hash);
  static void weigh(Shard& shard, Resource& resource, uint64_t more, uint64_t less);
  void remove(Shard& shard, Resource& resource);
  size_t drop_batch(Shard& shard, Walk::At& at, const Wanted& wanted);
  static bool is_ghost(const Shard& shard, uint64_t hash);

  void make_ghosts();

  const std::shared_ptr<Budget> budget_;  // entries may outlive the store
  Budget& used_ = *budget_;
  std::atomic<uint64_t> ghost_bytes_{0};  // of it, from when the limit was set
  std::array<Shard, kShards> shards_;
};

}  // namespace siding
