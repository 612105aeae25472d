// See lease.h.
#include "proxy/exchange/lease.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <vector>

#include "proxy/upstream/connect.h"

namespace siding {

namespace {
/// A bound for what has no other: no library waits longer for a connection.
constexpr Duration kWorkersPatience = std::chrono::seconds(130);

/// DNS may be made to say anything: only a url that names this machine leads to it.
Reach reach_of(std::string_view host) {
  std::optional<SocketAddress> literal = SocketAddress::parse(host, 0);
  const bool local =
      literal ? is_loopback(*literal) : host == "localhost" || host.ends_with(".localhost");
  return local ? Reach::everything : Reach::no_loopback;
}

Task<Result<Addresses>> look_up(LoopServices& services, const OriginUrl& origin,
                                TimePoint deadline) {
  Addresses known;
  if (services.resolver.known_now(origin.host, origin.port, known)) co_return std::move(known);
  Result<Addresses> found = co_await services.resolver.resolve(origin.host, origin.port, deadline);
  if (found) co_return std::move(*found);
  Error error = found.error();
  error.retryable = true;
  co_return error;
}

/// Whether HTTP/2 is spoken on a new connection: as agreed on by TLS, in clear by prior knowledge.
bool speaks_h2(const Socket& socket, bool h2c) {
  const TlsSession* session = socket.tls();
  return session == nullptr ? h2c : session->protocol() == "h2";
}

bool may_speak_h2(const UpstreamConfig& config) {
  return config.h2c || (config.http2 && config.url.scheme == "https");
}

Lease lease_new(LoopServices& services, Pool& pool, Slot slot, std::unique_ptr<Socket> socket,
                const SocketAddress& address, bool h2) {
  if (const TlsSession* session = socket->tls()) {
    services.counters().tls_handshake(session->resumed());
  }
  if (!h2) return pool.lease(std::move(slot), std::move(socket), address);
  H2Pool& shared = pool.h2(services.loop);
  return Lease(pool, shared.add(std::move(slot), std::move(socket), address), false);
}

/// How a new connection is opened, beside where to.
struct Way {
  Reach reach;
  TlsPeer tls{};
  bool h2c = false;
  H2Opening opening{};  ///< to be told of it
};

/// A new connection to one of the candidates.
Task<Result<Lease>> open_connection(LoopServices& services, Pool& pool, Endpoints::Turn turn,
                                    const OriginUrl& origin, Way way, Duration timeout,
                                    TimePoint deadline) {
  Slot slot = co_await pool.reserve(services.loop);
  auto socket = co_await connect_first(turn, way.reach, std::move(way.tls), timeout, deadline);
  if (!socket) {
    services.resolver.forget(origin.host);
    way.opening.failed(socket.error());
    co_return socket.error();
  }
  const bool h2 = speaks_h2(**socket, way.h2c);
  way.opening.opened(h2);
  Lease lease = lease_new(services, pool, std::move(slot), std::move(*socket), turn.used(), h2);
  lease.goes_by(std::move(turn));
  co_return std::move(lease);
}

Reach reach_of(const UpstreamConfig& config) {
  if (config.public_only) return Reach::public_only;
  return config.loopback ? Reach::everything : reach_of(config.url.host);
}

Result<TlsPeer> tls_peer(LoopServices& services, const UpstreamConfig& config) {
  TlsPeer peer;
  if (config.url.scheme != "https") return peer;
  auto context = services.snapshot.tls->of(config.name);
  if (!context) return context.error();
  peer.context = std::move(*context);
  peer.name = config.tls.server_name.empty() ? config.url.name() : config.tls.server_name;
  return peer;
}

/// A kept connection, if there is one. One that was made under files that have been replaced is closed.
Lease take_kept(LoopServices& services, Pool& pool, const SocketAddress& address,
                const TlsPeer& peer) {
  while (true) {
    Lease idle = pool.take_idle(services.loop, &address);
    if (!idle || !peer.context) return idle;
    if (idle.h1()->socket().tls()->context() == peer.context.get()) return idle;
  }
}

/// A stream of a connection that is there, or that another call opens meanwhile. Empty: a connection is to
/// be opened, and `opening` told of it.
Task<Result<Lease>> find_stream(LoopServices& services, Pool& pool, Endpoints::Turn& turn,
                                const TlsPeer& peer, TimePoint deadline, H2Opening& opening) {
  std::vector<SocketAddress> addresses;
  for (size_t i = 0; i < turn.size(); ++i) addresses.push_back(turn.address(i));
  H2Pool& shared = pool.h2(services.loop);
  Result<H2Pool::Found> found =
      co_await shared.find(std::move(addresses), peer.context.get(), deadline);
  if (!found) co_return found.error();
  opening = std::move(found->opening);
  Lease stream;
  if (found->call && (found->at == 0 || turn.join(found->at))) {
    turn.use(found->at);
    stream = Lease(pool, std::move(found->call), true);
  }
  co_return std::move(stream);
}
}  // namespace

Lease take_stream(LoopServices& services, Pool& pool) {
  std::unique_ptr<HttpClient> stream = pool.h2(services.loop).take(SocketAddress());
  return stream ? Lease(pool, std::move(stream), true) : Lease();
}

Task<Result<Lease>> lease_backend(LoopServices& services, Pool& pool, const BackendConfig& backend,
                                  bool may_reuse, TimePoint deadline) {
  H2Opening opening;
  if (may_reuse && !backend.h2c) {
    Lease idle = pool.take_idle(services.loop);
    if (idle) co_return std::move(idle);
  } else if (may_reuse) {
    // Wherever it leads, it leads to the backend.
    std::vector<SocketAddress> anywhere(1);
    H2Pool& shared = pool.h2(services.loop);
    auto found = co_await shared.find(std::move(anywhere), nullptr, deadline);
    if (!found) co_return found.error();
    if (found->call) co_return Lease(pool, std::move(found->call), true);
    opening = std::move(found->opening);
  }
  Slot slot = co_await pool.reserve(services.loop);
  auto socket =
      co_await connect_backend(backend.url, services.resolver, backend.connect_timeout, deadline);
  if (!socket) {
    opening.failed(socket.error());
    co_return socket.error();
  }
  opening.opened(backend.h2c);
  co_return lease_new(services, pool, std::move(slot), std::move(*socket), SocketAddress(),
                      backend.h2c);
}

Task<Result<Addresses>> addresses_of(LoopServices& services, const Upstream& upstream,
                                     TimePoint deadline) {
  if (!upstream.literal.empty()) co_return upstream.literal;
  auto found = co_await look_up(services, upstream.config.url, deadline);
  co_return std::move(found);
}

namespace {
/// Whom siding's own call may try: in its turn, where there is room.
Task<Result<Endpoints::Turn>> wait_for_turn(LoopServices& services, Upstream& upstream,
                                            const Addresses& addresses, TimePoint deadline) {
  Endpoints::RoomWaiter room(upstream.endpoints, addresses, services.loop);
  std::optional<Endpoints::Turn> turn = room.take();
  while (!turn) {
    bool in_time = co_await Wait(room.woken(), deadline);
    turn = room.take();
    if (!in_time && !turn) {
      co_return Error(Failure::timeout, Side::local, true,
                      upstream.config.name + ": no place within its endpoint_concurrency");
    }
  }
  if (turn->size() > 0) co_return std::move(*turn);
  co_return Error(Failure::breaker_open, Side::upstream, true,
                  upstream.config.name + ": all its addresses failed a moment ago");
}

Task<Result<Endpoints::Turn>> turn_of(LoopServices& services, Upstream& upstream, Caller caller,
                                      TimePoint deadline) {
  Result<Addresses> addresses = co_await addresses_of(services, upstream, deadline);
  if (!addresses) co_return addresses.error();
  if (caller == Caller::worker) {
    co_return upstream.endpoints.turn(*addresses, true, services.loop.now());
  }
  auto turn = co_await wait_for_turn(services, upstream, *addresses, deadline);
  co_return std::move(turn);
}
}  // namespace

Task<Result<Lease>> lease_upstream(LoopServices& services, Upstream& upstream, Caller caller,
                                   bool may_reuse, TimePoint deadline,
                                   const std::function<void()>* begun) {
  const UpstreamConfig& config = upstream.config;
  auto found = co_await turn_of(services, upstream, caller, deadline);
  if (!found) co_return found.error();
  if (begun != nullptr && *begun) (*begun)();
  Endpoints::Turn turn = std::move(*found);
  Result<TlsPeer> peer = tls_peer(services, config);
  if (!peer) co_return peer.error();
  const Duration timeout = caller == Caller::worker ? kWorkersPatience : config.connect_timeout;
  Way way{reach_of(config)};
  way.h2c = config.h2c;
  if (may_speak_h2(config)) {
    const TimePoint until = std::min(deadline, after(services.loop.now(), kWorkersPatience));
    Result<Lease> stream =
        co_await find_stream(services, upstream.pool, turn, *peer, until, way.opening);
    if (!stream) co_return stream.error();
    if (*stream) {
      stream->goes_by(std::move(turn));
      co_return std::move(*stream);
    }
  }
  Lease idle;
  if (may_reuse) idle = take_kept(services, upstream.pool, turn.address(0), *peer);
  if (idle) {
    turn.use(0);
    idle.goes_by(std::move(turn));
    co_return std::move(idle);
  }
  way.tls = std::move(*peer);
  Result<Lease> lease = co_await open_connection(services, upstream.pool, std::move(turn),
                                                 config.url, std::move(way), timeout, deadline);
  co_return std::move(lease);
}

Task<Result<Lease>> lease_address(LoopServices& services, Upstream& upstream, SocketAddress address,
                                  bool may_reuse, TimePoint deadline) {
  const UpstreamConfig& config = upstream.config;
  Result<TlsPeer> peer = tls_peer(services, config);
  if (!peer) co_return peer.error();
  if (may_reuse && may_speak_h2(config)) {
    auto stream = upstream.pool.h2(services.loop).take(address, peer->context.get());
    if (stream) co_return Lease(upstream.pool, std::move(stream), true);
  }
  Lease idle;
  if (may_reuse) idle = take_kept(services, upstream.pool, address, *peer);
  if (idle) co_return std::move(idle);
  Slot slot = co_await upstream.pool.reserve(services.loop);
  const TimePoint until = std::min(deadline, after(services.loop.now(), config.connect_timeout));
  auto socket = co_await connect_address(address, reach_of(config), std::move(*peer), until);
  if (!socket) {
    services.resolver.forget(config.url.host);
    co_return socket.error();
  }
  const bool h2 = speaks_h2(**socket, config.h2c);
  co_return lease_new(services, upstream.pool, std::move(slot), std::move(*socket), address, h2);
}

Task<Result<Lease>> lease_unlisted(LoopServices& services, const OriginUrl& origin,
                                   const UpstreamConfig* upstream) {
  Services& shared = services.shared;
  TlsPeer peer;
  if (origin.scheme == "https") {
    const std::shared_ptr<TlsContexts>& contexts = services.snapshot.tls;
    if (!contexts->has_unlisted()) {
      std::function<void()> make = [tls = contexts] { tls->make_unlisted(); };
      co_await shared.bodies.disk.run(std::move(make));
    }
    auto context = contexts->of("");
    if (!context) co_return context.error();
    peer.context = std::move(*context);
    peer.name = origin.name();
  }
  TimePoint until = after(services.loop.now(), kWorkersPatience);
  Result<Addresses> addresses = co_await look_up(services, origin, until);
  if (!addresses) co_return addresses.error();
  Endpoints::Turn turn = shared.unlisted_endpoints.turn(*addresses, true, services.loop.now());
  Way way{reach_of(origin.host), std::move(peer)};
  if (upstream != nullptr) way.reach = reach_of(*upstream);
  Result<Lease> lease = co_await open_connection(services, shared.unlisted, std::move(turn), origin,
                                                 std::move(way), kWorkersPatience, until);
  co_return std::move(lease);
}

}  // namespace siding
