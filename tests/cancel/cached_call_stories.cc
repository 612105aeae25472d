// Stories of calls to an upstream that has a cache: legs of a fan-out, prefetches and workers' own calls,
// which find each other's answers and share fetches that are nobody's.
#include <gtest/gtest.h>

#include "tests/cancel/stories.h"
#include "tests/cancel/worker.h"

namespace siding::cancel {

using namespace std::chrono_literals;
using test::LoopPeer;
using test::LoopWorld;

namespace {
const std::string kPrefetchIt =
    "[[route]]\nbackend = \"shop\"\n[route.prefetch]\nmode = \"on\"\nWAIT"
    "[route.prefetch.calls.song]\ncall = \"music:/s?word={query.q}\"\n";
const std::string kLegs =
    "[[route]]\n[route.fanout]\na = { call = \"music:/s?word={query.q}\" }\n"
    "b = { call = \"music:/b?word=b\" }\n";
const std::string kEgressOnly = "[[route]]\nbackend = \"shop\"\n";
const std::string kFresh = "Cache-Control: max-age=60\r\n";

/// `cache`: the value of the upstream's key. Two workers.
std::string with_cache(const std::string& route, const std::string& cache = "true") {
  return "listen = \"127.0.0.1:1\"\n[egress]\nlisten = \"127.0.0.1:2\"\n"
         "[backend.shop]\nurl = \"http://127.0.0.1:BACKEND\"\nconcurrency = 2\n"
         "[upstream.music]\nurl = \"http://127.0.0.1:UPSTREAM\"\ntimeout = \"500ms\"\n"
         "retries = 0\ncache = " +
         cache + "\n" + route;
}
std::string prefetched(const std::string& wait = "") {
  std::string route = kPrefetchIt;
  return route.replace(route.find("WAIT"), 4, wait);
}

/// Each of the clients asks `times`, one request after the other; the upstream answers with `fields`, and
/// gets `requests`.
Story cached_calls(const std::string& name, const std::string& config, int clients, int times,
                   const std::string& fields, size_t requests) {
  auto seen = std::make_shared<size_t>();
  Story s{name, config, [=](LoopWorld& w) {
            *seen = 0;
            work(w);
            w.upstream.script = [=](LoopPeer& peer) {
              while (auto request = peer.take()) {
                ++*seen;
                const bool conditional = request->find("If-None-Match") != std::string::npos;
                peer.send(conditional
                              ? "HTTP/1.1 304 Not Modified\r\n" + fields + "\r\n"
                              : answer_with("\"song of " + word_in(*request) + "\"", fields));
              }
            };
            for (int i = 0; i < clients; ++i) {
              LoopPeer& client = w.add_client();
              client.send(search_for("x"));
              client.stage = 1;
              client.on_pump = [times](LoopPeer& self) {
                if (self.stage == times || !self.take()) return;
                self.send(search_for("x"));
                ++self.stage;
              };
            }
          }};
  s.answers.assign(static_cast<size_t>(clients), 200);
  s.check = [=](LoopWorld& w) {
    EXPECT_EQ(*seen, requests);
    for (auto& client : w.clients) {
      EXPECT_NE(client->in.find("song of x"), std::string::npos) << client->in;
    }
  };
  s.fresh = search_for("x");
  s.fresh_answer = "song of x";
  return s;
}

/// The upstream does what `script` says, until it is mended; `answer` is what the client gets.
Story cached_failure(const std::string& name, const std::string& config,
                     const test::LoopOrigin::Script& script, const std::string& answer) {
  Story s = cached_calls(name, config, 2, 1, kFresh, 0);
  s.begin = [begin = s.begin, script](LoopWorld& w) {
    begin(w);
    w.upstream.script = script;
  };
  s.tick = 50ms;
  s.check = [answer](LoopWorld& w) {
    for (auto& client : w.clients) {
      EXPECT_NE(client->in.find(answer), std::string::npos) << client->in;
    }
  };
  s.mend = [](LoopWorld& w) {
    w.upstream.close_all();
    w.upstream.script = [](LoopPeer& peer) {
      while (auto request = peer.take()) {
        peer.send(answer_with("\"song of " + word_in(*request) + "\"", kFresh));
      }
    };
  };
  return s;
}
void says_nothing(LoopPeer&) {}
void breaks_off(LoopPeer& peer) {
  if (peer.stage == 0 && !peer.take()) return;
  if (peer.stage == 0) peer.send("HTTP/1.1 200 OK\r\n" + kFresh + "Content-Length: 10\r\n\r\n\"ha");
  if (peer.stage == 2) peer.close();
  ++peer.stage;
}

/// A worker calls while the prefetch of its call is still under way.
Story cached_prefetch_joined() {
  Story s = cached_calls("CachedPrefetchJoined", with_cache(prefetched("wait = \"0ms\"\n")), 1, 1,
                         kFresh, 1);
  s.begin = [begin = s.begin](LoopWorld& w) {
    begin(w);
    w.upstream.script = [&w, answers = w.upstream.script](LoopPeer& peer) {
      bool waits = false;
      for (auto& worker : w.backend.peers()) waits = waits || (worker->call && w.egress_open > 0);
      if (peer.stage > 3 || (waits && ++peer.stage > 3)) answers(peer);
    };
  };
  s.tick = 5ms;
  s.mend = [](LoopWorld& w) {
    for (auto& peer : w.upstream.peers()) peer->stage = 4;
  };
  return s;
}

/// The time-out is handed over: a worker's own call would wait as long again, and here for ever.
Story cached_prefetch_late() {
  Story s =
      cached_failure("CachedPrefetchLate", with_cache(prefetched()), says_nothing, "library error");
  s.check = [first = s.check](LoopWorld& w) {
    first(w);
    EXPECT_EQ(w.upstream.accepted(), 1u) << "one call for both, and none of a worker";
  };
  return s;
}

/// Legs whose answers lie in a Redis too.
Story cached_legs_in_redis() {
  Story s =
      cached_calls("CachedLegsInRedis", "[cache]\nredis = { url = \"redis://127.0.0.1:REDIS\" }\n",
                   2, 1, kFresh, 2);
  s.config = with_cache(kLegs + s.config);
  s.begin = [begin = s.begin](LoopWorld& w) {
    begin(w);
    w.clients.clear();
    for (int i = 0; i < 2; ++i) {
      w.add_client().on_pump = [&w](LoopPeer& self) {
        if (self.stage == 0 && w.redis_is_known()) {
          self.send(search_for("x"));
          self.stage = 1;
        }
      };
    }
  };
  s.check = [first = s.check](LoopWorld& w) {
    first(w);
    EXPECT_EQ(w.redis->entries(), 2u);
  };
  s.tick = 10ms;
  return s;
}
}  // namespace

std::vector<Story> cached_call_stories() {
  const std::string alone = "Cache-Control: private\r\n";
  const std::string once = "Cache-Control: max-age=0\r\nETag: \"a\"\r\n";
  const std::string stale =
      "Cache-Control: max-age=0, stale-while-revalidate=60\r\nETag: \"a\"\r\n";
  return {
      cached_calls("CachedLegs", with_cache(kLegs), 2, 1, kFresh, 2),
      cached_calls("CachedLegsTwice", with_cache(kLegs), 1, 2, kFresh, 2),
      cached_calls("CachedLegsPrivate", with_cache(kLegs), 2, 1, alone, 4),
      cached_calls("CachedLegsTooLarge", with_cache(kLegs, "{ max_object = \"2B\" }"), 2, 1, kFresh,
                   4),
      cached_calls("CachedLegsValidation", with_cache(kLegs), 1, 2, once, 4),
      cached_calls("CachedLegsRefresh", with_cache(kLegs), 1, 2, stale, 4),
      cached_failure("CachedLegsLate", with_cache(kLegs), says_nothing, "null"),
      cached_failure("CachedLegsBroken", with_cache(kLegs), breaks_off, "null"),
      cached_calls("CachedPrefetch", with_cache(prefetched()), 1, 2, kFresh, 1),
      cached_calls("CachedPrefetchShared", with_cache(prefetched()), 2, 1, kFresh, 1),
      cached_calls("CachedPrefetchPrivate", with_cache(prefetched()), 2, 1, alone, 2),
      cached_prefetch_joined(),
      cached_prefetch_late(),
      cached_calls("CachedEgress", with_cache(kEgressOnly), 1, 2, kFresh, 1),
      cached_calls("CachedEgressShared", with_cache(kEgressOnly), 2, 1, kFresh, 1),
      cached_calls("CachedEgressPrivate", with_cache(kEgressOnly), 2, 1, alone, 2),
      cached_calls("CachedEgressRefresh", with_cache(kEgressOnly), 1, 2, stale, 2),
      cached_failure("CachedEgressBroken", with_cache(kEgressOnly), breaks_off, "library error"),
      cached_legs_in_redis()};
}

}  // namespace siding::cancel
