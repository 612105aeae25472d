// Our side of one connection to a server: answers whole, torn, early, malformed; and when the
// connection may be used again.
#include "proxy/upstream/h1_client.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/text.h"
#include "tests/harness/loop_bed.h"
#include "tests/harness/loop_pair.h"

namespace siding {
namespace {

using namespace std::chrono_literals;
using test::LoopPair;
using test::LoopPeer;

/// Pieces of a body, given out one by one.
class Pieces final : public BodySource {
 public:
  explicit Pieces(std::vector<std::string> pieces) : pieces_(std::move(pieces)) {}
  Task<Result<Buffer>> next() override {
    Buffer out;
    if (at_ < pieces_.size()) out.append_copy(pieces_[at_++]);
    if (fails_at >= 0 && static_cast<size_t>(fails_at) < at_) {
      co_return Error(Failure::malformed, Side::downstream, false, "no more of it");
    }
    co_return std::move(out);
  }
  int fails_at = -1;

 private:
  std::vector<std::string> pieces_;
  size_t at_ = 0;
};

struct ClientBed : test::LoopBed {
  explicit ClientBed(int peer_buffer = 0) {
    LoopPair pair(peer_buffer);
    if (peer_buffer > 0) pair.small_send_buffer();
    peer = std::move(pair.peer);
    client.emplace(std::make_unique<Socket>(loop, pair.fd), limits);
  }
  template <class T>
  T run(Task<T> task) {
    task.start();
    bool ended = until([&] {
      peer->pump();
      return task.done();
    });
    EXPECT_TRUE(ended) << "it waits for ever";
    if (!ended) std::abort();
    return task.take();
  }
  Result<> send(std::string_view head, BodySource* body = nullptr, bool chunked = false,
                const Fields* trailers = nullptr, TimePoint deadline = kNever) {
    return run(client->send(Slice::copy_of(head), body, deadline, chunked, trailers));
  }
  Result<ResponseHead> head(std::string_view method = "GET", TimePoint deadline = kNever) {
    return run(client->read_head(method, deadline));
  }
  /// The whole body, or "error: kind".
  std::string body() {
    std::string out;
    while (true) {
      Result<Buffer> piece = run(client->read_body(kNever));
      if (!piece) return "error: " + std::string(to_string(piece.error().kind));
      if (piece->empty()) return out;
      out += piece->str();
    }
  }
  HeadLimits limits{.max_head = 4096, .max_fields = 20, .max_target = 0};
  std::unique_ptr<LoopPeer> peer;
  std::optional<H1Client> client;
};

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

TEST(H1Client, SendsAndReads) {
  ClientBed bed;
  EXPECT_FALSE(bed.client->request_sent());
  EXPECT_TRUE(bed.send(kGet).ok());
  bed.peer->pump();
  EXPECT_EQ(bed.peer->in, kGet);
  EXPECT_EQ(bed.client->sent_bytes(), kGet.size());
  bed.peer->send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\nhello");
  Result<ResponseHead> head = bed.head();
  ASSERT_TRUE(head.ok());
  EXPECT_EQ(head->status, 200);
  EXPECT_EQ(head->fields.get("x"), "y");
  EXPECT_FALSE(bed.client->reusable()) << "its body is not read yet";
  EXPECT_EQ(bed.body(), "hello");
  EXPECT_TRUE(bed.client->reusable());
}

TEST(H1Client, ReadsWhatComesByteByByte) {
  ClientBed bed;
  EXPECT_TRUE(bed.send(kGet).ok());
  std::string answer =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: 1\r\n\r\n";
  auto head = bed.client->read_head("GET", kNever);
  head.start();
  size_t at = 0;
  for (; !head.done() && at < answer.size(); ++at) {
    bed.peer->send(answer.substr(at, 1));
    bed.peer->pump();
    bed.settle();
  }
  ASSERT_TRUE(head.done());
  EXPECT_TRUE(head.take().ok());
  std::string got;
  while (at < answer.size()) {
    auto piece = bed.client->read_body(kNever);
    piece.start();
    while (!piece.done() && at < answer.size()) {
      bed.peer->send(answer.substr(at++, 1));
      bed.peer->pump();
      bed.settle();
    }
    ASSERT_TRUE(piece.done());
    got += piece.take()->str();
  }
  EXPECT_EQ(got, "abc");
  EXPECT_TRUE(bed.client->reusable());
  EXPECT_EQ(bed.client->take_trailers().get("t"), "1");
}

TEST(H1Client, PassesInterimAnswersOneByOne) {
  ClientBed bed;
  EXPECT_TRUE(bed.send(kGet).ok());
  bed.peer->send(
      "HTTP/1.1 103 Early\r\nLink: a\r\n\r\nHTTP/1.1 100 Go\r\n\r\nHTTP/1.1 204 No\r\n\r\n");
  EXPECT_EQ(bed.head()->status, 103);
  EXPECT_EQ(bed.head()->status, 100);
  EXPECT_EQ(bed.head()->status, 204);
  EXPECT_EQ(bed.body(), "");
  EXPECT_TRUE(bed.client->reusable());
}

TEST(H1Client, AnswersToHeadHaveNoBody) {
  ClientBed bed;
  EXPECT_TRUE(bed.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").ok());
  bed.peer->send("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n");
  ASSERT_TRUE(bed.head("HEAD").ok());
  EXPECT_EQ(bed.client->framing().declared.length, 500u);
  EXPECT_EQ(bed.body(), "");
  EXPECT_TRUE(bed.client->reusable());
}

struct Ending {
  const char* answer;
  bool close;        ///< the server closes behind it
  Failure failure;   ///< count_: none
  const char* body;  ///< nullptr: it fails before
  bool reusable = false;
};

TEST(H1Client, TellsHowAnswersEnd) {
  const Ending endings[] = {
      {"", true, Failure::closed, nullptr},
      {"HTTP/1.1 200 OK\r\nConte", true, Failure::closed, nullptr},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", true, Failure::count_, "error: closed"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", true, Failure::count_,
       "error: closed"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", false, Failure::count_,
       "error: malformed"},
      {"HTTP/1.1 200 OK\r\n\r\nuntil the end", true, Failure::count_, "until the end"},
      {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", false, Failure::count_, "ok"},
      {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", false,
       Failure::count_, "ok"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n", false, Failure::count_,
       "ok", false},
      {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false, Failure::count_, "ok", true},
      {"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", false, Failure::count_, "", true},
      {"SSH-2.0-OpenSSH\r\n\r\n", false, Failure::malformed, nullptr},
      {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", false,
       Failure::malformed, nullptr},
      {"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", false, Failure::malformed, nullptr},
  };
  for (const Ending& e : endings) {
    SCOPED_TRACE(e.answer);
    ClientBed bed;
    EXPECT_TRUE(bed.send(kGet).ok());
    bed.peer->send(e.answer);
    bed.peer->pump();
    if (e.close) bed.peer->shutdown_write();
    Result<ResponseHead> head = bed.head();
    EXPECT_EQ(head.ok(), e.failure == Failure::count_);
    if (head.ok()) {
      EXPECT_EQ(bed.body(), e.body);
    } else {
      EXPECT_EQ(head.error().kind, e.failure);
      EXPECT_EQ(head.error().side, Side::upstream);
      EXPECT_FALSE(head.error().retryable) << "it was sent";
    }
    EXPECT_EQ(bed.client->reusable(), e.reusable);
  }
}

TEST(H1Client, HeadsOverTheLimitAreMalformed) {
  ClientBed bed;
  EXPECT_TRUE(bed.send(kGet).ok());
  bed.peer->send("HTTP/1.1 200 OK\r\nX: " + std::string(5000, 'x'));
  Result<ResponseHead> head = bed.head();
  ASSERT_FALSE(head.ok());
  EXPECT_EQ(head.error().kind, Failure::malformed);
}

TEST(H1Client, ResetsAreTold) {
  ClientBed bed;
  EXPECT_TRUE(bed.send(kGet).ok());
  bed.peer->reset();
  Result<ResponseHead> head = bed.head();
  ASSERT_FALSE(head.ok());
  EXPECT_EQ(head.error().kind, Failure::reset);
}

TEST(H1Client, WaitsUntilTheDeadlineOnly) {
  ClientBed bed;
  EXPECT_TRUE(bed.send(kGet).ok());
  auto task = bed.client->read_head("GET", after(bed.loop.now(), 100ms));
  task.start();
  bed.advance(50ms);
  EXPECT_FALSE(task.done());
  bed.advance(60ms);
  ASSERT_TRUE(task.done());
  EXPECT_EQ(task.take().error().kind, Failure::timeout);
}

TEST(H1Client, SendsBodiesInPieces) {
  ClientBed bed;
  Pieces body({"one", "two", std::string(100'000, 'x')});
  EXPECT_TRUE(bed.send("POST / HTTP/1.1\r\n\r\n", &body).ok());
  bed.peer->pump();
  EXPECT_EQ(bed.peer->in, "POST / HTTP/1.1\r\n\r\nonetwo" + std::string(100'000, 'x'));
}

TEST(H1Client, SendsChunksAndTrailers) {
  ClientBed bed;
  Pieces body({"one", std::string(16, 'x')});
  Fields trailers;
  trailers.add("X-Sum", "7");
  EXPECT_TRUE(bed.send("POST / HTTP/1.1\r\n\r\n", &body, true, &trailers).ok());
  bed.peer->pump();
  std::string got = lower(bed.peer->in);
  EXPECT_EQ(got, "post / http/1.1\r\n\r\n3\r\none\r\n10\r\n" + std::string(16, 'x') +
                     "\r\n0\r\nx-sum: 7\r\n\r\n");
}

TEST(H1Client, ABodyThatBreaksOffIsTold) {
  ClientBed bed;
  Pieces body({"one", "two"});
  body.fails_at = 1;
  Result<> sent = bed.send("POST / HTTP/1.1\r\n\r\n", &body);
  ASSERT_FALSE(sent.ok());
  EXPECT_EQ(sent.error().side, Side::downstream);
  EXPECT_FALSE(bed.client->reusable());
}

// The server says no before it has read: what it says counts, and nothing more is sent.
TEST(H1Client, AnEarlyRefusalEndsTheSending) {
  ClientBed bed(16 * 1024);
  bed.peer->reading = false;
  bed.peer->send("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
  Pieces body(std::vector<std::string>(200, std::string(100'000, 'x')));
  EXPECT_TRUE(bed.send("POST / HTTP/1.1\r\n\r\n", &body).ok());
  EXPECT_LT(bed.client->sent_bytes(), 19'000'000u);
  EXPECT_EQ(bed.head()->status, 413);
  EXPECT_EQ(bed.body(), "no");
  EXPECT_FALSE(bed.client->reusable()) << "half a request is still on its way";
}

TEST(H1Client, AnInterimAnswerDoesNotEndTheSending) {
  ClientBed bed(16 * 1024);
  bed.peer->reading = false;
  bed.peer->send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\n\r\n");
  Pieces body(std::vector<std::string>(50, std::string(100'000, 'x')));
  auto task = bed.client->send(Slice::copy_of("POST / HTTP/1.1\r\n\r\n"), &body, kNever);
  task.start();
  bed.peer->pump();
  bed.settle();
  EXPECT_FALSE(task.done());
  bed.peer->reading = true;
  EXPECT_TRUE(bed.until([&] {
    bed.peer->pump();
    return task.done();
  }));
  EXPECT_TRUE(task.take().ok());
  EXPECT_EQ(bed.head()->status, 100);
  EXPECT_EQ(bed.head()->status, 103);
  bed.peer->send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(bed.head()->status, 200);
  EXPECT_TRUE(bed.client->reusable());
}

TEST(H1Client, AServerThatClosesWhileWeSendIsTold) {
  ClientBed bed(16 * 1024);
  bed.peer->reading = false;
  Pieces body(std::vector<std::string>(200, std::string(100'000, 'x')));
  auto task = bed.client->send(Slice::copy_of("POST / HTTP/1.1\r\n\r\n"), &body, kNever);
  task.start();
  bed.settle();
  EXPECT_FALSE(task.done());
  bed.peer->reset();
  EXPECT_TRUE(bed.until([&] { return task.done(); }));
  EXPECT_TRUE(task.take().ok());
  Result<ResponseHead> head = bed.head();
  ASSERT_FALSE(head.ok());
  EXPECT_FALSE(head.error().retryable);
  EXPECT_FALSE(bed.client->reusable());
}

// A server that streams back while it reads must not make the loop spin.
TEST(H1Client, MuchThatComesEarlyDoesNotSpin) {
  ClientBed bed(16 * 1024);
  bed.peer->reading = false;
  bed.peer->send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" +
                 std::string(1'000'000, 'y'));
  Pieces body(std::vector<std::string>(200, std::string(100'000, 'x')));
  auto task = bed.client->send(Slice::copy_of("POST / HTTP/1.1\r\n\r\n"), &body, kNever);
  task.start();
  for (int i = 0; i < 50; ++i) {
    bed.peer->pump();
    bed.settle(100);
  }
  EXPECT_FALSE(task.done());
  EXPECT_TRUE(bed.settle(100)) << "it spins";
}

TEST(H1Client, IsUsedAgain) {
  ClientBed bed;
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(bed.send(kGet).ok());
    bed.peer->send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n" + std::to_string(i));
    ASSERT_TRUE(bed.head().ok());
    EXPECT_EQ(bed.body(), std::to_string(i));
    ASSERT_TRUE(bed.client->reusable());
    bed.client->begin();
    EXPECT_FALSE(bed.client->request_sent());
    EXPECT_FALSE(bed.client->answer_begun());
  }
}

}  // namespace
}  // namespace siding
