// Stories between a client and its backend.
#include <gtest/gtest.h>

#include "tests/cancel/stories.h"

namespace siding::cancel {

using namespace std::chrono_literals;
using test::LoopPeer;
using test::LoopWorld;

namespace {
const std::string kBackend =
    "listen = \"127.0.0.1:1\"\n"
    "[backend.shop]\nurl = \"http://127.0.0.1:BACKEND\"\nconcurrency = 1\n";
const std::string kRoute = "[[route]]\nbackend = \"shop\"\n";

std::string ok_with(const std::string& body, const std::string& fields = "") {
  return "HTTP/1.1 200 OK\r\n" + fields + "Content-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}
std::string get_of(const std::string& path) {
  return "GET " + path + " HTTP/1.1\r\nHost: shop\r\n\r\n";
}
/// Answers each request as soon as it is whole.
void answer_each(LoopPeer& peer) {
  while (peer.take()) peer.send(ok_with("hello"));
}
/// Sends the pieces of a request one a step: each is met by the handler on its own.
void send_pieces(LoopWorld& world, std::vector<std::string> pieces) {
  world.add_client();
  size_t which = world.clients.size() - 1;
  world.upstream.script = nullptr;
  world.backend.script = answer_each;
  world.clients[which]->on_pump = [pieces = std::move(pieces)](LoopPeer& self) {
    auto next = static_cast<size_t>(self.stage);
    if (next >= pieces.size() || !self.sent()) return;
    self.send(pieces[next]);
    ++self.stage;
  };
}

Story plain_get() {
  return {"PlainGet",
          kBackend + kRoute,
          [](LoopWorld& w) {
            w.backend.script = answer_each;
            w.add_client().send(get_of("/"));
          },
          {200}};
}

Story head_in_pieces() {
  return {"HeadInPieces",
          kBackend + kRoute,
          [](LoopWorld& w) {
            send_pieces(w, {"GET / HT", "TP/1.1\r\nHo", "st: shop\r\n\r", "\n"});
          },
          {200}};
}

Story post_with_body() {
  return {"PostWithBody",
          kBackend + kRoute,
          [](LoopWorld& w) {
            send_pieces(w,
                        {"POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 3000\r\n\r\n",
                         std::string(1000, 'a'), std::string(1000, 'b'), std::string(1000, 'c')});
          },
          {200}};
}

Story expect_continue() {
  return {"ExpectContinue",
          kBackend + kRoute,
          [](LoopWorld& w) {
            w.backend.script = answer_each;
            LoopPeer& client = w.add_client();
            client.send(
                "POST / HTTP/1.1\r\nHost: shop\r\nExpect: 100-continue\r\n"
                "Content-Length: 5\r\n\r\n");
            client.on_pump = [](LoopPeer& self) {
              if (self.stage > 0 || self.in.find(" 100 ") == std::string::npos) return;
              self.in.clear();
              self.send("12345");
              self.stage = 1;
            };
          },
          {200}};
}

Story spilled_post() {
  return {"SpilledPost",
          kBackend + kRoute,
          [](LoopWorld& w) {
            w.services->bodies.in_memory = 4096;
            send_pieces(
                w, {"POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 400000\r\n\r\n",
                    std::string(3000, 'a'), std::string(97'000, 'b'), std::string(300'000, 'c')});
          },
          {200}};
}

Story chunked_with_trailers() {
  return {"ChunkedWithTrailers",
          kBackend + kRoute,
          [](LoopWorld& w) {
            send_pieces(w,
                        {"POST / HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n",
                         "hello\r\n3;x=y\r", "\nabc\r\n0\r\nX-Sum:", " 8\r\n\r\n"});
            w.backend.script = [](LoopPeer& peer) {
              if (!peer.take()) return;
              peer.send(
                  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
                  "5\r\nhello\r\n0\r\nX-Sum: 5\r\n\r\n");
            };
          },
          {200}};
}

/// The second one waits for a permit until the first one's answer is out.
Story queued_behind_another() {
  return {"QueuedBehindAnother",
          kBackend + "backlog = 0\n" + kRoute,
          [](LoopWorld& w) {
            w.backend.script = [&w](LoopPeer& peer) {
              if (w.backend.peers().front()->in.empty()) return;
              if (w.here->snapshot.backends[0]->admission.snapshot().queued == 0 &&
                  peer.stage == 0 && w.clients.size() == 2 && w.clients[1]->stage == 0) {
                return;  // not before the other one stands in the queue
              }
              if (peer.take()) peer.send(ok_with("hello"));
            };
            w.add_client().send(get_of("/first"));
            LoopPeer& second = w.add_client();
            second.on_pump = [&w](LoopPeer& self) {
              if (w.here->snapshot.backends[0]->admission.snapshot().queued > 0) self.stage = 1;
            };
            second.send(get_of("/second"));
          },
          {200, 200}};
}

Story pipelined() {
  return {"Pipelined",
          kBackend + kRoute,
          [](LoopWorld& w) {
            w.backend.script = answer_each;
            w.add_client().send(get_of("/a") + get_of("/b") + get_of("/c"));
          },
          {200}};
}

Story backend_refuses_then_comes() {
  Story s{"BackendRefusesThenComes",
          kBackend + kRoute,
          [](LoopWorld& w) {
            w.backend.script = answer_each;
            w.backend.stop();
            w.add_client().send(get_of("/a"));
            w.add_client().send(get_of("/b"));
            w.add_client().send(get_of("/c"));
          },
          {200, 200, 200},
          100ms};
  s.on_tick = [](LoopWorld& w, int tick) {
    if (tick == 4) w.backend.start();
  };
  return s;
}

/// The kept connection is closed under the second request, which goes out once more.
Story stale_kept_connection() {
  return {"StaleKeptConnection",
          kBackend + kRoute,
          [](LoopWorld& w) {
            w.backend.script = [&w](LoopPeer& peer) {
              if (!peer.take()) return;
              if (peer.stage++ > 0) {
                peer.close();
              } else {
                peer.send(ok_with(w.backend.accepted() == 1 ? "first" : "again"));
              }
            };
            LoopPeer& client = w.add_client();
            client.send(get_of("/a"));
            client.on_pump = [](LoopPeer& self) {
              if (self.stage > 0 || self.in.find("first") == std::string::npos) return;
              self.in.clear();
              self.send(get_of("/b"));
              self.stage = 1;
            };
          },
          {200}};
}

Story interim_answers() {
  return {"InterimAnswers",
          kBackend + kRoute,
          [](LoopWorld& w) {
            w.backend.script = [](LoopPeer& peer) {
              if (peer.stage == 0 && !peer.take()) return;
              if (peer.stage < 3) peer.send("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n");
              if (peer.stage == 3) peer.send(ok_with("at last"));
              ++peer.stage;
            };
            LoopPeer& client = w.add_client();
            client.send(get_of("/"));
            client.on_pump = [](LoopPeer& self) {
              while (self.in.starts_with("HTTP/1.1 103")) self.take();
            };
          },
          {200}};
}

/// More than socket and memory hold; the client begins to read when everything stands.
Story slow_client() {
  constexpr size_t kBody = 700'000;
  Story s{"SlowClient",
          kBackend + kRoute,
          [](LoopWorld& w) {
            w.services->bodies.in_memory = 64 * 1024;
            w.backend.script = [](LoopPeer& peer) {
              if (peer.take()) peer.send(ok_with(std::string(kBody, 'x')));
            };
            LoopPeer& client = w.add_client(16 * 1024);
            client.reading = false;
            client.send(get_of("/"));
          },
          {200},
          100ms};
  s.on_tick = [](LoopWorld& w, int) {
    for (auto& client : w.clients) {
      if (w.services->bodies.spill.used() > 0) client->stage = 1;
      client->reading = true;
    }
  };
  s.check = [](LoopWorld& w) {
    EXPECT_EQ(w.clients[0]->stage, 1) << "it was to lie in a file";
    EXPECT_TRUE(w.clients[0]->in.ends_with(std::string(kBody, 'x')));
  };
  return s;
}

/// The client has its 504, and the worker goes on.
Story deadline() {
  Story s{"Deadline",
          kBackend + kRoute + "deadline = \"200ms\"\n",
          [](LoopWorld& w) {
            w.backend.script = [](LoopPeer& peer) {
              if (peer.stage == 1) answer_each(peer);
            };
            w.add_client().send(get_of("/"));
          },
          {504},
          150ms};
  s.on_tick = [](LoopWorld& w, int tick) {
    if (tick < 4) return;
    for (auto& peer : w.backend.peers()) peer->stage = 1;
  };
  return s;
}

Story queue_timeout() {
  Story s{"QueueTimeout",
          kBackend + "backlog = 0\nqueue = { timeout = \"300ms\" }\n" + kRoute,
          [](LoopWorld& w) {
            w.backend.script = [](LoopPeer& peer) {
              if (peer.stage == 1) answer_each(peer);
            };
            w.add_client().send(get_of("/a"));
            w.add_client().send(get_of("/b"));
          },
          {200, 503},
          100ms};
  s.on_tick = [](LoopWorld& w, int tick) {
    if (tick < 5) return;
    for (auto& peer : w.backend.peers()) peer->stage = 1;
  };
  return s;
}

Story answer_is_torn() {
  return {"AnswerIsTorn",
          kBackend + kRoute,
          [](LoopWorld& w) {
            w.backend.script = [](LoopPeer& peer) {
              if (peer.stage == 0 && !peer.take()) return;
              if (peer.stage == 0) peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
              if (peer.stage == 2) peer.close();
              ++peer.stage;
            };
            w.add_client().send(get_of("/"));
          },
          {0}};
}

Story outside_the_queue() {
  return {"OutsideTheQueue",
          kBackend + kRoute + "queue = false\n",
          [](LoopWorld& w) {
            w.backend.script = answer_each;
            w.add_client().send(get_of("/"));
          },
          {200}};
}

/// A body of which a part is in a file, and more than the kernel takes for a narrow backend. A larger one
/// would only repeat the turns that read 16 KiB of it, and make each of a thousand runs fetch megabytes
/// of new pages.
constexpr size_t kLarge = 600'000;
std::string large_post(LoopWorld& w) {
  w.services->bodies.in_memory = 64 * 1024;
  w.backend.narrow();
  return "POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: " + std::to_string(kLarge) + "\r\n\r\n" +
         std::string(kLarge, 'x');
}

Story early_answer() {
  Story s{"EarlyAnswer",
          kBackend + kRoute,
          [](LoopWorld& w) {
            // 413 before it has read: what is left of the request never goes out.
            w.backend.script = [](LoopPeer& peer) {
              peer.reading = false;
              if (peer.stage++ == 0) peer.send("HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n");
            };
            w.add_client().send(large_post(w));
          },
          {413}};
  s.check = [](LoopWorld& w) {
    LoopPeer& worker = *w.backend.peers().front();
    worker.reading = true;
    worker.pump();
    EXPECT_TRUE(worker.eof);
    EXPECT_LT(worker.in.size(), kLarge) << "all of it went out";
  };
  return s;
}

/// The backend answers while it still reads: both directions move, in turns.
Story answer_while_sending() {
  Story s{"AnswerWhileSending",
          kBackend + kRoute,
          [](LoopWorld& w) {
            w.backend.script = [](LoopPeer& peer) {
              if (peer.stage == 0 && !peer.in.empty()) {
                peer.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n");
                peer.stage = 1;
              }
              if (peer.stage == 1 && peer.in.size() > 250'000) {
                peer.send("abc");
                peer.stage = 2;
              }
              if (peer.take()) peer.send("def");
            };
            LoopPeer& client = w.add_client();
            client.send(large_post(w));
            client.on_pump = [&w](LoopPeer& self) {
              const bool whole = w.backend.peers().empty() || w.backend.peers().front()->in.empty();
              if (!whole && self.in.ends_with("abc")) self.stage = 1;
            };
          },
          {200}};
  s.check = [](LoopWorld& w) {
    EXPECT_EQ(w.clients[0]->stage, 1) << "the answer waited for the end of the request";
  };
  return s;
}
}  // namespace

std::vector<Story> backend_stories() {
  return {plain_get(),
          head_in_pieces(),
          post_with_body(),
          expect_continue(),
          spilled_post(),
          chunked_with_trailers(),
          pipelined(),
          queued_behind_another(),
          backend_refuses_then_comes(),
          stale_kept_connection(),
          interim_answers(),
          slow_client(),
          deadline(),
          queue_timeout(),
          answer_is_torn(),
          outside_the_queue(),
          early_answer(),
          answer_while_sending()};
}

}  // namespace siding::cancel
