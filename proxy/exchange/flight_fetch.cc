// See flight_fetch.h.
#include "proxy/exchange/flight_fetch.h"

#include "base/text.h"
#include "cache/reuse.h"
#include "cache/storable.h"
#include "cache/validate.h"

namespace siding {

namespace {
/// How long no replica waits for another, once a fetch has failed.
constexpr Duration kFailedFor = std::chrono::seconds(1);

/// What a request asks the origin when its answer is for the cache: the whole, whatever the client has
/// of it already.
void ask_for_the_whole(Fields& fields) {
  for (const char* name : {"range", "if-range", "if-none-match", "if-modified-since", "if-match",
                           "if-unmodified-since"}) {
    fields.remove(name);
  }
}

/// With the cookies that a 304 sets: they are for whom it was asked for, and not stored. Null: there are
/// none.
EntryRef with_cookies(const Entry& entry, const Fields& not_modified) {
  std::shared_ptr<Entry> own;
  for (const Field& f : not_modified) {
    if (!equals_ignore_case(f.name, "set-cookie")) continue;
    if (!own) {
      own = std::make_shared<Entry>();
      own->head = entry.head;
      own->body = entry.body.share();
      own->freshness = entry.freshness;
    }
    own->head.fields.add("Set-Cookie", f.value);
  }
  return own;
}
}  // namespace

FlightFetch::FlightFetch(LoopServices& services, Order order)
    : services_(services),
      kept_(services.shared_from_this()),
      order_(std::move(order)),
      remote_(services.loop, poke_) {
  started = services.loop.now();
  scheme = order_.scheme;
  body_ended = true;
  fin_is_gone = false;
  sent_at_ = services.loop.clock().wall();
}

void FlightFetch::start(LoopServices& services, Order order, RequestHead head, Buffer body,
                        Run run) {
  auto* fetch = new FlightFetch(services, std::move(order));
  services.fetches.push_back(*fetch);
  fetch->request_ = head;
  fetch->head = std::move(head);
  if (!body.empty()) fetch->framing = BodyFraming::of_length(body.size());
  fetch->body = std::move(body);
  if (fetch->order_.refresh) fetch->flight().keep_anyway();
  fetch->flight().fetched_by(&fetch->remote_);
  fetch->task_ = fetch->find_or_fetch(run);
  fetch->task_.start(&fetch->end_);
  if (fetch->task_.done()) services.loop.wake(fetch->end_);
}

/// Asks the store that replicas share, then whom it is to be fetched from.
Task<> FlightFetch::find_or_fetch(Run how) {
  RedisTier* tier = services_.redis.get();
  if (tier != nullptr && !order_.key.empty()) {
    bool found = co_await from_tier(*tier);
    if (found) co_return;
  }
  ask_for_the_whole(head.fields);
  if (order_.stale) make_conditional(head.fields, order_.stale->head);
  co_await how(services_, *this);
}

/// True: it was there. Else nobody fetches it, or nobody's fetch is worth waiting for.
Task<bool> FlightFetch::from_tier(RedisTier& tier) {
  const CachePolicy& policy = order_.owner->policy;
  const TimePoint until = after(services_.loop.now(), tier.longest_lease());
  Duration pause = std::chrono::milliseconds(5);
  while (true) {
    EntryRef stored = co_await tier.find(order_.place, request_, policy);
    if (stored && may_send(*stored)) {
      head_sent = finished = answered_ = true;
      answered_by_tier_ = true;
      keep(stored);
      close();
      flight().find(std::move(stored));
      co_return true;
    }
    if (stored && !order_.stale) order_.stale = std::move(stored);
    // Given back whatever comes between: what is not ours does not change by that.
    leased_ = tier.longest_lease() > Duration::zero();
    const RedisTier::Lease lease = co_await tier.take(order_.key);
    if (lease == RedisTier::Lease::others || lease == RedisTier::Lease::pass) leased_ = false;
    if (lease != RedisTier::Lease::others || services_.loop.now() >= until) co_return false;
    // There is no event to wait for; who holds the lease may have died.
    pause = std::min<Duration>(pause * 2, std::chrono::milliseconds(100));
    co_await SleepUntil(after(services_.loop.now(), pause));
  }
}

bool FlightFetch::may_send(const Entry& entry) const {
  const WallTime now = services_.loop.clock().wall();
  const ReuseDecision d = may_reuse(request_, entry.freshness, order_.owner->policy, now);
  return order_.refresh ? d.kind == Reuse::fresh : d.send_now();
}

/// `pass`: for so long no replica need wait for another's fetch.
void FlightFetch::end_lease(Duration pass) {
  if (!std::exchange(leased_, false)) return;
  services_.redis->release(order_.key, pass);
}

FlightFetch::~FlightFetch() {
  task_.reset();
  writing_.reset();
  end_lease({});
  flight().fetched_by(nullptr);
  flight().tear();  // unless it has ended
  close();
}

void FlightFetch::close() {
  if (!order_.key.empty()) caches().flights.close(order_.key, flight());
}

void FlightFetch::on_end() {
  // A file may still be written for those who read.
  const bool busy = !task_.done() || (writing_ && !writing_.done());
  if (!busy) delete this;
}

/// Readers have taken something, or have gone.
void FlightFetch::on_poke() {
  const bool wanted = flight().has_readers() || flight().worth_keeping() || finished;
  if (wanted && !torn_) {
    sent.notify();
  } else {
    delete this;
  }
}

void FlightFetch::went_inside(bool finish) {
  sent_at_ = services_.loop.clock().wall();
  flight().went_inside(finish && !order_.key.empty());
}

void FlightFetch::failed(Outcome outcome, std::string_view detail, int retry_after,
                         std::optional<Error> error) {
  if (head_sent) return abort();
  head_sent = finished = answered_ = true;
  end_lease(kFailedFor);
  close();
  flight().fail(outcome, detail, retry_after, std::move(error));
}

/// True if the answer was about the stored one, and there is no other.
bool FlightFetch::take_304(const ResponseHead& response) {
  if (response.status != 304 || !order_.stale) return false;
  answered_ = true;
  close();
  if (!speaks_of(response, order_.stale->head.fields)) {
    caches().store.drop(order_.place.uri, order_.stale);
    flight().ask_again();
    return true;
  }
  const CachePolicy& policy = order_.owner->policy;
  const WallTime now = services_.loop.clock().wall();
  std::shared_ptr<Entry> entry =
      renew_entry(*order_.stale, request_, response, policy, {sent_at_, now});
  // What it says anew may forbid to keep it.
  const bool storable = may_store(request_, entry->head, policy, {sent_at_, now}).store();
  if (storable) {
    keep(entry);
  } else {
    services_.forget(order_.place.uri, order_.stale);
  }
  const bool reusable = storable && anybody_may_use(*entry, now);
  EntryRef own = policy.store_set_cookie ? nullptr : with_cookies(*entry, response.fields);
  flight().renewed(std::move(entry), std::move(own), response.status, reusable);
  return true;
}

void FlightFetch::send_head(ResponseHead response, BodyFraming body_framing) {
  if (head_sent) return;
  head_sent = true;
  if (!take_304(response)) open(std::move(response), body_framing);
}

void FlightFetch::open(ResponseHead response, BodyFraming body_framing) {
  const CachePolicy& policy = order_.owner->policy;
  const ResponseTimes times{sent_at_, services_.loop.clock().wall()};
  StoreReason reason = may_store(request_, response, policy, times).reason;
  const bool stands_in =
      order_.stale && order_.stale_if_error && is_stale_if_error_status(response.status);
  if (reason != StoreReason::stored || stands_in) {
    close();
    if (passes_by_nature(reason, response)) remember_to_pass();
    const bool momentary = is_momentary(response);
    if (momentary) end_lease(kFailedFor);
    flight().begin_alone(std::move(response), body_framing, reason, momentary);
    services_.loop.wake(poke_);  // perhaps all have left
    return;
  }
  std::shared_ptr<Entry> draft =
      make_entry(request_, response, order_.place.variant, policy, times);
  const bool reusable = anybody_may_use(*draft, times.response);
  if (!reusable) close();
  flight().begin_shared(std::move(response), body_framing, std::move(draft), reusable);
}

void FlightFetch::send_data(Buffer data) {
  if (answered_ || finished) return;
  if (!to_file_.empty() || !flight().append(data)) to_file_.append(std::move(data));
  if (!flight().has_readers()) services_.loop.wake(poke_);
  if (to_file_.empty()) return;
  body_changed.notify();
  if (writing_) return;
  close();
  remember_to_pass();
  writing_ = write_file();
  writing_.start();
}

Task<> FlightFetch::write_file() {
  while (!to_file_.empty()) {
    Buffer piece = to_file_.share();
    const size_t size = piece.size();
    Result<> written = co_await flight().file().append(std::move(piece));
    if (!written) {
      finished = torn_ = true;
      close();
      flight().tear();
      // Whatever still comes is for nobody.
      services_.loop.wake(poke_);
      co_return;
    }
    to_file_.consume(size);
    flight().file_grew(size);
    sent.notify();
    while (to_file_.empty() && !ended_) co_await Wait(body_changed);
  }
  finish();
  services_.loop.wake(end_);
}

void FlightFetch::send_end(const Fields* of_body) {
  if (finished) return;
  finished = true;
  if (answered_) return;
  if (of_body != nullptr) trailers_in_ = *of_body;
  ended_ = true;
  if (writing_) {
    body_changed.notify();
  } else {
    finish();
  }
}

void FlightFetch::finish() {
  EntryRef entry = flight().finish(std::move(trailers_in_));
  if (entry) keep(std::move(entry));
  close();
}

/// In place of the stale one. If it was made invalid meanwhile, it goes again.
void FlightFetch::keep(EntryRef entry) {
  MemoryStore& store = caches().store;
  RedisTier* tier = services_.redis.get();
  bool kept = false;
  if (flight().may_be_stored()) {
    kept = caches().keep(order_.place, entry, order_.stale);
  } else if (order_.stale) {
    store.drop(order_.place.uri, order_.stale);
  }
  bool shared = false;
  if (kept && tier != nullptr && !order_.key.empty() && !answered_by_tier_) {
    shared = tier->put(order_.place, *entry, order_.owner->policy, services_.loop.clock().wall());
  }
  end_lease(shared ? Duration::zero() : kPassFor);
  if (!flight().may_be_stored()) store.drop(order_.place.uri, entry);
}

/// Those who asked before it was made, whatever they have to say about ages.
bool FlightFetch::anybody_may_use(const Entry& entry, WallTime now) const {
  RequestHead anybody = request_;
  anybody.fields.remove("cache-control");
  anybody.fields.remove("pragma");
  return may_reuse(anybody, entry.freshness, order_.owner->policy, now).send_now();
}

void FlightFetch::remember_to_pass() {
  end_lease(kPassFor);
  caches().store.mark_pass(order_.place.uri, after(services_.loop.now(), kPassFor));
}

void FlightFetch::abort() {
  if (finished) return;
  finished = true;
  writing_.reset();
  close();
  flight().tear();
}

}  // namespace siding
