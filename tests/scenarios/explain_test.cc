// What siding tells about an exchange afterwards: why a prefetch was not used, and what was asked
// instead.
#include <gtest/gtest.h>

#include "tests/harness/shop.h"

namespace siding::test {
namespace {

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(Explain, AMissShowsBothKeysAndTheirFirstDifference) {
  Shop shop({.prefetch = "mode = \"on\"\n"});
  shop.view([&](const Message& r) {
    return call_out(shop.proxy.egress(), shop.upstream.url() + "/s?word=" + Shop::q_of(r) + "&n=1")
        .body;
  });
  EXPECT_EQ(200, shop.ask("rain", "X-Request-Id: miss-1\r\n").status());
  EXPECT_TRUE(shop.proxy.prefetched(1, "missed", "target"));
  std::string text = shop.proxy.explain("miss-1");
  EXPECT_TRUE(contains(text, "music GET /s?word=rain\n")) << text;
  EXPECT_TRUE(contains(text, "music GET /s?word=rain&n=1")) << text;
  EXPECT_TRUE(contains(text, "first difference: at byte 22")) << text;
  std::string json = shop.proxy.explain("last", true);
  EXPECT_TRUE(contains(json, "\"outcome\":\"missed\",\"reason\":\"target\"")) << json;
  EXPECT_TRUE(contains(json, "\"actual\":\"music GET /s?word=rain&n=1\"")) << json;
}

TEST(Explain, ADifferingFieldIsNamedButItsValueIsNot) {
  Shop shop({.prefetch = "mode = \"on\"\n"});
  shop.view([&](const Message& r) { return shop.call_music(r, "X-Tenant: hush-hush\r\n"); });
  EXPECT_EQ(200, shop.ask("a").status());
  EXPECT_TRUE(shop.proxy.prefetched(1, "missed", "field:x-tenant"));
  for (bool json : {false, true}) {
    std::string said = shop.proxy.explain("last", json);
    EXPECT_TRUE(contains(said, "field:x-tenant")) << said;
    EXPECT_FALSE(contains(said, "hush-hush")) << said;
  }
}

TEST(Explain, TellsHowAnExchangeEnded) {
  Shop shop({.prefetch = "mode = \"on\"\n"});
  shop.backend.hold();
  Client leaver(shop.proxy.front());
  leaver.get("/search/?q=a", "X-Request-Id: gone-1\r\n");
  ASSERT_TRUE(shop.backend.wait_for(1));
  leaver.reset();
  EXPECT_TRUE(shop.proxy.metric_becomes(1, "siding_abandoned"));
  shop.backend.release();
  EXPECT_TRUE(shop.proxy.metric_becomes(1, "siding_exchanges_total", {"outcome=client_gone"}));
  std::string text = shop.proxy.explain("gone-1");
  EXPECT_TRUE(contains(text, "client_gone")) << text;
  EXPECT_TRUE(contains(text, "used")) << text;
  EXPECT_TRUE(contains(shop.proxy.explain("failed"), "gone-1"));
  EXPECT_TRUE(contains(shop.proxy.explain("no-such-id"), "no such request"));
}

TEST(Explain, TheDoorIsForThisMachineOnly) {
  Shop shop;
  Client browser(shop.proxy.admin());
  browser.send("GET /explain/last HTTP/1.1\r\nHost: rebound.example\r\n\r\n");
  EXPECT_EQ(403, browser.answer().status());
}

TEST(Explain, MetricsTellTheQueueAndTheWorkers) {
  Shop shop;
  shop.backend.hold();
  Client inside(shop.proxy.front());
  inside.get("/search/?q=a");
  Client behind(shop.proxy.front());
  ASSERT_TRUE(shop.backend.wait_for(1));
  behind.get("/search/?q=b");
  Client queued(shop.proxy.front());
  ASSERT_TRUE(shop.backend.wait_for(2));
  queued.get("/search/?q=c");
  ASSERT_TRUE(shop.proxy.waits(1));
  EXPECT_EQ(2, shop.proxy.metric("siding_backend_inside", {"backend=shop"}));
  EXPECT_EQ(2, shop.proxy.metric("siding_backend_connections", {"backend=shop"}));
  EXPECT_EQ(3, shop.proxy.metric("siding_connections", {"listener=front"}));
  shop.backend.release();
  for (Client* c : {&inside, &behind, &queued}) EXPECT_EQ(200, c->answer().status());
  EXPECT_TRUE(shop.proxy.metric_becomes(3, "siding_queue_wait_seconds_count"));
  EXPECT_TRUE(shop.proxy.metric_becomes(3, "siding_worker_seconds_count"));
}

}  // namespace
}  // namespace siding::test
