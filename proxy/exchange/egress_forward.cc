// The way out of a worker's call, see egress_call.h: by the cache, or as it is, to where it leads.
#include <optional>
#include <utility>

#include "http/hop.h"
#include "proxy/exchange/cached_answer.h"
#include "proxy/exchange/egress_call.h"
#include "proxy/exchange/relay.h"

namespace siding {

namespace {
constexpr size_t kRequestWindow = 256 * 1024;
/// Faults that a worker, which spoke plain http to us, could not see for itself: it is told.
bool is_tls(Failure kind) { return kind == Failure::tls_certificate || kind == Failure::tls; }

/// Bytes of a body that are kept for a server that refuses the call before it looks at it.
constexpr size_t kMostKept = 64 * 1024;
}  // namespace

/// The request body of the worker's call, as it comes.
class StreamBody final : public BodySource {
 public:
  explicit StreamBody(Stream& stream) : stream_(stream) {}
  Task<Result<Buffer>> next() override {
    if (!again_.empty()) co_return std::exchange(again_, Buffer());
    while (true) {
      stream_.grant(kRequestWindow);
      if (!stream_.body.empty()) {
        Buffer piece = std::exchange(stream_.body, Buffer());
        taken_ += piece.size();
        if (taken_ <= kMostKept) {
          kept_.append(piece.share());
        } else {
          kept_.clear();
        }
        co_return std::move(piece);
      }
      if (stream_.body_ended) co_return Buffer();
      if (stream_.body_fault) {
        co_return Error(Failure::malformed, Side::downstream, false, "request body");
      }
      co_await Wait(stream_.body_changed);
    }
  }
  /// The next call gets it from its beginning. False: too much of it has gone.
  bool rewind() {
    if (taken_ > kMostKept) return false;
    again_ = kept_.share();
    return true;
  }

