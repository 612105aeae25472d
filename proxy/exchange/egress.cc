// See egress.h.
#include "proxy/exchange/egress.h"

#include <optional>

#include "base/base64.h"
#include "base/text.h"
#include "cache/key.h"
#include "http/hop.h"
#include "http/uri.h"
#include "proxy/downstream/local_reply.h"
#include "proxy/exchange/egress_call.h"
#include "proxy/exchange/relay.h"
#include "proxy/observe/log.h"

namespace siding {

void EgressCallRun::answer(Outcome outcome, std::string_view detail) {
  if (fetch_ != nullptr) {
    fetch_->failed(outcome, detail, 1);
    return;
  }
  send_local_reply(stream_, outcome, detail);
}

bool EgressCallRun::authorized() const {
  const EgressConfig& config = *services_.snapshot.config->egress;
  if (config.secret.empty()) return true;
  std::optional<std::string_view> given = stream_.head.fields.get("proxy-authorization");
  if (!given || !equals_ignore_case(given->substr(0, 6), "basic ")) return false;
  std::optional<std::string> pair = base64_decode(given->substr(6));
  if (!pair) return false;
  // The user may name the worker; the password is the lock.
  size_t colon = pair->find(':');
  if (colon == std::string::npos) return false;
  const auto secrets = services_.snapshot.secrets->values();
  return constant_time_equal(pair->substr(colon + 1),
                             secrets->of(config.secret, config.secret_file));
}

void EgressCallRun::refuse_unauthorized() {
  ResponseHead refused = make_local_reply(Outcome::auth_required, {}, {}).head;
  refused.fields.add("Proxy-Authenticate", "Basic realm=\"siding egress\"");
  stream_.send_head(std::move(refused), BodyFraming::of_length(0));
  stream_.send_end();
  services_.counters().count(EgressCall::denied);
}

bool EgressCallRun::refuse_early() {
  RequestHead& head = stream_.head;
  if (expectation(head) == Expectation::unsupported) {
    answer(Outcome::expectation_failed, "the only expectation is 100-continue");
    return true;
  }
  std::optional<EgressDestination> to = egress_destination(snapshot(), head);
  if (!to) {
    services_.counters().count(EgressCall::denied);
    answer(Outcome::forbidden, "neither the Host nor the path names an [upstream]");
    return true;
  }
  to_ = std::move(*to);
  bool pass = snapshot().config->egress->unlisted == EgressConfig::Unlisted::pass;
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

Task<> EgressCallRun::run() {
  services_.counters().request(Peer::worker);
  if (!authorized()) {
    refuse_unauthorized();
    co_return;
  }
  if (stream_.head.form == TargetForm::authority) {
    co_await tunnel();
    co_return;
  }
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

Task<> EgressHandler::handle(Stream& stream) { return run(now_, stream); }

Task<> EgressHandler::run(LoopServicesRef services, Stream& stream) {
  EgressCallRun call(*services, stream);
  co_await call.run();
}

}  // namespace siding
