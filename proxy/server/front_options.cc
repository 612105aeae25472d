// See front_options.h.
#include "proxy/server/front_options.h"

namespace siding {

const ListenerOptions& FrontOptions::of(size_t index) {
  const ListenAddress& address = services_.shared.config->listen[index];
  if (!address.tls && !address.proxy_protocol) return shared;
  Own& own = own_.emplace_back();
  own.listener = shared;
  own.listener.arrival = &own.arrival;
  own.arrival.listen = address.text();
  own.arrival.proxy_protocol = address.proxy_protocol;
  own.arrival.trusts = [this](const SocketAddress& peer) {
    // Who reaches a unix socket was let in by its folder.
    return peer.is_unix() || services_.shared.trusted.trusts(peer);
  };
  own.arrival.on_header = [this](ProxyHeader how) { services_.counters().count(how); };
  own.arrival.on_handshake = [this](Handshake how) { services_.counters().count(how); };
  if (address.tls) {
    own.listener.scheme = "https";
    own.arrival.tls = [this, index] { return tls_.of(index); };
  }
  return own.listener;
}

}  // namespace siding
