// The main line: a worker's own call is answered from what siding fetched while the request waited.
#include <gtest/gtest.h>

#include <vector>

#include "tests/harness/shop.h"

namespace siding::test {
namespace {

TEST(Prefetch, AutoTurnsOnAfterAFullDryMatch) {
  Shop shop;
  EXPECT_EQ(Shop::song("a"), shop.ask("a").body);
  EXPECT_TRUE(shop.proxy.prefetched(1, "skipped", "observing"));
  EXPECT_EQ(Shop::song("b"), shop.ask("b").body);
  EXPECT_TRUE(shop.proxy.prefetched(1, "used"));
  EXPECT_EQ(2, shop.upstream.requests()) << "one call a request";
  EXPECT_EQ(1, shop.egress_calls("forwarded"));
  EXPECT_EQ(1, shop.egress_calls("pinned"));
  // The prefetch looks like the library's own call.
  Message own = shop.upstream.request(1);
  Message prefetch = shop.upstream.request(2);
  for (const char* name : {"user-agent", "accept", "accept-encoding", "host"}) {
    EXPECT_EQ(own.field(name), prefetch.field(name)) << name;
  }
  EXPECT_TRUE(prefetch.has("cdn-loop"));
  EXPECT_TRUE(shop.proxy.metric_becomes(0, "siding_pin_offers"));
  EXPECT_TRUE(shop.proxy.metric_becomes(0, "siding_pin_bytes"));
}

TEST(Prefetch, HappensBeforeAWorkerIsAsked) {
  Shop shop;
  shop.ask("warm");
  shop.ask("used");  // now its client is no stranger
  shop.upstream.hold();
  std::vector<Client> clients;
  for (int i = 0; i < 20; ++i) {
    clients.emplace_back(shop.proxy.front()).get("/search/?q=" + std::to_string(i));
  }
  EXPECT_TRUE(shop.upstream.wait_for(22)) << "all at once";
  EXPECT_EQ(20, shop.upstream.most_busy());
  EXPECT_EQ(2, shop.backend.requests());
  EXPECT_EQ(20, shop.proxy.metric("siding_queue_depth"));
  shop.upstream.release();
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(Shop::song(std::to_string(i)), clients[static_cast<size_t>(i)].answer().body);
  }
  EXPECT_EQ(22, shop.upstream.requests());
  EXPECT_TRUE(shop.proxy.prefetched(21, "used"));
}

TEST(Prefetch, AStrangerHasFewCallsUnderWay) {
  Shop shop({.prefetch = "mode = \"on\"\n", .backend = "concurrency = 1\nbacklog = 0\n"});
  shop.upstream.hold();
  shop.backend.hold();
  std::vector<Client> clients;
  for (int i = 0; i < 15; ++i) clients.emplace_back(shop.proxy.front()).get("/search/?q=a");
  ASSERT_TRUE(shop.upstream.wait_for(10));
  ASSERT_TRUE(shop.backend.wait_for(1)) << "the others wait for no upstream";
  EXPECT_TRUE(shop.proxy.waits(14));
  EXPECT_EQ(10, shop.upstream.requests());
  shop.upstream.release();
  shop.backend.release();
  for (Client& c : clients) EXPECT_EQ(Shop::song("a"), c.answer().body);
}

TEST(Prefetch, ACallInFlightIsJoined) {
  Shop shop({.prefetch = "mode = \"on\"\nwait = \"0ms\"\n"});
  shop.upstream.hold();
  Client client(shop.proxy.front());
  client.get("/search/?q=a");
  ASSERT_TRUE(shop.upstream.wait_for(1));
  ASSERT_TRUE(shop.backend.wait_for(1));
  EXPECT_TRUE(shop.proxy.metric_becomes(1, "siding_requests_total", {"peer=worker"}));
  EXPECT_EQ(1, shop.upstream.requests());
  shop.upstream.release();
  EXPECT_EQ(Shop::song("a"), client.answer().body);
  EXPECT_EQ(1, shop.upstream.requests());
  EXPECT_TRUE(shop.proxy.prefetched(1, "joined"));
  EXPECT_EQ(1, shop.egress_calls("joined"));
}

TEST(Prefetch, ATimeOutIsHandedOverAsThatFailure) {
  ManualClock clock;
  Shop shop({.prefetch = "mode = \"on\"\n", .upstream = "timeout = \"2s\"\n", .clock = &clock});
  shop.upstream.hold();
  Client client(shop.proxy.front());
  client.get("/search/?q=a");
  ASSERT_TRUE(shop.upstream.wait_for(1));
  EXPECT_EQ(0, shop.backend.opened());
  shop.proxy.advance(std::chrono::seconds(2));
  EXPECT_EQ("failed: closed", client.answer().body) << "the library raises its own error";
  EXPECT_EQ(1, shop.upstream.requests()) << "the worker does not wait as long again";
  EXPECT_TRUE(shop.proxy.prefetched(1, "failed_over"));
}

TEST(Prefetch, AfterAConnectFailureTheWorkersOwnCallGoesOut) {
  Shop shop({.prefetch = "mode = \"on\"\n", .upstream_is_down = true});
  shop.backend.hold();
  Client client(shop.proxy.front());
  client.get("/search/?q=a");
  ASSERT_TRUE(shop.backend.wait_for(1));
  shop.upstream.start();
  shop.backend.release();
  EXPECT_EQ(Shop::song("a"), client.answer().body);
  EXPECT_EQ(1, shop.upstream.requests());
  EXPECT_TRUE(shop.proxy.prefetched(1, "connect_failed"));
}

TEST(Prefetch, AnUpstreamThatHangsHoldsUpNobodyElse) {
  Shop shop({.prefetch = "mode = \"on\"\n",
             .tables = "[[route]]\npath = \"/plain\"\nbackend = \"shop\"\n"});
  shop.upstream.hold();
  std::vector<Client> stuck;
  for (int i = 0; i < 10; ++i) stuck.emplace_back(shop.proxy.front()).get("/search/?q=x");
  ASSERT_TRUE(shop.upstream.wait_for(10));
  shop.view(
      [&](const Message& r) { return r.target() == "/plain" ? "plain" : shop.call_music(r); });
  for (int i = 0; i < 10; ++i) EXPECT_EQ("plain", get(shop.proxy.front(), "/plain").body);
  shop.upstream.release();
  for (Client& c : stuck) EXPECT_EQ(Shop::song("x"), c.answer().body);
}

TEST(Prefetch, WaitBoundsHowLongAWorkerIsKeptWaiting) {
  ManualClock clock;
  Shop shop({.prefetch = "mode = \"on\"\nwait = \"1s\"\n", .clock = &clock});
  shop.upstream.hold();
  Client client(shop.proxy.front());
  client.get("/search/?q=a");
  ASSERT_TRUE(shop.upstream.wait_for(1));
  shop.proxy.advance(std::chrono::milliseconds(900));
  EXPECT_EQ(0, shop.backend.opened());
  shop.proxy.advance(std::chrono::milliseconds(100));
  EXPECT_TRUE(shop.backend.wait_for(1));
  shop.upstream.release();
  EXPECT_EQ(Shop::song("a"), client.answer().body);
  EXPECT_EQ(1, shop.upstream.requests());
}

TEST(Prefetch, AClientThatLeavesTheQueueCancelsItsCalls) {
  Shop shop({.prefetch = "mode = \"on\"\n"});
  shop.upstream.hold();
  Client client(shop.proxy.front());
  client.get("/search/?q=a");
  ASSERT_TRUE(shop.upstream.wait_for(1));
  client.close();
  EXPECT_TRUE(shop.proxy.prefetched(1, "cancelled"));
  EXPECT_TRUE(shop.proxy.waits(0));
  shop.upstream.release();
  EXPECT_TRUE(shop.upstream.wait_for_open(0)) << "its connection was closed";
  EXPECT_EQ(0, shop.backend.opened()) << "its worker call never happens";
}

TEST(Prefetch, TheUpstreamsConcurrencyIsABound) {
  Shop shop({.upstream = "concurrency = 3\n"});
  shop.ask("warm");
  shop.ask("used");
  shop.upstream.hold();
  std::vector<Client> clients;
  for (int i = 0; i < 12; ++i) clients.emplace_back(shop.proxy.front()).get("/search/?q=a");
  ASSERT_TRUE(shop.upstream.wait_for(5));
  EXPECT_TRUE(shop.proxy.waits(12));
  EXPECT_EQ(5, shop.upstream.requests());
  shop.upstream.release();
  for (Client& c : clients) EXPECT_EQ(Shop::song("a"), c.answer().body);
  EXPECT_LE(shop.upstream.most_busy(), 3);
  EXPECT_EQ(14, shop.upstream.requests());
}

void interchangeable(int threads, bool distinct) {
  Shop shop({.backend = "concurrency = 2\n", .threads = threads});
  EXPECT_EQ(Shop::song("warm"), shop.ask("warm").body);
  std::vector<Client> clients;
  auto word = [&](int i) { return distinct ? std::to_string(i) : std::string("same"); };
  for (int i = 0; i < 200; ++i) clients.emplace_back(shop.proxy.front());
  for (int i = 0; i < 200; ++i) {
    clients[static_cast<size_t>(i)].get("/search/?q=" + word(i));
  }
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(Shop::song(word(i)), clients[static_cast<size_t>(i)].answer().body);
  }
  EXPECT_TRUE(shop.proxy.metric_becomes(201, "siding_exchanges_total", {"outcome=ok"}));
  double used = shop.proxy.metric("siding_prefetch_total", {"result=used"}) +
                shop.proxy.metric("siding_prefetch_total", {"result=joined"});
  EXPECT_EQ(200, used);
  EXPECT_EQ(201, shop.upstream.requests()) << "exactly one call a request";
  EXPECT_EQ(1, shop.egress_calls("forwarded"));
}

