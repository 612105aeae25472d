// See exchange.h. Exchange::run reads from top to bottom as the life of a request; each step that can
// end it says so with an Outcome.
#include "proxy/exchange/exchange.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "cache/key.h"
#include "http/forwarded.h"
#include "http/h1_write.h"
#include "http/hop.h"
#include "http/template_values.h"
#include "proxy/downstream/local_reply.h"
#include "proxy/exchange/accounting.h"
#include "proxy/exchange/backend_call.h"
#include "proxy/exchange/call.h"
#include "proxy/exchange/learning.h"
#include "proxy/exchange/prefetch.h"
#include "proxy/exchange/relay.h"
#include "proxy/observe/log.h"

namespace siding {

namespace {
constexpr size_t kBodyWindow = 256 * 1024;
constexpr size_t kRelayPiece = 128 * 1024;

/// Clients are told apart by address; IPv6 ones by their /64, of which each has plenty.
uint64_t client_key(const SocketAddress& address) {
  in6_addr bytes = address.bytes();
  size_t size = IN6_IS_ADDR_V4MAPPED(&bytes) ? 16 : 8;
  return key_hash({reinterpret_cast<const char*>(bytes.s6_addr), size});
}

/// Whether a template looks into the request body: only then is it worth a copy in one piece.
bool uses_body(const PrefetchConfig& prefetch) {
  auto looks = [](const Template& t) {
    return t.uses(Template::Source::form) || t.uses(Template::Source::json);
  };
  return std::any_of(prefetch.calls.begin(), prefetch.calls.end(), [&](const CallConfig& call) {
    return looks(call.target) ||
           std::any_of(call.headers.begin(), call.headers.end(),
                       [&](const auto& header) { return looks(header.second); });
  });
}

class Exchange {
 public:
  Exchange(LoopServices& services, Stream& stream)
      : services_(services),
        stream_(stream),
        accounting_(std::allocate_shared<Accounting>(PoolAllocator<Accounting>(),
                                                     services.shared.observer, services.loop)),
        record_(accounting_->record) {}
  ~Exchange() {
    if (prefetches_) prefetches_->finish(record_);  // of a client that left the queue
    record_.total = services_.loop.now() - stream_.started;
    record_.bytes_out = stream_.bytes_sent();
  }

  static Task<> run(LoopServices& services, Stream& stream);

 private:
  void begin_record();
  /// Refuses what no route could serve. True if the request has been answered.
  bool refuse_early();
  Task<bool> take_body();
  Task<bool> admit();
  Task<bool> ask_backend();
  Pool& pool();
  Lease take_kept(bool may_reuse);
  Task<> queue_again();
  Task<bool> connect(Lease* lease, bool may_reuse);
  Task<> relay();
  TimePoint patience() const;
  void too_late();
  BackendCall::Request make_request();
  void answer(Outcome outcome, std::string_view detail);
  bool past_deadline() const { return services_.loop.now() >= deadline_; }
  Services& shared() { return services_.shared; }

