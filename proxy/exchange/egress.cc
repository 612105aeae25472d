// See egress.h.
#include "proxy/exchange/egress.h"

#include <optional>

#include "base/base64.h"
#include "base/text.h"
#include "cache/key.h"
#include "http/h1_write.h"
#include "http/hop.h"
#include "http/uri.h"
#include "proxy/downstream/local_reply.h"
#include "proxy/exchange/cached_answer.h"
#include "proxy/exchange/cached_call.h"
#include "proxy/exchange/lease.h"
#include "proxy/exchange/relay.h"
#include "proxy/observe/log.h"

namespace siding {

namespace {
constexpr size_t kRequestWindow = 256 * 1024;
/// Faults that a worker, which spoke plain http to us, could not see for itself: it is told.
bool is_tls(Failure kind) { return kind == Failure::tls_certificate || kind == Failure::tls; }

/// The request body of the worker's call, as it comes.
class StreamBody final : public BodySource {
 public:
  explicit StreamBody(Stream& stream) : stream_(stream) {}
  Task<Result<Buffer>> next() override {
    while (true) {
      stream_.grant(kRequestWindow);
      if (!stream_.body.empty()) co_return std::exchange(stream_.body, Buffer());
      if (stream_.body_ended) co_return Buffer();
      if (stream_.body_fault) {
        co_return Error(Failure::malformed, Side::downstream, false, "request body");
      }
      co_await Wait(stream_.body_changed);
    }
  }

 private:
  Stream& stream_;
};

/// How one try ended that answered nothing.
struct Failed {
  bool stale = false;      // the kept connection had been closed
  bool untouched = false;  // not a byte of an answer came
};

class EgressCallRun {
 public:
  EgressCallRun(LoopServices& services, Stream& stream) : services_(services), stream_(stream) {}
  ~EgressCallRun() {
    if (fetch_ == nullptr) services_.counters().blocked(services_.loop.now() - stream_.started);
  }
  Task<> run();
  /// For the cache: the call of the worker whose request `flight` has, made as that would be.
  static Task<> fetch(LoopServices& services, FlightFetch& flight);

 private:
  bool refuse_early();
  bool authorized() const;
  Task<bool> hold_body();
  Task<bool> from_pin();
  void learn(const std::vector<PinRef>& inside, std::string_view exchange);
  void send_pinned(const PinnedAnswer& answer);
  Task<bool> from_cache();
  RequestHead end_to_end() const;
  void guard();
  void finish_answer(ResponseHead& head);
  Task<> forward();
  Task<bool> attempt(Lease lease, const RequestHead& head, Failed* failed);
  Task<bool> pause_within_budget(uint32_t tries);
  Task<> relay(H1Client& client, ResponseHead head);
  void answer(Outcome outcome, std::string_view detail);
  Services& shared() { return services_.shared; }

