// Stories of routes with a cache: clients that share a fetch, and fetches that nobody's client owns.
#include <gtest/gtest.h>

#include "tests/cancel/stories.h"

namespace siding::cancel {

using namespace std::chrono_literals;
using test::LoopPeer;
using test::LoopWorld;

namespace {
const std::string kCached =
    "listen = \"127.0.0.1:1\"\n"
    "[backend.shop]\nurl = \"http://127.0.0.1:BACKEND\"\nconcurrency = 1\n"
    "[[route]]\nbackend = \"shop\"\n";
const std::string kAsk = "GET /s HTTP/1.1\r\nHost: shop\r\n\r\n";

std::string song(const std::string& fields, const std::string& body = "song") {
  return "HTTP/1.1 200 OK\r\n" + fields + "\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

/// So many clients at once for one key, each request answered with `answer`.
Story shared(const std::string& name, const std::string& cache, int clients,
             const std::string& answer, size_t requests) {
  auto seen = std::make_shared<size_t>();
  Story s{name, kCached + "cache = " + cache + "\n", [=](LoopWorld& w) {
            *seen = 0;
            w.backend.script = [=](LoopPeer& peer) {
              while (peer.take()) {
                ++*seen;
                peer.send(answer);
              }
            };
            for (int i = 0; i < clients; ++i) w.add_client().send(kAsk);
          }};
  s.answers.assign(static_cast<size_t>(clients), 200);
  s.check = [=](LoopWorld&) { EXPECT_EQ(*seen, requests); };
  return s;
}

/// Larger than what is stored, and its length is not known: those who share it read it from a file.
Story to_a_file() {
  const std::string body(300'000, 'x');
  Story s{"CacheSharedFile", kCached + "cache = { max_object = \"64KiB\" }\n", [=](LoopWorld& w) {
            w.backend.script = [body](LoopPeer& peer) {
              if (!peer.take()) return;
              peer.send(
                  "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n"
                  "Transfer-Encoding: chunked\r\n\r\n493e0\r\n" +
                  body + "\r\n0\r\n\r\n");
            };
            w.add_client().send(kAsk);
            LoopPeer& slow = w.add_client(16 * 1024);
            slow.reading = false;
            slow.send(kAsk);
          }};
  s.answers = {200, 200};
  s.tick = 100ms;
  s.on_tick = [](LoopWorld& w, int) {
    for (auto& client : w.clients) client->reading = true;
  };
  s.check = [=](LoopWorld& w) {
    for (auto& client : w.clients) EXPECT_GT(client->in.size(), body.size());
    EXPECT_EQ(w.backend.accepted(), 1u);
  };
  return s;
}

/// One client that asks twice; the second request meets what the first has left.
Story twice(const std::string& name, const std::string& first, const std::string& second) {
  Story s{name, kCached + "cache = true\n", [=](LoopWorld& w) {
            w.backend.script = [=](LoopPeer& peer) {
              while (auto request = peer.take()) {
                const bool conditional = request->find("If-None-Match") != std::string::npos;
                peer.send(conditional ? second : first);
              }
            };
            LoopPeer& client = w.add_client();
            client.send(kAsk);
            client.on_pump = [](LoopPeer& self) {
              if (self.stage > 0 || !self.take()) return;
              self.stage = 1;
              self.send(kAsk);
            };
          }};
  s.answers = {200};
  s.check = [](LoopWorld& w) { EXPECT_EQ(w.clients[0]->stage, 1); };
  return s;
}

}  // namespace

std::vector<Story> cache_stories() {
  const std::string shareable = song("Cache-Control: max-age=60");
  return {shared("CacheShared", "true", 3, shareable, 1),
          shared("CachePrivate", "true", 3, song("Cache-Control: private"), 3),
          shared("CacheTooLarge", "{ max_object = \"2B\" }", 2, shareable, 2),
          to_a_file(),
          twice("CacheValidation", song("Cache-Control: max-age=0\r\nETag: \"a\""),
                "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n"),
          twice("CacheRefresh",
                song("Cache-Control: max-age=0, stale-while-revalidate=60\r\nETag: \"a\""),
                "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n"),
          twice("CacheAskedAgain", song("Cache-Control: max-age=0\r\nETag: \"a\""),
                "HTTP/1.1 304 Not Modified\r\nETag: \"b\"\r\n\r\n")};
}

}  // namespace siding::cancel
