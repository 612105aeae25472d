// What siding does with each address of an upstream by itself: probes, open connections, a bound of calls,
// and what it makes of one that takes connections and never answers.
#include <gtest/gtest.h>

#include <vector>

#include "tests/harness/three.h"

namespace siding::test {
namespace {

/// Siding's own calls, as many as one likes.
const std::string kFanOut =
    "[[route]]\npath = \"/all\"\n[route.fanout]\nsong = { call = \"music:/s\" }\n";

/// The first look may come before anybody listens; the next one is a second later.
bool first_probe(ThreeBed& bed) {
  for (int i = 0; i < 100 && bed.a.requests() < 1; ++i) {
    bed.proxy.advance(std::chrono::milliseconds(200));
  }
  return bed.a.wait_for(1);
}

/// The calls that are no probes.
int calls_to(const Origin& origin) {
  int n = 0;
  for (const std::string& target : origin.targets()) n += target.starts_with("/s") ? 1 : 0;
  return n;
}

TEST(Probe, AnAddressThatFailsItGetsNoCallUntilItPasses) {
  ThreeBed bed("probe = { path = \"/up\", interval = \"100ms\" }\n", nullptr, kFanOut);
  for (Origin* o : {&bed.a, &bed.b, &bed.c}) o->start();
  bed.c.on_request([](Origin::Call& call) { call.respond("still loading", "", 500); });
  EXPECT_TRUE(bed.proxy.metric_becomes(1, "siding_endpoint_down", {bed.label(kIps[2])}));
  for (int i = 0; i < 6; ++i) get(bed.proxy.front(), "/all");
  EXPECT_EQ(0, calls_to(bed.c)) << "an answer with status 500 would not open its breaker";
  EXPECT_EQ(6, calls_to(bed.a) + calls_to(bed.b));
  EXPECT_EQ(0, bed.open(kIps[2]));
  bed.c.on_request([](Origin::Call& call) { call.respond("song"); });
  EXPECT_TRUE(bed.proxy.metric_becomes(0, "siding_endpoint_down", {bed.label(kIps[2])}));
  for (int i = 0; i < 10 && calls_to(bed.c) == 0; ++i) get(bed.proxy.front(), "/all");
  EXPECT_GT(calls_to(bed.c), 0);
  Message probe = bed.a.request(1);
  EXPECT_EQ("GET", probe.method());
  EXPECT_EQ("/up", probe.target());
  EXPECT_TRUE(probe.has("cdn-loop"));
}

TEST(Probe, AWorkersCallGoesOutWhateverItSays) {
  OneBed bed("probe = { path = \"/up\", interval = \"100ms\" }\n");
  bed.a.on_request([](Origin::Call& call) {
    if (call.request.target() == "/up") return call.respond("no", "", 404);
    call.respond("song");
  });
  bed.a.start();
  EXPECT_TRUE(bed.proxy.metric_becomes(1, "siding_endpoint_down", {bed.label(kIps[0])}));
  EXPECT_EQ("song", bed.call().body);
  bed.prefetch("x");
  EXPECT_EQ(0, calls_to(bed.a)) << "siding's own do not";
  EXPECT_EQ(1, bed.proxy.metric("siding_connect_failures_total", {"reason=breaker_open"}));
}

TEST(Probe, ClosesABreakerBeforeACallHasToTry) {
  ManualClock clock;
  OneBed bed(
      "retries = 0\nbreaker = { failures = 1, pause = \"10m\" }\n"
      "probe = { path = \"/up\", interval = \"1s\", timeout = \"60s\" }\n",
      &clock);
  // One look that fails, if it comes so early, is not enough to be down.
  bed.a.on_request([](Origin::Call& call) { call.respond("not yet", "", 503); });
  bed.a.start();
  bed.prefetch("x");
  EXPECT_EQ(1, bed.open(kIps[0]));
  bed.a.on_request([](Origin::Call& call) { call.respond("song"); });
  for (int i = 0; i < 100 && bed.open(kIps[0]) != 0; ++i) {
    bed.proxy.advance(std::chrono::milliseconds(200));
  }
  EXPECT_EQ(0, bed.open(kIps[0])) << "long before its pause is over";
  bed.prefetch("y");
  EXPECT_EQ(2, calls_to(bed.a));
}

// It says whether an address is up, and nothing about the calls.
TEST(Probe, IsNoCall) {
  ManualClock clock;
  OneBed bed(
      "endpoint_concurrency = 1\nretries = 0\nbreaker = { failures = 2, pause = \"10m\" }\n"
      "probe = { path = \"/up\", interval = \"1s\", timeout = \"10s\" }\n",
      &clock, kFanOut);
  bed.a.on_request(
      [](Origin::Call& call) { call.respond("", "", call.request.target() == "/up" ? 200 : 503); });
  bed.a.start();
  ASSERT_TRUE(first_probe(bed));
  get(bed.proxy.front(), "/all");
  bed.a.hold();
  // A probe that is under way when time moves begins its pause only then.
  for (int i = 0; i < 100 && bed.a.requests() < 3; ++i) {
    bed.proxy.advance(std::chrono::milliseconds(200));
  }
  ASSERT_TRUE(bed.a.wait_for(3)) << "the second one";
  EXPECT_EQ(0, bed.proxy.metric("siding_endpoint_calls"));
  // If it passed after the call below has failed it would close the breaker.
  bed.a.on_request([](Origin::Call& call) { call.respond("", "", 503); });
  bed.a.release();
  EXPECT_EQ(0, bed.open(kIps[0]));
  get(bed.proxy.front(), "/all");
  EXPECT_EQ(1, bed.open(kIps[0])) << "two calls in a row have failed";
  EXPECT_EQ(2, bed.proxy.metric("siding_requests_total", {"peer=upstream"}));
}

TEST(Warm, OpensNoBreaker) {
  ManualClock clock;
  OneBed bed("warm = 2\nbreaker = { failures = 1, pause = \"10m\" }\n", &clock);
  for (int i = 0; i < 20; ++i) bed.proxy.advance(std::chrono::seconds(1));
  EXPECT_GT(bed.dns.asked("music.test"), 0);
  EXPECT_NE(1, bed.open(kIps[0])) << "no call has failed";
}

TEST(Warm, ConnectionsAreOpenBeforeTheFirstCall) {
  ManualClock clock;
  ThreeBed bed("warm = 2\nidle_timeout = \"10m\"\nconnect_timeout = \"5m\"\n", &clock, "", 2);
  bed.a.start();
  bed.b.start();
  // The first look may come before they listen; the next one is a second later. A look while a call is under
  // way would open one more.
  for (int i = 0; i < 100 && (bed.a.opened() < 2 || bed.b.opened() < 2); ++i) {
    bed.proxy.advance(std::chrono::seconds(1));
  }
  EXPECT_TRUE(bed.a.wait_for_connections(2));
  EXPECT_TRUE(bed.b.wait_for_connections(2));
  EXPECT_EQ(0, bed.backend.opened()) << "a blocking server would hang on one";
  for (int i = 0; i < 4; ++i) EXPECT_EQ("song", bed.call().body);
  EXPECT_EQ(2, bed.a.opened());
  EXPECT_EQ(2, bed.b.opened());
  EXPECT_EQ(0, bed.a.silent());
}

TEST(Warm, WhatTheServerClosesIsOpenedAgain) {
  ManualClock clock;
  OneBed bed("warm = 1\nidle_timeout = \"3s\"\n", &clock);
  bed.a.start();
  // A look that is under way when time moves begins its pause only then.
  for (int i = 0; i < 100 && bed.a.opened() < 1; ++i) bed.proxy.advance(std::chrono::seconds(1));
  // The origin counts a moment after a connection is open.
  const int before = bed.a.opened();
  ASSERT_GE(before, 1);
  for (int i = 0; i < 100 && bed.a.opened() == before; ++i) {
    bed.proxy.advance(std::chrono::seconds(1));
  }
  EXPECT_GT(bed.a.opened(), before) << "its time was up";
  EXPECT_TRUE(bed.a.wait_for_open(1));
}

TEST(Warm, IsNotMoreThanIsKept) {
  ManualClock clock;
  ThreeBed bed("warm = 2\nconcurrency = 3\nidle_timeout = \"10m\"\n", &clock);
  bed.dns.has("music.test", {kIps[0], kIps[1]}, kLong);
  bed.a.start();
  bed.b.start();
  for (int i = 0; i < 100; ++i) bed.proxy.advance(std::chrono::seconds(1));
  EXPECT_EQ(1, bed.a.opened()) << "none is closed to be opened again";
  EXPECT_EQ(1, bed.b.opened());
}

TEST(EndpointConcurrency, TheOthersWaitForRoom) {
  ThreeBed bed("endpoint_concurrency = 1\n");
  bed.dns.has("music.test", {kIps[0], kIps[1]}, kLong);
  bed.a.start();
  bed.b.start();
  bed.a.hold();
  bed.b.hold();
  std::vector<Client> clients;
  for (int i = 0; i < 6; ++i) {
    clients.emplace_back(bed.proxy.front()).get("/?q=" + std::to_string(i));
  }
  ASSERT_TRUE(bed.a.wait_for(1));
  ASSERT_TRUE(bed.b.wait_for(1));
  EXPECT_TRUE(bed.proxy.waits(6));
  EXPECT_EQ(2, bed.proxy.metric("siding_endpoint_calls"));
  // A worker's own call does not wait for siding's.
  Client worker(bed.proxy.egress());
  worker.get("/music/own");
  bed.a.release();
  bed.b.release();
  EXPECT_EQ("song", worker.answer().body);
  for (Client& c : clients) EXPECT_EQ(200, c.answer().status());
  EXPECT_EQ(7, bed.a.requests() + bed.b.requests());
  EXPECT_LE(bed.a.most_busy() + bed.b.most_busy(), 3) << "one each, and the worker's";
}

TEST(EndpointConcurrency, WhoFindsNoRoomInTimeGoesOnWithout) {
  OneBed bed("endpoint_concurrency = 1\ntimeout = \"200ms\"\nretries = 0\n");
  bed.a.start();
  bed.a.hold();
  Client worker(bed.proxy.egress());
  worker.get("/music/own");
  ASSERT_TRUE(bed.a.wait_for(1));
  bed.prefetch("2");
  EXPECT_EQ(1, bed.a.requests());
  bed.a.release();
  EXPECT_EQ("song", worker.answer().body);
  EXPECT_TRUE(bed.proxy.metric_becomes(0, "siding_endpoint_calls"));
  bed.prefetch("3");
  EXPECT_EQ(2, bed.a.requests()) << "nothing was left behind";
}

/// A call that holds the only place of the only address, and a view that really makes its call.
struct FullBed : OneBed {
  FullBed(const std::string& timeout, const std::string& wait)
      : OneBed("endpoint_concurrency = 1\nretries = 0\ntimeout = \"" + timeout + "\"\n", nullptr,
               "[[route]]\npath = \"/view\"\nbackend = \"shop\"\n[route.prefetch]\nmode = \"on\"\n"
               "wait = \"" +
                   wait +
                   "\"\n[route.prefetch.calls.song]\n"
                   "call = \"music:/s?word={query.q}\"\n"),
        holder(proxy.egress()) {
    backend.on_request([this](Origin::Call& call) {
      const std::string target = call.request.target();
      Message got = call_out(proxy.egress(), "http://music.test:" + std::to_string(a.port()) +
                                                 "/s?word=" + target.substr(target.find('=') + 1));
      call.respond(got.whole() ? got.body : "failed: " + got.fault);
    });
    a.start();
    a.hold();
    holder.get("/music/own");
    EXPECT_TRUE(a.wait_for(1));
  }
  ~FullBed() {
    a.release();
    backend.stop();
  }
  /// The view's own call comes beside the holder's, and is answered as if there were no siding.
  void expect_own_call() {
    Client client(proxy.front());
    client.get("/view?q=2");
    EXPECT_TRUE(a.wait_for(2));
    EXPECT_EQ("/s?word=2", a.request(2).target());
    a.release();
    EXPECT_EQ("song", client.answer().body);
    EXPECT_EQ("song", holder.answer().body);
    EXPECT_EQ(2, a.requests()) << "the prefetch was never sent";
  }
  Client holder;
};

TEST(EndpointConcurrency, AWaitForRoomIsNoTimeOutOfTheUpstreams) {
  FullBed bed("200ms", "10s");
  bed.expect_own_call();
  EXPECT_TRUE(bed.proxy.prefetched(1, "connect_failed"));
}

TEST(EndpointConcurrency, WhoStillWaitsForRoomAtDispatchIsDropped) {
  FullBed bed("1m", "50ms");
  bed.expect_own_call();
  EXPECT_TRUE(bed.proxy.prefetched(1, "skipped", "upstream_busy"));
}

// A call that races along the addresses enters none that is full.
TEST(EndpointConcurrency, HoldsInARaceOfConnectionsToo) {
  ThreeBed bed("endpoint_concurrency = 1\nretries = 0\nconnect_timeout = \"400ms\"\n", nullptr,
               kFanOut);
  BlackHole silent("127.0.0.4", bed.a.port());
  bed.dns.has("music.test", {"127.0.0.4", kIps[1]}, kLong);
  bed.b.start();
  bed.b.hold();
  std::vector<Client> clients;
  for (int i = 0; i < 2; ++i) clients.emplace_back(bed.proxy.front()).get("/all");
  ASSERT_TRUE(bed.b.wait_for(1));
  EXPECT_TRUE(bed.proxy.metric_becomes(1, "siding_connect_failures_total"));
  EXPECT_EQ(1, bed.b.requests());
  bed.b.release();
  for (Client& c : clients) EXPECT_EQ(200, c.answer().status());
}

TEST(EndpointConcurrency, AGuardedCallThatWasNeverMadeIsToldSo) {
  ManualClock clock;
  OneBed bed("endpoint_concurrency = 1\nguard_worker = true\nretries = 0\ntimeout = \"3s\"\n",
             &clock);
  bed.a.start();
  bed.a.hold();
  Client asked(bed.proxy.egress());
  asked.get("/music/own");
  ASSERT_TRUE(bed.a.wait_for(1));
  Client waits(bed.proxy.egress());
  waits.get("/music/own");
  ASSERT_TRUE(bed.proxy.metric_becomes(2, "siding_requests_total", {"peer=worker"}));
  bed.proxy.advance(std::chrono::seconds(3));
  EXPECT_TRUE(asked.answer().says("the upstream did not answer in time"));
  Message late = waits.answer();
  EXPECT_EQ(504, late.status());
  EXPECT_TRUE(late.says("no place within its endpoint_concurrency")) << late;
  bed.a.release();
}

TEST(EndpointConcurrency, NobodyWaitsForRoomWhereABreakerHasOpened) {
  OneBed bed(
      "endpoint_concurrency = 1\nretries = 0\ntimeout = \"1m\"\n"
      "breaker = { failures = 1, pause = \"10m\" }\n",
      nullptr, kFanOut);
  bed.a.start();
  bed.a.hold();
  std::vector<Client> clients;
  for (int i = 0; i < 5; ++i) clients.emplace_back(bed.proxy.front()).get("/all");
  ASSERT_TRUE(bed.a.wait_for(1));
  bed.a.stop();
  int left_alone = 0;
  for (Client& c : clients) {
    left_alone += c.answer().field("siding-complete") == "?0;song=breaker_open" ? 1 : 0;
  }
  EXPECT_EQ(4, left_alone);
}

// It takes connections, and no answer ever comes: the route's deadline ends each call.
TEST(HungAddress, OpensItsBreakerAtTheRoutesDeadline) {
  OneBed bed("breaker = { failures = 2, pause = \"10m\" }\n", nullptr,
             "[[route]]\npath = \"/all\"\ndeadline = \"50ms\"\n[route.fanout]\n"
             "song = { call = \"music:/s\" }\n");
  bed.a.start();
  bed.a.hold();
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ("?0;song=timeout", get(bed.proxy.front(), "/all").field("siding-complete"));
  }
  EXPECT_EQ("?0;song=breaker_open", get(bed.proxy.front(), "/all").field("siding-complete"));
  EXPECT_EQ(2, bed.a.requests());
}

TEST(HungAddress, OpensItsBreakerWhenItsCallsAreOutrun) {
  ManualClock clock;
  ThreeBed bed("hedge = \"50ms\"\nbreaker = { failures = 1, pause = \"10m\" }\n", &clock);
  bed.dns.has("music.test", {kIps[0], kIps[1]}, kLong);
  bed.a.start();
  bed.b.start();
  bed.a.hold();
  auto outrun = [&](const std::string& q, int tries, Duration after_all) {
    bed.b.hold();
    Client client(bed.proxy.front());
    client.get("/?q=" + q);
    ASSERT_TRUE(bed.a.wait_for(tries));
    bed.proxy.advance(std::chrono::milliseconds(50));
    ASSERT_TRUE(bed.b.wait_for(tries));
    bed.proxy.advance(after_all - std::chrono::milliseconds(50));
    bed.b.release();
    EXPECT_EQ(200, client.answer().status());
  };
  outrun("1", 1, std::chrono::milliseconds(100));
  bed.proxy.advance(std::chrono::hours(1));
  outrun("2", 2, std::chrono::milliseconds(100));
  EXPECT_EQ(0, bed.open(kIps[0])) << "it may only be slow";
  outrun("3", 3, std::chrono::milliseconds(900));
  EXPECT_EQ(1, bed.open(kIps[0])) << "it has said nothing for a second";
}

TEST(HungAddress, AClientThatLeavesSaysNothingAboutIt) {
  ManualClock clock;
  OneBed bed("breaker = { failures = 1, pause = \"10m\" }\n", &clock);
  bed.a.start();
  bed.a.hold();
  for (int i = 1; i <= 3; ++i) {
    Client client(bed.proxy.front());
    client.get("/?q=" + std::to_string(i));
    ASSERT_TRUE(bed.a.wait_for(i));
    bed.proxy.advance(std::chrono::seconds(2));
    client.reset();
    EXPECT_TRUE(bed.proxy.waits(0));
  }
  EXPECT_EQ(0, bed.open(kIps[0]));
  bed.a.release();
}

}  // namespace
}  // namespace siding::test
