// CONNECT by a worker, see egress_call.h: a tunnel to a host and a port (RFC 9110 9.3.6). What goes
// through it cannot be seen: neither prefetched nor cached, and with no fields of siding's.
#include <optional>
#include <string>

#include "base/service_name.h"
#include "http/uri.h"
#include "proxy/exchange/egress_call.h"
#include "proxy/exchange/tunnel.h"
#include "proxy/observe/log.h"

namespace siding {

/// The [upstream] that is there.
const UpstreamConfig* EgressCallRun::listed(const HostPort& host) const {
  for (const UpstreamConfig& upstream : services_.snapshot.config->upstreams) {
    if (upstream.url.name() == host.host && upstream.url.port == host.port) return &upstream;
  }
  return nullptr;
}

Task<> EgressCallRun::tunnel() {
  const std::optional<HostPort> host = parse_host_port(stream_.head.target);
  // In HTTP/2 what follows is the tunnel's; in HTTP/1.1 a body would stand before it.
  const bool body = !stream_.head.http2 && !stream_.framing.empty();
  if (!host || !host->port || body) {
    answer(Outcome::bad_request, "CONNECT wants HOST:PORT, and has no body");
    co_return;
  }
  const UpstreamConfig* upstream = listed(*host);
  shared().speculation.tunnelled(host->host, services_.loop.now());
  if (upstream != nullptr) {
    warn_once("tunnel:" + host->host,
              "a worker asked for a CONNECT tunnel to " + host->host +
                  ": its calls cannot be seen in it, so they are neither prefetched nor cached; " +
                  "unset https_proxy for it, or use the base URL form of upstream " +
                  upstream->name);
  }
  const bool pass = snapshot().config->egress->unlisted == EgressConfig::Unlisted::pass;
  // Where a service's name leads, ports and all, is the file's to say.
  if ((upstream == nullptr && !pass) || !service_domain(host->host).empty()) {
    services_.counters().count(EgressCall::denied);
    answer(Outcome::forbidden, "this destination is not listed as an [upstream]");
    co_return;
  }
  std::optional<Tunnels::Place> place = shared().worker_tunnels.enter();
  if (!place) {
    services_.counters().count(EgressCall::denied);
    answer(Outcome::no_tunnel, "as many tunnels are open as there may be");
    co_return;
  }
  OriginUrl origin;  // in clear: the TLS is the worker's own
  origin.host = host->host;
  origin.port = *host->port;
  Result<Lease> lease = co_await lease_unlisted(services_, origin, upstream);
  const bool denied = !lease && lease.error().kind == Failure::address_denied;
  services_.counters().count(denied ? EgressCall::denied : EgressCall::tunnel);
  if (!lease) {
    const Failure kind = lease.error().kind;
    if (!denied) services_.counters().connect_failed(Peer::upstream, kind);
    Outcome outcome = Outcome::upstream_down;
    if (kind == Failure::timeout || kind == Failure::dns_timeout)
      outcome = Outcome::upstream_timeout;
    answer(denied ? Outcome::forbidden : outcome, lease.error().detail);
    co_return;
  }
  services_.counters().request(Peer::upstream);
  lease->turn().answered(true, services_.loop.now());
  ResponseHead opened;
  opened.reason = "Connection established";
  place->opened();
  stream_.open_tunnel(std::move(opened));
  uint64_t from_worker = 0;
  Tunnel::Far far{lease->h1()->socket(), Buffer(), Peer::upstream};
  Tunnel tunnel(services_, stream_, std::move(far), from_worker);
  const LimitsConfig& limits = snapshot().config->limits;
  Tunnel::Patience patience{limits.tunnel_idle_timeout, limits.send_timeout};
  co_await tunnel.run(patience);
}

}  // namespace siding
