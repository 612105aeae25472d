// See call.h.
#include "proxy/exchange/call.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/text.h"
#include "proxy/exchange/lease.h"
#include "proxy/loop/join.h"

namespace siding {

Duration retry_pause(uint32_t tries, uint64_t random) {
  constexpr Duration kFirstPause = std::chrono::milliseconds(25);
  const Duration most = kFirstPause * (1 << std::min(tries, 8u));
  return most / 2 + Duration(static_cast<int64_t>(random % 1024) * most.count() / 2048);
}

void set_upstream_fields(const LoopServices& services, const Upstream& upstream, Fields& fields) {
  if (upstream.config.headers.empty()) return;
  const auto secrets = services.snapshot.secrets->values();
  for (const auto& [name, header] : upstream.config.headers) {
    fields.set(name, secrets->of(header.value, header.file));
  }
}

void add_cdn_loop(const Services& services, Fields& fields) {
  fields.add("CDN-Loop", services.self_id);
}

FilledCall fill_call(const CallConfig& call, const TemplateValues& values) {
  FilledCall out;
  std::optional<std::string> target = call.target.fill(values);
  if (!target) {
    out.missing = call.target.missing(values);
    return out;
  }
  out.target = std::move(*target);
  for (const auto& [name, value] : call.headers) {
    std::optional<std::string> filled = value.fill(values);
    if (!filled) {
      out.missing = value.missing(values);
      return out;
    }
    out.fields.add(name, *filled);
  }
  if (call.body.empty()) return out;
  std::optional<std::string> body = call.body.fill(values);
  if (!body) {
    out.missing = call.body.missing(values);
    return out;
  }
  out.body = std::move(*body);
  if (!out.fields.has("content-type")) out.fields.add("Content-Type", call.body.media_type());
  return out;
}

CallRequest address_call(const LoopServices& services, const Upstream& upstream,
                         const CallConfig& call, std::string_view target, Fields fields,
                         std::string_view body) {
  CallRequest request;
  RequestHead& head = request.head;
  head.fields = std::move(fields);
  head.method = head.fields.intern(call.method);
  head.target = head.fields.intern(target);
  head.authority = head.fields.intern(upstream.config.url.authority());
  set_upstream_fields(services, upstream, head.fields);
  add_cdn_loop(services.shared, head.fields);
  if (!body.empty()) request.body = Slice::copy_of(body);
  request.repeatable = call.repeatable();
  return request;
}

namespace {
class WholeBody final : public BodySource {
 public:
  explicit WholeBody(const Slice& body) : body_(body) {}
  Task<Result<Buffer>> next() override {
    Buffer all;
    all.append(body_);
    co_return std::move(all);
  }
  bool at_end() const override { return true; }

