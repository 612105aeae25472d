// Our side of one HTTP/2 connection against a server of raw frames, on one loop.
#pragma once

#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "proxy/upstream/h2_pool.h"
#include "tests/harness/h2_server.h"
#include "tests/harness/loop_bed.h"
#include "tests/harness/loop_pair.h"

namespace siding::test {

/// Pieces of a body, given out one by one.
class H2Pieces final : public BodySource {
 public:
  explicit H2Pieces(std::vector<std::string> pieces) : pieces_(std::move(pieces)) {}
  Task<Result<Buffer>> next() override {
    Buffer out;
    if (at_ < pieces_.size()) out.append_copy(pieces_[at_++]);
    if (fails_at >= 0 && static_cast<size_t>(fails_at) < at_) {
      co_return Error(Failure::no_buffer, Side::local, false, "no more of it");
    }
    co_return std::move(out);
  }
  int fails_at = -1;

 private:
  std::vector<std::string> pieces_;
  size_t at_ = 0;
};

/// What became of a call.
struct H2Told {
  int status = 0;  ///< 0: no head came
  std::vector<int> interim;
  ResponseHead head;
  Framing framing;
  std::string body;
  Fields trailers;
  std::string error;  ///< kind; empty: it is whole
  std::string detail;
  bool done = false;
};

struct H2UpstreamBed : LoopBed {
  explicit H2UpstreamBed(H2Server::Options options = {}, H2Pool::Options pool_options = defaults(),
                         int peer_buffer = 0)
      : server(std::move(options)), pool(loop, pool_options, counts) {
    LoopPair pair(peer_buffer);
    if (peer_buffer > 0) pair.small_send_buffer();
    peer = std::move(pair.peer);
    first = pool.add(Slot(), std::make_unique<Socket>(loop, pair.fd), SocketAddress());
  }
  ~H2UpstreamBed() {
    tasks.clear();
    first.reset();
    pool.close_idle();
    peer.reset();
    settle();
  }
  static H2Pool::Options defaults() {
    return {.idle_timeout = std::chrono::seconds(4),
            .keep = true,
            .head = {.max_head = 64 * 1024, .max_fields = 50, .max_target = 0}};
  }
  void exchange() {
    peer->pump();
    if (!peer->in.empty()) server.take(std::exchange(peer->in, {}));
    if (!server.out.empty()) peer->send(std::exchange(server.out, {}));
    peer->pump();
  }
  template <class Condition>
  bool goes_on_until(Condition done) {
    return until([&] {
      exchange();
      return done();
    });
  }
  /// Until nothing moves any more.
  void calm() {
    for (int quiet = 0; quiet < 5;) {
      exchange();
      quiet = loop.turn(false) ? 0 : quiet + 1;
    }
  }
  /// A call from its beginning to its end, into `told`.
  static Task<> call(HttpClient& client, std::string method, std::string target, BodySource* body,
                     H2Told& told, TimePoint deadline, Fields fields, const Fields* trailers) {
    RequestHead head;
    head.fields = std::move(fields);
    head.method = method;
    head.target = target;
    head.authority = "a.example";
    OutRequest out;
    out.head = &head;
    out.trailers = trailers;
    out.wants_trailers = trailers != nullptr;
    if (body != nullptr) out.framing = BodyFraming::chunked();
    Result<> sent = co_await client.send(out, body, deadline);
    std::optional<Error> error;
    if (!sent) error = sent.error();
    while (!error) {
      Result<ResponseHead> next = co_await client.read_head(head.method, deadline);
      if (!next) {
        error = next.error();
        break;
      }
      if (next->interim()) {
        told.interim.push_back(next->status);
        continue;
      }
      told.status = next->status;
      told.head = std::move(*next);
      told.framing = client.framing();
      break;
    }
    while (!error) {
      Result<Buffer> piece = co_await client.read_body(deadline);
      if (!piece) error = piece.error();
      if (error || piece->empty()) break;
      told.body += piece->str();
    }
    if (error) {
      told.error = std::string(to_string(error->kind));
      told.detail = error->detail;
    } else {
      told.trailers = client.take_trailers();
    }
    told.done = true;
  }
  /// Starts one on `client`, or on the connection's first place.
  H2Told& ask(HttpClient& client, const std::string& method = "GET", BodySource* body = nullptr,
              Fields fields = {}, const Fields* trailers = nullptr, TimePoint deadline = kNever) {
    told.push_back(std::make_unique<H2Told>());
    H2Told& into = *told.back();
    tasks.push_back(call(client, method, "/t", body, into, deadline, std::move(fields), trailers));
    tasks.back().start();
    return into;
  }
  H2Told& ask(const std::string& method = "GET") { return ask(*first, method); }
  /// Until the server has the request on stream `id`.
  bool asked(int32_t id) {
    return goes_on_until([&] { return server.requests[id].ended; });
  }
  /// What the server says ends the call.
  const H2Told& ends(H2Told& t) {
    EXPECT_TRUE(goes_on_until([&] { return t.done; })) << "it waits for ever";
    return t;
  }

  H2Counts counts;
  H2Server server;
  H2Pool pool;
  std::unique_ptr<LoopPeer> peer;
  std::unique_ptr<HttpClient> first;
  std::vector<std::unique_ptr<H2Told>> told;
  std::vector<Task<>> tasks;
};

}  // namespace siding::test
