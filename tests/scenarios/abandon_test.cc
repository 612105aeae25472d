// Clients that leave, or run out of time, while a worker is at their request: permit and connection
// belong to the worker's answer.
#include <gtest/gtest.h>

#include <vector>

#include "tests/harness/proxy.h"

namespace siding::test {
namespace {

constexpr const char* kOneInside = "concurrency = 1\nbacklog = 0\n";

TEST(Abandon, ItsPermitStaysUntilTheWorkerEnds) {
  Origin backend;
  backend.hold();
  Proxy proxy(backend, {.backend = kOneInside});
  Client leaver(proxy.front());
  leaver.get("/leaver");
  ASSERT_TRUE(backend.wait_for(1));
  leaver.reset();
  EXPECT_TRUE(proxy.metric_becomes(1, "siding_abandoned"));
  Client next(proxy.front());
  next.get("/next");
  ASSERT_TRUE(proxy.waits(1));
  EXPECT_EQ(1, proxy.metric("siding_backend_inside"));
  EXPECT_EQ(1, backend.requests()) << "the worker is busy, though nobody waits for it";
  backend.release(1);
  ASSERT_TRUE(backend.wait_for(2));
  EXPECT_EQ("/next", backend.request(2).target());
  backend.release();
  EXPECT_EQ(200, next.answer().status());
  EXPECT_TRUE(proxy.metric_becomes(0, "siding_abandoned"));
  EXPECT_TRUE(proxy.metric_becomes(1, "siding_abandoned_total"));
  EXPECT_EQ(1, backend.most_busy());
}

void fifty_leave(int threads, bool by_deadline) {
  Origin backend;
  backend.hold();
  Proxy proxy(backend, {.backend = "concurrency = 2\nbacklog = 1\n",
                        .route = by_deadline ? "deadline = \"100ms\"\npath = \"/leaver/*\"\n"
                                             : "path = \"/leaver/*\"\n",
                        .tables = "[[route]]\npath = \"/live\"\nbackend = \"shop\"\n",
                        .threads = threads});
  std::vector<Client> leavers;
  for (int i = 0; i < 50; ++i) {
    leavers.emplace_back(proxy.front()).get("/leaver/" + std::to_string(i));
  }
  ASSERT_TRUE(backend.wait_for(3));
  for (Client& c : leavers) {
    if (by_deadline) {
      EXPECT_EQ(504, c.answer().status());
    } else {
      c.reset();
    }
  }
  ASSERT_TRUE(proxy.waits(0));
  EXPECT_TRUE(proxy.metric_becomes(3, "siding_abandoned"));
  Client live(proxy.front());
  live.get("/live");
  ASSERT_TRUE(proxy.waits(1));
  backend.release(1);
  ASSERT_TRUE(backend.wait_for(4));
  EXPECT_EQ("/live", backend.request(4).target()) << "the next live client is served first";
  EXPECT_EQ(3, backend.most_open());
  backend.release();
  EXPECT_EQ(200, live.answer().status());
  EXPECT_TRUE(proxy.inside(0));
  EXPECT_EQ(4, backend.requests());
  EXPECT_LE(backend.most_open(), 3);
}

TEST(Abandon, FiftyLeave) { fifty_leave(1, false); }
TEST(Abandon, FiftyRunOutOfTime) { fifty_leave(1, true); }
TEST(AbandonThreads, FiftyLeave) { fifty_leave(2, false); }
TEST(AbandonThreads, FiftyRunOutOfTime) { fifty_leave(2, true); }

TEST(Abandon, ADeadlineIsAnsweredAtOnceAndTheWorkerKeepsItsPlace) {
  ManualClock clock;
  Origin backend;
  backend.hold();
  Proxy proxy(backend, {.backend = kOneInside, .route = "deadline = \"2s\"\n", .clock = &clock});
  Client inside(proxy.front());
  inside.get("/inside");
  ASSERT_TRUE(backend.wait_for(1));
  Client queued(proxy.front());
  queued.get("/queued");
  ASSERT_TRUE(proxy.waits(1));
  proxy.advance(std::chrono::seconds(2));
  for (Client* c : {&inside, &queued}) {
    Message answer = c->answer();
    EXPECT_EQ(504, answer.status());
    EXPECT_TRUE(answer.says("deadline")) << answer;
  }
  EXPECT_EQ(1, proxy.metric("siding_backend_inside"));
  backend.release();
  EXPECT_TRUE(proxy.inside(0));
  // The one that was inside is accounted for when its worker's time is known.
  EXPECT_TRUE(proxy.metric_becomes(2, "siding_exchanges_total", {"outcome=deadline"}));
  EXPECT_EQ(200, inside.get("/again").answer().status()) << "the client's connection lives on";
}

TEST(Abandon, ItsTimeOutFreesThePlace) {
  ManualClock clock;
  Origin backend;
  backend.hold();
  Proxy proxy(backend,
              {.backend = std::string(kOneInside) + "abandon = \"5s\"\n", .clock = &clock});
  Client leaver(proxy.front());
  leaver.get("/leaver");
  ASSERT_TRUE(backend.wait_for(1));
  leaver.reset();
  EXPECT_TRUE(proxy.metric_becomes(1, "siding_abandoned"));
  Client next(proxy.front());
  next.get("/next");
  ASSERT_TRUE(proxy.waits(1));
  proxy.advance(std::chrono::seconds(4));
  EXPECT_EQ(1, proxy.metric("siding_queue_depth"));
  proxy.advance(std::chrono::seconds(1));
  ASSERT_TRUE(backend.wait_for(2));
  EXPECT_EQ("/next", backend.request(2).target());
  backend.release();
  EXPECT_EQ(200, next.answer().status());
}

TEST(Abandon, AFinOnceTheWorkerIsAtItStillGetsItsAnswer) {
  Origin backend;
  backend.hold();
  Proxy proxy(backend);
  Client client(proxy.front());
  client.post("/half", "body");
  ASSERT_TRUE(backend.wait_for(1));
  client.half_close();
  // Two rounds of the same loop: it has seen the FIN by then.
  proxy.metric("siding_abandoned");
  EXPECT_EQ(0, proxy.metric("siding_abandoned"));
  backend.release();
  EXPECT_EQ("/half", client.answer().body);
  EXPECT_EQ("closed", client.end());
  EXPECT_TRUE(proxy.metric_becomes(1, "siding_exchanges_total", {"outcome=ok"}));
}

TEST(Abandon, AClientThatLeavesInTheMiddleOfAnAnswerHoldsNoWorker) {
  std::string body(4 << 20, 'z');
  Origin backend([&](Origin::Call& call) { call.respond(body); });
  Proxy proxy(backend, {.backend = kOneInside});
  Client client(proxy.front());
  client.get("/");
  client.wire().read_bytes(1000);
  client.reset();
  EXPECT_TRUE(proxy.inside(0));
  EXPECT_EQ(200, get(proxy.front(), "/next").status());
  EXPECT_TRUE(proxy.metric_becomes(0, "siding_body_spill_bytes"));
  EXPECT_TRUE(proxy.metric_becomes(0, "siding_body_memory_bytes"));
}

TEST(Abandon, ASilentWorkerIsA504AfterTheBackendsTimeout) {
  ManualClock clock;
  Origin backend;
  backend.hold();
  Proxy proxy(backend,
              {.backend = std::string(kOneInside) + "timeout = \"5s\"\n", .clock = &clock});
  Client client(proxy.front());
  client.get("/");
  ASSERT_TRUE(backend.wait_for(1));
  proxy.advance(std::chrono::seconds(5));
  Message answer = client.answer();
  EXPECT_EQ(504, answer.status());
  EXPECT_TRUE(answer.says("backend_timeout")) << answer;
  EXPECT_EQ(1, proxy.metric("siding_backend_inside")) << "the worker is still at it";
  backend.release();
  EXPECT_TRUE(proxy.inside(0));
}

}  // namespace
}  // namespace siding::test
