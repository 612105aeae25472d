// The cache of an upstream: legs, prefetches and workers' own calls find each other's answers.
#include <gtest/gtest.h>

#include <vector>

#include "tests/harness/shop.h"

namespace siding::test {
namespace {

using namespace std::chrono_literals;

const std::string kMinuteFresh = "Cache-Control: max-age=60\r\n";

/// The shop of the talk, whose upstream has a cache.
struct CachedUpstream : Shop {
  explicit CachedUpstream(Options o = {}, const std::string& cache = "true")
      : Shop(with(std::move(o), cache)) {
    says(kMinuteFresh);
  }
  static Options with(Options o, const std::string& cache) {
    o.upstream += "retries = 0\ncache = " + cache + "\n";
    return o;
  }
  void says(const std::string& fields, int status = 200) {
    upstream.on_request([=](Origin::Call& call) {
      call.respond("song of " + call.request.target(), fields, status);
    });
  }
  /// A worker's call, without any request of a client.
  Message call(std::string_view q = "a", std::string_view fields = "") {
    return call_out(proxy.egress(), upstream.url() + "/s?word=" + std::string(q), fields);
  }
};

TEST(CacheUpstream, AWorkersCallsAreAnsweredFromIt) {
  ManualClock clock;
  CachedUpstream shop({.clock = &clock});
  EXPECT_EQ("siding; fwd=uri-miss; ttl=60; stored", shop.call().field("cache-status"));
  Message again = shop.call();
  EXPECT_EQ(Shop::song("a"), again.body);
  EXPECT_EQ("siding; hit; ttl=60", again.field("cache-status"));
  EXPECT_EQ(1, shop.upstream.requests());
  EXPECT_EQ(1, shop.egress_calls("forwarded"));
  EXPECT_EQ(1, shop.egress_calls("cached"));
  shop.proxy.advance(61s);
  shop.call();
  EXPECT_EQ(2, shop.upstream.requests());
}

TEST(CacheUpstream, APrefetchFindsWhatAWorkerFetchedAndTheOtherWayRound) {
  CachedUpstream shop({.prefetch = "mode = \"on\"\n"});
  shop.call("a");
  EXPECT_EQ(Shop::song("a"), shop.ask("a").body);
  EXPECT_TRUE(shop.proxy.prefetched(1, "used"));
  EXPECT_EQ(1, shop.upstream.requests());
  EXPECT_EQ(Shop::song("b"), shop.ask("b").body);
  EXPECT_EQ("siding; hit", shop.call("b").field("cache-status").substr(0, 11));
  EXPECT_EQ(2, shop.upstream.requests());
}

TEST(CacheUpstream, LegsShareIt) {
  Origin backend, song;
  song.on_request([](Origin::Call& call) {
    call.respond("{\"n\":" + std::to_string(call.number) + "}",
                 kMinuteFresh + "Content-Type: application/json\r\n");
  });
  Proxy proxy(backend, {.tables = "[upstream.song]\ncache = true\nurl = \"" + song.url() +
                                  "\"\n[[route]]\npath = \"/all\"\n[route.fanout]\n"
                                  "song = { call = \"song:/s?q={query.q}\" }\n"});
  EXPECT_EQ("{\"song\":{\"n\":1}}", get(proxy.front(), "/all?q=a").body);
  EXPECT_EQ("{\"song\":{\"n\":1}}", get(proxy.front(), "/all?q=a").body);
  EXPECT_EQ("{\"song\":{\"n\":2}}", get(proxy.front(), "/all?q=b").body);
  EXPECT_EQ(2, song.requests());
}

TEST(CacheUpstream, LegsAtOnceAreOneCall) {
  Origin backend, song;
  song.on_request([](Origin::Call& call) {
    call.respond("7", kMinuteFresh + "Content-Type: application/json\r\n");
  });
  song.hold();
  Proxy proxy(backend, {.tables = "[upstream.song]\ncache = true\nurl = \"" + song.url() +
                                  "\"\n[[route]]\npath = \"/all\"\n[route.fanout]\n"
                                  "song = { call = \"song:/s\" }\n"});
  std::vector<Client> all;
  for (int i = 0; i < 10; ++i) all.emplace_back(proxy.front()).get("/all");
  ASSERT_TRUE(proxy.metric_becomes(10, "siding_cache_readers"));
  song.release();
  for (Client& c : all) EXPECT_EQ("{\"song\":7}", c.answer().body);
  EXPECT_EQ(1, song.requests());
}

TEST(CacheUpstream, WhatIsStaleIsSentWhenItIsDown) {
  ManualClock clock;
  CachedUpstream shop({.clock = &clock});
  shop.call();
  shop.proxy.advance(61s);
  shop.upstream.stop();
  Message stale = shop.call();
  EXPECT_EQ(Shop::song("a"), stale.body);
  EXPECT_NE(std::string::npos, stale.field("cache-status").find("fwd=stale")) << stale;
  EXPECT_EQ("closed", shop.call("other").fault) << "as without a cache";
}

TEST(CacheUpstream, AnErrorIsTheWorkersOwn) {
  CachedUpstream shop;
  shop.says("", 503);
  EXPECT_EQ(503, shop.call().status());
  EXPECT_EQ("song of /s?word=a", shop.call().body);
}

TEST(CacheUpstream, CredentialsOfTheFileAreNobodysOwn) {
  CachedUpstream shop({.upstream = "headers = { Authorization = \"Bearer x\" }\n"});
  shop.call();
  EXPECT_EQ("Bearer x", shop.upstream.request(1).field("authorization"));
  EXPECT_EQ("siding; hit", shop.call().field("cache-status").substr(0, 11));
  CachedUpstream other;
  other.call("a", "Authorization: Basic x\r\n");
  other.call("a", "Authorization: Basic y\r\n");
  EXPECT_EQ(2, other.upstream.requests());
}

TEST(CacheUpstream, WorkersThatAskAtOnceAreOneCall) {
  CachedUpstream shop;
  shop.upstream.hold();
  std::vector<Client> workers;
  for (int i = 0; i < 10; ++i) {
    workers.emplace_back(shop.proxy.egress())
        .send("GET " + shop.upstream.url() + "/s?word=a HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  ASSERT_TRUE(shop.proxy.metric_becomes(10, "siding_cache_readers"));
  shop.upstream.release();
  for (Client& w : workers) EXPECT_EQ(Shop::song("a"), w.answer().body);
  EXPECT_EQ(1, shop.upstream.requests());
}

TEST(CacheUpstream, AWorkersPostMakesInvalid) {
  CachedUpstream shop;
  shop.call();
  post(shop.proxy.egress(), shop.upstream.url() + "/s?word=a", "x");
  shop.call();
  EXPECT_EQ(3, shop.upstream.requests());
}

TEST(CacheUpstream, ItsAnswersAreNotThoseOfARoute) {
  CachedUpstream shop;
  shop.call();
  EXPECT_FALSE(shop.ask("a").has("cache-status"));
}

}  // namespace
}  // namespace siding::test
