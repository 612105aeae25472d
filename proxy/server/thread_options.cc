// What the listeners of a thread are told, by the configuration in force: see thread.h.
#include <string>

#include "proxy/downstream/arrival.h"
#include "proxy/observe/log.h"
#include "proxy/server/limits.h"
#include "proxy/server/thread.h"

namespace siding {

namespace {
uint32_t most_connections(ListenerKind kind, const Config& config) {
  switch (kind) {
    case ListenerKind::front: return front_limit(config);
    case ListenerKind::egress: return config.egress->max_connections;
    case ListenerKind::health: return 256;
    default: return 64;
  }
}

/// What comes before HTTP at the front's address of that place; null: nothing.
std::shared_ptr<const ArrivalOptions> arrival_options(const LoopServices& services,
                                                      const std::shared_ptr<FrontTls>& tls,
                                                      size_t index) {
  const ListenAddress& address = services.snapshot.config->listen[index];
  if (!address.tls && !address.proxy_protocol) return nullptr;
  auto options = std::make_shared<ArrivalOptions>();
  options->listen = address.text();
  options->proxy_protocol = address.proxy_protocol;
  options->trusts = [snapshot = services.kept_snapshot](const SocketAddress& peer) {
    // Who reaches a unix socket was let in by its folder.
    return peer.is_unix() || snapshot->trusted.trusts(peer);
  };
  ThreadCounters& counters = services.shared.observer.here(services.loop);
  options->on_header = [&counters](ProxyHeader how) { counters.count(how); };
  options->on_handshake = [&counters](Handshake how) { counters.count(how); };
  if (address.tls) options->tls = [tls, index] { return tls->of(index); };
  return options;
}
}  // namespace

Handler& ServerThread::handler_of(ListenerKind kind) {
  switch (kind) {
    case ListenerKind::front: return front_handler_;
    case ListenerKind::egress: return egress_handler_;
    case ListenerKind::health: return health_handler_;
    default: return admin_handler_;
  }
}

ListenerOptions ServerThread::options_of(ListenerKind kind, size_t address) {
  const Config& config = *services_->snapshot.config;
  const LimitsConfig& limits = config.limits;
  ListenerOptions options;
  options.handler = &handler_of(kind);
  options.head = {limits.max_head, limits.max_fields, limits.max_target};
  options.idle_timeout = limits.idle_timeout;
  options.head_timeout = limits.head_timeout;
  options.body_timeout = limits.body_timeout;
  options.send_timeout = limits.send_timeout;
  options.max_requests = limits.max_requests_per_connection;
  options.max_connections = most_connections(kind, config);
  options.open = &process_.open_at(kind);
  if (kind == ListenerKind::front) {
    options.extended_connect = config.tunnels();
    options.arrival = arrival_options(*services_, generation_->front_tls, address);
  }
  if (kind == ListenerKind::egress) {
    // The other side of a worker's connection is a library that may be slow for good reasons.
    options.head.max_fields = 200;
    options.send_timeout = std::chrono::hours(1);
    options.body_timeout = std::chrono::hours(1);
  }
  ThreadCounters& counters = process_.observer.here(loop_);
  options.on_accept = [&counters, kind] { counters.connection_opened(kind); };
  options.on_close = [this, &counters, kind] {
    counters.connection_closed(kind);
    if (stage() != Drain::Stage::serving) told_.notify();
  };
  options.on_displace = [&counters, kind] { counters.connection_displaced(kind); };
  options.on_abuse = [this, &counters](const SocketAddress& peer, Abuse abuse) {
    counters.count(abuse);
    const std::string reason(to_string(abuse));
    warn_seldom("abuse:" + reason, loop_.now(),
                "a connection of client " + peer.ip() + " was ended for " + reason);
  };
  options.on_pause = [&counters, kind] { counters.listener_paused(kind); };
  options.on_refuse = [this, kind](const SocketAddress& peer, Outcome outcome,
                                   std::string_view reason) {
    if (kind != ListenerKind::front) return;
    ExchangeRecord record;
    record.wall = loop_.clock().wall();
    record.client = peer.ip();
    record.outcome = outcome;
    record.status = status_of(outcome);
    record.detail = reason;
    process_.observer.finished(loop_, std::move(record));
  };
  return options;
}

HealthDoor::Options ServerThread::health_options() {
  HealthDoor::Options options;
  options.not_ready = [this] {
    return std::string(stage() == Drain::Stage::serving ? "" : "draining");
  };
  options.drained = [this] { return process_.ending.no_clients(); };
  options.begin_drain = [this] {
    if (process_.config()->health.may_drain) process_.ending.begin();
  };
  return options;
}

}  // namespace siding
