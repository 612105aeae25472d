// A client's HTTP/2 connection (H2Connection with its requests, and libnghttp2 below them), over a socket
// that this file plays. Handlers read whole bodies, answer early, late, in pieces, torn or not at all.
// Properties: what a handler is given could be said in HTTP/1 as well: no control bytes, one host, a
// target of its form; whatever comes, all requests have ended when the connection has, and it ends when its
// time is up.
// Input: one byte for the handlers, two for the splits, one for how much the client takes; then the bytes
// behind the preface.
// libFuzzer: -max_len=2048
#include <string>
#include <utility>

#include "proxy/downstream/listener.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/scripted_socket.h"
// What is fuzzed, as source: its library would bring all that talks to the network.
#include "http/h1_syntax.h"
#include "proxy/downstream/goodbye.cc"
#include "proxy/downstream/h2_connection.cc"
#include "proxy/downstream/h2_frames.cc"
#include "proxy/downstream/h2_request.cc"
#include "proxy/downstream/local_reply.cc"
#include "proxy/net/address.cc"

namespace siding {

namespace fuzz {
namespace {
int running = 0;
std::unique_ptr<Connection> connection;
}  // namespace
}  // namespace fuzz

const ClientCertificate* Socket::client_certificate() const { return nullptr; }

Listener::Listener(Loop& loop, int, const ListenerOptions& options)
    : loop_(loop), options_(options) {}
Listener::~Listener() = default;
void Listener::remove(Connection& ended) {
  assert(&ended == fuzz::connection.get());
  loop_.retire(std::move(fuzz::connection));
}
void Listener::replace(Connection& ended, std::unique_ptr<Connection> next) {
  assert(&ended == fuzz::connection.get());
  loop_.retire(std::move(fuzz::connection));
  fuzz::connection = std::move(next);
  fuzz::connection->start();
}
void Listener::rests(Connection&) {}
void Listener::works(Connection&) {}
void Listener::accept_some(bool) {}
void Listener::resume() {}

namespace fuzz {
namespace {

class AnyHandler final : public Handler {
 public:
  Task<> handle(Stream& stream) override {
    struct Life {
      Life() { ++running; }
      ~Life() { --running; }
    } life;
    check(stream.head);
    const uint8_t how = kind++;
    if (stream.head.method == "CONNECT" && (how & 128) == 0) {
      co_await carry(stream, how);
      co_return;
    }
    if ((how & 1) != 0) {
      while (!stream.body_ended && !stream.body_fault) {
        stream.grant(how);
        stream.body.clear();
        stream.grant(how);
        co_await Wait(stream.body_changed);
      }
    }
    if ((how & 2) != 0) co_await Wait(go);
    if ((how & 4) != 0) {
      ResponseHead hints;
      hints.status = 103;
      stream.send_interim(hints);
    }
    if ((how & 8) != 0) co_return;
    Buffer body;
    body.append_copy(std::string(how * 500u, 'x'));
    const size_t size = body.size();
    ResponseHead head;
    head.fields.add("X-A", std::string(how & 0xf0 ? "b" : "c\r\nd: e"));
    stream.send_head(std::move(head),
                     (how & 16) != 0 ? BodyFraming::of_length(size) : BodyFraming::chunked());
    stream.send_data(std::move(body));
    if ((how & 32) != 0) co_await Wait(go);
    Fields trailers;
    trailers.add("X-Sum", "1");
    if ((how & 64) != 0) {
      stream.abort();
    } else {
      stream.send_end(&trailers);
    }
  }

  /// A tunnel that gives back what comes.
  Task<> carry(Stream& stream, uint8_t how) {
    if ((how & 2) != 0) co_await Wait(go);
    ResponseHead head;
    head.status = (how & 1) != 0 ? 101 : 200;
    stream.open_tunnel(std::move(head));
    while (!stream.body_ended) {
      stream.grant(how);
      if (!stream.body.empty()) {
        stream.send_data(std::exchange(stream.body, Buffer()));
        continue;
      }
      if ((how & 4) != 0) stream.send_end();  // its own half first
      if ((how & 8) != 0) co_return;
      // As Tunnel, which has no more patience.
      const TimePoint idle = after(Loop::current().now(), std::chrono::seconds(300));
      const bool moved = co_await Wait(stream.body_changed, idle);
      if (!moved) break;
    }
    if ((how & 64) != 0) {
      stream.abort();
    } else {
      stream.send_end();
    }
  }

  static void check(const RequestHead& head) {
    assert(head.protocol.empty() || (head.method == "CONNECT" && head.target.starts_with('/')));
    assert(h1::is_token(head.method) && head.http2);
    assert(head.fields.count("host") == 1 && head.fields.get("host") == head.authority);
    assert(head.method == "CONNECT" || head.target == "*" || head.target.starts_with('/'));
    assert(h1::find_first<h1::NoTargetBytes>(head.target) == head.target.size());
    for (const Field& f : head.fields) {
      assert(h1::is_token(f.name) && !has_control(f.value));
      assert(h2_field_allowed(f.name) || f.name == "content-length");
    }
  }

  uint8_t kind = 0;
  Signal go;
};

void run(Input in) {
  static ManualClock clock;
  static Loop loop(clock);
  static AnyHandler handler;
  static ListenerOptions options;
  options.handler = &handler;
  options.extended_connect = true;
  options.head = {.max_head = 4096, .max_fields = 20, .max_target = 256};
  options.on_refuse = [](const SocketAddress&, Outcome, std::string_view) {};
  static Listener listener(loop, -1, options);

  handler.kind = in.byte();
  const Splits splits(in);
  const size_t takes = in.byte();
  script = Script();
  const std::string bytes = std::string(H2Connection::kPreface) + std::string(in.rest());
  script.bytes = bytes;
  script.reads = splits.of(bytes.size());
  script.end = Script::End::open;
  script.room = takes == 0 ? size_t{1} << 30 : takes * 64;
  connection = std::make_unique<H2Connection>(listener, std::make_unique<Socket>(loop, -1),
                                              SocketAddress(), std::string());
  connection->start();
  turn(loop);
  handler.go.notify();
  turn(loop);
  if (connection && (takes & 1) != 0) connection->drain();
  script.room += takes * 64;
  turn(loop);
  handler.go.notify();
  // Whoever is left has gone then: each wait has its bound, but for a handler that waits for others.
  for (int i = 0; i < 10 && connection; ++i) {
    clock.advance(std::chrono::seconds(100));
    turn(loop);
    handler.go.notify();
    turn(loop);
  }
  assert(!connection && "it never ends");
  assert(running == 0 && frame_stats().frames == 0);
}

}  // namespace
}  // namespace fuzz
}  // namespace siding

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  siding::fuzz::run({data, size});
  return 0;
}
