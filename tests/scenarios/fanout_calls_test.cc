// The calls of a fan-out's legs: how often they are tried, and what they are told.
#include <gtest/gtest.h>

#include "tests/scenarios/fan_bed.h"

namespace siding::test {
namespace {

/// One leg to `song`, with more keys of its upstream.
struct OneLeg : FanBed {
  explicit OneLeg(const std::string& upstream, ManualClock* clock = nullptr)
      : FanBed("song = { call = \"song:/s\" }\n", "", upstream, clock) {}
};

TEST(FanOutCalls, RetriesStayWithinTheirBudget) {
  FanBed bed("song = { call = \"song:/s\" }\n", "",
             "breaker = { failures = \"off\", percent = \"off\" }\n");
  // `retries` is 0 in this bed; a second upstream to the same origin has one.
  Proxy proxy(
      bed.backend,
      {.tables =
           "[upstream.song]\nretries = 1\nbreaker = { failures = \"off\", percent = \"off\" }\n"
           "url = \"" +
           bed.song.url() +
           "\"\n[[route]]\npath = \"/all\"\n"
           "[route.fanout]\nsong = { call = \"song:/s\" }\n"});
  bed.song.on_request([](Origin::Call& call) {
    call.respond(call.number % 3 == 0 ? "1" : "no", "", call.number % 3 == 0 ? 200 : 503);
  });
  Client client(proxy.front());
  for (int i = 0; i < 300; ++i) EXPECT_EQ(200, client.get("/all").answer().status());
  EXPECT_GT(bed.song.requests(), 340) << "and they are used";
  EXPECT_LE(bed.song.requests(), 360);
  EXPECT_GT(proxy.metric("siding_upstream_retries_total", {"result=no_budget"}), 100);
}

TEST(FanOutCalls, TheBreakerOpensAndRecovers) {
  ManualClock clock;
  OneLeg bed("breaker = { failures = 3, pause = \"1s\" }\n", &clock);
  bed.says(bed.song, "no", "", 503);
  for (int i = 0; i < 3; ++i) EXPECT_EQ("?0;song=status-503", bed.ask().field("siding-complete"));
  EXPECT_EQ("?0;song=breaker_open", bed.ask().field("siding-complete"));
  EXPECT_EQ(3, bed.song.requests());
  bed.says(bed.song, "1");
  bed.proxy.advance(std::chrono::seconds(1));
  EXPECT_EQ("?1", bed.ask().field("siding-complete"));
  EXPECT_EQ("?1", bed.ask().field("siding-complete"));
  EXPECT_EQ(5, bed.song.requests());
}

TEST(FanOutCalls, ASlowTryGetsCompany) {
  ManualClock clock;
  OneLeg bed("hedge = \"100ms\"\n", &clock);
  bed.song.hold();
  Client client(bed.proxy.front());
  client.get("/all");
  EXPECT_TRUE(bed.song.wait_for(1));
  bed.proxy.advance(std::chrono::milliseconds(100));
  EXPECT_TRUE(bed.song.wait_for(2));
  bed.song.release(2);
  EXPECT_EQ("?1", client.answer().field("siding-complete"));
  bed.song.release();
  EXPECT_EQ(2, bed.song.requests());
  EXPECT_TRUE(bed.proxy.metric_becomes(0, "siding_endpoint_calls", {"upstream=song"}));
}

TEST(FanOutCalls, TheFirstByteHasATimeOfItsOwn) {
  ManualClock clock;
  OneLeg bed("first_byte_timeout = \"50ms\"\n", &clock);
  bed.song.hold();
  Client client(bed.proxy.front());
  client.get("/all");
  EXPECT_TRUE(bed.song.wait_for(1));
  bed.proxy.advance(std::chrono::milliseconds(50));
  EXPECT_EQ("?0;song=timeout", client.answer().field("siding-complete"));
  bed.song.release();
}

TEST(FanOutCalls, TheUpstreamIsToldHowLongItMayTake) {
  ManualClock clock;
  OneLeg told("deadline_header = true\ntimeout = \"700ms\"\n", &clock);
  EXPECT_EQ("?1", told.ask().field("siding-complete"));
  EXPECT_EQ("700", told.song.request(1).field("x-request-timeout-ms"));
  OneLeg untold("");
  EXPECT_EQ("?1", untold.ask().field("siding-complete"));
  EXPECT_FALSE(untold.song.request(1).has("x-request-timeout-ms"));
}

TEST(FanOutCalls, ARateIsKept) {
  ManualClock clock;
  OneLeg bed("rate = \"10/s\"\ntimeout = \"250ms\"\n", &clock);
  EXPECT_EQ("?1", bed.ask().field("siding-complete"));
  EXPECT_EQ("?1", bed.ask().field("siding-complete")) << "a tenth of a second's worth at once";
  Client client(bed.proxy.front());
  client.get("/all");
  EXPECT_TRUE(bed.proxy.metric_becomes(1, "siding_connections", {"listener=front"}));
  EXPECT_EQ("?0;song=rate_limited", bed.ask().field("siding-complete"))
      << "200 ms from now is too late";
  EXPECT_EQ(2, bed.song.requests());
  bed.proxy.advance(std::chrono::milliseconds(100));
  EXPECT_EQ("?1", client.answer().field("siding-complete"));
  EXPECT_EQ(3, bed.song.requests());
}

}  // namespace
}  // namespace siding::test