TEST(Prefetch, PinsOfOneKeyAreInterchangeable) { interchangeable(1, false); }
TEST(Prefetch, EachClientGetsItsOwnAnswer) { interchangeable(1, true); }
TEST(PrefetchThreads, PinsOfOneKeyAreInterchangeable) { interchangeable(2, false); }
TEST(PrefetchThreads, EachClientGetsItsOwnAnswer) { interchangeable(2, true); }

TEST(Prefetch, APinThatIsTooOldIsNotUsed) {
  ManualClock clock;
  Shop shop(
      {.prefetch = "mode = \"on\"\n", .tables = "[pins]\nmax_age = \"5s\"\n", .clock = &clock});
  shop.backend.hold();
  Client client(shop.proxy.front());
  client.get("/search/?q=a");
  ASSERT_TRUE(shop.backend.wait_for(1));
  shop.proxy.advance(std::chrono::seconds(6));
  shop.backend.release();
  EXPECT_EQ(Shop::song("a"), client.answer().body);
  EXPECT_EQ(2, shop.upstream.requests());
  EXPECT_EQ(1, shop.egress_calls("forwarded"));
}

TEST(Prefetch, WhatAnotherRequestExpectsIsNotDroppedWithItsOwner) {
  // The owner's worker calls nothing; the sibling that shares its key makes do with its answer.
  Shop shop({.prefetch = "mode = \"on\"\n", .backend = "concurrency = 2\n"});
  shop.view(
      [&](const Message& r) { return r.has("x-login") ? "please log in" : shop.call_music(r); });
  shop.backend.hold();
  Client owner(shop.proxy.front());
  owner.get("/search/?q=a", "X-Login: 1\r\n");
  ASSERT_TRUE(shop.backend.wait_for(1));
  Client sibling(shop.proxy.front());
  sibling.get("/search/?q=a");
  ASSERT_TRUE(shop.backend.wait_for(2));
  shop.backend.release();
  EXPECT_EQ("please log in", owner.answer().body);
  EXPECT_EQ(Shop::song("a"), sibling.answer().body);
  EXPECT_EQ(2, shop.upstream.requests());
  EXPECT_TRUE(shop.proxy.metric_becomes(0, "siding_pin_bytes"));
  EXPECT_TRUE(shop.proxy.metric_becomes(0, "siding_pin_offers"));
}

TEST(Prefetch, SidingExchangeMakesItExact) {
  Shop shop({.prefetch = "mode = \"on\"\n", .backend = "concurrency = 2\n"});
  shop.upstream.on_request(
      [](Origin::Call& call) { call.respond("answer " + std::to_string(call.number)); });
  shop.view([&](const Message& r) {
    return shop.call_music(r, "Siding-Exchange: " + r.field("siding-exchange") + "\r\n");
  });
  shop.backend.hold();
  Client first(shop.proxy.front());
  first.get("/search/?q=a");
  ASSERT_TRUE(shop.backend.wait_for(1));
  Client second(shop.proxy.front());
  second.get("/search/?q=a");
  ASSERT_TRUE(shop.backend.wait_for(2));
  // The second request's worker is quicker, and still gets the second answer.
  shop.backend.release();
  EXPECT_EQ("answer 2", second.answer().body);
  EXPECT_EQ("answer 1", first.answer().body);
  EXPECT_TRUE(shop.proxy.prefetched(2, "used"));
}

}  // namespace
}  // namespace siding::test