 private:
  const Slice& body_;
};

/// The head as it goes out now, where it tells of the time.
RequestHead timed(const CallRequest& request, TimePoint now, TimePoint deadline) {
  RequestHead head = request.head;
  head.fields.set("X-Request-Timeout-Ms",
                  std::to_string(std::max<int64_t>(0, to_ms(deadline - now))));
  return head;
}

Task<Result<CallAnswer>> attempt(HttpClient& client, const UpstreamConfig& config,
                                 const CallRequest& request, CallOptions options) {
  const TimePoint began = Loop::current().now();
  std::optional<RequestHead> with_time;
  if (config.deadline_header) with_time = timed(request, began, options.deadline);
  OutRequest out;
  out.head = with_time ? &*with_time : &request.head;
  // Servers want a length where a method expects a body, even if it is 0.
  const bool framed = request.body.size() > 0 || !is_safe(request.head.method);
  if (framed) out.framing = BodyFraming::of_length(request.body.size());
  WholeBody body(request.body);
  BodySource* source = request.body.size() > 0 ? &body : nullptr;
  Result<> sent = co_await client.send(out, source, options.deadline);
  if (!sent) co_return sent.error();
  CallAnswer answer;
  TimePoint until = options.deadline;
  if (config.first_byte_timeout) until = std::min(until, after(began, *config.first_byte_timeout));
  do {
    Result<ResponseHead> next = co_await client.read_head(request.head.method, until);
    if (!next) co_return next.error();
    answer.head = std::move(*next);
  } while (answer.head.interim());
  while (true) {
    Result<Buffer> piece = co_await client.read_body(options.deadline);
    if (!piece) co_return piece.error();
    if (piece->empty()) break;
    if (answer.body.size() + piece->size() > options.max_body) {
      co_return Error(Failure::too_large, Side::upstream, false, "the answer is larger than a pin");
    }
    answer.body.append(std::move(*piece));
  }
  answer.trailers = client.take_trailers();
  co_return std::move(answer);
}

/// The kept connection had been closed, and the request had come too late for it.
bool was_stale(Lease& lease, const Error& error) {
  return lease.reused() && !lease->answer_begun() &&
         (error.kind == Failure::closed || error.kind == Failure::reset);
}

/// Of a try that is cancelled: tells its address' breaker if that was siding's doing, at the deadline or
/// because another try was quicker. A client that leaves says nothing.
struct GivenUp {
  ~GivenUp() {
    if (ended) return;
    if (loop.now() >= deadline) {
      turn.answered(false, loop.now());
    } else if (outrun != nullptr && *outrun) {
      turn.gave_up(loop.now());
    }
  }
  Loop& loop;
  Endpoints::Turn& turn;
  const TimePoint deadline;
  const bool* const outrun;
  bool ended = false;
};

/// One try, with the connection that it takes. `outrun`: whether another one has won, if there is one.
Task<Result<CallAnswer>> try_once(LoopServices& services, Upstream& upstream,
                                  const CallRequest& request, CallOptions options,
                                  const bool* outrun = nullptr) {
  bool may_reuse = request.repeatable;
  bool refused = false;
  while (true) {
    Result<Lease> lease = co_await lease_upstream(services, upstream, Caller::siding, may_reuse,
                                                  options.deadline, &options.begun);
    if (!lease) {
      services.counters().connect_failed(Peer::upstream, lease.error().kind);
      co_return lease.error();
    }
    HttpClient& client = **lease;
    services.counters().request(Peer::upstream);
    const TimePoint began = services.loop.now();
    GivenUp given_up{services.loop, lease->turn(), options.deadline, outrun};
    Result<CallAnswer> answer = co_await attempt(client, upstream.config, request, options);
    given_up.ended = true;
    services.counters().sent(Peer::upstream, client.sent_bytes());
    services.counters().received(Peer::upstream, client.received_bytes());
    if (answer) {
      lease->turn().answered(serves(answer->head.status), services.loop.now());
      if (upstream.config.hedge.kind == HedgeConfig::Kind::p95) {
        upstream.latency.add(services.loop.now() - began);
      }
      lease->release();
      co_return std::move(answer);
    }
    if (client.refused() && !std::exchange(refused, true)) {
      ++upstream.pool.h2_counts().refused;
      continue;
    }
    if (!may_reuse || !was_stale(*lease, answer.error())) {
      lease->turn().answered(answer.error().kind == Failure::too_large, services.loop.now());
      co_return answer.error();
    }
    may_reuse = false;
  }
}

bool is_good(const std::optional<Result<CallAnswer>>& answer) {
  return answer && answer->ok() && serves((**answer).head.status);
}

Task<> try_into(LoopServices& services, Upstream& upstream, const CallRequest& request,
                CallOptions options, const bool& outrun, std::optional<Result<CallAnswer>>& into) {
  Result<CallAnswer> answer = co_await try_once(services, upstream, request, options, &outrun);
  into = std::move(answer);
}

/// One try, and a second one beside it if the first is slow and the budget allows: whoever has a good
/// answer first.
Task<Result<CallAnswer>> try_hedged(LoopServices& services, Upstream& upstream,
                                    const CallRequest& request, CallOptions options,
                                    Duration slow) {
  std::optional<Permit> place;  // the second one's, within the upstream's concurrency
  std::optional<Result<CallAnswer>> first;
  std::optional<Result<CallAnswer>> second;
  bool outrun = false;
  Group tries;
  tries.start(try_into(services, upstream, request, options, outrun, first));
  if (!first) co_await Wait(tries.changed(), after(services.loop.now(), slow));
  if (!first) place = upstream.calls.try_now();
  if (place && upstream.retries.take(services.loop.now())) {
    services.counters().retry(true);
    tries.start(try_into(services, upstream, request, options, outrun, second));
  } else {
    place.reset();
  }
  while (!is_good(first) && !is_good(second) && tries.running() > 0) {
    co_await Wait(tries.changed());
  }
  outrun = true;
  if (is_good(second) && !is_good(first)) co_return std::move(*second);
  co_return std::move(*first);
}

/// After how long a second try joins; nothing if none does.
std::optional<Duration> hedge_after(const Upstream& upstream) {
  switch (upstream.config.hedge.kind) {
    case HedgeConfig::Kind::off: return std::nullopt;
    case HedgeConfig::Kind::p95: return upstream.latency.p95();
    case HedgeConfig::Kind::fixed: return upstream.config.hedge.after;
  }
  return std::nullopt;
}

/// How long to wait before it is tried again; nothing if that is pointless.
std::optional<Duration> pause_before_retry(const Result<CallAnswer>& answer, uint32_t tries,
                                           uint64_t random) {
  const Duration pause = retry_pause(tries, random);
  if (!answer) {
    switch (answer.error().kind) {
      case Failure::refused:
      case Failure::unreachable:
      case Failure::reset:
      case Failure::closed:
      case Failure::timeout:  // of the first byte; of all, and there is no time left
      case Failure::tls: return pause;
      default: return std::nullopt;
    }
  }
  const int status = answer->head.status;
  std::optional<std::string_view> after = answer->head.fields.get("retry-after");
  std::optional<uint64_t> seconds = after ? parse_u64(*after) : std::nullopt;
  const bool asked_to = seconds && (status == 429 || status == 503);
  if (asked_to)
    return std::max<Duration>(pause, std::chrono::seconds(std::min<uint64_t>(*seconds, 3600)));
  // A date, or a place that is full: later than anybody here can wait.
  if (after || serves(status)) return std::nullopt;
  return pause;
}
}  // namespace

Task<Result<CallAnswer>> probe_address(LoopServices& services, Upstream& upstream,
                                       SocketAddress address, CallRequest request,
                                       CallOptions options) {
  bool may_reuse = true;
  while (true) {
    Result<Lease> lease =
        co_await lease_address(services, upstream, address, may_reuse, options.deadline);
    if (!lease) co_return lease.error();
    Result<CallAnswer> answer = co_await attempt(**lease, upstream.config, request, options);
    if (answer) lease->release();
    if (answer || !may_reuse || !was_stale(*lease, answer.error())) co_return std::move(answer);
    may_reuse = false;
  }
}

Task<Result<CallAnswer>> call_upstream(LoopServices& services, Upstream& upstream,
                                       CallRequest request, CallOptions options) {
  Ticket ticket(upstream.calls, services.loop, 0, 0);
  if (ticket.enter(0)) co_return Error(Failure::internal, Side::local, false, "call queue full");
  ticket.ready();
  while (!ticket.granted()) {
    bool in_time = co_await Wait(ticket.on_grant(), options.deadline);
    if (!in_time && !ticket.granted()) {
      co_return Error(Failure::timeout, Side::local, true, "no place within its concurrency");
    }
  }
  Permit permit = ticket.take();
  // A place shortly before the deadline would be wasted: the answer has to come too.
  const TimePoint now = services.loop.now();
  std::optional<TimePoint> turn = upstream.rate.take(now, now + (options.deadline - now) / 2);
  if (!turn) {
    co_return Error(Failure::rate_limited, Side::local, true,
                    upstream.config.name + ": its rate has no place before the deadline");
  }
  if (*turn > now) co_await SleepUntil(*turn);
  const uint32_t most = request.repeatable ? upstream.config.retries : 0;
  upstream.retries.call(services.loop.now());
  for (uint32_t tries = 0;; ++tries) {
    std::optional<Duration> slow;
    if (request.repeatable) slow = hedge_after(upstream);
    Result<CallAnswer> answer = Error();
    if (slow) {
      answer = co_await try_hedged(services, upstream, request, options, *slow);
    } else {
      answer = co_await try_once(services, upstream, request, options);
    }
    if (tries == most) co_return std::move(answer);
    std::optional<Duration> pause = pause_before_retry(answer, tries, services.random());
    if (!pause) co_return std::move(answer);
    TimePoint next = after(services.loop.now(), *pause);
    if (next >= options.deadline) co_return std::move(answer);
    const bool allowed = upstream.retries.take(services.loop.now());
    services.counters().retry(allowed);
    if (!allowed) co_return std::move(answer);
    // Who limits the rate counts every try.
    std::optional<TimePoint> place = upstream.rate.take(next, options.deadline);
    if (!place) co_return std::move(answer);
    co_await SleepUntil(*place);
  }
}

}  // namespace siding
