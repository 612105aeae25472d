// What the cache does for an exchange, see exchange.h: it answers in its place, or takes note of the
// answer that comes by the usual way.
#include "base/digest.h"
#include "proxy/exchange/exchange.h"

namespace siding {

void Exchange::end_with(Sent sent) {
  record_.outcome = sent.outcome;
  record_.status = sent.status;
  if (!sent.detail.empty()) record_.detail = std::move(sent.detail);
}

/// True: the request has been answered.
Task<bool> Exchange::from_cache() {
  const CacheOwner* owner = snapshot().caches->of_route(snapshot().index_of(*route_));
  if (owner == nullptr) co_return false;
  CacheLookup::Ask ask;
  ask.owner = owner;
  ask.request = stream_.head;
  ask.origin = origin_;
  ask.peer = stream_.peer();
  ask.scheme = stream_.scheme;
  ask.request_id = record_.request_id;
  ask.waits_for_others = !self_call_;  // the worker that it would wait for may be waiting for it
  ask.client = &stream_;
  ask.run = &Exchange::fetch;
  if (body_ && stream_.head.method == "QUERY") {
    if (std::optional<std::string> text = body_->text()) {
      ask.content_digest = sha256(*text);
      ask.body.append_copy(*text);
    }
  }
  lookup_ = std::make_unique<CacheLookup>(services_, std::move(ask));
  CacheLookup& found = *lookup_;
  const CacheLookup::Kind kind = co_await found.find(deadline_);
  record_.cache = found.result;
  if (kind == CacheLookup::Kind::direct) co_return false;
  record_.by_flight = found.reader != nullptr;
  if (kind == CacheLookup::Kind::failed) {
    answer(found.outcome, found.detail);
  } else if (kind == CacheLookup::Kind::stored) {
    stream_.fin_is_gone = false;  // who closed its half wants what it asked for
    Sent sent = co_await send_stored(stream_, found.request(), found.entry, found.status, found.age,
                                     deadline_);
    end_with(std::move(sent));
  } else {
    Sent sent = co_await send_flight(stream_, found.request(), *found.reader, found.status,
                                     found.age, deadline_);
    end_with(std::move(sent));
  }
  if (found.reader) take_flight_record(found.reader->flight());
  co_return true;
}

/// What was done for it by the fetch that it waited for.
void Exchange::take_flight_record(Flight& flight) {
  std::optional<ExchangeRecord> done = flight.take_record();
  if (!done) return;
  record_.queue_wait = done->queue_wait;
  record_.worker = done->worker;
  record_.ahead = done->ahead;
  record_.attempts = done->attempts;
  record_.spilled = done->spilled;
  record_.prefetches = std::move(done->prefetches);
  record_.legs = std::move(done->legs);
  if (record_.detail.empty()) record_.detail = std::move(done->detail);
}

/// An answer that comes by the usual way: what it changes in the store, and what the cache says of it.
void Exchange::finish_answer(ResponseHead& head) {
  services_.invalidate_after(stream_.head, origin_, head);
  if (lookup_) writer_ = lookup_->note(head, sent_at_);
}

}  // namespace siding
