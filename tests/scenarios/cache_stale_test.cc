// Stale answers: while a newer one is fetched, and where the origin fails.
#include <gtest/gtest.h>

#include "tests/harness/cached.h"

namespace siding::test {
namespace {

using namespace std::chrono_literals;

const std::string kFresh = "Cache-Control: max-age=60\r\n";

TEST(CacheStale, WhileRevalidate) {
  CachedShop shop;
  shop.says("old", "Cache-Control: max-age=10, stale-while-revalidate=20\r\n");
  shop.ask();
  shop.proxy.advance(15s);
  shop.says("new", kFresh);
  shop.backend.hold();
  for (int i = 0; i < 5; ++i) {
    Message stale = shop.ask();
    EXPECT_EQ("old", stale.body) << "nobody waits";
    EXPECT_EQ("siding; hit; ttl=-5", stale.field("cache-status"));
  }
  EXPECT_TRUE(shop.backend.wait_for(2));
  shop.backend.release();
  EXPECT_TRUE(shop.proxy.metric_becomes(0, "siding_cache_fetches"));
  EXPECT_EQ("new", shop.ask().body);
  EXPECT_EQ(2, shop.backend.requests()) << "one refresh for all";
}

TEST(CacheStale, ARefreshLetsClientsGoFirst) {
  CachedShop shop("true", {.backend = "concurrency = 1\nbacklog = 0\n"});
  shop.says("old", "Cache-Control: max-age=10, stale-while-revalidate=20\r\n");
  shop.ask("/s");
  shop.proxy.advance(15s);
  shop.backend.hold();
  Client busy(shop.proxy.front());
  busy.get("/busy");
  ASSERT_TRUE(shop.backend.wait_for(2));
  EXPECT_EQ("old", shop.ask("/s").body);
  ASSERT_TRUE(shop.proxy.waits(1));
  Client later(shop.proxy.front());
  later.get("/later");
  ASSERT_TRUE(shop.proxy.waits(2));
  shop.backend.release();
  later.answer();
  ASSERT_TRUE(shop.backend.wait_for(4));
  EXPECT_EQ("/later", shop.backend.request(3).target());
  EXPECT_EQ("/s", shop.backend.request(4).target());
}

TEST(CacheStale, IfError) {
  CachedShop shop;
  shop.says("old", "Cache-Control: max-age=10, stale-if-error=20\r\n");
  shop.ask();
  shop.proxy.advance(15s);
  shop.says("no", "", 503);
  Message stale = shop.ask();
  EXPECT_EQ("old", stale.body);
  EXPECT_EQ("15", stale.field("age"));
  EXPECT_EQ("siding; fwd=stale; fwd-status=503; ttl=-5; detail=\"origin failed\"",
            stale.field("cache-status"));
  shop.proxy.advance(16s);
  EXPECT_EQ(503, shop.ask().status());
  EXPECT_TRUE(shop.proxy.metric_becomes(1, "siding_cache_requests_total", {"result=stale"}));
}

TEST(CacheStale, WhatIsStaleIsSentWhenTheBackendIsGone) {
  CachedShop shop("true", {.backend = "concurrency = 1\ndown = \"fail\"\n"});
  shop.says("old", "Cache-Control: max-age=10\r\n");
  shop.ask("/may");
  shop.says("old", "Cache-Control: max-age=10, must-revalidate\r\n");
  shop.ask("/must");
  shop.proxy.advance(15s);
  shop.backend.stop();
  Message stale = shop.ask("/may");
  EXPECT_EQ("old", stale.body) << stale;
  EXPECT_EQ("siding; fwd=stale; ttl=-5; detail=backend_down", stale.field("cache-status"));
  EXPECT_EQ(503, shop.ask("/must").status());
}

TEST(CacheStale, WhatIsStaleIsSentWhenTheQueueIsFull) {
  CachedShop shop("true", {.backend = "concurrency = 1\nbacklog = 0\nqueue = { size = 1 }\n"});
  shop.says("old", "Cache-Control: max-age=10\r\n");
  shop.ask("/s");
  shop.proxy.advance(15s);
  shop.backend.hold();
  Client inside(shop.proxy.front());
  Client queued(shop.proxy.front());
  inside.get("/1");
  ASSERT_TRUE(shop.backend.wait_for(2));
  queued.get("/2");
  ASSERT_TRUE(shop.proxy.waits(1));
  EXPECT_EQ("old", shop.ask("/s").body);
  EXPECT_EQ(503, shop.ask("/3").status());
  shop.backend.release();
}

}  // namespace
}  // namespace siding::test