  LoopServices& services_;
  Stream& stream_;
  AccountingRef accounting_;
  ExchangeRecord& record_;
  const RouteConfig* route_ = nullptr;
  Backend* backend_ = nullptr;
  PathCaptures captures_;
  std::string peer_ip_;  // empty for a unix socket
  bool trusted_peer_ = false;
  uint64_t client_ = 0;
  bool self_call_ = false;
  TimePoint deadline_ = kNever;
  TimePoint queue_deadline_ = kNever;
  std::unique_ptr<BodyStore> body_;
  std::unique_ptr<PrefetchSet> prefetches_;
  std::optional<Ticket> ticket_;
  Permit permit_;
  std::optional<CallHandle> handle_;
};

void Exchange::begin_record() {
  const RequestHead& head = stream_.head;
  record_.wall = services_.loop.clock().wall();
  record_.outcome = Outcome::client_gone;  // unless something else is said below
  record_.method = head.method;
  record_.host = head.authority;
  record_.target = head.target;
  record_.minor_version = head.minor_version;
  const SocketAddress& peer = stream_.peer();
  trusted_peer_ = shared().trusted.trusts(peer);
  if (!peer.is_unix()) peer_ip_ = peer.ip();
  record_.client = peer_ip_;
  client_ = client_key(peer);
  if (trusted_peer_) {
    record_.client = client_address(
        head.fields, std::string(record_.client),
        [this](std::string_view address) { return shared().trusted.trusts(address); });
    std::optional<SocketAddress> address = SocketAddress::parse(record_.client, 0);
    if (address) client_ = client_key(*address);
  }
  std::optional<std::string_view> id = request_id(head.fields);
  record_.request_id = id ? std::string(*id) : services_.new_request_id();
}

bool Exchange::refuse_early() {
  RequestHead& head = stream_.head;
  if (head.form == TargetForm::authority) {
    answer(Outcome::not_implemented, "CONNECT tunnels are not served here");
    return true;
  }
  if (upgrades_to(head.fields, "websocket")) {
    answer(Outcome::not_implemented, "WebSocket upgrades are not supported yet");
    return true;
  }
  if (expectation(head) == Expectation::unsupported) {
    answer(Outcome::expectation_failed, "the only expectation is 100-continue");
    return true;
  }
  MaxForwards forwards = count_forward(head);
  if (forwards == MaxForwards::malformed) {
    answer(Outcome::bad_request, "Max-Forwards is not a number");
    return true;
  }
  if (forwards == MaxForwards::answer_here || head.method == "TRACE") {
    // TRACE would show a client the fields that we add for the backend.
    answer(head.method == "TRACE" ? Outcome::method_not_allowed : Outcome::no_route,
           "answered by the proxy itself (Max-Forwards)");
    return true;
  }
  Router::Match match = shared().router.match(head);
  if (!match.fault.empty()) {
    answer(Outcome::bad_request, match.fault);
    return true;
  }
  if (match.route == nullptr) {
    answer(Outcome::no_route, "no route matches this request");
    return true;
  }
  route_ = match.route;
  captures_ = std::move(match.captures);
  backend_ = &shared().backend(route_->backend);
  record_.route = route_->text();
  record_.backend = route_->backend;
  if (route_->deadline) deadline_ = after(stream_.started, *route_->deadline);
  self_call_ = head.fields.has_token("cdn-loop", shared().self_id);
  return false;
}

/// The whole request body: a worker is never asked before it is here.
Task<bool> Exchange::take_body() {
  const LimitsConfig& limits = shared().config->limits;
  uint64_t most = route_->max_body != 0 ? route_->max_body : limits.max_body;
  if (most == 0) most = UINT64_MAX;
  if (stream_.framing.kind == BodyFraming::Kind::length && stream_.framing.length > most) {
    answer(Outcome::body_too_large, "the request body is larger than this route takes");
    co_return false;
  }
  body_ = std::make_unique<BodyStore>(shared().bodies);
  while (true) {
    stream_.grant(kBodyWindow);
    if (!stream_.body.empty()) {
      Buffer piece = std::exchange(stream_.body, Buffer());
      if (body_->size() + piece.size() > most) {
        answer(Outcome::body_too_large, "the request body is larger than this route takes");
        co_return false;
      }
      Result<> kept = co_await body_->append(std::move(piece));
      if (!kept) {
        record_.detail = kept.error().detail;
        answer(Outcome::no_buffer, "there is no room for the request body now");
        co_return false;
      }
      continue;
    }
    if (stream_.body_fault) {
      answer(*stream_.body_fault, "the request body did not come whole");
      co_return false;
    }
    if (stream_.body_ended) break;
    bool in_time = co_await Wait(stream_.body_changed, deadline_);
    if (!in_time) {
      answer(Outcome::body_timeout, "the request body did not come before the deadline");
      co_return false;
    }
  }
  record_.bytes_in = body_->size();
  record_.spilled = body_->spilled();
  co_return true;
}

/// A place in the queue, the upstream calls, a permit.
Task<bool> Exchange::admit() {
  TimePoint entered = services_.loop.now();
  if (self_call_) {
    // It must not wait for the worker that waits for it.
    std::optional<Permit> permit = backend_->admission.try_now();
    if (!permit) {
      services_.counters().count(EgressCall::self_call);
      answer(Outcome::self_call, "the backend calls itself, and has no idle worker for it");
      co_return false;
    }
    permit_ = std::move(*permit);
    co_return true;
  }
  ticket_.emplace(backend_->admission, services_.loop, client_, route_->priority);
  std::optional<Outcome> shed = ticket_->enter(record_.bytes_in);
  record_.ahead = ticket_->ahead();
  if (shed) {
    answer(*shed, "too many requests wait for " + backend_->config.name);
    co_return false;
  }
  queue_deadline_ = std::min(deadline_, after(entered, backend_->config.queue.timeout));
  if (!route_->prefetch.calls.empty()) {
    auto index = static_cast<size_t>(route_ - shared().config->routes.data());
    auto marks = std::make_shared<const ClientMarks>(client_marks(stream_.head, client_));
    PrefetchSet::Request about{route_, index, std::move(marks), record_.request_id,
                               is_safe(stream_.head.method)};
    prefetches_ = std::make_unique<PrefetchSet>(services_, std::move(about));
    bool wants_body = uses_body(route_->prefetch);
    std::optional<std::string> text = body_ && wants_body ? body_->text() : std::nullopt;
    std::optional<std::string_view> text_view;
    if (text) text_view = *text;
    RequestValues values(stream_.head, captures_, record_.client, text_view);
    prefetches_->start(values, queue_deadline_);
    TimePoint until = prefetches_->wait_until(queue_deadline_);
    while (!prefetches_->settled()) {
      bool changed = co_await Wait(prefetches_->changed(), until);
      if (!changed) break;
    }
  }
  for (bool granted = ticket_->ready(); !granted; granted = ticket_->granted()) {
    bool in_time = co_await Wait(ticket_->on_grant(), queue_deadline_);
    if (in_time || ticket_->granted()) continue;
    record_.queue_wait = services_.loop.now() - entered;
    if (past_deadline()) {
      answer(Outcome::deadline, "no worker was free before the deadline");
    } else if (backend_->admission.down()) {
      answer(Outcome::backend_down, "the backend cannot be reached");
    } else {
      answer(Outcome::queue_timeout, "no worker was free in time");
    }
    co_return false;
  }
  permit_ = ticket_->take();
  record_.queue_wait = services_.loop.now() - entered;
  co_return true;
}

BackendCall::Request Exchange::make_request() {
  RequestHead& head = stream_.head;
  ForwardedHop hop{peer_ip_, trusted_peer_, stream_.scheme, head.authority};
  int version = head.minor_version;
  strip_request_fields(head.fields, Direction::ingress);
  if (set_forwarded(head.fields, hop)) {
    warn_once("forwarded-replaced:" + peer_ip_,
              "forwarding fields of " + peer_ip_ + " were replaced; if it is your ingress, add " +
                  "trusted_proxies = [\"" + peer_ip_ + "\"] (or \"private\")");
  }
  add_via(head.fields, version);
  std::string_view id = head.fields.intern(record_.request_id);
  head.fields.remove("x-request-id");
  head.fields.add_view("X-Request-Id", id);
  head.fields.add_view("Siding-Exchange", id);
  auto us = std::chrono::duration_cast<std::chrono::microseconds>(
                services_.loop.clock().wall().time_since_epoch())
                .count();
  char start[24] = "t=";
  char* start_end = std::to_chars(start + 2, std::end(start), us).ptr;
  head.fields.remove("x-request-start");
  head.fields.add_view("X-Request-Start",
                       head.fields.intern({start, static_cast<size_t>(start_end - start)}));
  BackendCall::Request request;
  request.method = head.method;
  request.trailers = std::move(stream_.trailers);
  request.chunked = !request.trailers.empty();
  request.may_spill = !route_->stream;
  BodyFraming framing = BodyFraming::none();
  if (request.chunked) {
    framing = BodyFraming::chunked();
  } else if (body_ || stream_.framing.kind != BodyFraming::Kind::none) {
    framing = BodyFraming::of_length(body_ ? body_->size() : 0);
  }
  bool keep_alive = backend_->config.keep_alive;
  request.head = write_request_head(head, framing,
                                    keep_alive ? ConnectionField::none : ConnectionField::close);
  return request;
}

Pool& Exchange::pool() { return route_->queue ? backend_->pool : backend_->direct_pool; }

/// A connection that is kept open, if there is one: nearly always.
Lease Exchange::take_kept(bool may_reuse) {
  if (!may_reuse || permit_.probing()) return {};
  return pool().take_idle(services_.loop);
}

/// Somebody else tries the door: back into the queue, where this one stood.
Task<> Exchange::queue_again() {
  ticket_->requeue();
  while (!ticket_->granted()) {
    bool granted = co_await Wait(ticket_->on_grant(), queue_deadline_);
    if (!granted && !ticket_->granted()) co_return;
  }
  permit_ = ticket_->take();
}

/// A connection to the backend. While the backend is down the request waits for it, unless it is to
/// fail at once.
Task<bool> Exchange::connect(Lease* lease, bool may_reuse) {
  const BackendConfig& config = backend_->config;
  do {
    if (ticket_ && !permit_) {
      co_await queue_again();
      if (!permit_) break;
    }
    TimePoint not_before = permit_ ? permit_.not_before() : TimePoint{};
    if (not_before > services_.loop.now()) {
      co_await SleepUntil(std::min(not_before, queue_deadline_));
    }
    bool reuse = may_reuse && !permit_.probing();
    Result<Lease> got = co_await lease_connection(services_, pool(), config.url,
                                                  config.connect_timeout, reuse, queue_deadline_);
    if (got) {
      if (permit_ && !got->reused()) permit_.connected();
      *lease = std::move(*got);
      co_return true;
    }
    ++record_.attempts;
    services_.counters().connect_failed(Peer::backend, got.error().kind);
    record_.detail = got.error().detail;
    if (config.down == Down::fail || !ticket_) break;
    if (!permit_.failed(services_.loop.now())) permit_.reset();
  } while (services_.loop.now() < queue_deadline_);
  answer(past_deadline() ? Outcome::deadline : Outcome::backend_down,
         "the backend cannot be reached");
  co_return false;
}

/// Until when the answer must have moved on; else the client is told that it is too_late().
TimePoint Exchange::patience() const {
  return std::min(deadline_, after(services_.loop.now(), backend_->config.timeout));
}

void Exchange::too_late() {
  Outcome outcome = past_deadline() ? Outcome::deadline : Outcome::backend_timeout;
  if (stream_.head_sent) {
    record_.outcome = outcome;
    stream_.abort();
  } else {
    answer(outcome, "the answer did not come in time");
  }
}

/// Gives the request to a worker and waits for the head of its answer.
Task<bool> Exchange::ask_backend() {
  // Not repeatable ones get a connection of their own: a kept one may be closed at this moment.
  bool repeatable = is_idempotent(stream_.head.method);
  bool may_reuse = repeatable;
  bool repeated = false;
  BackendCall::Request request = make_request();
  handle_.emplace(services_, backend_->config.abandon);
  std::unique_ptr<BackendCall> call;
  while (true) {
    Lease lease = take_kept(may_reuse);
    if (!lease) {
      bool connected = co_await connect(&lease, may_reuse);
      if (!connected) co_return false;
    }
    if (!handle_->call) {
      call = std::make_unique<BackendCall>(services_, std::move(request), std::move(body_),
                                           accounting_);
      if (prefetches_) prefetches_->dispatch();
      call->prefetches = std::move(prefetches_);
      handle_->call = std::move(call);
      stream_.fin_is_gone = false;  // the worker is at it now
    }
    BackendCall& current = *handle_->call;
    current.permit = std::move(permit_);
    current.start(std::move(lease));
    while (true) {
      for (ResponseHead& interim : std::exchange(current.interim, {})) {
        prepare_answer(services_, interim, false);
        stream_.send_interim(interim);
      }
      if (current.head) co_return true;
      if (current.failed) break;
      bool moved = co_await Wait(current.changed, patience());
      if (!moved) {
        too_late();
        co_return false;
      }
    }
    const Error& error = *current.failed;
    record_.detail = error.detail;
    bool lost = !current.stale() && (error.kind == Failure::closed || error.kind == Failure::reset);
    // A kept connection that was closed says nothing. Else the backend may be dying, while the kernel
    // still takes connections for it: what may be repeated is, once, but not before the back-off.
    bool waits = lost && current.permit && !current.permit.failed(services_.loop.now());
    bool repeat = repeatable && (current.stale() || (lost && !repeated));
    if (!repeat) {
      answer(
          error.kind == Failure::malformed ? Outcome::backend_malformed : Outcome::backend_closed,
          "the backend gave no answer");
      co_return false;
    }
    repeated = repeated || lost;
    may_reuse = false;
    permit_ = std::move(current.permit);
    if (waits && ticket_) permit_.reset();
  }
}

/// The answer flows to the client as it comes; what the client does not take piles up in the spool.
Task<> Exchange::relay() {
  BackendCall& call = *handle_->call;
  ResponseHead head = std::move(*call.head);
  record_.status = head.status;
  prepare_answer(services_, head, true);
  stream_.send_head(std::move(head), client_framing(call.framing));
  while (true) {
    Result<Buffer> piece = call.spool.try_get(kRelayPiece);
    if (piece->empty() && !call.spool.empty()) piece = co_await call.spool.get(kRelayPiece);
    if (!piece || (piece->empty() && call.spool.error())) {
      record_.outcome = Outcome::backend_aborted;
      record_.detail = piece ? call.spool.error()->detail : piece.error().detail;
      stream_.abort();
      co_return;
    }
    if (piece->empty()) {
      if (call.spool.ended() && call.spool.empty()) break;
      bool moved = co_await Wait(call.spool.filled(), patience());
      if (moved) continue;
      too_late();
      co_return;
    }
    stream_.send_data(std::move(*piece));
    if (stream_.unsent() <= kHighWatermark) continue;
    bool room = co_await wait_for_room(stream_, deadline_);
    if (!room) {
      too_late();
      co_return;
    }
  }
  record_.outcome = Outcome::ok;
  record_.spilled = record_.spilled || call.spool.spilled();
  stream_.send_end(&call.trailers);
}

void Exchange::answer(Outcome outcome, std::string_view detail) {
  record_.outcome = outcome;
  record_.status = status_of(outcome);
  if (record_.detail.empty()) record_.detail = detail;
  send_local_reply(stream_, outcome, detail, record_.request_id);
}

Task<> Exchange::run(LoopServices& services, Stream& stream) {
  Exchange x(services, stream);
  x.begin_record();
  if (x.refuse_early()) co_return;
  if (!stream.body_ended || !stream.body.empty()) {
    bool whole = co_await x.take_body();
    if (!whole) co_return;
  }
  x.record_.body_wait = services.loop.now() - stream.started;
  if (x.route_->queue) {
    bool admitted = co_await x.admit();
    if (!admitted) co_return;
  } else {
    x.queue_deadline_ =
        std::min(x.deadline_, after(services.loop.now(), x.backend_->config.queue.timeout));
  }
  bool answered = co_await x.ask_backend();
  if (x.prefetches_) x.prefetches_->finish(x.record_);
  if (answered) co_await x.relay();
}
}  // namespace

Task<> FrontHandler::handle(Stream& stream) { return Exchange::run(services_, stream); }

}  // namespace siding
