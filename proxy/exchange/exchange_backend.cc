// The last steps of exchange.h: a connection, the request to a worker, its answer to the client.
#include <algorithm>
#include <charconv>

#include "http/forwarded.h"
#include "http/h1_write.h"
#include "http/hop.h"
#include "proxy/exchange/exchange.h"
#include "proxy/exchange/lease.h"
#include "proxy/exchange/relay.h"
#include "proxy/observe/log.h"

namespace siding {

namespace {
constexpr size_t kRelayPiece = 128 * 1024;
}  // namespace

BackendCall::Request Exchange::make_request() {
  RequestHead& head = stream_.head;
  const bool wants_trailers = backend_->config.h2c && head.fields.has_token("te", "trailers");
  ForwardedHop hop{peer_ip_, trusted_peer_, stream_.scheme, head.authority};
  strip_request_fields(head.fields, Direction::ingress);
  if (set_forwarded(head.fields, hop)) {
    warn_once("forwarded-replaced:" + peer_ip_,
              "forwarding fields of " + peer_ip_ + " were replaced; if it is your ingress, add " +
                  "trusted_proxies = [\"" + peer_ip_ + "\"] (or \"private\"); until then all who " +
                  "come through it are one client, and take no turns in the queue");
  }
  add_via(head);
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
  request.upgrade = !upgrade_.empty();
  if (request.upgrade) {
    ask_for_upgrade(head.fields);
    request.head = write_request_head(head, BodyFraming::none(), ConnectionField::upgrade);
    return request;
  }
  request.trailers = std::move(stream_.trailers);
  request.chunked = !request.trailers.empty();
  request.may_spill = !route_->stream;
  BodyFraming framing = BodyFraming::none();
  if (request.chunked) {
    framing = BodyFraming::chunked();
  } else if (body_ || stream_.framing.kind != BodyFraming::Kind::none) {
    framing = BodyFraming::of_length(body_ ? body_->size() : 0);
  }
  if (backend_->config.h2c) {
    request.message = std::make_unique<RequestHead>(head);
    request.framing = framing;
    request.wants_trailers = wants_trailers;
    return request;
  }
  bool keep_alive = backend_->config.keep_alive;
  request.head = write_request_head(head, framing,
                                    keep_alive ? ConnectionField::none : ConnectionField::close);
  return request;
}

/// Where the same backend leads elsewhere since this request came, what has not been sent goes there.
void Exchange::follow_backend() {
  if (!pool().retired()) return;
  SnapshotRef now = shared().now();
  Backend* same = now->find_backend(backend_->config.name);
  if (same == nullptr || same->kept_admission != backend_->kept_admission) return;
  if (same->config.h2c != backend_->config.h2c) return;  // the request is written for the other
  backend_ = same;
  moved_to_ = std::move(now);
}

Pool& Exchange::pool() { return route_->queue ? backend_->pool : backend_->direct_pool; }

/// A connection that is kept open, if there is one: nearly always.
Lease Exchange::take_kept(bool may_reuse) {
  if (permit_.probing()) return {};
  // A connection that says when it takes no more will do for every request.
  if (backend_->config.h2c) return take_stream(services_, pool());
  if (!may_reuse) return {};
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
  do {
    if (ticket_ && !permit_) {
      co_await queue_again();
      if (!permit_) break;
    }
    TimePoint not_before = permit_ ? permit_.not_before() : TimePoint{};
    if (not_before > services_.loop.now()) {
      co_await SleepUntil(std::min(not_before, queue_deadline_));
    }
    follow_backend();
    const BackendConfig& config = backend_->config;
    bool reuse = (may_reuse || config.h2c) && !permit_.probing();
    Result<Lease> got = co_await lease_backend(services_, pool(), config, reuse, queue_deadline_);
    if (got) {
      if (permit_ && !got->reused()) permit_.connected();
      *lease = std::move(*got);
      co_return true;
    }
    ++record_.attempts;
    services_.counters().connect_failed(Peer::backend, got.error().kind);
    record_.detail = got.error().detail;
    if (config.down == Down::fail || !ticket_) break;
    if (!permit_.failed(Permit::Failed::to_connect, services_.loop.now())) permit_.reset();
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
  bool repeatable = is_idempotent(stream_.head.method) && upgrade_.empty();
  bool may_reuse = repeatable;
  bool repeated = false;
  bool refused = false;
  follow_backend();
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
    if (fetch_ != nullptr) fetch_->went_inside(backend_->config.abandon > Duration::zero());
    sent_at_ = services_.loop.clock().wall();
    current.permit = std::move(permit_);
    current.start(std::move(lease));
    while (true) {
      for (ResponseHead& interim : std::exchange(current.interim, {})) {
        prepare_answer(interim, false);
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
    const bool untouched = current.refused() && !std::exchange(refused, true);
    if (untouched) ++pool().h2_counts().refused;
    const bool stale = current.stale() && may_reuse;
    bool lost =
        !stale && !untouched && (error.kind == Failure::closed || error.kind == Failure::reset);
    // A kept connection that was closed says nothing. Else the backend may be dying, while the kernel
    // still takes connections for it: what may be repeated is, once, but not before the back-off.
    bool waits = lost && current.permit &&
                 !current.permit.failed(Permit::Failed::to_answer, services_.loop.now());
    bool repeat = untouched || (repeatable && (stale || (lost && !repeated)));
    if (!repeat) {
      answer(
          error.kind == Failure::malformed ? Outcome::backend_malformed : Outcome::backend_closed,
          "the backend gave no answer");
      co_return false;
    }
    repeated = repeated || lost;
    if (!untouched) may_reuse = false;
    permit_ = std::move(current.permit);
    if (waits && ticket_) permit_.reset();
  }
}

/// The answer flows to the client as it comes; what the client does not take piles up in the spool.
Task<> Exchange::relay() {
  BackendCall& call = *handle_->call;
  ResponseHead head = std::move(*call.head);
  record_.status = head.status;
  prepare_answer(head, true);
  finish_answer(head);
  stream_.send_head(std::move(head), client_framing(call.framing));
  while (true) {
    const size_t most = std::min(kRelayPiece, stream_.high_watermark());
    Result<Buffer> piece = call.spool.try_get(most);
    if (piece->empty() && !call.spool.empty()) piece = co_await call.spool.get(most);
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
    if (writer_) writer_->append(*piece);
    stream_.send_data(std::move(*piece));
    if (stream_.unsent() <= stream_.high_watermark()) continue;
    bool room = co_await wait_for_room(stream_, deadline_);
    if (!room) {
      too_late();
      co_return;
    }
  }
  record_.outcome = Outcome::ok;
  record_.spilled = record_.spilled || call.spool.spilled();
  if (writer_) writer_->finish();
  stream_.send_end(&call.trailers);
}

}  // namespace siding
