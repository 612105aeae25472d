// See cache_lookup.h.
#include "proxy/exchange/cache_lookup.h"

#include <utility>

#include "cache/directives.h"
#include "cache/validate.h"
#include "http/client_certificate.h"

namespace siding {

namespace {
/// Each use needs the origin's word: one fetch never serves two.
bool validates_each_time(const Freshness& f) {
  return f.always_validate || f.lifetime.length <= Seconds(0);
}
}  // namespace

CacheLookup::Kind CacheLookup::direct(Forward forward) {
  status.forward = forward;
  return Kind::direct;
}

CacheLookup::Kind CacheLookup::fail(Outcome why, std::string_view text, int seconds) {
  outcome = why;
  detail = text;
  retry_after = seconds;
  return Kind::failed;
}

/// What is stored, so that it may be sent, or why nothing is; nullopt: it has to be fetched.
std::optional<CacheLookup::Kind> CacheLookup::look() {
  const CachePolicy& policy = ask_.owner->policy;
  const RequestHead& request = ask_.request;
  Caches& caches = *services_.shared.caches;
  const WallTime now = services_.loop.clock().wall();
  place_->since = caches.purges.now();
  place_->epoch = caches.epoch_of(place_->uri);
  found_ =
      caches.store.find(place_->uri, place_->variant, request.fields, policy, services_.loop.now());
  decision_ = {};
  status = {};
  if (!found_.entry) {
    if (refuses_forwarding(request)) return fail(Outcome::not_cached, "nothing is stored", 0);
    if (request_directives(request.fields).no_store) return direct(Forward::bypass);
    status.forward = found_.other_variants ? Forward::vary_miss : Forward::uri_miss;
    result = CacheResult::miss;
    // A part, or a head, is no answer that others could use; credentials ask for a private one.
    if (request.method == "HEAD" || request.fields.has("range") || !may_join() ||
        request.fields.has("authorization") || has_client_certificate(request.fields)) {
      return Kind::direct;
    }
    return std::nullopt;
  }
  decision_ = may_reuse(request, found_.entry->freshness, policy, now);
  if (decision_.send_now()) {
    entry = found_.entry;
    age = decision_.age;
    status.ttl = decision_.time_left;
    result = decision_.kind == Reuse::fresh ? CacheResult::hit : CacheResult::stale;
    if (decision_.kind == Reuse::stale_while_revalidate) refresh();
    return Kind::stored;
  }
  if (decision_.kind == Reuse::only_if_cached) {
    return fail(Outcome::not_cached, "what is stored has to be validated", 0);
  }
  status.forward = forward_of(decision_);
  if (decision_.kind == Reuse::bypass) return direct(Forward::bypass);
  result = CacheResult::miss;
  if (request.method == "HEAD") return Kind::direct;
  return std::nullopt;
}

bool CacheLookup::may_join() const {
  if (alone_ || !ask_.waits_for_others || !ask_.owner->coalesce || found_.pass) return false;
  return !found_.entry || !validates_each_time(found_.entry->freshness);
}

std::string CacheLookup::flight_key() const {
  std::string key = std::to_string(ask_.owner->id) + " ";
  key += CacheKey{place_->uri, place_->variant.content}.text();
  if (!vary_.empty()) {
    key += " vary " + vary_;
  } else if (found_.other_variants) {
    key += " vary " + vary_key(found_.vary, ask_.request.fields, ask_.owner->policy);
  } else if (found_.entry) {
    key += " vary " + found_.entry->vary_key;
  }
  return key;
}

FlightFetch::Order CacheLookup::order(FlightRef flight, std::string key) const {
  FlightFetch::Order out;
  out.flight = std::move(flight);
  out.owner = ask_.owner;
  out.key = std::move(key);
  out.place = *place_;
  out.stale = found_.entry;
  out.stale_if_error = decision_.stale_if_error;
  out.peer = ask_.peer;
  out.scheme = ask_.scheme;
  out.terms = ask_.terms;
  return out;
}

FlightRef CacheLookup::new_flight() const {
  Services& shared = services_.shared;
  return std::make_shared<Flight>(shared.bodies, shared.caches->counts,
                                  ask_.owner->policy.max_object);
}

/// Reads the fetch that is under way, or begins one.
void CacheLookup::join() {
  Flights::Joined joined{nullptr, true};
  std::string key;
  if (may_join()) {
    key = flight_key();
    joined = enter(key, true);
  } else {
    joined.flight = new_flight();
  }
  reader = std::make_unique<Flight::Reader>(joined.flight, services_.loop, joined.leads);
  if (!joined.leads) return;
  RequestHead head = ask_.request;
  if (!ask_.request_id.empty()) head.fields.set("X-Request-Id", ask_.request_id);
  FlightFetch::start(services_, order(std::move(joined.flight), std::move(key)), std::move(head),
                     ask_.body.share(), ask_.run);
}

Flights::Joined CacheLookup::enter(const std::string& key, bool waits) {
  return services_.shared.caches->flights.join(key, place_->uri, waits,
                                               [this] { return new_flight(); });
}

/// In the background, unless somebody is at it already.
void CacheLookup::refresh() {
  std::string key = flight_key();
  Flights::Joined joined = enter(key, false);
  if (!joined.leads) return;
  FlightFetch::Order background = order(std::move(joined.flight), std::move(key));
  background.refresh = true;
  // Whatever this client thinks of ages, and of what it has of it already.
  RequestHead head = ask_.request;
  head.fields.remove("cache-control");
  head.fields.remove("pragma");
  if (head.method == "HEAD") head.method = "GET";
  FlightFetch::start(services_, std::move(background), std::move(head), ask_.body.share(),
                     ask_.run);
}

CacheLookup::Kind CacheLookup::send_stale(std::string_view why, int origin_status) {
  reader.reset();
  entry = found_.entry;
  const WallTime now = services_.loop.clock().wall();
  age = current_age(entry->freshness, now);
  status.ttl = time_left(entry->freshness, now);
  status.forward = Forward::stale;
  status.forward_status = origin_status;
  status.detail = why;
  result = CacheResult::stale;
  return Kind::stored;
}

/// Nobody waits in vain twice: the next fetch is shared with those whom this one failed too, the one
/// after that is one's own.
std::optional<CacheLookup::Kind> CacheLookup::once_more(bool alone) {
  reader.reset();
  ++round_;
  alone_ = alone || round_ > 1;
  return std::nullopt;
}

std::optional<CacheLookup::Kind> CacheLookup::decide() {
  Flight& flight = reader->flight();
  const Flight::State state = reader->state();
  const bool leads = reader->leads();
  if (state == Flight::State::again) return once_more(false);
  if (state == Flight::State::failed) {
    const Outcome why = flight.outcome();
    if (decision_.stale_if_unreachable) return send_stale(to_string(why), 0);
    if (!leads && round_ == 0) return once_more(ask_.own_try);
    error = flight.error();
    return fail(why, flight.detail(), flight.retry_after());
  }
  if (!flight.alone()) return decide_shared(flight);
  const int origin_status = flight.origin_status();
  if (decision_.stale_if_error && is_stale_if_error_status(origin_status)) {
    return send_stale("origin failed", origin_status);
  }
  if (!leads) return once_more(!flight.momentary());
  status.detail = to_string(flight.reason());
  return Kind::flight;
}

std::optional<CacheLookup::Kind> CacheLookup::decide_shared(Flight& flight) {
  const CachePolicy& policy = ask_.owner->policy;
  const bool leads = reader->leads();
  EntryRef answer = leads ? flight.own_entry() : flight.entry();
  if (!leads) {
    if (!flight.reusable()) return once_more(true);
    if (!vary_matches(answer->vary, answer->vary_key, ask_.request.fields, policy)) {
      vary_ = vary_key(answer->vary, ask_.request.fields, policy);
      return once_more(false);
    }
    // What lay in the shared store is older than this request.
    const WallTime when = services_.loop.clock().wall();
    if (flight.found() && !may_reuse(ask_.request, answer->freshness, policy, when).send_now()) {
      return once_more(true);
    }
    status.collapsed = true;
  }
  const WallTime now = services_.loop.clock().wall();
  age = current_age(answer->freshness, now);
  status.ttl = time_left(answer->freshness, now);
  status.stored = true;
  const bool revalidated = flight.revalidated();
  const bool found = flight.found();
  result = leads ? CacheResult::miss : CacheResult::joined;
  if (revalidated && leads) result = CacheResult::revalidated;
  if (revalidated) status.forward_status = flight.origin_status();
  if (found) {
    if (leads) result = CacheResult::hit;
    status.forward = Forward::none;
    status.stored = false;
    status.detail = "redis";
  }
  const bool in_parts = ask_.request.fields.has("range");
  const bool whole = in_parts && flight.complete();
  if (!revalidated && !found && !whole) return Kind::flight;
  entry = std::move(answer);
  reader.reset();
  return Kind::stored;
}

/// How far the fetch has come, before its answer is there.
void CacheLookup::see(Flight& flight) {
  if (flight.inside() && !std::exchange(called, true) && ask_.begun) ask_.begun();
  tell_client(flight);
}

/// What the client of a fetch sees of it before its answer is there.
void CacheLookup::tell_client(Flight& flight) {
  if (ask_.client == nullptr) return;
  if (flight.inside()) ask_.client->fin_is_gone = false;
  if (!reader->leads()) return;
  for (const ResponseHead& interim : flight.take_interim()) ask_.client->send_interim(interim);
}

Task<CacheLookup::Kind> CacheLookup::find(TimePoint deadline) {
  const RequestHead& request = ask_.request;
  const AskedOrigin& origin = ask_.origin;
  const PurgeLog& purges = services_.shared.caches->purges;
  std::optional<CacheKey> key = cache_key(request, origin, ask_.owner->policy, ask_.content_digest);
  if (!key) {
    const bool readable = is_safe(request.method);
    // An answer to POST may say what GET would be answered (RFC 9110 9.3.3).
    if (request.method == "POST") {
      auto uri = uri_key(origin.scheme, origin.host, request.target, ask_.owner->policy);
      if (uri) place_ = StorePlace{std::move(*uri), {ask_.owner->id, {}}, purges.now()};
    }
    co_return direct(readable ? Forward::bypass : Forward::method);
  }
  place_ = StorePlace{std::move(key->uri), {ask_.owner->id, std::move(key->content)}};
  while (true) {
    std::optional<Kind> known = look();
    if (!known && alone_ && !found_.entry) known = Kind::direct;
    if (known) co_return *known;
    join();
    Flight& flight = reader->flight();
    const bool in_parts = request.fields.has("range");
    while (true) {
      const Flight::State state = reader->state();
      const bool grows = state == Flight::State::open && in_parts && !flight.alone();
      if (state != Flight::State::pending && !grows) break;
      see(flight);
      bool changed = co_await Wait(reader->changed(), deadline);
      if (changed) continue;
      co_return fail(Outcome::deadline, "the answer did not come before the deadline", 0);
    }
    see(flight);
    known = decide();
    if (known) co_return *known;
    // Another fetch would be for nobody.
    if (services_.loop.now() >= deadline) {
      co_return fail(Outcome::deadline, "the answer did not come before the deadline", 0);
    }
  }
}

std::unique_ptr<StoreWriter> CacheLookup::note(ResponseHead& head, WallTime sent_at) {
  const ResponseTimes times{sent_at, services_.loop.clock().wall()};
  std::unique_ptr<StoreWriter> writer;
  if (ask_.request.method == "HEAD") {
    renew_by_head(head, times);
  } else if (place_) {
    Services& shared = services_.shared;
    writer =
        std::make_unique<StoreWriter>(*shared.caches, shared.bodies.memory, *ask_.owner, *place_);
    const StoreReason reason = writer->begin(ask_.request, head, times, services_.loop.now());
    status.stored = reason == StoreReason::stored;
    if (!status.stored) {
      status.detail = to_string(reason);
      writer.reset();
    }
  }
  add_cache_status(head.fields, status);
  return writer;
}

/// RFC 9111 4.3.5.
void CacheLookup::renew_by_head(const ResponseHead& head, ResponseTimes times) {
  const EntryRef& stale = found_.entry;
  if (!stale) return;
  const HeadEffect effect = head_effect(head, stale->head);
  if (effect == HeadEffect::none) return;
  RequestHead as_get = ask_.request;
  as_get.method = "GET";
  const CachePolicy& policy = ask_.owner->policy;
  EntryRef renewed;
  if (effect == HeadEffect::update) renewed = renew_entry(*stale, as_get, head, policy, times);
  // What it says anew may forbid to keep it.
  if (renewed && may_store(as_get, renewed->head, policy, times).store()) {
    services_.shared.caches->keep(*place_, renewed, stale);
  } else {
    services_.forget(place_->uri, stale);
  }
}

}  // namespace siding