 private:
  Stream& stream_;
  uint64_t taken_ = 0;
  Buffer kept_;   // all that was taken, if it is little
  Buffer again_;  // of it, what is to be given out once more
};

/// Whether siding looks after the call, as the file says.
void EgressCallRun::guard() {
  guarded_ = to_.upstream != nullptr && to_.upstream->config.guard_worker;
  if (guarded_) deadline_ = after(services_.loop.now(), to_.upstream->config.timeout);
}

/// The request as the worker means it, to its destination.
RequestHead EgressCallRun::end_to_end() const {
  RequestHead head = stream_.head;
  head.fields = call_fields_;
  head.target = head.fields.intern(to_.target);
  head.authority = head.fields.intern(to_.origin.authority());
  head.scheme = to_.origin.scheme;
  return head;
}

/// True if the call was answered by what is stored, or by a fetch for it.
Task<bool> EgressCallRun::from_cache() {
  const CacheOwner* owner = to_.upstream == nullptr ? nullptr : cache_of(services_, *to_.upstream);
  if (owner == nullptr) co_return false;
  CacheLookup::Ask ask = ask_for_call(services_, *owner, *to_.upstream, end_to_end());
  ask.peer = stream_.peer();
  ask.client = &stream_;
  ask.own_try = !to_.upstream->config.guard_worker;
  ask.run = &EgressCallRun::fetch;
  lookup_ = std::make_unique<CacheLookup>(services_, std::move(ask));
  CacheLookup& found = *lookup_;
  const CacheLookup::Kind kind = co_await found.find(kNever);
  if (kind == CacheLookup::Kind::direct) co_return false;
  const bool calls = found.reader && found.reader->leads();
  services_.counters().count(calls ? EgressCall::forwarded : EgressCall::cached);
  if (kind == CacheLookup::Kind::stored) {
    stream_.fin_is_gone = false;
    co_await send_stored(stream_, found.request(), found.entry, found.status, found.age, kNever);
    co_return true;
  }
  if (kind == CacheLookup::Kind::flight) {
    co_await send_flight(stream_, found.request(), *found.reader, found.status, found.age, kNever);
    co_return true;
  }
  // As without a cache: where no answer came the library's own error handling runs.
  if (found.outcome == Outcome::internal) {
    stream_.abort();
  } else {
    answer(found.outcome, found.detail);
  }
  co_return true;
}

Task<> EgressCallRun::fetch(LoopServices& services, FlightFetch& flight) {
  EgressCallRun call(services, flight);
  call.fetch_ = &flight;
  call.to_.upstream = services.snapshot.upstream(flight.owner().upstream);
  call.to_.origin = call.to_.upstream->config.url;
  call.to_.target = flight.head.target;
  call.call_fields_ = flight.head.fields;
  flight.went_inside(false);
  call.guard();
  co_await call.forward();
}

/// What an answer changes in the store, and what the cache says of it.
void EgressCallRun::finish_answer(ResponseHead& head) {
  if (to_.upstream == nullptr) return;
  const RequestHead sent = end_to_end();
  services_.invalidate_after(sent, {sent.scheme, sent.authority}, head);
  if (lookup_) writer_ = lookup_->note(head, sent_at_);
}

Task<> EgressCallRun::relay(HttpClient& client, ResponseHead head) {
  prepare_answer(head, true);
  finish_answer(head);
  stream_.send_head(std::move(head), client_framing(client.framing()));
  while (true) {
    Result<Buffer> piece = co_await client.read_body(deadline_);
    if (!piece) {
      stream_.abort();
      co_return;
    }
    if (piece->empty()) break;
    if (writer_) writer_->append(*piece);
    stream_.send_data(std::move(*piece));
    co_await wait_for_room(stream_, kNever);
  }
  if (writer_) writer_->finish();
  Fields trailers = client.take_trailers();
  stream_.send_end(&trailers);
}

/// One try. False: nothing was answered.
Task<bool> EgressCallRun::attempt(Lease lease, const RequestHead& head, StreamBody* body,
                                  Failed* failed) {
  HttpClient& client = *lease;
  services_.counters().request(Peer::upstream);
  OutRequest out;
  out.head = &head;
  out.framing = stream_.framing;
  out.trailers = &stream_.trailers;
  out.wants_trailers = lease.h1() == nullptr && stream_.head.fields.has_token("te", "trailers");
  Result<> sent = co_await client.send(out, body, deadline_);
  if (!sent) co_return false;
  TimePoint until = deadline_;
  if (guarded_ && to_.upstream->config.first_byte_timeout) {
    until = std::min(until, after(services_.loop.now(), *to_.upstream->config.first_byte_timeout));
  }
  while (true) {
    Result<ResponseHead> next = co_await client.read_head(head.method, until);
    if (!next) {
      const Failure kind = next.error().kind;
      failed->untouched = !client.answer_begun() && kind != Failure::malformed;
      failed->refused = client.refused();
      if (failed->refused) co_return false;
      failed->stale = lease.reused() && failed->untouched && kind != Failure::timeout;
      if (failed->stale) co_return false;
      lease.turn().answered(false, services_.loop.now());
      if (!is_tls(kind)) co_return false;
      answer(Outcome::upstream_tls, next.error().detail);  // as a rule of our certificate
      co_return true;
    }
    ResponseHead answer_head = std::move(*next);
    if (answer_head.interim()) {
      prepare_answer(answer_head, false);
      stream_.send_interim(answer_head);
      continue;
    }
    lease.turn().answered(serves(answer_head.status), services_.loop.now());
    co_await relay(client, std::move(answer_head));
    break;
  }
  lease.release();
  co_return true;
}

Task<> EgressCallRun::forward() {
  bool counted = false;
  RequestHead head = end_to_end();
  sent_at_ = services_.loop.clock().wall();
  if (to_.upstream != nullptr) set_upstream_fields(services_, *to_.upstream, head.fields);
  add_via(head);
  add_cdn_loop(shared(), head.fields);
  bool bodyless = stream_.framing.kind == BodyFraming::Kind::none;
  const bool repeatable = to_.upstream != nullptr && is_idempotent(head.method) && bodyless;
  if (guarded_) to_.upstream->retries.call(services_.loop.now());
  bool may_reuse = repeatable;
  bool refused = false;
  StreamBody body(stream_);
  StreamBody* source = bodyless ? nullptr : &body;
  for (uint32_t tries = 0;;) {
    Result<Lease> lease = Error();
    if (to_.upstream != nullptr) {
      const Caller caller = guarded_ ? Caller::siding : Caller::worker;
      lease = co_await lease_upstream(services_, *to_.upstream, caller, may_reuse, deadline_);
    } else {
      lease = co_await lease_unlisted(services_, to_.origin);
    }
    if (!lease && lease.error().kind == Failure::address_denied) {
      services_.counters().count(EgressCall::denied);
      answer(Outcome::forbidden, lease.error().detail);
      co_return;
    }
    if (!counted && fetch_ == nullptr) services_.counters().count(EgressCall::forwarded);
    counted = true;
    Failed failed;
    if (lease) {
      bool answered = co_await attempt(std::move(*lease), head, source, &failed);
      if (answered) co_return;
      if (failed.refused && body.rewind() && !std::exchange(refused, true)) {
        ++to_.upstream->pool.h2_counts().refused;
        continue;
      }
      if (failed.stale && may_reuse) {
        may_reuse = false;
        continue;
      }
    } else {
      services_.counters().connect_failed(Peer::upstream, lease.error().kind);
      failed.untouched = true;
      if (is_tls(lease.error().kind)) {
        answer(Outcome::upstream_tls, lease.error().detail);
        co_return;
      }
      if (lease.error().kind == Failure::breaker_open) {
        answer(Outcome::upstream_down, lease.error().detail);
        co_return;
      }
    }
    const bool worth_it = guarded_ && repeatable && failed.untouched;
    bool again = worth_it && tries < to_.upstream->config.retries;
    if (again) again = co_await pause_within_budget(tries++);
    if (again) continue;
    if (guarded_ && services_.loop.now() >= deadline_ && !stream_.head_sent) {
      const bool waited = !lease && lease.error().side == Side::local;
      answer(Outcome::upstream_timeout,
             waited ? lease.error().detail : "the upstream did not answer in time");
    } else {
      stream_.abort();  // the library's own error handling runs
    }
    co_return;
  }
}

/// Before a guarded call is made again; false if it may not be.
Task<bool> EgressCallRun::pause_within_budget(uint32_t tries) {
  const TimePoint now = services_.loop.now();
  const TimePoint next = after(now, retry_pause(tries, services_.random()));
  const bool allowed = next < deadline_ && to_.upstream->retries.take(now);
  services_.counters().retry(allowed);
  if (allowed) co_await SleepUntil(next);
  co_return allowed;
}

}  // namespace siding
