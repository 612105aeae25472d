// A listener with a handler that does what the path says, and raw clients: for the tests of HTTP/1
// connections. All on one loop with a manual clock.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/text.h"
#include "proxy/downstream/listener.h"
#include "proxy/downstream/local_reply.h"
#include "tests/harness/loop_bed.h"
#include "tests/harness/loop_peer.h"

namespace siding::test {

/// "/hello", "/echo", "/wait", "/inside" (as /wait, but a FIN is no leaving), "/stream", "/large",
/// "/torn", "/torn-stream", "/abort", "/silent", "/interim", "/refuse" (answers without reading),
/// "/short" (less than it promised), "/pause" (as /echo, but after a pause), "/trailers".
class PathHandler final : public Handler {
 public:
  Task<> handle(Stream& stream) override;

  Signal go;  ///< lets /wait, /inside and /stream go on
  int running = 0;
  int ended = 0;  ///< by themselves
  int cancelled = 0;
  size_t large = 1 << 20;
  size_t window = 64 * 1024;
  std::vector<std::string> paths;

 private:
  struct Life;
  Task<> echo(Stream& stream);
  Task<> pause_then_echo(Stream& stream);
  Task<> wait_then_hello(Stream& stream);
  Task<> in_two_pieces(Stream& stream, bool torn);
};

struct H1Bed : LoopBed {
  explicit H1Bed(int send_buffer = 0) : send_buffer_(send_buffer) {
    options.handler = &handler;
    options.open = &open;
    options.on_refuse = [this](const SocketAddress&, Outcome outcome, std::string_view) {
      refused.push_back(outcome);
    };
    listen();
  }
  void listen() {
    int fd = listen_on_loopback(&port);
    if (send_buffer_ > 0) {
      setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_buffer_, sizeof(send_buffer_));
    }
    listener = std::make_unique<Listener>(loop, fd, options);
  }
  LoopPeer& client(int receive_buffer = 0) {
    clients.push_back(LoopPeer::connect(port, receive_buffer));
    return *clients.back();
  }
  /// A client that has sent this, after everybody did what they could.
  LoopPeer& client_with(std::string_view bytes) {
    LoopPeer& c = client();
    c.send(bytes);
    go();
    return c;
  }
  /// Until nothing moves any more.
  void go() {
    for (int quiet = 0, steps = 0; quiet < 3; ++steps) {
      bool moved = false;
      for (auto& c : clients) {
        if (c->on_pump && c->open()) c->on_pump(*c);
        moved = c->pump() || moved;
      }
      moved = loop.turn(false) || moved;
      quiet = moved ? 0 : quiet + 1;
      if (quiet == 1) calm.wait();
      if (steps > 20'000) {
        ADD_FAILURE() << "it never comes to rest";
        return;
      }
    }
  }
  void pass(Duration d) {
    clock.advance(d);
    go();
  }

  PathHandler handler;
  ListenerOptions options;
  std::atomic<uint32_t> open{0};
  std::vector<Outcome> refused;
  uint16_t port = 0;
  std::unique_ptr<Listener> listener;
  std::vector<std::unique_ptr<LoopPeer>> clients;

 private:
  int send_buffer_;
};

inline std::string get(std::string_view path, std::string_view fields = "") {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
}
/// The text behind the head.
inline std::string body_of(const std::string& message) {
  size_t at = message.find("\r\n\r\n");
  return at == std::string::npos ? "" : message.substr(at + 4);
}

}  // namespace siding::test
