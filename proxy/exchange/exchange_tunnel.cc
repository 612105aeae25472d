// Of exchange.h, what is different for a client that wants to speak another protocol than HTTP with the
// backend: by an Upgrade of HTTP/1.1 (RFC 9110 7.8), or by an extended CONNECT of HTTP/2 (RFC 8441). The
// backend is asked by Upgrade either way, on a connection that nobody else uses before or after.

#include "base/base64.h"
#include "base/text.h"
#include "http/hop.h"
#include "proxy/exchange/exchange.h"
#include "proxy/exchange/relay.h"
#include "proxy/exchange/tunnel.h"
#include "proxy/observe/log.h"

namespace siding {

namespace {
constexpr std::string_view kWebSocket = "websocket";

/// RFC 6455 4.1: sixteen bytes at random, for a client of HTTP/2, which sends none.
std::string websocket_key(LoopServices& services) {
  std::string bytes;
  for (int i = 0; i < 2; ++i) {
    const uint64_t word = services.random();
    bytes.append(reinterpret_cast<const char*>(&word), sizeof(word));
  }
  return base64_encode(bytes);
}
}  // namespace

/// From here on an extended CONNECT is the GET that it stands for (RFC 8441 5).
void Exchange::take_extended_connect() {
  RequestHead& head = stream_.head;
  if (head.protocol.empty()) return;
  extended_ = true;
  head.method = "GET";
}

/// Whether it is to become a tunnel. Who asks for what its route does not let through, in HTTP/1.1, asks
/// in vain: the Upgrade field goes no further (RFC 9110 7.8 lets a server ignore it).
bool Exchange::wants_tunnel() {
  const RequestHead& head = stream_.head;
  if (!extended_ && (head.http2 || head.minor_version < 1 || !stream_.framing.empty()))
    return false;
  for (const std::string& protocol : route_->upgrade) {
    const bool asked = extended_ ? equals_ignore_case(head.protocol, protocol)
                                 : upgrades_to(head.fields, protocol);
    // RFC 6455 4.1
    if (!asked || (protocol == kWebSocket && head.method != "GET")) continue;
    if (!snapshot().config->tunnels(*route_)) return false;
    upgrade_ = protocol;
    return true;
  }
  return false;
}

/// Room for one more. False if the request has been answered.
bool Exchange::enter_tunnel() {
  if (extended_ && upgrade_.empty()) {
    answer(Outcome::not_implemented, "this route lets nobody switch to that protocol");
    return false;
  }
  tunnel_place_ = shared().tunnels.enter();
  if (tunnel_place_) return true;
  answer(Outcome::no_tunnel, "as many tunnels are open as there may be");
  return false;
}

/// Into the request to the backend, whose hop-by-hop fields have been taken off.
void Exchange::ask_for_upgrade(Fields& fields) {
  fields.add_view("Upgrade", upgrade_);
  if (!extended_ || upgrade_ != kWebSocket) return;
  fields.remove("sec-websocket-key");
  fields.add("Sec-WebSocket-Key", websocket_key(services_));
}

/// Both have switched: what they say is passed on until both have ended.
Task<> Exchange::carry() {
  BackendCall& call = *handle_->call;
  ResponseHead head = std::move(*call.head);
  BackendCall::Switched far = call.take_switched();
  if (!upgrades_to(head.fields, upgrade_)) {
    answer(Outcome::backend_malformed, "the backend switched to something else than it was asked");
    co_return;
  }
  if (far.permit) {
    warn_once("tunnel-holds:" + route_->text(),
              "a tunnel of route `" + route_->text() + "` counts as one of the " +
                  std::to_string(backend_->config.concurrency) + " that backend " +
                  backend_->config.name + " serves at once, as long as it is open; if its server " +
                  "keeps tunnels beside its workers, say queue = false in the route");
  }
  // How long it stays says nothing of the queue.
  if (far.permit) far.permit.outlasts();
  tunnel_place_->opened();
  record_.status = head.status;
  record_.outcome = Outcome::ok;
  prepare_answer(head, false);
  if (extended_) {
    head.fields.remove("sec-websocket-accept");
  } else {
    head.fields.add_view("Upgrade", head.fields.intern(upgrade_));
  }
  stream_.open_tunnel(std::move(head));
  Tunnel::Far end{far.lease.h1()->socket(), far.lease.h1()->take_rest(), Peer::backend};
  Tunnel tunnel(services_, stream_, std::move(end), record_.bytes_in);
  const LimitsConfig& limits = snapshot().config->limits;
  Tunnel::Patience patience{limits.tunnel_idle_timeout, limits.send_timeout};
  const Tunnel::End how = co_await tunnel.run(patience);
  if (how == Tunnel::End::idle) record_.outcome = Outcome::tunnel_idle;
  if (how == Tunnel::End::broken) record_.outcome = Outcome::backend_aborted;
}

}  // namespace siding
