// The end: what is inside finishes, its way out stays open, newcomers in the accept queue are served.
#include <gtest/gtest.h>

#include <vector>

#include "tests/harness/shop.h"

namespace siding::test {
namespace {

bool listens(uint16_t port) { return connect_local(port).fd() >= 0; }

void fifty_queued(int threads) {
  Shop shop({.prefetch = "mode = \"off\"\n", .threads = threads});
  shop.backend.hold();
  std::vector<Client> clients;
  for (int i = 0; i < 50; ++i) {
    clients.emplace_back(shop.proxy.front()).get("/search/?q=" + std::to_string(i));
  }
  ASSERT_TRUE(shop.backend.wait_for(2));
  ASSERT_TRUE(shop.proxy.waits(48));
  uint16_t front = shop.proxy.front();
  shop.proxy.drain();
  EXPECT_TRUE(wait_until([&] { return !listens(front); }));
  EXPECT_TRUE(listens(shop.proxy.egress())) << "the workers' way out closes last";
  Message ready = get(shop.proxy.health(), "/readyz");
  EXPECT_EQ(503, ready.status());
  EXPECT_TRUE(ready.says("draining")) << ready;
  EXPECT_EQ(200, get(shop.proxy.health(), "/healthz").status());
  shop.backend.release();
  for (int i = 0; i < 50; ++i) {
    Message answer = clients[static_cast<size_t>(i)].answer();
    EXPECT_EQ(Shop::song(std::to_string(i)), answer.body) << answer;
    EXPECT_EQ("close", answer.field("connection"));
  }
  EXPECT_EQ(0, shop.proxy.wait());
  EXPECT_EQ(50, shop.upstream.requests());
}

TEST(Drain, AnswersFiftyThatCallOut) { fifty_queued(1); }
TEST(DrainThreads, AnswersFiftyThatCallOut) { fifty_queued(2); }

// Nothing is cut off where nothing is under way.
TEST(Drain, WhoMightAskAgainIsNotCutOff) {
  Origin backend;
  Proxy proxy(backend, {.top = "drain_timeout = \"500ms\"\n"});
  Client kept(proxy.front());
  EXPECT_EQ(200, kept.get("/").answer().status());
  proxy.drain();
  EXPECT_EQ("closed", kept.end());
  EXPECT_EQ(0, proxy.wait());
}

TEST(Drain, ServesOnWhileOthersLearnOfIt) {
  ManualClock clock;
  Origin backend;
  Proxy proxy(backend, {.top = "drain_delay = \"5s\"\n", .clock = &clock});
  Client kept(proxy.front());
  EXPECT_EQ(200, kept.get("/").answer().status());
  proxy.drain();
  EXPECT_EQ(503, get(proxy.health(), "/readyz").status());
  proxy.advance(std::chrono::seconds(4));
  EXPECT_EQ("/late", get(proxy.front(), "/late").body);
  Message answer = kept.get("/kept").answer();
  EXPECT_EQ("/kept", answer.body);
  EXPECT_FALSE(answer.has("connection")) << "nobody is sent away yet";
  proxy.advance(std::chrono::seconds(2));
  EXPECT_EQ("closed", kept.end());
  EXPECT_TRUE(wait_until([&] { return !listens(proxy.front()); }));
}

TEST(Drain, ASecondOneEndsItsDelayToo) {
  Origin backend;
  Proxy proxy(backend, {.top = "drain_delay = \"10m\"\n"});
  proxy.drain();
  EXPECT_EQ(200, get(proxy.front(), "/").status());
  proxy.drain();
  proxy.wait();
}

TEST(Drain, IsWaitedForAtTheDoor) {
  Shop shop({.prefetch = "mode = \"off\"\n"});
  shop.backend.hold();
  Client client(shop.proxy.front());
  client.get("/search/?q=a");
  ASSERT_TRUE(shop.backend.wait_for(1));
  Client hook(shop.proxy.health());
  hook.get("/wait-for-drain");
  EXPECT_EQ(200, get(shop.proxy.health(), "/readyz").status()) << "to wait for it begins nothing";
  shop.proxy.drain();
  EXPECT_EQ(503, get(shop.proxy.health(), "/readyz").status());
  EXPECT_FALSE(hook.wire().readable_now());
  shop.backend.release();
  EXPECT_EQ(Shop::song("a"), client.answer().body);
  Message drained = hook.answer();
  EXPECT_EQ(200, drained.status());
  EXPECT_EQ("drained\n", drained.body);
  EXPECT_EQ(0, shop.proxy.wait());
}

/// Siding is stopped after its application: the hook of that begins the drain of clients.
TEST(DrainThreads, BeginsAtTheDoorWhereItMay) {
  Shop shop({.prefetch = "mode = \"off\"\n", .health = "may_drain = true\n", .threads = 2});
  shop.backend.hold();
  Client client(shop.proxy.front());
  client.get("/search/?q=a");
  ASSERT_TRUE(shop.backend.wait_for(1));
  const uint16_t front = shop.proxy.front();
  Client hook(shop.proxy.health());
  hook.get("/wait-for-drain");
  EXPECT_TRUE(wait_until([&] { return !listens(front); }));
  shop.backend.release();
  EXPECT_EQ(Shop::song("a"), client.answer().body);
  EXPECT_EQ(200, hook.answer().status());
  EXPECT_TRUE(listens(shop.proxy.egress())) << "the application may still call out";
  EXPECT_EQ(200, get(shop.proxy.health(), "/healthz").status());
  EXPECT_EQ(200, get(shop.proxy.health(), "/wait-for-drain").status()) << "it has drained";
  shop.proxy.drain();
  EXPECT_EQ(0, shop.proxy.wait());
}

TEST(Drain, ClosesIdleConnections) {
  Origin backend;
  Proxy proxy(backend);
  Client idle(proxy.front());
  EXPECT_EQ(200, idle.get("/").answer().status());
  proxy.drain();
  EXPECT_EQ("closed", idle.end());
  EXPECT_EQ(0, proxy.wait());
}

TEST(Drain, ASecondOneIsNow) {
  Origin backend;
  backend.hold();
  Proxy proxy(backend);
  Client client(proxy.front());
  client.get("/");
  ASSERT_TRUE(backend.wait_for(1));
  proxy.drain();
  proxy.drain();
  EXPECT_EQ(1, proxy.wait());
  EXPECT_NE("timeout", client.end());
}

TEST(Drain, IsBoundedByItsTimeOut) {
  Origin backend;
  backend.hold();
  Proxy proxy(backend, {.top = "drain_timeout = \"50ms\"\n"});
  Client client(proxy.front());
  client.get("/");
  ASSERT_TRUE(backend.wait_for(1));
  proxy.drain();
  EXPECT_EQ(1, proxy.wait());
}

TEST(Drain, WaitsForAWorkerWhoseClientHasGone) {
  Shop shop({.prefetch = "mode = \"off\"\n"});
  shop.backend.hold();
  Client leaver(shop.proxy.front());
  leaver.get("/search/?q=a");
  ASSERT_TRUE(shop.backend.wait_for(1));
  leaver.reset();
  EXPECT_TRUE(shop.proxy.metric_becomes(1, "siding_abandoned"));
  uint16_t front = shop.proxy.front();
  shop.proxy.drain();
  EXPECT_TRUE(wait_until([&] { return !listens(front); }));
  shop.backend.release();
  ASSERT_TRUE(shop.upstream.wait_for(1)) << "its call still goes out";
  EXPECT_EQ(0, shop.proxy.wait());
}

TEST(Drain, ServesWhoWaitsInTheAcceptQueue) {
  // With all connections taken, newcomers stand in the kernel's queue: it is ours to empty.
  Origin backend;
  backend.hold();
  Proxy proxy(backend, {.tables = "[limits]\nmax_connections = 1\n"});
  Client inside(proxy.front());
  inside.get("/inside");
  ASSERT_TRUE(backend.wait_for(1));
  std::vector<Client> waiting;
  for (int i = 0; i < 5; ++i) waiting.emplace_back(proxy.front()).get("/waits");
  proxy.drain();
  EXPECT_EQ(503, get(proxy.health(), "/readyz").status());
  backend.release();
  EXPECT_EQ("/inside", inside.answer().body);
  for (Client& c : waiting) {
    Message answer = c.answer();
    EXPECT_EQ("/waits", answer.body) << answer;
  }
  EXPECT_EQ(0, proxy.wait());
}

TEST(Drain, ANewConnectionHasAMomentForItsRequest) {
  ManualClock clock;
  Origin backend;
  Proxy proxy(backend, {.clock = &clock});
  Client quick(proxy.front());
  Client silent(proxy.front());
  EXPECT_TRUE(proxy.metric_becomes(2, "siding_connections", {"listener=front"}));
  proxy.drain();
  uint16_t front = proxy.front();
  EXPECT_TRUE(wait_until([&] { return !listens(front); }));
  EXPECT_EQ("/quick", quick.get("/quick").answer().body);
  EXPECT_EQ("closed", quick.end());
  EXPECT_FALSE(silent.wire().readable_now());
  proxy.advance(std::chrono::seconds(1));
  EXPECT_EQ("closed", silent.end());
}

TEST(Drain, ServesARequestThatCameAtTheSameMoment) {
  // Connected and sent, but perhaps not read yet when the drain begins.
  for (int round = 0; round < 20; ++round) {
    Origin backend;
    Proxy proxy(backend);
    std::vector<Client> clients;
    for (int i = 0; i < 10; ++i) clients.emplace_back(proxy.front()).get("/now");
    proxy.drain();
    for (Client& c : clients) {
      Message answer = c.answer();
      ASSERT_EQ("/now", answer.body) << answer;
    }
    EXPECT_EQ(0, proxy.wait());
  }
}

}  // namespace
}  // namespace siding::test
