// See cached_call.h.
#include "proxy/exchange/cached_call.h"

#include "http/hop.h"
#include "proxy/exchange/storing.h"

namespace siding {

namespace {

Outcome outcome_of(const Error& error) {
  const bool late = error.kind == Failure::timeout || error.kind == Failure::dns_timeout;
  return late ? Outcome::upstream_timeout : Outcome::upstream_down;
}

/// FlightFetch::Run of a call.
Task<> fetch_call(LoopServices& services, FlightFetch& flight) {
  const FlightFetch::Terms terms = flight.terms();
  Upstream& upstream = *services.snapshot.upstream(flight.owner().upstream);
  CallRequest request;
  request.head = flight.head;
  set_upstream_fields(services, upstream, request.head.fields);
  add_cdn_loop(services.shared, request.head.fields);
  request.repeatable = terms.repeatable;
  CallOptions options;
  options.deadline = after(services.loop.now(), upstream.config.timeout);
  options.max_body = terms.max_body;
  options.begun = [&flight] { flight.went_inside(true); };
  Result<CallAnswer> got = co_await call_upstream(services, upstream, std::move(request), options);
  if (!got) {
    const Error& error = got.error();
    flight.failed(outcome_of(error), error.detail, 1, error);
    co_return;
  }
  strip_response_fields(got->head.fields, !got->trailers.empty());
  flight.send_head(std::move(got->head), BodyFraming::of_length(got->body.size()));
  flight.send_data(std::move(got->body));
  flight.send_end(&got->trailers);
}

Error too_large() {
  return Error(Failure::too_large, Side::upstream, false, "the answer is larger than it may be");
}

/// All that a flight brings.
Task<Result<CallAnswer>> read_whole(Flight::Reader& reader, CallOptions options) {
  constexpr size_t kPiece = 256 * 1024;
  CallAnswer answer;
  EntryRef entry = reader.flight().entry();
  answer.head = reader.leads() || !entry ? reader.flight().head() : entry->head;
  while (true) {
    const Flight::State state = reader.state();
    Result<Buffer> piece = co_await reader.read(kPiece);
    if (!piece) co_return piece.error();
    if (!piece->empty()) {
      answer.body.append(std::move(*piece));
      if (answer.body.size() > options.max_body) co_return too_large();
      continue;
    }
    if (state == Flight::State::whole) break;
    if (state == Flight::State::torn) {
      co_return Error(Failure::closed, Side::upstream, true, "the answer broke off");
    }
    bool moved = co_await Wait(reader.changed(), options.deadline);
    if (!moved) co_return Error(Failure::timeout, Side::upstream, true, "it did not come in time");
  }
  answer.trailers = reader.take_trailers();
  co_return std::move(answer);
}

/// What no fetch brings for others: asked for on its own, and stored if it may be.
Task<Result<CallAnswer>> call_direct(LoopServices& services, Upstream& upstream,
                                     CacheLookup& lookup, CallRequest request,
                                     CallOptions options) {
  const RequestHead sent = request.head;
  const WallTime began = services.loop.clock().wall();
  Result<CallAnswer> got = co_await call_upstream(services, upstream, std::move(request), options);
  if (!got) co_return std::move(got);
  services.invalidate_after(sent, {upstream.config.url.scheme, sent.authority}, got->head);
  if (std::unique_ptr<StoreWriter> writer = lookup.note(got->head, began)) {
    writer->append(got->body);
    writer->finish();
  }
  co_return std::move(got);
}

}  // namespace

const CacheOwner* cache_of(const LoopServices& services, const Upstream& upstream) {
  const CacheOwners& caches = *services.snapshot.caches;
  return caches.any() ? caches.of_upstream(upstream.config.name) : nullptr;
}

CacheLookup::Ask ask_for_call(const LoopServices& services, const CacheOwner& owner,
                              const Upstream& upstream, RequestHead head) {
  CacheLookup::Ask ask;
  ask.owner = &owner;
  for (const auto& [name, value] : upstream.config.headers) head.fields.remove(name);
  head.fields.remove("cdn-loop");
  ask.request = std::move(head);
  ask.origin = {upstream.config.url.scheme, ask.request.authority};
  ask.scheme = ask.origin.scheme;
  ask.run = fetch_call;
  ask.terms.max_body = std::max(owner.policy.max_object, services.snapshot.config->pins.max_pin);
  return ask;
}

Task<Result<CallAnswer>> call_cached(LoopServices& services, Upstream& upstream,
                                     CallRequest request, CallOptions options) {
  const CacheOwner* owner = cache_of(services, upstream);
  if (owner == nullptr) {
    auto got = co_await call_upstream(services, upstream, std::move(request), options);
    co_return std::move(got);
  }
  CacheLookup::Ask ask = ask_for_call(services, *owner, upstream, request.head);
  ask.terms.repeatable = request.repeatable;
  ask.terms.max_body = std::max(ask.terms.max_body, options.max_body);
  ask.begun = options.begun;
  CacheLookup lookup(services, std::move(ask));
  const CacheLookup::Kind kind = co_await lookup.find(options.deadline);
  if (kind == CacheLookup::Kind::direct) {
    auto got = co_await call_direct(services, upstream, lookup, std::move(request), options);
    co_return std::move(got);
  }
  if (kind == CacheLookup::Kind::failed) {
    if (lookup.error) co_return *lookup.error;
    // As without a cache: who was asked was late, or nobody was, for want of room.
    const Side side = lookup.called ? Side::upstream : Side::local;
    co_return Error(Failure::timeout, side, true, lookup.detail);
  }
  if (kind == CacheLookup::Kind::flight) {
    auto got = co_await read_whole(*lookup.reader, options);
    co_return std::move(got);
  }
  CallAnswer answer;
  answer.head = lookup.entry->head;
  if (lookup.age) set_age(answer.head.fields, *lookup.age);
  answer.body = lookup.entry->body.share();
  if (answer.body.size() > options.max_body) co_return too_large();
  co_return std::move(answer);
}

}  // namespace siding
