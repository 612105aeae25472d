// A connection to a Redis that answers late: whom that costs what.
#include "proxy/upstream/redis_client.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "config/values.h"
#include "tests/harness/loop_bed.h"
#include "tests/harness/loop_peer.h"

namespace siding {
namespace {

using namespace std::chrono_literals;
using test::LoopOrigin;
using test::LoopPeer;

/// A server that answers PING at once, and the rest when the test says so.
struct RedisBed : test::LoopBed {
  RedisBed() {
    RedisClient::Options options;
    options.config.url =
        *parse_redis_url("redis://127.0.0.1:" + std::to_string(server.port())).value;
    options.password = [] { return std::string(); };
    client.emplace(loop, resolver, counters, std::move(options));
    client->start();
    EXPECT_TRUE(eventually([this] { return client->up(); }));
  }
  template <class Condition>
  bool eventually(Condition done) {
    return until([&] {
      server.pump();
      return done();
    });
  }
  Task<Result<RedisReply>> ask(const std::string& key, Duration patience) {
    RedisCommand get;
    get.words = {"GET", key};
    Task<Result<RedisReply>> asking = client->ask(std::move(get), patience);
    asking.start();
    return asking;
  }
  /// Lets time pass without a byte of the server.
  void wait(Duration d) {
    clock.advance(d);
    EXPECT_TRUE(settle());
  }
  void answer(std::string_view text) {
    const uint64_t before = counters.answered;
    server.peers().front()->send("$" + std::to_string(text.size()) + "\r\n" + std::string(text) +
                                 "\r\n");
    server.pump();
    eventually([&] { return counters.answered > before || settle(); });
  }

  LoopOrigin server{[](LoopPeer& peer) {
    const std::string ping = "*1\r\n$4\r\nPING\r\n";
    if (!peer.in.starts_with(ping)) return;
    peer.in.erase(0, ping.size());
    peer.send("+PONG\r\n");
  }};
  DnsConfig dns;
  Resolver resolver{loop, dns, ResolverFiles()};
  RedisCounters counters;
  std::optional<RedisClient> client;
};

std::string text_of(Task<Result<RedisReply>>& asked) {
  if (!asked.done()) return "waits";
  Result<RedisReply> got = asked.take();
  return got ? std::string(got->text()) : std::string(to_string(got.error().kind));
}

TEST(RedisClient, SilenceEndsTheConnectionAndAllThatWait) {
  RedisBed bed;
  auto first = bed.ask("a", 20ms);
  auto second = bed.ask("b", 1s);
  bed.wait(20ms);
  EXPECT_EQ("timeout", text_of(first));
  EXPECT_EQ("timeout", text_of(second)) << "it stands behind the first";
  EXPECT_FALSE(bed.client->up());
}

TEST(RedisClient, ALateAnswerAmongOthersIsGivenUpAlone) {
  RedisBed bed;
  auto first = bed.ask("a", 1s);
  auto second = bed.ask("b", 20ms);
  auto third = bed.ask("c", 1s);
  bed.wait(10ms);
  bed.answer("of a");
  EXPECT_EQ("of a", text_of(first));
  bed.wait(10ms);
  EXPECT_EQ("timeout", text_of(second)) << "nobody waits longer than its time";
  EXPECT_TRUE(bed.client->up());
  bed.answer("of b");
  bed.answer("of c");
  EXPECT_EQ("of c", text_of(third)) << "the late answer is not taken for it";
  EXPECT_EQ(1u, bed.counters.late);
  EXPECT_EQ(0u, bed.counters.lost);
}

TEST(RedisClient, AnAnswerThatNeverComesEndsItWhateverElseComes) {
  RedisBed bed;
  auto first = bed.ask("a", 20ms);
  auto second = bed.ask("b", 10s);
  bed.wait(10ms);
  bed.server.peers().front()->send("$1000000\r\n");
  bed.server.pump();
  bed.wait(10ms);
  EXPECT_EQ("timeout", text_of(first));
  EXPECT_TRUE(bed.client->up()) << "it has begun to answer";
  for (int i = 0; i < 10; ++i) {
    bed.server.peers().front()->send("a byte now and then");
    bed.server.pump();
    bed.wait(100ms);
  }
  EXPECT_EQ("timeout", text_of(second));
  EXPECT_FALSE(bed.client->up());
}

}  // namespace
}  // namespace siding
