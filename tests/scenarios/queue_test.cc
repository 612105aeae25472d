// The queue: late binding, order, bounds, and clients that leave while they wait.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/harness/proxy.h"

namespace siding::test {
namespace {

/// Clients, each with a request under way.
class Crowd {
 public:
  Crowd(Proxy& proxy, int n, std::string_view fields = "") {
    for (int i = 0; i < n; ++i) {
      clients_.emplace_back(proxy.front()).get("/" + std::to_string(i), fields);
    }
  }
  int answered() {
    int ok = 0;
    for (size_t i = 0; i < clients_.size(); ++i) {
      Message m = clients_[i].answer();
      ok += m.status() == 200 && m.body == "/" + std::to_string(i) ? 1 : 0;
    }
    return ok;
  }

 private:
  std::vector<Client> clients_;
};

void late_binding(int threads, bool keep_alive) {
  Origin backend;
  backend.hold();
  Proxy proxy(backend, {.backend = "concurrency = 2\nbacklog = 1\nkeep_alive = " +
                                   std::string(keep_alive ? "true\n" : "false\n"),
                        .threads = threads});
  Crowd crowd(proxy, 50);
  ASSERT_TRUE(backend.wait_for(3));
  EXPECT_TRUE(proxy.waits(47));
  EXPECT_EQ(3, backend.requests());
  backend.release();
  EXPECT_EQ(50, crowd.answered());
  EXPECT_EQ(3, backend.most_open()) << "never more connections than concurrency + backlog";
  EXPECT_EQ(50, backend.requests());
  EXPECT_EQ(0, backend.silent()) << "no connection without a request";
}

TEST(Queue, BindsLate) { late_binding(1, true); }
TEST(Queue, BindsLateWithoutKeepAlive) { late_binding(1, false); }
TEST(QueueThreads, BindsLate) { late_binding(2, true); }
TEST(QueueThreads, BindsLateWithoutKeepAlive) { late_binding(2, false); }

/// After one second or two: nobody shall come back together with all others.
bool comes_back_soon(const Message& answer) {
  std::string seconds = answer.field("retry-after");
  return seconds == "1" || seconds == "2";
}

constexpr const char* kOneAtATime = "concurrency = 1\nbacklog = 0\n";

TEST(Queue, ClientsTakeTurns) {
  Origin backend;
  backend.hold();
  Proxy proxy(backend, {.backend = kOneAtATime, .top = "trusted_proxies = [\"loopback\"]\n"});
  std::vector<Client> all;
  int waiting = -1;
  auto ask = [&](const char* target, const char* ip) {
    all.emplace_back(proxy.front()).get(target, "X-Forwarded-For: " + std::string(ip) + "\r\n");
    ASSERT_TRUE(++waiting == 0 ? backend.wait_for(1) : proxy.waits(waiting));
  };
  ask("/first", "10.0.0.9");
  for (const char* t : {"/a1", "/a2", "/a3"}) ask(t, "10.0.0.1");
  ask("/b1", "2001:db8::1");
  ask("/c1", "10.0.0.3");
  ask("/b2", "2001:db8::ffff:1");  // the same /64
  backend.release();
  for (Client& c : all) EXPECT_EQ(200, c.answer().status());
  std::vector<std::string> expected{"/first", "/a1", "/b1", "/c1", "/a2", "/b2", "/a3"};
  EXPECT_EQ(expected, backend.targets());
}

TEST(Queue, AFieldOfATrustedProxyTellsClientsApart) {
  for (bool trusted : {true, false}) {
    Origin backend;
    backend.hold();
    Proxy proxy(backend,
                {.backend = std::string(kOneAtATime) + "queue = { client = \"X-Tenant\" }\n",
                 .top = trusted ? "trusted_proxies = [\"loopback\"]\n" : ""});
    std::vector<Client> all;
    int waiting = -1;
    auto ask = [&](const char* target, const char* tenant) {
      all.emplace_back(proxy.front()).get(target, "X-Tenant: " + std::string(tenant) + "\r\n");
      ASSERT_TRUE(++waiting == 0 ? backend.wait_for(1) : proxy.waits(waiting));
    };
    ask("/first", "z");
    for (const char* t : {"/a1", "/a2", "/a3"}) ask(t, "a");
    ask("/b1", "b");
    backend.release();
    for (Client& c : all) EXPECT_EQ(200, c.answer().status());
    std::vector<std::string> turns{"/first", "/a1", "/b1", "/a2", "/a3"};
    std::vector<std::string> arrival{"/first", "/a1", "/a2", "/a3", "/b1"};
    EXPECT_EQ(trusted ? turns : arrival, backend.targets());
  }
}

// Its turn would come after some 20 s; who has 2 s is told now, and when to come back.
TEST(Queue, WhoCannotBeServedInTimeIsToldAtOnce) {
  ManualClock clock;
  Origin backend;
  backend.hold();
  Proxy proxy(backend,
              {.backend = kOneAtATime,
               .tables = "[[route]]\npath = \"/hurry\"\nbackend = \"shop\"\ndeadline = \"2s\"\n",
               .clock = &clock});
  std::vector<Client> waiting;
  for (int i = 0; i < 20; ++i) waiting.emplace_back(proxy.front()).get("/");
  ASSERT_TRUE(proxy.waits(19));
  for (int i = 1; i < 10; ++i) {
    ASSERT_TRUE(backend.wait_for(i));
    proxy.advance(std::chrono::seconds(2));
    backend.release(1);
    ASSERT_TRUE(proxy.waits(19 - i));
  }
  Message refused = get(proxy.front(), "/hurry");
  EXPECT_EQ(503, refused.status());
  EXPECT_TRUE(refused.says("queue_too_slow")) << refused;
  int retry_after = std::stoi(std::string(refused.field("retry-after")));
  EXPECT_GE(retry_after, 20);
  EXPECT_LE(retry_after, 40);
  EXPECT_TRUE(proxy.waits(10)) << "it took no place";
  backend.release();
  for (Client& c : waiting) EXPECT_EQ(200, c.answer().status());
}

TEST(Queue, BehindAnUntrustedBalancerArrivalOrderRules) {
  Origin backend;
  backend.hold();
  Proxy proxy(backend, {.backend = kOneAtATime});
  std::vector<Client> all;
  for (int i = 0; i < 6; ++i) {
    all.emplace_back(proxy.front())
        .get("/" + std::to_string(i), "X-Forwarded-For: 10.0.0." + std::to_string(i % 2) + "\r\n");
    ASSERT_TRUE(i == 0 ? backend.wait_for(1) : proxy.waits(i));
  }
  backend.release();
  for (Client& c : all) EXPECT_EQ(200, c.answer().status());
  std::vector<std::string> expected{"/0", "/1", "/2", "/3", "/4", "/5"};
  EXPECT_EQ(expected, backend.targets());
}

TEST(Queue, LowerPriorityNumbersGoFirst) {
  Origin backend;
  backend.hold();
  Proxy proxy(backend,
              {.backend = kOneAtATime,
               .tables = "[[route]]\npath = \"/vip\"\nbackend = \"shop\"\npriority = -1\n"
                         "[[route]]\npath = \"/batch\"\nbackend = \"shop\"\npriority = 5\n"});
  std::vector<Client> all;
  int waiting = 0;
  for (const char* target : {"/first", "/batch", "/plain", "/vip"}) {
    all.emplace_back(proxy.front()).get(target);
    ASSERT_TRUE(waiting == 0 ? backend.wait_for(1) : proxy.waits(waiting));
    ++waiting;
  }
  backend.release();
  for (Client& c : all) EXPECT_EQ(200, c.answer().status());
  std::vector<std::string> expected{"/first", "/vip", "/plain", "/batch"};
  EXPECT_EQ(expected, backend.targets());
}

TEST(Queue, IsBoundedInNumber) {
  Origin backend;
  backend.hold();
  Proxy proxy(backend, {.backend = std::string(kOneAtATime) + "queue = { size = 2 }\n"});
  Crowd crowd(proxy, 3);
  ASSERT_TRUE(backend.wait_for(1));
  ASSERT_TRUE(proxy.waits(2));
  Client client(proxy.front());
  Message answer = client.get("/4").answer();
  EXPECT_EQ(503, answer.status());
  EXPECT_TRUE(answer.says("queue_full")) << answer;
  EXPECT_TRUE(comes_back_soon(answer)) << answer;
  backend.release();
  EXPECT_EQ(3, crowd.answered());
  EXPECT_EQ(200, client.get("/5").answer().status()) << "the connection lives on";
  EXPECT_TRUE(proxy.metric_becomes(1, "siding_shed_total", {"reason=queue_full"}));
}

TEST(Queue, IsBoundedInBytes) {
  Origin backend;
  backend.hold();
  Proxy proxy(backend, {.backend = std::string(kOneAtATime) + "queue = { bytes = \"64KiB\" }\n"});
  Client inside(proxy.front());
  inside.get("/inside");
  ASSERT_TRUE(backend.wait_for(1));
  Client waiting(proxy.front());
  waiting.post("/waits", std::string(40 << 10, 'x'));
  ASSERT_TRUE(proxy.waits(1));
  EXPECT_EQ(40 << 10, proxy.metric("siding_queue_bytes"));
  Message answer = post(proxy.front(), "/over", std::string(40 << 10, 'x'));
  EXPECT_EQ(503, answer.status());
  EXPECT_TRUE(answer.says("queue_bytes")) << answer;
  EXPECT_TRUE(comes_back_soon(answer)) << answer;
  backend.release();
  EXPECT_EQ(200, waiting.answer().status());
  EXPECT_TRUE(proxy.metric_becomes(0, "siding_queue_bytes"));
}

TEST(Queue, IsBoundedInTime) {
  ManualClock clock;
  Origin backend;
  backend.hold();
  Proxy proxy(backend, {.backend = std::string(kOneAtATime) + "queue = { timeout = \"10s\" }\n",
                        .clock = &clock});
  Client inside(proxy.front());
  inside.get("/inside");
  ASSERT_TRUE(backend.wait_for(1));
  Client waiting(proxy.front());
  waiting.get("/waits");
  ASSERT_TRUE(proxy.waits(1));
  proxy.advance(std::chrono::seconds(9));
  EXPECT_FALSE(waiting.wire().readable_now());
  proxy.advance(std::chrono::seconds(1));
  Message answer = waiting.answer();
  EXPECT_EQ(503, answer.status());
  EXPECT_TRUE(answer.says("queue_timeout")) << answer;
  EXPECT_TRUE(comes_back_soon(answer)) << answer;
  EXPECT_TRUE(proxy.waits(0));
  backend.release();
  EXPECT_EQ(200, inside.answer().status());
  EXPECT_EQ(1, backend.requests());
}

void leaves_while_queued(bool by_reset) {
  Origin backend;
  backend.hold();
  Proxy proxy(backend, {.backend = std::string(kOneAtATime) + "queue = { size = 1 }\n"});
  Client inside(proxy.front());
  inside.get("/inside");
  ASSERT_TRUE(backend.wait_for(1));
  Client leaver(proxy.front());
  leaver.get("/leaver");
  ASSERT_TRUE(proxy.waits(1));
  if (by_reset) {
    leaver.reset();
  } else {
    leaver.half_close();
  }
  EXPECT_TRUE(proxy.waits(0));
  Client next(proxy.front());
  next.get("/next");
  ASSERT_TRUE(proxy.waits(1)) << "its place is free again";
  backend.release();
  EXPECT_EQ(200, inside.answer().status());
  EXPECT_EQ(200, next.answer().status());
  EXPECT_EQ((std::vector<std::string>{"/inside", "/next"}), backend.targets());
  EXPECT_TRUE(proxy.metric_becomes(1, "siding_exchanges_total", {"outcome=client_gone"}));
}

TEST(Queue, AFinWhileQueuedFreesThePlace) { leaves_while_queued(false); }
TEST(Queue, AResetWhileQueuedFreesThePlace) { leaves_while_queued(true); }

TEST(Queue, WhoLeavesWithPipelinedRequestsLeavesWhole) {
  Origin backend;
  backend.hold();
  Proxy proxy(backend, {.backend = kOneAtATime});
  Client inside(proxy.front());
  inside.get("/inside");
  ASSERT_TRUE(backend.wait_for(1));
  Client leaver(proxy.front());
  leaver.get("/1").get("/2").post("/3", "body");
  ASSERT_TRUE(proxy.waits(1));
  leaver.close();
  EXPECT_TRUE(proxy.waits(0));
  backend.release();
  EXPECT_EQ(200, inside.answer().status());
  EXPECT_TRUE(proxy.metric_becomes(1, "siding_connections", {"listener=front"}));
  EXPECT_EQ(1, backend.requests());
}

TEST(Queue, AClientThatLeavesBeforeItsBodyIsWholeReachesNobody) {
  Origin backend;
  Proxy proxy(backend);
  for (bool chunked : {false, true}) {
    Client client(proxy.front());
    client.send("POST / HTTP/1.1\r\nHost: x\r\n");
    client.send(chunked ? "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
                        : "Content-Length: 10\r\n\r\nhello");
    EXPECT_TRUE(proxy.metric_becomes(1, "siding_connections", {"listener=front"}));
    client.half_close();
    EXPECT_NE("timeout", client.end());
  }
  EXPECT_TRUE(proxy.metric_becomes(2, "siding_exchanges_total", {"outcome=client_gone"}));
  EXPECT_EQ(0, backend.opened());
  EXPECT_TRUE(proxy.metric_becomes(0, "siding_body_memory_bytes"));
}

TEST(Queue, ARouteMayGoPastIt) {
  Origin backend;
  backend.hold();
  Proxy proxy(backend,
              {.backend = kOneAtATime,
               .tables = "[[route]]\npath = \"/static/*\"\nbackend = \"shop\"\nqueue = false\n"});
  Crowd crowd(proxy, 3);
  ASSERT_TRUE(backend.wait_for(1));
  ASSERT_TRUE(proxy.waits(2));
  Client css(proxy.front());
  css.get("/static/a.css");
  ASSERT_TRUE(backend.wait_for(2));
  EXPECT_EQ("/static/a.css", backend.request(2).target());
  EXPECT_EQ(2, proxy.metric("siding_queue_depth"));
  backend.release();
  EXPECT_EQ(200, css.answer().status());
  EXPECT_EQ(3, crowd.answered());
}

}  // namespace
}  // namespace siding::test
