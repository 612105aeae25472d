// See caches.h.
#include "proxy/exchange/caches.h"

#include "cache/cache_key.h"
#include "cache/invalidate.h"
#include "cache/key.h"
#include "proxy/loop/wait.h"

namespace siding {

namespace {
std::unique_ptr<CacheOwner> owner_of(const CacheConfig& config, std::string_view name) {
  if (!config.enabled) return nullptr;
  auto owner = std::make_unique<CacheOwner>();
  // What was stored where more may be stored is not for who may store less.
  owner->id = key_hash(std::string(name) + (config.store_set_cookie ? " with cookies" : ""));
  owner->policy = policy_of(config);
  owner->coalesce = config.coalesce;
  return owner;
}

/// Routes of the same name, under another configuration too, answer the same requests from the same
/// place.
std::string name_of(const RouteConfig& route) {
  std::string name = "route " + route.text() + " -> " + route.backend;
  for (const auto& [field, value] : route.headers) name += " " + field + "=" + value;
  return name;
}

Seconds whole_seconds(Duration d) { return std::chrono::ceil<Seconds>(d); }
}  // namespace

CachePolicy policy_of(const CacheConfig& config) {
  CachePolicy policy;
  policy.enabled = config.enabled;
  policy.store_set_cookie = config.store_set_cookie;
  policy.heuristic = config.heuristic;
  for (const auto& [status, ttl] : config.ttl) policy.ttl.push_back({status, whole_seconds(ttl)});
  policy.stale_while_revalidate = whole_seconds(config.stale_while_revalidate);
  policy.stale_if_error = whole_seconds(config.stale_if_error);
  policy.max_object = config.max_object;
  policy.ignore_parameters = config.ignore;
  policy.only_parameters = config.only;
  return policy;
}

Flights::Shard& Flights::shard_of(std::string_view key) {
  return shards_[key_hash(key) % shards_.size()];
}

void Flights::close(const std::string& key, const Flight& flight) {
  Shard& shard = shard_of(key);
  std::lock_guard lock(shard.mutex);
  auto found = shard.flights.find(key);
  if (found == shard.flights.end()) return;
  FlightRef running = found->second.flight.lock();
  if (!running || running.get() == &flight) shard.flights.erase(found);
}

void Flights::invalidate(std::string_view uri) {
  for (Shard& shard : shards_) {
    std::lock_guard lock(shard.mutex);
    std::erase_if(shard.flights, [&](const auto& one) {
      if (one.second.uri != uri) return false;
      if (FlightRef running = one.second.flight.lock()) running->do_not_store();
      return true;
    });
  }
}

void Flights::purge(const Purge& purge) {
  for (Shard& shard : shards_) {
    std::lock_guard lock(shard.mutex);
    std::erase_if(shard.flights, [&](const auto& one) {
      const Slot& slot = one.second;
      if (!may_match(purge, slot.uri)) return false;
      // Whether it has the tag is seen when it is to be stored.
      FlightRef running = slot.flight.lock();
      if (running && purge.kind != Purge::Kind::tag) running->do_not_store();
      return true;
    });
  }
}

CacheOwners::CacheOwners(const Config& config) : any_(config.caches()) {
  for (const RouteConfig& route : config.routes) {
    routes_.push_back(owner_of(route.cache, name_of(route)));
  }
  for (const UpstreamConfig& upstream : config.upstreams) {
    auto owner = owner_of(upstream.cache, "upstream " + upstream.name);
    if (!owner) continue;
    owner->upstream = upstream.name;
    upstreams_.emplace(upstream.name, std::move(owner));
  }
}

const CacheOwner* CacheOwners::of_upstream(std::string_view name) const {
  auto found = upstreams_.find(std::string(name));
  return found == upstreams_.end() ? nullptr : found->second.get();
}

Caches::Caches(CacheOwnersRef owners, uint64_t bytes)
    : store(owners->any() ? bytes : 0), owners_(std::move(owners)) {}

CacheOwnersRef Caches::owners() const {
  std::lock_guard lock(owners_mutex_);
  return owners_;
}

void Caches::adopt(CacheOwnersRef owners, uint64_t bytes) {
  store.set_limit(owners->any() ? bytes : 0);
  std::lock_guard lock(owners_mutex_);
  owners_ = std::move(owners);
}

void Caches::collect(MetricSink& sink) const {
  if (!owners()->any()) return;
  const MemoryStore::Snapshot now = store.snapshot();
  auto number = [](uint64_t n) { return static_cast<double>(n); };
  sink.gauge("siding_cache_bytes", "Bytes of stored answers, all overhead included",
             number(now.bytes));
  sink.gauge("siding_cache_limit_bytes", "Their limit", number(store.limit()));
  sink.gauge("siding_cache_entries", "Stored answers", number(now.entries));
  sink.counter("siding_cache_evicted_total", "URIs whose answers made room for others",
               number(now.evicted));
  sink.counter("siding_cache_refused_total", "Answers for which there was no room",
               number(now.refused));
  sink.gauge("siding_cache_fetches", "Fetches under way",
             static_cast<double>(counts.fetches.load()));
  sink.gauge("siding_cache_readers", "Requests that wait for these fetches, or read them",
             static_cast<double>(counts.readers.load()));
  for (size_t i = 0; i < purged_by_kind_.size(); ++i) {
    sink.counter("siding_cache_purges_total", "Purges", number(purged_by_kind_[i]),
                 {{"kind", to_string(static_cast<Purge::Kind>(i))}});
  }
  sink.counter("siding_cache_purged_total", "Stored answers that they dropped", number(purged_));
}

bool Caches::keep(const StorePlace& place, const EntryRef& entry, const EntryRef& old) {
  // Before, for what nobody is to see; and after, for a purge that came in between.
  auto met = [&] {
    return outdated(place, *entry) || (old && purges.met(place.since, place.uri, *old));
  };
  if (!met()) store.put(place.uri, entry);
  if (old) store.drop(place.uri, old);
  if (!met()) return true;
  store.drop(place.uri, entry);
  return false;
}

std::vector<Purge> Caches::forms_of(const Purge& purge) const {
  std::set<std::string> texts;
  owners()->for_each(
      [&](const CacheOwner& owner) { texts.insert(purge.under(owner.policy).text); });
  std::vector<Purge> forms;
  for (const std::string& text : texts) forms.push_back({purge.kind, text});
  return forms;
}

size_t Caches::purge(const Purge& purge) {
  Purging purging(*this, purge);
  while (purging.step()) {
  }
  return purging.dropped();
}

bool Caches::outdated(const StorePlace& place, const Entry& entry) const {
  return epoch_of(place.uri) != place.epoch || purges.met(place.since, place.uri, entry);
}

uint32_t Caches::epoch_of(std::string_view uri) const {
  return epochs_[key_hash(uri) % epochs_.size()].load(std::memory_order_acquire);
}

void Caches::invalidate(std::string_view uri) {
  epochs_[key_hash(uri) % epochs_.size()].fetch_add(1, std::memory_order_acq_rel);
  flights.invalidate(uri);
  store.drop(uri);
}

std::set<std::string> Caches::invalidate_after(const RequestHead& request,
                                               const AskedOrigin& origin,
                                               const ResponseHead& response) {
  // Each reckons the keys of the same URI by its own policy.
  std::set<std::string> uris;
  if (is_safe(request.method)) return uris;
  const CacheOwnersRef all = owners();
  if (!all->any()) return uris;
  auto add = [&](const CacheOwner& owner, const std::string& target) {
    auto uri = uri_key(origin.scheme, origin.host, target, owner.policy);
    if (uri) uris.insert(std::move(*uri));
  };
  RequestHead asked = request;
  asked.scheme = origin.scheme;
  asked.authority = origin.host;
  for (const std::string& target : invalidated_targets(asked, response)) {
    all->for_each([&](const CacheOwner& owner) { add(owner, target); });
  }
  for (const std::string& uri : uris) invalidate(uri);
  return uris;
}

Purging::Purging(Caches& caches, const Purge& purge) : caches_(caches), purge_(purge) {
  ++caches_.purged_by_kind_[static_cast<size_t>(purge.kind)];
  for (const Purge& one : caches_.forms_of(purge)) {
    caches_.purges.add(one);
    caches_.flights.purge(one);
    if (one.kind != Purge::Kind::url) continue;
    const std::string rest = one.text.substr(one.text.find("://"));
    for (const char* scheme : {"http", "https"}) dropped_ += caches_.store.drop(scheme + rest);
  }
  caches_.purged_ += dropped_;
}

bool Purging::step() {
  if (purge_.kind == Purge::Kind::url) return false;
  const size_t dropped = caches_.store.drop_step(
      walk_, [&](std::string_view uri, const Entry& entry) { return matches(purge_, uri, entry); });
  dropped_ += dropped;
  caches_.purged_ += dropped;
  return !walk_.ended();
}

Task<size_t> purge_by_turns(Caches& caches, Purge purge) {
  Purging purging(caches, purge);
  while (purging.step()) co_await NextBatch();
  co_return purging.dropped();
}

}  // namespace siding
