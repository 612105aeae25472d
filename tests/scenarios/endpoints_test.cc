// Upstreams with several addresses: which one gets the calls, what a dead or a silent one costs, and how
// often a failing call is made again.
#include <gtest/gtest.h>

#include "tests/harness/three.h"

namespace siding::test {
namespace {

TEST(Endpoints, TakeTurns) {
  ThreeBed bed;
  for (Origin* o : {&bed.a, &bed.b, &bed.c}) o->start();
  for (int i = 0; i < 30; ++i) EXPECT_EQ("song", bed.call().body);
  EXPECT_EQ(10, bed.a.requests());
  EXPECT_EQ(10, bed.b.requests());
  EXPECT_EQ(10, bed.c.requests());
  EXPECT_EQ(1, bed.a.opened()) << "each has its kept connection";
}

TEST(Endpoints, AnAddressThatVanishesGetsNoMoreCalls) {
  ManualClock clock;
  ThreeBed bed("", &clock);
  bed.a.start();
  bed.b.start();
  bed.dns.has("music.test", {kIps[0]}, 60);
  EXPECT_EQ("song", bed.call().body);
  bed.dns.has("music.test", {kIps[1]}, 60);
  bed.proxy.advance(std::chrono::seconds(61));
  for (int i = 0; i < 5; ++i) EXPECT_EQ("song", bed.call().body);
  EXPECT_EQ(1, bed.a.requests());
  EXPECT_EQ(5, bed.b.requests());
}

// RFC 8305: who does not answer within 250 ms gets company.
TEST(Endpoints, ASilentAddressCostsAQuarterOfASecondAndThenNothing) {
  ThreeBed bed("breaker.failures = 2\nbreaker.pause = \"10m\"\n");
  bed.b.start();
  BlackHole silent("127.0.0.4", bed.a.port());
  bed.dns.has("music.test", {"127.0.0.4", kIps[1]}, kLong);
  for (int i = 0; i < 8; ++i) {
    Message answer =
        call_out(bed.proxy.egress(), "http://music.test:" + std::to_string(bed.a.port()) + "/",
                 "Connection: close\r\n");
    EXPECT_EQ("song", answer.body) << answer;
  }
  EXPECT_EQ(1, bed.open("127.0.0.4"));
  EXPECT_EQ(0, bed.open(kIps[1]));
}

TEST(Endpoints, OwnCallsLeaveADeadUpstreamAloneAndTheWorkersDoNot) {
  ManualClock clock;
  OneBed bed("breaker.failures = 2\nretries = 0\n", &clock);
  for (int i = 0; i < 3; ++i) bed.prefetch(std::to_string(i));
  EXPECT_EQ(1, bed.open(kIps[0]));
  EXPECT_EQ(1, bed.proxy.metric("siding_connect_failures_total", {"reason=breaker_open"}));
  bed.a.start();
  EXPECT_EQ("song", bed.call().body) << "the worker's own call goes out";
  EXPECT_EQ(0, bed.open(kIps[0])) << "and tells that it is back";
  bed.prefetch("back");
  EXPECT_TRUE(bed.a.wait_for(2));
}

TEST(Endpoints, AFailingCallIsMadeAgainElsewhere) {
  ThreeBed bed;
  bed.a.start();
  bed.b.start();
  bed.dns.has("music.test", {kIps[0], kIps[1]}, kLong);
  bed.a.on_request([](Origin::Call& call) { call.respond("no", "", 503); });
  bed.b.on_request([](Origin::Call& call) { call.respond("no", "", 503); });
  bed.prefetch("x");
  EXPECT_TRUE(bed.a.wait_for(1));
  EXPECT_TRUE(bed.b.wait_for(1));
  EXPECT_EQ(1, bed.proxy.metric("siding_upstream_retries_total", {"result=made"}));
}

TEST(Endpoints, ACallThatMayNotBeRepeatedYetIsNot) {
  OneBed bed;
  bed.a.start();
  // Later than the call may last.
  bed.a.on_request([](Origin::Call& call) { call.respond("no", "Retry-After: 3600\r\n", 503); });
  bed.prefetch("x");
  EXPECT_EQ(1, bed.a.requests());
  // An answer is an answer.
  bed.a.on_request([](Origin::Call& call) { call.respond("no", "", 500); });
  bed.prefetch("y");
  EXPECT_EQ(2, bed.a.requests());
  EXPECT_EQ(0, bed.proxy.metric("siding_upstream_retries_total"));
}

// The keep-alive race: the server closes at the moment in which the next call goes out.
TEST(Endpoints, AKeptConnectionThatWasClosedIsReplacedOnce) {
  OneBed bed("retries = 0\n");
  bed.a.start();
  bed.a.on_request([](Origin::Call& call) {
    if (call.number % 2 == 0) return call.close();  // each second one: without a word
    call.respond("song");
  });
  EXPECT_EQ("song", bed.call().body);
  EXPECT_EQ("song", bed.call().body) << "the worker's own call, made again on a new connection";
  EXPECT_EQ(3, bed.a.requests());
  bed.prefetch("x");  // siding's own likewise: number 4 is closed, 5 is answered
  EXPECT_TRUE(bed.a.wait_for(5));
  EXPECT_EQ(3, bed.a.opened());
  EXPECT_EQ(0, bed.open(kIps[0])) << "and says nothing about the address";
  Message posted = Client(bed.proxy.egress()).post("/music/s", "body").answer();
  EXPECT_EQ("closed", posted.fault) << "what may not be repeated goes on no kept connection";
  EXPECT_EQ(4, bed.a.opened());
}

TEST(Endpoints, AWorkersCallIsGuardedWhereTheFileSaysSo) {
  ManualClock clock;
  OneBed bed("guard_worker = true\nretries = 0\nbreaker.failures = 2\ntimeout = \"3s\"\n", &clock);
  bed.a.start();
  EXPECT_EQ("song", bed.call().body);
  // Too slow: ended at the upstream's timeout.
  bed.a.hold();
  Client slow(bed.proxy.egress());
  slow.get("/music/slow");
  EXPECT_TRUE(bed.a.wait_for(2));
  bed.proxy.advance(std::chrono::seconds(3));
  Message late = slow.answer();
  EXPECT_EQ(504, late.status()) << late;
  EXPECT_TRUE(late.says("upstream_timeout")) << late;
  bed.a.release();
  // Its breaker opens, and then the worker does not wait at all.
  bed.a.stop();
  EXPECT_EQ("closed", bed.call().fault);
  Message down = bed.call();
  EXPECT_EQ(503, down.status()) << down;
  EXPECT_TRUE(down.says("upstream_down")) << down;
}

TEST(Endpoints, AGuardedCallIsMadeAgain) {
  OneBed bed("guard_worker = true\n");
  bed.a.start();
  bed.a.on_request([](Origin::Call& call) {
    if (call.number == 1) return call.close();
    call.respond("song");
  });
  EXPECT_EQ("song", bed.call().body) << "a new connection that broke";
  EXPECT_EQ(2, bed.a.requests());
  Message posted = Client(bed.proxy.egress()).post("/music/s", "body").answer();
  EXPECT_EQ("song", posted.body);
  bed.a.on_request([](Origin::Call& call) { call.close(); });
  EXPECT_EQ("closed", Client(bed.proxy.egress()).post("/music/s", "body").answer().fault);
  EXPECT_EQ(4, bed.a.requests()) << "not what may not be repeated";
}

}  // namespace
}  // namespace siding::test
