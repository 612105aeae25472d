// See services.h.
#include "proxy/exchange/services.h"

#include <algorithm>

#include "proxy/exchange/flight_fetch.h"

namespace siding {

namespace {
std::string hex(uint64_t value) {
  std::string text(16, '0');
  for (size_t i = 16; i-- > 0; value >>= 4) text[i] = "0123456789abcdef"[value & 15];
  return text;
}

std::string make_self_id() {
  std::random_device device;
  uint64_t random = (uint64_t{device()} << 32) | device();
  return "siding-" + hex(random);
}

uint64_t queue_bytes(const Config& config, const Shares& shares) {
  return shares.memory + config.limits.spill;
}

std::shared_ptr<Resolver> resolver_of(Services& services, const SnapshotRef& snapshot, Loop& loop,
                                      const LoopServices* before) {
  const DnsConfig& config = snapshot->config->dns;
  if (before != nullptr && before->snapshot.config->dns == config) return before->kept_resolver;
  return std::make_shared<Resolver>(loop, config, ResolverFiles{}, services.dns);
}

std::shared_ptr<RedisTier> redis_of(Services& services, const SnapshotRef& snapshot, Loop& loop,
                                    std::shared_ptr<Resolver> resolver,
                                    const LoopServices* before) {
  const RedisConfig& config = snapshot->config->cache.redis;
  if (config.url.text.empty() || !snapshot->caches->any()) return nullptr;
  const bool same = before != nullptr && before->redis && before->kept_resolver == resolver &&
                    before->snapshot.config->cache.redis == config;
  if (same) return before->redis;
  // What replaces the files of its password or certificates may be the next snapshot's.
  RedisTier::Uses uses{
      loop,
      std::move(resolver),
      services.redis,
      snapshot->purge_news,
      [&services, config] {
        return services.now()->secrets->values()->of(config.password, config.password_file);
      },
      [&services] { return services.now()->tls->of(std::string(TlsContexts::kRedis)); },
  };
  return std::make_shared<RedisTier>(std::move(uses), config, services.self_id);
}
}  // namespace

Services::Services(const ConfigRef& config, Observer& o, Disk& disk, const Shares& shares,
                   const std::vector<Loop*>& all_loops)
    : observer(o),
      loops(all_loops),
      bodies(shares.memory, config->limits.spill, config->limits.spill_dir, disk),
      self_id(make_self_id()),
      unlisted({.max_connections = 0, .workers = 0, .max_idle = 0, .idle_timeout = {}, .head = {}},
               loops),
      caches(std::make_unique<Caches>(std::make_shared<const CacheOwners>(*config), shares.cache)),
      pins(config->pins.max_bytes, config->pins.max_age),
      tunnels(shares.tunnels),
      worker_tunnels(0) {
  put_in_force(std::make_shared<Snapshot>(config, queue_bytes(*config, shares), loops), shares);
}

SnapshotRef Services::now() const {
  std::lock_guard lock(now_mutex_);
  return now_;
}

size_t Services::snapshots() const {
  std::lock_guard lock(now_mutex_);
  return static_cast<size_t>(std::count_if(in_use_.begin(), in_use_.end(),
                                           [](const auto& one) { return !one.expired(); }));
}

SnapshotRef Services::snapshot_of(ConfigRef config, const Shares& shares) const {
  const uint64_t bytes = queue_bytes(*config, shares);
  return std::make_shared<Snapshot>(std::move(config), bytes, loops, now().get());
}

void Services::put_in_force(SnapshotRef next, const Shares& shares) {
  const Config& config = *next->config;
  bodies.memory.set_limit(shares.memory);
  bodies.spill.set_limit(config.limits.spill);
  caches->adopt(next->caches, shares.cache);
  pins.set_limits(config.pins.max_bytes, config.pins.max_age);
  tunnels.set_most(shares.tunnels);
  worker_tunnels.set_most(config.egress ? config.egress->max_connections : 0);
  std::lock_guard lock(now_mutex_);
  std::erase_if(in_use_, [](const auto& one) { return one.expired(); });
  in_use_.push_back(next);
  now_.swap(next);  // the old one, if nobody else has it, ends outside of the lock
}

void LoopWork::end() {
  while (FlightFetch* fetch = fetches.front()) delete fetch;
  background.clear();
}

std::shared_ptr<LoopServices> LoopServices::make(Services& services, SnapshotRef snapshot,
                                                 LoopWork& work, const LoopServices* before) {
  // It may be let go by something that it runs.
  return {new LoopServices(services, std::move(snapshot), work, before),
          [](LoopServices* s) { s->loop.retire(std::unique_ptr<LoopServices>(s)); }};
}

LoopServices::LoopServices(Services& services, SnapshotRef of, LoopWork& work,
                           const LoopServices* before)
    : shared(services),
      kept_snapshot(std::move(of)),
      loop(work.loop),
      kept_resolver(resolver_of(services, kept_snapshot, loop, before)),
      random(work.random),
      redis(redis_of(services, kept_snapshot, loop, kept_resolver, before)),
      fetches(work.fetches),
      tunnels_end(work.tunnels_end),
      background(work.background) {}

void LoopServices::close_idle() {
  for (auto& b : snapshot.backends) {
    b->pool.close_idle(loop);
    b->direct_pool.close_idle(loop);
  }
  for (auto& u : snapshot.upstreams) u->pool.close_idle(loop);
}

void LoopServices::drop_shared(const std::string& uri) {
  // What could not be dropped there is not taken from there.
  if (redis && !redis->drop(uri)) {
    snapshot.purge_news->add({Purge::Kind::url, uri}, loop.clock().wall());
  }
}

void LoopServices::forget(const std::string& uri, const EntryRef& entry) {
  shared.caches->store.drop(uri, entry);
  drop_shared(uri);
}

void LoopServices::invalidate_after(const RequestHead& request, const AskedOrigin& origin,
                                    const ResponseHead& response) {
  for (const std::string& uri : shared.caches->invalidate_after(request, origin, response)) {
    drop_shared(uri);
  }
}

std::string LoopServices::new_request_id() { return hex(random()); }

}  // namespace siding
