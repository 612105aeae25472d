// See services.h.
#include "proxy/exchange/services.h"

#include <cassert>

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

std::vector<size_t> calls_of(const Config& config) {
  std::vector<size_t> calls;
  for (const RouteConfig& r : config.routes) calls.push_back(r.prefetch.calls.size());
  return calls;
}
}  // namespace

Services::Services(ConfigRef c, Observer& o, Disk& disk, uint64_t memory, uint64_t cache,
                   const std::vector<Loop*>& loops)
    : config(std::move(c)),
      observer(o),
      bodies(memory, config->limits.spill, config->limits.spill_dir, disk),
      router(*config),
      trusted(config->trusted_proxies),
      secrets(std::make_shared<Secrets>(*config)),
      tls(std::make_shared<TlsContexts>(*config)),
      self_id(make_self_id()),
      unlisted({.max_connections = 0, .workers = 0, .max_idle = 0, .idle_timeout = {}, .head = {}},
               loops),
      caches(std::make_unique<Caches>(*config, cache)),
      pins(config->pins.max_bytes, config->pins.max_age),
      speculation(calls_of(*config)),
      tunnels(config->limits.max_connections),
      worker_tunnels(config->egress ? config->egress->max_connections : 0) {
  uint64_t queue_bytes = memory + config->limits.spill;
  for (const BackendConfig& b : config->backends) {
    backends.push_back(std::make_unique<Backend>(b, queue_bytes, loops));
  }
  for (const UpstreamConfig& u : config->upstreams) {
    upstreams.push_back(std::make_unique<Upstream>(u, loops));
  }
  for (const RouteConfig& route : config->routes) {
    for (const CallConfig& call : route.prefetch.calls) {
      if (!call.body.empty()) upstream(call.upstream)->prefetches_bodies = true;
    }
  }
  for (size_t calls : calls_of(*config)) {
    auto& of_route = learned.emplace_back();
    for (size_t i = 0; i < calls; ++i) of_route.push_back(std::make_unique<LearnedFields>());
  }
}

Backend& Services::backend(std::string_view name) {
  for (auto& b : backends) {
    if (b->config.name == name) return *b;
  }
  assert(false && "the loader checked that every route's backend exists");
  std::abort();
}

Upstream* Services::upstream(std::string_view name) {
  for (auto& u : upstreams) {
    if (u->config.name == name) return u.get();
  }
  return nullptr;
}

LoopServices::LoopServices(Services& services, Loop& l)
    : shared(services),
      loop(l),
      resolver(l, services.config->dns, {}, services.dns),
      random(std::random_device{}()) {
  const RedisConfig& config = services.config->cache.redis;
  if (config.url.text.empty() || !services.caches->any()) return;
  RedisTier::Uses uses{
      l, resolver, services.redis, *services.secrets, *services.tls, services.purge_news};
  redis = std::make_unique<RedisTier>(uses, config, services.self_id);
}

LoopServices::~LoopServices() {
  while (FlightFetch* fetch = fetches.front()) delete fetch;
  background.clear();  // their connections become idle
  for (auto& b : shared.backends) {
    b->pool.close_idle(loop);
    b->direct_pool.close_idle(loop);
  }
  for (auto& u : shared.upstreams) u->pool.close_idle(loop);
}

void LoopServices::drop_shared(const std::string& uri) {
  // What could not be dropped there is not taken from there.
  if (redis && !redis->drop(uri)) {
    shared.purge_news.add({Purge::Kind::url, uri}, loop.clock().wall());
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
