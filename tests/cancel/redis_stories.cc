// Stories of routes whose cache has a Redis behind it: lookups, leases, answers put there, purges of other
// replicas, and a Redis that hangs. Whatever it does, clients get their answers.
#include <gtest/gtest.h>

#include "tests/cancel/stories.h"
#include "tests/cancel/worker.h"

namespace siding::cancel {

using namespace std::chrono_literals;
using test::LoopPeer;
using test::LoopWorld;

namespace {
const std::string kShared =
    "listen = \"127.0.0.1:1\"\n"
    "[cache]\nredis = { url = \"redis://127.0.0.1:REDIS\", timeout = \"20ms\", lease = \"5s\" }\n"
    "[backend.shop]\nurl = \"http://127.0.0.1:BACKEND\"\nconcurrency = 1\n"
    "[[route]]\nbackend = \"shop\"\ncache = true\n";
const std::string kAskRedis = "GET /s HTTP/1.1\r\nHost: shop\r\n\r\n";
const std::string kMinute = "Cache-Control: max-age=60\r\n";

void forget_memory(LoopWorld& w) {
  w.services->caches->store.drop_if([](std::string_view, const Entry&) { return true; });
}

/// Asks so many times, one request after the other: the first when the Redis is known, the others when
/// `ready` says so.
void ask_in_turn(LoopWorld& w, int times, std::function<bool(LoopWorld&)> ready = {}) {
  w.add_client().on_pump = [=, &w](LoopPeer& self) {
    if (self.stage == 2 * times) return;
    if (self.stage % 2 == 0) {
      if (self.stage == 0 ? !w.redis_is_known() : ready && !ready(w)) return;
      self.send(kAskRedis);
      ++self.stage;
    } else if (self.stage < 2 * times - 1 && self.take()) {
      ++self.stage;
    }
  };
}

/// `prepare` is told of the world before anybody asks. `requests` that the backend gets.
Story with_redis(const std::string& name, const std::string& fields, size_t requests,
                 std::function<void(LoopWorld&)> prepare) {
  auto seen = std::make_shared<size_t>();
  Story s{name, kShared, [=](LoopWorld& w) {
            *seen = 0;
            w.backend.script = [=](LoopPeer& peer) {
              while (auto request = peer.take()) {
                ++*seen;
                const bool conditional = request->find("If-None-Match") != std::string::npos;
                peer.send(conditional
                              ? "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n" + fields + "\r\n"
                              : answer_with("song", fields));
              }
            };
            prepare(w);
          }};
  s.answers = {200};
  s.tick = 10ms;
  s.check = [=](LoopWorld&) { EXPECT_EQ(*seen, requests); };
  s.fresh = kAskRedis;
  s.fresh_answer = "song";
  return s;
}
/// With more that holds at its end.
Story and_then(Story s, std::function<void(LoopWorld&)> check) {
  s.check = [first = std::move(s.check), check = std::move(check)](LoopWorld& w) {
    first(w);
    check(w);
  };
  return s;
}

Story redis_miss() {
  Story s = with_redis("RedisMiss", kMinute, 1, [](LoopWorld& w) { ask_in_turn(w, 1); });
  return and_then(std::move(s), [](LoopWorld& w) {
    EXPECT_EQ(w.redis->commands("HGET"), 1u);
    EXPECT_EQ(w.redis->commands("SET"), 1u);
    EXPECT_EQ(w.redis->commands("EVAL"), 2u) << "the answer goes there, the lease goes back";
    EXPECT_EQ(w.redis->entries(), 1u);
  });
}

/// The second time the memory has forgotten it.
Story redis_hit() {
  Story s = with_redis("RedisHit", kMinute, 1, [](LoopWorld& w) {
    ask_in_turn(w, 2, [](LoopWorld& in) {
      forget_memory(in);
      return true;
    });
  });
  return and_then(std::move(s), [](LoopWorld& w) { EXPECT_EQ(w.services->redis.hits.load(), 1u); });
}

/// What is there says first by which fields it varies.
Story redis_variant() {
  Story s = with_redis("RedisVariant", kMinute + "Vary: Accept-Language\r\n", 1, [](LoopWorld& w) {
    ask_in_turn(w, 2, [](LoopWorld& in) {
      forget_memory(in);
      return true;
    });
  });
  return and_then(std::move(s), [](LoopWorld& w) {
    EXPECT_EQ(w.services->redis.hits.load(), 1u);
    EXPECT_EQ(w.redis->commands("HGET"), 3u);
  });
}

/// Three at once: one lookup and one lease for all.
Story redis_shared(const std::string& name, const std::string& fields, size_t requests) {
  Story s = with_redis(name, fields, requests, [](LoopWorld& w) {
    for (int i = 0; i < 3; ++i) ask_in_turn(w, 1);
  });
  s.answers = {200, 200, 200};
  return and_then(std::move(s), [](LoopWorld& w) { EXPECT_EQ(w.redis->commands("SET"), 1u); });
}

/// What was kept is stale in both stores: it is validated, or sent and fetched again.
Story redis_stale(const std::string& name, const std::string& fields) {
  Story s = with_redis(name, fields + "ETag: \"a\"\r\n", 2, [](LoopWorld& w) {
    ask_in_turn(w, 2, [](LoopWorld& in) {
      in.advance(5s);
      return true;
    });
  });
  return and_then(std::move(s), [](LoopWorld& w) {
    EXPECT_EQ(w.redis->commands("SET"), 2u);
    EXPECT_EQ(w.redis->entries(), 1u);
  });
}

/// Another replica fetches it, and is never done: this one looks again and again, then does it itself.
Story redis_lease_runs_out() {
  Story s = with_redis("RedisLeaseRunsOut", kMinute, 1, [](LoopWorld& w) {
    w.redis->lease_all(50ms);
    ask_in_turn(w, 1);
  });
  return and_then(std::move(s), [](LoopWorld& w) {
    EXPECT_GT(w.redis->commands("SET"), 1u);
    EXPECT_GT(w.redis->commands("GET"), 0u);
  });
}

/// Another replica fetches it, and puts it there.
Story redis_others_answer() {
  Story s = with_redis("RedisOthersAnswer", kMinute, 1, [](LoopWorld& w) {
    ask_in_turn(w, 2, [](LoopWorld& in) {
      forget_memory(in);
      in.redis->lease_all(50ms);
      return true;
    });
  });
  return and_then(std::move(s), [](LoopWorld& w) { EXPECT_EQ(w.services->redis.hits.load(), 1u); });
}

/// A replica tells of a purge: what is stored here and there is not used any more.
Story redis_purge() {
  Story s = with_redis("RedisPurge", kMinute, 2, [](LoopWorld& w) {
    auto told = std::make_shared<bool>(false);
    ask_in_turn(w, 2, [told](LoopWorld& in) {
      if (!std::exchange(*told, true)) in.redis->publish("all");
      return in.services->caches->store.snapshot().entries == 0 || in.redis->failed();
    });
  });
  return s;
}

/// `command` and all after it are not answered; empty: nothing ever is.
Story redis_hangs(const std::string& name, const std::string& command) {
  Story s = with_redis(name, kMinute, 1, [command](LoopWorld& w) {
    w.redis->hang(command);
    ask_in_turn(w, 1);
  });
  return s;
}
}  // namespace

std::vector<Story> redis_stories() {
  return {redis_miss(),
          redis_hit(),
          redis_variant(),
          redis_shared("RedisShared", kMinute, 1),
          redis_shared("RedisPrivate", "Cache-Control: private\r\n", 3),
          redis_stale("RedisValidation", "Cache-Control: max-age=4\r\n"),
          redis_stale("RedisRefresh", "Cache-Control: max-age=4, stale-while-revalidate=60\r\n"),
          redis_lease_runs_out(),
          redis_others_answer(),
          redis_purge(),
          redis_hangs("RedisHangs", ""),
          redis_hangs("RedisHangsAtLookup", "HGET"),
          redis_hangs("RedisHangsAtLease", "SET"),
          redis_hangs("RedisHangsAtTheEnd", "EVAL")};
}

}  // namespace siding::cancel
