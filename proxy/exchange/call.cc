// See call.h.
#include "proxy/exchange/call.h"

#include "http/h1_write.h"
#include "proxy/upstream/endpoint.h"

namespace siding {

namespace {
Task<Result<Lease>> open_connection(LoopServices& services, Pool& pool, const OriginUrl& origin,
                                    TlsPeer tls, Duration connect_timeout, TimePoint deadline) {
  Slot slot = co_await pool.reserve(services.loop);
  auto socket =
      co_await connect_origin(origin, std::move(tls), services.resolver, connect_timeout, deadline);
  if (!socket) co_return socket.error();
  if (const TlsSession* session = (*socket)->tls()) {
    services.counters().tls_handshake(session->resumed());
  }
  co_return pool.lease(std::move(slot), std::move(*socket));
}
}  // namespace

Task<Result<Lease>> lease_backend(LoopServices& services, Pool& pool, const BackendConfig& backend,
                                  bool may_reuse, TimePoint deadline) {
  if (may_reuse) {
    Lease idle = pool.take_idle(services.loop);
    if (idle) co_return std::move(idle);
  }
  TlsPeer in_clear;
  Result<Lease> lease = co_await open_connection(services, pool, backend.url, std::move(in_clear),
                                                 backend.connect_timeout, deadline);
  co_return std::move(lease);
}

Task<Result<Lease>> lease_upstream(LoopServices& services, Upstream& upstream,
                                   Duration connect_timeout, bool may_reuse, TimePoint deadline) {
  if (may_reuse) {
    Lease idle = upstream.pool.take_idle(services.loop);
    if (idle) co_return std::move(idle);
  }
  const UpstreamConfig& config = upstream.config;
  TlsPeer peer;
  if (config.url.scheme == "https") {
    auto context = services.shared.tls->of(config.name);
    if (!context) co_return context.error();
    peer.context = std::move(*context);
    peer.name = config.tls.server_name.empty() ? config.url.name() : config.tls.server_name;
  }
  Result<Lease> lease = co_await open_connection(services, upstream.pool, config.url,
                                                 std::move(peer), connect_timeout, deadline);
  co_return std::move(lease);
}

Task<Result<Lease>> lease_unlisted(LoopServices& services, const OriginUrl& origin,
                                   Duration connect_timeout) {
  Services& shared = services.shared;
  TlsPeer peer;
  if (origin.scheme == "https") {
    if (!shared.tls->has_unlisted()) {
      std::function<void()> make = [tls = shared.tls] { tls->make_unlisted(); };
      co_await shared.bodies.disk.run(std::move(make));
    }
    auto context = shared.tls->of("");
    if (!context) co_return context.error();
    peer.context = std::move(*context);
    peer.name = origin.name();
  }
  TimePoint until = after(services.loop.now(), connect_timeout);
  Result<Lease> lease = co_await open_connection(services, shared.unlisted, origin, std::move(peer),
                                                 connect_timeout, until);
  co_return std::move(lease);
}

void set_upstream_fields(const Services& services, const Upstream& upstream, Fields& fields) {
  if (upstream.config.headers.empty()) return;
  const auto secrets = services.secrets->values();
  for (const auto& [name, header] : upstream.config.headers) {
    fields.set(name, secrets->of(header.value, header.file));
  }
}

void add_cdn_loop(const Services& services, Fields& fields) {
  fields.add("CDN-Loop", services.self_id);
}

namespace {
Task<Result<CallAnswer>> attempt(H1Client& client, const RequestHead& head, CallOptions options) {
  Result<> sent = co_await client.send(write_request_head(head, BodyFraming::none()), nullptr,
                                       options.deadline);
  if (!sent) co_return sent.error();
  CallAnswer answer;
  do {
    Result<ResponseHead> next = co_await client.read_head(head.method, options.deadline);
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
}  // namespace

Task<Result<CallAnswer>> call_upstream(LoopServices& services, Upstream& upstream, RequestHead head,
                                       CallOptions options) {
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
  if (options.begun != nullptr) *options.begun = true;
  bool may_reuse = is_idempotent(head.method);
  while (true) {
    Result<Lease> lease = co_await lease_upstream(
        services, upstream, upstream.config.connect_timeout, may_reuse, options.deadline);
    if (!lease) {
      services.counters().connect_failed(Peer::upstream, lease.error().kind);
      co_return lease.error();
    }
    H1Client& client = **lease;
    services.counters().request(Peer::upstream);
    Result<CallAnswer> answer = co_await attempt(client, head, options);
    services.counters().sent(Peer::upstream, client.sent_bytes());
    services.counters().received(Peer::upstream, client.received_bytes());
    if (answer) {
      lease->release();
      co_return std::move(answer);
    }
    bool stale = lease->reused() && !client.answer_begun() &&
                 (answer.error().kind == Failure::closed || answer.error().kind == Failure::reset);
    if (!stale) co_return answer.error();
    may_reuse = false;
  }
}

}  // namespace siding