  LoopServices& services_;
  Stream& stream_;
  EgressDestination to_;
  bool guarded_ = false;  // the file says that siding looks after this call
  TimePoint deadline_ = kNever;
  Fields call_fields_;  // end-to-end, as the worker sent them
  FlightFetch* fetch_ = nullptr;
  std::unique_ptr<CacheLookup> lookup_;  // null: its destination has no cache
  std::optional<StoreWriter> writer_;
  WallTime sent_at_{};
};

void EgressCallRun::answer(Outcome outcome, std::string_view detail) {
  if (fetch_ != nullptr) {
    fetch_->failed(outcome, detail, 1);
    return;
  }
  send_local_reply(stream_, outcome, detail);
}

bool EgressCallRun::authorized() const {
  const EgressConfig& config = *services_.shared.config->egress;
  if (config.secret.empty()) return true;
  std::optional<std::string_view> given = stream_.head.fields.get("proxy-authorization");
  if (!given || !equals_ignore_case(given->substr(0, 6), "basic ")) return false;
  std::optional<std::string> pair = base64_decode(given->substr(6));
  if (!pair) return false;
  // The user may name the worker; the password is the lock.
  size_t colon = pair->find(':');
  if (colon == std::string::npos) return false;
  const auto secrets = services_.shared.secrets->values();
  return constant_time_equal(pair->substr(colon + 1),
                             secrets->of(config.secret, config.secret_file));
}

bool EgressCallRun::refuse_early() {
  RequestHead& head = stream_.head;
  if (!authorized()) {
    ResponseHead refused = make_local_reply(Outcome::auth_required, {}, {}).head;
    refused.fields.add("Proxy-Authenticate", "Basic realm=\"siding egress\"");
    stream_.send_head(std::move(refused), BodyFraming::of_length(0));
    stream_.send_end();
    services_.counters().count(EgressCall::denied);
    return true;
  }
  if (head.form == TargetForm::authority) {
    std::optional<HostPort> host = parse_host_port(head.target);
    std::string name = host ? host->host : std::string(head.target);
    shared().speculation.tunnelled(name, services_.loop.now());
    warn_once(
        "tunnel:" + name,
        "a worker asked for a CONNECT tunnel to " + name +
            ": calls in a tunnel cannot be prefetched, and tunnels are not served yet. Unset " +
            "https_proxy for it, or use the base URL form of an [upstream]");
    services_.counters().count(EgressCall::tunnel_refused);
    answer(Outcome::not_implemented, "CONNECT tunnels are not served yet");
    return true;
  }
  if (expectation(head) == Expectation::unsupported) {
    answer(Outcome::expectation_failed, "the only expectation is 100-continue");
    return true;
  }
  std::optional<EgressDestination> to = egress_destination(shared(), head);
  if (!to) {
    services_.counters().count(EgressCall::denied);
    answer(Outcome::forbidden, "neither the Host nor the path names an [upstream]");
    return true;
  }
  to_ = std::move(*to);
  bool pass = shared().config->egress->unlisted == EgressConfig::Unlisted::pass;
  if (to_.upstream == nullptr && !pass) {
    services_.counters().count(EgressCall::denied);
    answer(Outcome::forbidden, "this destination is not listed as an [upstream]");
    return true;
  }
  return false;
}

void EgressCallRun::send_pinned(const PinnedAnswer& pinned) {
  if (pinned.timed_out) {
    // The worker sees what it would have seen a time-out later.
    stream_.abort();
    return;
  }
  ResponseHead head = pinned.head;
  prepare_answer(head, true);
  bool bodyless = stream_.head.method == "HEAD" || head.status == 204 || head.status == 304;
  std::optional<std::string_view> length = head.fields.get("content-length");
  BodyFraming framing = BodyFraming::of_length(pinned.body.size());
  if (bodyless) {
    std::optional<uint64_t> declared = length ? parse_u64(*length) : std::nullopt;
    framing = declared ? BodyFraming::of_length(*declared) : BodyFraming::none();
  } else if (!pinned.trailers.empty()) {
    framing = BodyFraming::chunked();
  }
  stream_.send_head(std::move(head), framing);
  stream_.send_data(pinned.body.share());
  stream_.send_end(&pinned.trailers);
}

/// The worker's call teaches each template that expected it.
void EgressCallRun::learn(const std::vector<PinRef>& inside, std::string_view exchange) {
  for (const PinRef& pin : inside) {
    bool named = !exchange.empty() && pin->offer.exchange == exchange;
    bool certain = named || (exchange.empty() && inside.size() == 1);
    pin->offer.learned->learn(call_fields_, pin->offer, certain);
  }
}

/// Waits for the whole body where a prefetch may have sent the same. False: nobody can have.
Task<bool> EgressCallRun::hold_body() {
  if (to_.upstream == nullptr) co_return false;
  const bool bodyless = stream_.body_ended && stream_.body.empty();
  if (bodyless || !to_.upstream->prefetches_bodies) co_return bodyless;
  const bool too_long = stream_.framing.kind == BodyFraming::Kind::length &&
                        stream_.framing.length > kMostComparedBody;
  while (!stream_.body_ended) {
    if (too_long || stream_.body_fault || stream_.body.size() > kMostComparedBody) co_return false;
    stream_.grant(kMostComparedBody + 1);
    co_await Wait(stream_.body_changed);
  }
  co_return true;
}

/// True if the call was answered by a prefetch.
Task<bool> EgressCallRun::from_pin() {
  bool possible = co_await hold_body();
  if (!possible) co_return false;
  const std::string_view type = call_fields_.get("content-type").value_or("");
  const std::string body =
      stream_.body.empty() ? std::string() : canonical_body(type, stream_.body.str());
  std::string key = call_key(to_.upstream->config.name, stream_.head.method, to_.target, body);
  std::string exchange(stream_.head.fields.get("siding-exchange").value_or(""));
  Signal done;
  struct Notify : Wake {
    explicit Notify(Signal& s) : Wake(&Notify::run), signal(s) {}
    static void run(Wake& w) { static_cast<Notify&>(w).signal.notify(); }
    Signal& signal;
  };
  Notify wake(done);
  RemoteWake joiner(services_.loop, wake);
  PinStore& pins = shared().pins;
  PinStore::Taken taken = pins.take(key, call_fields_, exchange, services_.loop.now(), &joiner);
  learn(taken.inside, exchange);
  if (taken.answer) {
    services_.counters().count(EgressCall::pinned);
    send_pinned(*taken.answer);
    co_return true;
  }
  if (!taken.joined) co_return false;
  // Whatever ends this frame takes the joiner back first.
  struct Leave {
    ~Leave() { store.leave(pin); }
    PinStore& store;
    const PinRef& pin;
  };
  Leave leave{pins, taken.joined};
  PinStore::Joined joined = pins.result(taken.joined);
  while (!joined.done) {
    co_await Wait(done);
    joined = pins.result(taken.joined);
  }
  if (!joined.answer) co_return false;
  services_.counters().count(EgressCall::joined);
  send_pinned(*joined.answer);
  co_return true;
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
    Sent sent = co_await send_stored(stream_, found.request(), found.entry, found.status, found.age,
                                     kNever);
    co_return sent.outcome != Outcome::internal;
  }
  if (kind == CacheLookup::Kind::flight) {
    Sent sent = co_await send_flight(stream_, found.request(), *found.reader, found.status,
                                     found.age, kNever);
    co_return sent.outcome != Outcome::internal;
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
  call.to_.upstream = services.shared.upstream(flight.owner().upstream);
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
  Caches& caches = *shared().caches;
  const RequestHead sent = end_to_end();
  services_.invalidate_after(sent, {sent.scheme, sent.authority}, head);
  if (!lookup_) return;
  CacheStatus status = lookup_->status;
  if (lookup_->place && sent.method != "HEAD") {
    writer_.emplace(caches, shared().bodies.memory, lookup_->owner(), *lookup_->place);
    const WallTime now = services_.loop.clock().wall();
    StoreReason reason =
        writer_->begin(lookup_->request(), head, {sent_at_, now}, services_.loop.now());
    status.stored = reason == StoreReason::stored;
    if (!status.stored) status.detail = to_string(reason);
  }
  add_cache_status(head.fields, status);
}

Task<> EgressCallRun::relay(H1Client& client, ResponseHead head) {
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
Task<bool> EgressCallRun::attempt(Lease lease, const RequestHead& head, Failed* failed) {
  H1Client& client = *lease;
  StreamBody body(stream_);
  bool has_body = stream_.framing.kind != BodyFraming::Kind::none;
  bool chunked = stream_.framing.kind == BodyFraming::Kind::chunked;
  services_.counters().request(Peer::upstream);
  BodySource* source = has_body ? &body : nullptr;
  Slice bytes = write_request_head(head, stream_.framing);
  Result<> sent =
      co_await client.send(std::move(bytes), source, deadline_, chunked, &stream_.trailers);
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
  if (to_.upstream != nullptr) set_upstream_fields(shared(), *to_.upstream, head.fields);
  add_via(head.fields, head.minor_version);
  add_cdn_loop(shared(), head.fields);
  bool bodyless = stream_.framing.kind == BodyFraming::Kind::none;
  const bool repeatable = to_.upstream != nullptr && is_idempotent(head.method) && bodyless;
  if (guarded_) to_.upstream->retries.call(services_.loop.now());
  bool may_reuse = repeatable;
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
      bool answered = co_await attempt(std::move(*lease), head, &failed);
      if (answered) co_return;
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

Task<> EgressCallRun::run() {
  services_.counters().request(Peer::worker);
  if (refuse_early()) co_return;
  call_fields_ = stream_.head.fields;
  strip_request_fields(call_fields_, Direction::egress);
  bool answered = co_await from_pin();
  if (answered) co_return;
  answered = co_await from_cache();
  if (answered) co_return;
  guard();
  co_await forward();
}

/// Whether siding looks after the call, as the file says.
void EgressCallRun::guard() {
  guarded_ = to_.upstream != nullptr && to_.upstream->config.guard_worker;
  if (guarded_) deadline_ = after(services_.loop.now(), to_.upstream->config.timeout);
}

}  // namespace

Task<> EgressHandler::handle(Stream& stream) {
  EgressCallRun call(services_, stream);
  co_await call.run();
}

}  // namespace siding
