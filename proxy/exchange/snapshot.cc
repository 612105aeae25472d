// See snapshot.h.
#include "proxy/exchange/snapshot.h"

#include <algorithm>
#include <cassert>
#include <cstdlib>

namespace siding {

namespace {
/// Routes of the same name make the same calls.
std::string teaching_name(const RouteConfig& route) {
  std::string name = route.text();
  for (const auto& [field, value] : route.headers) name += " " + field + "=" + value;
  for (const CallConfig& call : route.prefetch.calls) {
    name += "\n" + call.method + " " + call.text + " " + call.body_text;
  }
  return name;
}

Snapshot::Route teach(const RouteConfig& route, const Snapshot* before) {
  std::string name = teaching_name(route);
  if (before != nullptr) {
    const auto known = std::find_if(before->routes.begin(), before->routes.end(),
                                    [&](const Snapshot::Route& r) { return r.name == name; });
    if (known != before->routes.end()) return *known;
  }
  Snapshot::Route made;
  const size_t calls = route.prefetch.calls.size();
  made.speculation = Speculation::new_route(route.text(), calls);
  for (size_t i = 0; i < calls; ++i) made.learned.push_back(std::make_shared<LearnedFields>());
  made.name = std::move(name);
  return made;
}

template <class T>
T* find_named(const std::vector<std::unique_ptr<T>>& all, std::string_view name) {
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const auto& one) { return one->config.name == name; });
  return found == all.end() ? nullptr : found->get();
}

void retire_unless(const std::shared_ptr<Pool>& pool, const std::shared_ptr<Pool>* next,
                   Loop& loop) {
  if (next == nullptr || *next != pool) pool->retire(loop);
}
}  // namespace

Snapshot::Snapshot(ConfigRef c, uint64_t queue_bytes, const std::vector<Loop*>& loops,
                   const Snapshot* before)
    : config(std::move(c)),
      router(*config),
      trusted(config->trusted_proxies),
      secrets(std::make_shared<Secrets>(*config, before ? before->secrets.get() : nullptr)),
      tls(std::make_shared<TlsContexts>(*config, before ? before->tls.get() : nullptr)),
      caches(std::make_shared<const CacheOwners>(*config)),
      purge_news(before && before->config->cache.redis == config->cache.redis
                     ? before->purge_news
                     : std::make_shared<PurgeNews>()),
      queue_bytes_(queue_bytes) {
  for (const BackendConfig& b : config->backends) {
    const Backend* old = before ? before->find_backend(b.name) : nullptr;
    backends.push_back(std::make_unique<Backend>(b, queue_bytes, loops, old));
  }
  for (const UpstreamConfig& u : config->upstreams) {
    const Upstream* old = before ? before->upstream(u.name) : nullptr;
    upstreams.push_back(std::make_unique<Upstream>(u, loops, old));
  }
  for (const RouteConfig& route : config->routes) {
    routes.push_back(teach(route, before));
    for (const CallConfig& call : route.prefetch.calls) {
      if (!call.body.empty()) upstream(call.upstream)->prefetches_bodies = true;
    }
  }
}

void Snapshot::take_effect() {
  for (auto& b : backends) b->take_effect(queue_bytes_);
  for (auto& u : upstreams) u->take_effect();
}

void Snapshot::give_way(const Snapshot& next, Loop& loop) {
  for (auto& b : backends) {
    const Backend* same = next.find_backend(b->config.name);
    retire_unless(b->kept_pool, same ? &same->kept_pool : nullptr, loop);
    retire_unless(b->kept_direct_pool, same ? &same->kept_direct_pool : nullptr, loop);
  }
  for (auto& u : upstreams) {
    const Upstream* same = next.upstream(u->config.name);
    retire_unless(u->kept_pool, same ? &same->kept_pool : nullptr, loop);
  }
}

Backend* Snapshot::find_backend(std::string_view name) const { return find_named(backends, name); }

Backend& Snapshot::backend(std::string_view name) {
  Backend* found = find_backend(name);
  assert(found != nullptr && "the loader checked that every route's backend exists");
  if (found == nullptr) std::abort();
  return *found;
}

Upstream* Snapshot::upstream(std::string_view name) const { return find_named(upstreams, name); }

}  // namespace siding
