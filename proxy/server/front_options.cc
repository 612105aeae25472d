// See front_options.h.
#include "proxy/server/front_options.h"

namespace siding {

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

}  // namespace siding
