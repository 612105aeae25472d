// A client's connection before anything is spoken on it: reads the PROXY header, does the TLS handshake,
// and gives its place to the connection that speaks HTTP. Only listeners that have one of both make it.
// Invariants: takes no byte of what comes behind its own part; all of it takes kArrivalTime at most; what
// fails is counted by name and logged once or for debugging, and never reaches a handler.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "proxy/downstream/connection.h"
#include "proxy/downstream/proxy_header.h"
#include "proxy/loop/loop.h"
#include "proxy/net/socket.h"
#include "proxy/net/tls_server.h"
#include "proxy/observe/arriving.h"

namespace siding {

class Listener;

inline constexpr Duration kArrivalTime = std::chrono::seconds(10);

/// What comes before HTTP at a listening address.
struct ArrivalOptions {
  std::string listen;  ///< the address, for messages
  bool proxy_protocol = false;
  /// Who may send a PROXY header.
  std::function<bool(const SocketAddress& peer)> trusts;
  /// The certificates as they are now; empty: no TLS.
  std::function<std::shared_ptr<const TlsServerContext>()> tls;
  std::function<void(ProxyHeader)> on_header;
  std::function<void(Handshake)> on_handshake;
};

class Arrival final : public Connection {
 public:
  Arrival(Listener& listener, std::shared_ptr<const ArrivalOptions> options,
          std::unique_ptr<Socket> socket, const SocketAddress& peer);

  void start() override;
  void drain() override;

 private:
  enum class Phase : uint8_t { header, first_byte, handshake, closed };

  void step();
  void on_timer();
  bool read_header();
  bool look_at_first_byte();
  bool shake_hands();
  void refuse_plain_http();
  void end(ProxyHeader how, std::string_view why);
  void end(Handshake how, std::string_view why);
  void go_on();
  void close();

  Listener& listener_;
  const std::shared_ptr<const ArrivalOptions> kept_options_;
  const ArrivalOptions& options_ = *kept_options_;
  Loop& loop_;
  std::unique_ptr<Socket> socket_;
  SocketAddress peer_;
  Phase phase_;
  bool draining_ = false;
  TimePoint until_{};
  ProxyHeaderParser header_;
  std::unique_ptr<TlsServer> session_;

  MemberWake<Arrival, &Arrival::step> step_{*this};
  MemberTimer<Arrival, &Arrival::on_timer> timer_{*this};
  Signal::Waiter on_ready_{step_};
};

/// The connection that speaks the HTTP that was agreed on: `socket` tells what ALPN said.
std::unique_ptr<Connection> make_connection(Listener& listener, std::unique_ptr<Socket> socket,
                                            const SocketAddress& peer, std::string_view protocol);
/// What ALPN offers, the best first. make_connection() knows all of them.
inline constexpr std::string_view kProtocols[] = {"h2", "http/1.1"};

}  // namespace siding
