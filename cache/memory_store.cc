// See memory_store.h.
#include "cache/memory_store.h"

#include <algorithm>
#include <cassert>

#include "cache/key.h"

namespace siding {

namespace {
constexpr uint8_t kMostHits = 3;
// In the small queue: asked for so often again, it is worth a place in the main one.
constexpr uint8_t kPromotion = 1;
// Of all bytes.
constexpr uint64_t kSmallPercent = 10;
constexpr uint64_t kGhostsPerShard = 64 * 1024;
constexpr uint64_t kLeastGhosts = 64;
// One entry may take so much of the budget.
constexpr uint64_t kLargestShare = 8;
// Buckets of a shard, each of about one URI, that a walk looks at under its mutex.
constexpr size_t kWalkBatch = 16;

uint32_t print_of(uint64_t hash) { return static_cast<uint32_t>(hash >> 32); }
}  // namespace

/// An entry that is stored, or was and is still read.
struct MemoryStore::Held {
  Held(EntryRef e, std::shared_ptr<Budget> b, uint64_t taken)
      : entry(std::move(e)), budget(std::move(b)), bytes(taken) {}
  ~Held() {
    entry.reset();
    budget->give_back(bytes);
  }
  EntryRef entry;
  const std::shared_ptr<Budget> budget;
  const uint64_t bytes;
};

MemoryStore::MemoryStore(uint64_t bytes) : budget_(std::make_shared<Budget>(bytes)) {
  make_ghosts();
}

void MemoryStore::make_ghosts() {
  if (limit() == 0) return;
  // About one for each KiB that may be stored.
  const uint64_t ghosts = std::clamp(limit() / 1024 / kShards, kLeastGhosts, kGhostsPerShard);
  for (size_t i = 0; i < kShards; ++i) {
    if (!take(ghosts * sizeof(Ghost), i)) break;
    ghost_bytes_ += ghosts * sizeof(Ghost);
    std::lock_guard lock(shards_[i].mutex);
    shards_[i].ghosts.resize(ghosts);
  }
}

void MemoryStore::set_limit(uint64_t bytes) {
  if (bytes == limit()) return;
  used_.set_limit(bytes);
  for (Shard& shard : shards_) {
    std::lock_guard lock(shard.mutex);
    const uint64_t freed = shard.ghosts.size() * sizeof(Ghost);
    std::vector<Ghost>().swap(shard.ghosts);
    ghost_bytes_ -= freed;
    used_.give_back(freed);
  }
  take(0, 0);
  make_ghosts();
}

MemoryStore::~MemoryStore() = default;

MemoryStore::Resource* MemoryStore::find_in(Shard& shard, std::string_view uri) {
  auto found = shard.resources.find(uri);
  return found == shard.resources.end() ? nullptr : found->second.get();
}

MemoryStore::Found MemoryStore::find(std::string_view uri, const VariantKey& variant,
                                     const Fields& request, const CachePolicy& policy,
                                     TimePoint now) {
  Found out;
  Shard& shard = shard_of(key_hash(uri));
  std::lock_guard lock(shard.mutex);
  Resource* resource = find_in(shard, uri);
  if (resource == nullptr) return out;
  out.pass = now < resource->pass_until;
  // The newest one that suits (RFC 9111 section 4).
  for (auto it = resource->variants.rbegin(); it != resource->variants.rend(); ++it) {
    const Entry& entry = **it;
    if (entry.variant != variant) continue;
    if (vary_matches(entry.vary, entry.vary_key, request, policy)) {
      out.entry = *it;
      out.other_variants = false;
      if (resource->hits < kMostHits) ++resource->hits;
      break;
    }
    if (!out.other_variants) out.vary = entry.vary;
    out.other_variants = true;
  }
  return out;
}

/// Under no mutex: makes room. Who has less than its share of the bytes is spared as long as others can
/// give: what leaves is never just as large as what comes, and by that alone shards would drift apart.
bool MemoryStore::take(uint64_t bytes, uint64_t hash) {
  size_t at = hash % kShards;
  size_t refused = 0;
  while (!used_.try_take(bytes)) {
    const uint64_t share = refused < kShards ? (used_.used() - ghost_bytes_) / kShards : 0;
    Shard& shard = shards_[at];
    bool gave = false;
    {
      std::lock_guard lock(shard.mutex);
      gave = shard.small_bytes + shard.main_bytes >= share && evict_one(shard);
    }
    if (gave) {
      refused = 0;
      continue;
    }
    if (++refused == 2 * kShards) return false;
    at = (at + 1) % kShards;
  }
  return true;
}

/// Under the shard's mutex, as all below.
bool MemoryStore::evict_one(Shard& shard) {
  while (true) {
    const uint64_t all = shard.small_bytes + shard.main_bytes;
    const bool from_small = shard.main.empty() || shard.small_bytes * 100 > all * kSmallPercent;
    Resource* oldest = from_small ? shard.small.front() : shard.main.front();
    if (oldest == nullptr) return false;
    if (from_small && oldest->hits > kPromotion) {
      oldest->unlink();
      oldest->in_main = true;
      oldest->hits = 0;
      shard.main.push_back(*oldest);
      shard.small_bytes -= oldest->cost;
      shard.main_bytes += oldest->cost;
    } else if (!from_small && oldest->hits > 0) {
      --oldest->hits;
      oldest->unlink();
      shard.main.push_back(*oldest);
    } else {
      if (from_small && !shard.ghosts.empty()) {
        Ghost& ghost = shard.ghosts[oldest->hash / kShards % shard.ghosts.size()];
        ghost = {print_of(oldest->hash), ++shard.left};
      }
      ++shard.evicted;
      remove(shard, *oldest);
      return true;
    }
  }
}

bool MemoryStore::is_ghost(const Shard& shard, uint64_t hash) {
  if (shard.ghosts.empty()) return false;
  const Ghost& ghost = shard.ghosts[hash / kShards % shard.ghosts.size()];
  return ghost.when != 0 && ghost.print == print_of(hash) &&
         shard.left - ghost.when <= shard.resources.size();
}

/// What a Resource takes without its entries; charged by the caller.
uint64_t MemoryStore::cost_of(std::string_view uri) {
  constexpr uint64_t kNode = 64;  // of the table, with its share of buckets
  return sizeof(Resource) + kNode + uri.size() + 1 + 2 * 16;
}

/// What an entry takes, with what holds it.
uint64_t MemoryStore::cost_of(const Entry& entry) {
  constexpr uint64_t kBlock = 32;  // of a shared object, and of its memory
  return entry.footprint() + sizeof(Held) + kBlock;
}

MemoryStore::Resource& MemoryStore::make(Shard& shard, std::string_view uri, uint64_t hash) {
  auto made = std::make_unique<Resource>();
  Resource& resource = *made;
  resource.uri = uri;
  resource.hash = hash;
  resource.cost = cost_of(uri);
  resource.in_main = is_ghost(shard, hash);
  (resource.in_main ? shard.main : shard.small).push_back(resource);
  (resource.in_main ? shard.main_bytes : shard.small_bytes) += resource.cost;
  shard.resources.emplace(resource.uri, std::move(made));
  return resource;
}

/// There is one afterwards. Its cost_of() was taken by the caller.
MemoryStore::Resource& MemoryStore::enter(Shard& shard, std::string_view uri, uint64_t hash) {
  Resource* known = find_in(shard, uri);
  if (known == nullptr) return make(shard, uri, hash);
  used_.give_back(cost_of(uri));
  return *known;
}

/// What its queue counts. (An entry's own bytes go back to the budget when it is freed.)
void MemoryStore::weigh(Shard& shard, Resource& resource, uint64_t more, uint64_t less) {
  uint64_t& queue = resource.in_main ? shard.main_bytes : shard.small_bytes;
  queue += more;
  queue -= less;
  resource.cost += more;
  resource.cost -= less;
}

void MemoryStore::remove(Shard& shard, Resource& resource) {
  (resource.in_main ? shard.main_bytes : shard.small_bytes) -= resource.cost;
  used_.give_back(cost_of(resource.uri));
  shard.entries -= resource.variants.size();
  const auto at = shard.resources.find(resource.uri);
  // The key is a view of the resource's own text.
  std::unique_ptr<Resource> owned = std::move(at->second);
  shard.resources.erase(at);
}

bool MemoryStore::put(std::string_view uri, EntryRef entry) {
  const uint64_t hash = key_hash(uri);
  const uint64_t cost = cost_of(*entry);
  const uint64_t base = cost_of(uri);
  Shard& shard = shard_of(hash);
  if (cost > limit() / kLargestShare || !take(base + cost, hash)) {
    std::lock_guard lock(shard.mutex);
    ++shard.refused;
    return false;
  }
  const auto held = std::make_shared<Held>(std::move(entry), budget_, cost);
  EntryRef kept(held, held->entry.get());
  EntryRef replaced;  // freed after the lock
  std::lock_guard lock(shard.mutex);
  Resource& resource = enter(shard, uri, hash);
  std::vector<EntryRef>& variants = resource.variants;
  auto same = std::find_if(variants.begin(), variants.end(), [&](const EntryRef& e) {
    return e->variant == kept->variant && e->vary == kept->vary && e->vary_key == kept->vary_key;
  });
  if (same == variants.end() && variants.size() >= kMaxVariants) same = variants.begin();
  uint64_t less = 0;
  if (same != variants.end()) {
    replaced = std::move(*same);
    less = cost_of(*replaced);
    variants.erase(same);
    --shard.entries;
  }
  variants.push_back(std::move(kept));
  ++shard.entries;
  resource.pass_until = {};
  weigh(shard, resource, cost, less);
  return true;
}

void MemoryStore::mark_pass(std::string_view uri, TimePoint until) {
  const uint64_t hash = key_hash(uri);
  const uint64_t base = cost_of(uri);
  if (!take(base, hash)) return;
  Shard& shard = shard_of(hash);
  std::lock_guard lock(shard.mutex);
  Resource& resource = enter(shard, uri, hash);
  resource.pass_until = until;
}

size_t MemoryStore::drop(std::string_view uri) {
  Shard& shard = shard_of(key_hash(uri));
  std::lock_guard lock(shard.mutex);
  Resource* resource = find_in(shard, uri);
  if (resource == nullptr) return 0;
  const size_t entries = resource->variants.size();
  remove(shard, *resource);
  return entries;
}

void MemoryStore::drop(std::string_view uri, const EntryRef& entry) {
  Shard& shard = shard_of(key_hash(uri));
  std::lock_guard lock(shard.mutex);
  Resource* resource = find_in(shard, uri);
  if (resource == nullptr) return;
  auto at = std::find(resource->variants.begin(), resource->variants.end(), entry);
  if (at == resource->variants.end()) return;
  resource->variants.erase(at);
  --shard.entries;
  weigh(shard, *resource, 0, cost_of(*entry));
}

size_t MemoryStore::drop_batch(Shard& shard, Walk::At& at, const Wanted& wanted) {
  std::vector<EntryRef> gone;  // freed after the lock
  // More than is needed: when asked for so much, glibc merges the small pieces that were freed. Else it
  // does so for all steps at once, and that takes a tenth of a second.
  gone.reserve(kWalkBatch * 8);
  std::vector<Resource*> empty;
  std::lock_guard lock(shard.mutex);
  // It has grown, and some that were not seen may be in buckets that were.
  if (at.buckets != shard.resources.bucket_count()) at = {0, shard.resources.bucket_count()};
  const size_t end = std::min(at.next + kWalkBatch, at.buckets);
  for (; at.next < end; ++at.next) {
    for (auto it = shard.resources.begin(at.next); it != shard.resources.end(at.next); ++it) {
      Resource& r = *it->second;
      const size_t before = gone.size();
      uint64_t less = 0;
      std::erase_if(r.variants, [&](const EntryRef& e) {
        if (!wanted(r.uri, *e)) return false;
        less += cost_of(*e);
        gone.push_back(e);
        return true;
      });
      if (gone.size() == before) continue;
      weigh(shard, r, 0, less);
      shard.entries -= gone.size() - before;
      if (r.variants.empty()) empty.push_back(&r);
    }
  }
  for (Resource* r : empty) remove(shard, *r);
  return gone.size();
}

size_t MemoryStore::drop_step(Walk& walk, const Wanted& wanted) {
  size_t dropped = 0;
  walk.ended_ = true;
  for (size_t i = 0; i < kShards; ++i) {
    Walk::At& at = walk.at_[i];
    if (at.buckets != 0 && at.next == at.buckets) continue;
    dropped += drop_batch(shards_[i], at, wanted);
    if (at.next < at.buckets) walk.ended_ = false;
  }
  return dropped;
}

size_t MemoryStore::drop_if(const Wanted& wanted) {
  size_t dropped = 0;
  Walk walk;
  while (!walk.ended()) dropped += drop_step(walk, wanted);
  return dropped;
}

MemoryStore::Snapshot MemoryStore::snapshot() const {
  Snapshot out;
  out.bytes = used_.used();
  for (const Shard& shard : shards_) {
    std::lock_guard lock(shard.mutex);
    out.entries += shard.entries;
    out.evicted += shard.evicted;
    out.refused += shard.refused;
  }
  return out;
}

}  // namespace siding
