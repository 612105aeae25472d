// Bounds of what a client may send and how long it may take, each with the answer that names it.
#include <gtest/gtest.h>

#include <vector>

#include "tests/harness/proxy.h"

namespace siding::test {
namespace {

TEST(Limits, TheHeadIsBounded) {
  Origin backend;
  Proxy proxy(backend);
  Message answer = get(proxy.front(), "/", "X-Big: " + std::string(100'000, 'a') + "\r\n");
  EXPECT_EQ(431, answer.status());
  EXPECT_TRUE(answer.says("head_too_large")) << answer;

  std::string many;
  for (int i = 0; i < 101; ++i) many += "X-" + std::to_string(i) + ": 1\r\n";
  answer = get(proxy.front(), "/", many);
  EXPECT_EQ(431, answer.status());

  answer = get(proxy.front(), "/" + std::string(20'000, 'a'));
  EXPECT_EQ(414, answer.status());
  EXPECT_TRUE(answer.says("target_too_long")) << answer;
  EXPECT_EQ(0, backend.opened());

  std::string cookie = "Cookie: s=" + std::string(64 << 10, 'c') + "\r\n";
  EXPECT_EQ(200, get(proxy.front(), "/cookie", cookie).status());
  EXPECT_EQ((64u << 10) + 2, backend.request(1).field("cookie").size());
}

TEST(Limits, ABodyOverItsRoutesLimitIsA413) {
  Origin backend;
  Proxy proxy(backend, {.route = "max_body = \"1KiB\"\n"});
  EXPECT_EQ(200, post(proxy.front(), "/", std::string(1024, 'x')).status());
  Client declared(proxy.front());
  declared.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1025\r\n\r\n");
  Message answer = declared.answer();
  EXPECT_EQ(413, answer.status());
  EXPECT_TRUE(answer.says("body_too_large")) << answer;
  EXPECT_EQ("closed", declared.end());
  Client chunked(proxy.front());
  chunked.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n800\r\n");
  chunked.send(std::string(0x800, 'x'));
  EXPECT_EQ(413, chunked.answer().status());
  EXPECT_EQ(1, backend.requests());
}

TEST(Limits, ExpectContinueIsRefusedBeforeTheBodyIsSent) {
  Origin backend;
  Proxy proxy(backend, {.route = "max_body = \"1KiB\"\n"});
  Client client(proxy.front());
  client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(413, client.read().status());
}

TEST(Limits, ASlowHeadIsA408) {
  ManualClock clock;
  Origin backend;
  Proxy proxy(backend, {.tables = "[limits]\nhead_timeout = \"5s\"\n", .clock = &clock});
  Client client(proxy.front());
  client.send("GET / HT");
  EXPECT_TRUE(proxy.metric_becomes(1, "siding_connections", {"listener=front"}));
  proxy.advance(std::chrono::seconds(3));
  client.send("TP/1.1\r\n");  // a byte more buys no time
  proxy.advance(std::chrono::seconds(1));
  EXPECT_FALSE(client.wire().readable_now());
  proxy.advance(std::chrono::seconds(1));
  Message answer = client.answer();
  EXPECT_EQ(408, answer.status());
  EXPECT_TRUE(answer.says("head_timeout")) << answer;
  EXPECT_EQ(0, backend.opened());
}

TEST(Limits, ASlowBodyIsA408) {
  ManualClock clock;
  Origin backend;
  Proxy proxy(backend, {.tables = "[limits]\nbody_timeout = \"5s\"\n", .clock = &clock});
  Client client(proxy.front());
  client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n");
  for (int i = 0; i < 4; ++i) {
    client.send("x");
    EXPECT_TRUE(proxy.metric_becomes(1, "siding_connections", {"listener=front"}));
    proxy.advance(std::chrono::seconds(1));
  }
  EXPECT_FALSE(client.wire().readable_now());
  proxy.advance(std::chrono::seconds(1));
  Message answer = client.answer();
  EXPECT_EQ(408, answer.status());
  EXPECT_TRUE(answer.says("body_timeout")) << answer;
  EXPECT_EQ(0, backend.opened());
  EXPECT_TRUE(proxy.metric_becomes(1, "siding_exchanges_total", {"outcome=body_timeout"}));
}

TEST(Limits, AnIdleConnectionIsClosed) {
  ManualClock clock;
  Origin backend;
  Proxy proxy(backend, {.tables = "[limits]\nidle_timeout = \"5s\"\n", .clock = &clock});
  Client client(proxy.front());
  EXPECT_EQ(200, client.get("/").answer().status());
  EXPECT_TRUE(proxy.metric_becomes(1, "siding_exchanges_total", {"outcome=ok"}));
  proxy.advance(std::chrono::seconds(5));
  EXPECT_EQ("closed", client.end());
}

TEST(Limits, AConnectionServesABoundedNumberOfRequests) {
  Origin backend;
  Proxy proxy(backend, {.tables = "[limits]\nmax_requests_per_connection = 2\n"});
  Client client(proxy.front());
  EXPECT_FALSE(client.get("/").answer().has("connection"));
  EXPECT_EQ("close", client.get("/").answer().field("connection"));
  EXPECT_EQ("closed", client.end());
}

TEST(Limits, ConnectionsBeyondTheLimitWaitAtTheDoor) {
  Origin backend;
  Proxy proxy(backend, {.tables = "[limits]\nmax_connections = 2\n"});
  Client first(proxy.front());
  Client second(proxy.front());
  EXPECT_EQ(200, first.get("/1").answer().status());
  EXPECT_EQ(200, second.get("/2").answer().status());
  Client third(proxy.front());
  third.get("/3");
  EXPECT_EQ(200, first.get("/4").answer().status());
  EXPECT_EQ(2, proxy.metric("siding_connections", {"listener=front"}));
  EXPECT_EQ(3, backend.requests());
  second.close();
  EXPECT_EQ(200, third.answer().status());
}

TEST(Limits, WithoutRoomABodyIsA503BeforeAWorkerIsAsked) {
  Origin backend;
  Proxy proxy(backend, {.tables = "[limits]\nmemory = \"8MiB\"\nspill = \"1MiB\"\n"});
  Message answer = post(proxy.front(), "/", std::string(8 << 20, 'x'));
  EXPECT_EQ(503, answer.status()) << answer.fault;
  EXPECT_TRUE(answer.says("no_buffer")) << answer;
  std::string retry_after = answer.field("retry-after");
  EXPECT_TRUE(retry_after == "1" || retry_after == "2") << retry_after;
  EXPECT_EQ(0, backend.opened());
  EXPECT_TRUE(proxy.metric_becomes(0, "siding_body_spill_bytes"));
  EXPECT_TRUE(proxy.metric_becomes(0, "siding_body_memory_bytes"));
  EXPECT_EQ(200, post(proxy.front(), "/", "small").status());
}

TEST(Limits, WithoutRoomAnAnswerFallsBackToTheClientsSpeed) {
  std::string body(24 << 20, 'y');
  Origin backend([&](Origin::Call& call) { call.respond(body); });
  Proxy proxy(backend, {.tables = "[limits]\nmemory = \"8MiB\"\nspill = \"1MiB\"\n"});
  Client client(proxy.front());
  client.get("/");
  // The budget is full, and the worker is still at it.
  EXPECT_TRUE(
      wait_until([&] { return proxy.metric("siding_body_spill_bytes") > (1 << 20) - (1 << 17); }));
  EXPECT_EQ(1, proxy.metric("siding_backend_inside"));
  Message answer = client.answer();
  EXPECT_TRUE(answer.body == body) << answer.fault << " " << answer.body.size();
  EXPECT_TRUE(proxy.inside(0));
  EXPECT_TRUE(proxy.metric_becomes(0, "siding_body_spill_bytes"));
}

constexpr int kSlowClients = 1000;

/// Clients that send a byte whenever they are asked to.
class Drip {
 public:
  Drip(const Proxy& proxy, int n, std::string_view request) : request_(request) {
    for (int i = 0; i < n; ++i) clients_.emplace_back(proxy.front());
  }
  void drop(size_t at) {
    for (Client& c : clients_) c.send(request_.substr(at, 1));
  }

 private:
  std::string_view request_;
  std::vector<Client> clients_;
};

void slow_clients_harm_nobody(int threads, std::string_view request) {
  Origin backend;
  Proxy proxy(backend, {.threads = threads});
  Drip slow(proxy, kSlowClients, request);
  Client fast(proxy.front());
  for (size_t i = 0; i < 40; ++i) {
    slow.drop(i);
    ASSERT_EQ("/fast", fast.get("/fast").answer().body);
  }
  EXPECT_TRUE(proxy.metric_becomes(kSlowClients + 1, "siding_connections", {"listener=front"}));
  for (const Message& m : backend.log()) EXPECT_EQ("/fast", m.target());
  EXPECT_EQ(40, backend.requests());
  EXPECT_EQ(0, proxy.metric("siding_queue_depth"));
}

constexpr std::string_view kSlowHead = "GET /slow HTTP/1.1\r\nHost: x\r\nCookie: and so on\r\n\r\n";

TEST(Limits, ClientsThatDripTheirHeadsReachNoWorker) { slow_clients_harm_nobody(1, kSlowHead); }
TEST(LimitsThreads, ClientsThatDripTheirHeadsReachNoWorker) {
  slow_clients_harm_nobody(2, kSlowHead);
}

TEST(Limits, ClientsThatDripTheirBodiesReachNoWorker) {
  Origin backend;
  Proxy proxy(backend);
  std::string request = "POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 60\r\n\r\n";
  std::vector<Client> slow;
  for (int i = 0; i < kSlowClients; ++i) slow.emplace_back(proxy.front()).send(request);
  Client fast(proxy.front());
  for (int i = 0; i < 30; ++i) {
    for (Client& c : slow) c.send("b");
    ASSERT_EQ("/fast", fast.get("/fast").answer().body);
  }
  EXPECT_EQ(30, backend.requests());
  for (int i = 0; i < 30; ++i) {
    for (Client& c : slow) c.send("b");
  }
  for (Client& c : slow) EXPECT_EQ("/slow", c.answer().body);
}

}  // namespace
}  // namespace siding::test
