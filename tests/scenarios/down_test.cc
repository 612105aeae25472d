// A backend that cannot be reached, or dies: who waits, who is told, what is sent again.
#include <gtest/gtest.h>

#include <vector>

#include "tests/harness/proxy.h"

namespace siding::test {
namespace {

TEST(Down, RequestsWaitUntilItIsBack) {
  Origin backend{Origin::Down()};
  Proxy proxy(backend, {.backend = "concurrency = 2\n"});
  std::vector<Client> clients;
  for (int i = 0; i < 10; ++i) {
    clients.emplace_back(proxy.front());
    if (i % 2 == 0) {
      clients.back().get("/" + std::to_string(i));
    } else {
      clients.back().post("/" + std::to_string(i), "body");
    }
  }
  EXPECT_TRUE(proxy.metric_becomes(1, "siding_backend_down"));
  backend.start();
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ("/" + std::to_string(i), clients[static_cast<size_t>(i)].answer().body);
  }
  EXPECT_EQ(10, backend.requests());
  EXPECT_EQ(0, backend.silent());
  EXPECT_TRUE(proxy.metric_becomes(0, "siding_backend_down"));
}

TEST(DownThreads, RequestsWaitUntilItIsBack) {
  Origin backend{Origin::Down()};
  Proxy proxy(backend, {.backend = "concurrency = 2\n", .threads = 2});
  std::vector<Client> clients;
  for (int i = 0; i < 40; ++i) clients.emplace_back(proxy.front()).get("/");
  EXPECT_TRUE(proxy.metric_becomes(1, "siding_backend_down"));
  backend.start();
  for (Client& c : clients) EXPECT_EQ(200, c.answer().status());
  EXPECT_EQ(40, backend.requests());
  EXPECT_LE(backend.most_open(), 3);
}

TEST(Down, OneAtATimeTriesTheDoor) {
  ManualClock clock;
  Origin backend{Origin::Down()};
  Proxy proxy(backend, {.backend = "concurrency = 4\nbacklog = 0\n", .clock = &clock});
  std::vector<Client> clients;
  auto failures = [&] {
    return proxy.metric("siding_connect_failures_total", {"peer=backend", "reason=refused"});
  };
  for (int i = 0; i < 20; ++i) clients.emplace_back(proxy.front()).get("/");
  EXPECT_TRUE(proxy.waits(19));
  double first = failures();
  EXPECT_LE(first, 4) << "only those that were inside already";
  for (int i = 1; i <= 4; ++i) {
    proxy.advance(std::chrono::seconds(1));
    EXPECT_EQ(first + i, failures());
    proxy.advance(std::chrono::milliseconds(10));
    EXPECT_EQ(first + i, failures()) << "back-off";
  }
  backend.start();
  proxy.advance(std::chrono::seconds(1));
  for (Client& c : clients) EXPECT_EQ(200, c.answer().status());
}

TEST(Down, WhoWaitsForItInVainIsTold) {
  ManualClock clock;
  Origin backend{Origin::Down()};
  Proxy proxy(backend,
              {.backend = "concurrency = 1\nqueue = { timeout = \"3s\" }\n", .clock = &clock});
  std::vector<Client> clients;
  for (int i = 0; i < 3; ++i) clients.emplace_back(proxy.front()).get("/");
  EXPECT_TRUE(proxy.waits(2));
  proxy.advance(std::chrono::seconds(3));
  for (Client& c : clients) {
    Message answer = c.answer();
    EXPECT_EQ(503, answer.status());
    EXPECT_TRUE(answer.says("backend_down")) << answer;
    EXPECT_TRUE(answer.has("retry-after"));
  }
  EXPECT_TRUE(proxy.inside(0));
}

TEST(Down, ItMayFailAtOnce) {
  Origin backend{Origin::Down()};
  Proxy proxy(backend, {.backend = "concurrency = 1\ndown = \"fail\"\n"});
  Client client(proxy.front());
  Message answer = client.get("/").answer();
  EXPECT_EQ(503, answer.status());
  EXPECT_TRUE(answer.says("backend_down")) << answer;
  backend.start();
  EXPECT_EQ(200, client.get("/").answer().status());
}

TEST(Down, ABlackHoleTimesOut) {
  BlackHole hole;
  Proxy proxy(hole.url(),
              {.backend = "concurrency = 1\ndown = \"fail\"\nconnect_timeout = \"50ms\"\n"});
  Message answer = get(proxy.front(), "/");
  EXPECT_EQ(503, answer.status());
  EXPECT_TRUE(proxy.metric_becomes(1, "siding_connect_failures_total",
                                   {"peer=backend", "reason=unreachable"}));
}

TEST(Down, WhatDiesWithItIsNotSentTwiceUnlessItMayBe) {
  Origin backend([](Origin::Call& call) { call.reset(); });
  Proxy proxy(backend);
  Message answer = post(proxy.front(), "/once", "body");
  EXPECT_EQ(502, answer.status());
  EXPECT_TRUE(answer.says("backend_closed")) << answer;
  EXPECT_EQ(1, backend.requests());
  answer = get(proxy.front(), "/twice");
  EXPECT_EQ(502, answer.status());
  EXPECT_EQ(3, backend.requests());
  EXPECT_TRUE(proxy.inside(0));
}

// The kernel takes connections for a process that is about to end, and resets them with it.
TEST(Down, WhatMayBeRepeatedWaitsForTheBackOff) {
  ManualClock clock;
  Origin backend([](Origin::Call& call) { call.reset(); });
  backend.hold();
  Proxy proxy(backend, {.backend = "concurrency = 2\nbacklog = 0\n", .clock = &clock});
  std::vector<Client> inside;
  for (int i = 0; i < 2; ++i) inside.emplace_back(proxy.front()).get("/");
  ASSERT_TRUE(backend.wait_for(2));
  Client posted(proxy.front());
  posted.post("/", "x");
  ASSERT_TRUE(proxy.waits(1));
  backend.release();
  EXPECT_TRUE(proxy.metric_becomes(1, "siding_backend_down"));
  // Before the back-off is over nobody may go to it: that would be lost as well.
  ASSERT_TRUE(proxy.waits(2)) << "one of the two tries the door, the other queues again";
  EXPECT_EQ(2, backend.requests());
  backend.on_request({});
  proxy.advance(std::chrono::seconds(1));
  for (Client& c : inside) EXPECT_EQ(200, c.answer().status());
  EXPECT_EQ(200, posted.answer().status());
  EXPECT_EQ(5, backend.requests());
  EXPECT_TRUE(proxy.inside(0));
}

// One by one until one is answered: what may not be repeated is not thrown after the rest.
TEST(Down, ADyingBackendCostsOneRequestATry) {
  ManualClock clock;
  Origin backend([](Origin::Call& call) { call.reset(); });
  backend.hold();
  Proxy proxy(backend, {.backend = "concurrency = 4\nbacklog = 0\n", .clock = &clock});
  std::vector<Client> clients;
  for (int i = 0; i < 20; ++i) clients.emplace_back(proxy.front()).post("/", "x");
  ASSERT_TRUE(backend.wait_for(4));
  ASSERT_TRUE(proxy.waits(16));
  backend.release();
  ASSERT_TRUE(proxy.waits(15)) << "one tries the door";
  proxy.advance(std::chrono::milliseconds(60));
  ASSERT_TRUE(backend.wait_for(5));
  ASSERT_TRUE(proxy.waits(14)) << "it was lost, and the next one tries";
  backend.on_request({});
  proxy.advance(std::chrono::seconds(1));
  int ok = 0;
  for (Client& c : clients) ok += c.answer().status() == 200 ? 1 : 0;
  EXPECT_EQ(15, ok);
  EXPECT_EQ(20, backend.requests());
}

TEST(Down, ASlowAnswerDoesNotHoldUpThoseWhoWait) {
  ManualClock clock;
  Origin backend([](Origin::Call& call) { call.reset(); });
  Proxy proxy(backend, {.backend = "concurrency = 4\nbacklog = 0\n", .clock = &clock});
  EXPECT_EQ(502, post(proxy.front(), "/", "x").status());
  EXPECT_TRUE(proxy.metric_becomes(1, "siding_backend_down"));
  backend.on_request({});
  backend.hold();
  std::vector<Client> clients;
  for (int i = 0; i < 4; ++i) clients.emplace_back(proxy.front()).get("/");
  ASSERT_TRUE(proxy.waits(3));
  proxy.advance(std::chrono::milliseconds(60));
  ASSERT_TRUE(backend.wait_for(1));
  EXPECT_TRUE(proxy.waits(3));
  proxy.advance(std::chrono::seconds(2));
  ASSERT_TRUE(backend.wait_for(4)) << "the connection has lasted: the backend is there";
  backend.release();
  for (Client& c : clients) EXPECT_EQ(200, c.answer().status());
}

TEST(Down, KilledAndRestartedUnderLoad) {
  Origin backend;
  backend.hold();
  Proxy proxy(backend, {.backend = "concurrency = 2\nbacklog = 0\n"});
  std::vector<Client> clients;
  for (int i = 0; i < 20; ++i) clients.emplace_back(proxy.front()).post("/", "x");
  ASSERT_TRUE(backend.wait_for(2));
  ASSERT_TRUE(proxy.waits(18));
  backend.stop();
  EXPECT_TRUE(proxy.metric_becomes(1, "siding_backend_down"));
  backend.release();
  backend.start();
  int ok = 0;
  int lost = 0;
  for (Client& c : clients) {
    int status = c.answer().status();
    ok += status == 200 ? 1 : 0;
    lost += status == 502 ? 1 : 0;
  }
  EXPECT_EQ(18, ok) << "all who waited";
  EXPECT_EQ(2, lost) << "those that were inside: it is not known what became of them";
  EXPECT_EQ(20, backend.requests());
}

}  // namespace
}  // namespace siding::test
