// When a stored response is sent, and when the origin is asked (RFC 9111 section 4; RFC 5861; 8246).
#include "cache/reuse.h"

#include <gtest/gtest.h>

#include "tests/cache/heads.h"

namespace siding::cache_test {
namespace {

/// The decision for a response that came now, `later` seconds from now: its word, then "+error" and
/// "+unreachable" for what may be sent on failures.
std::string reuse(std::string_view response_control, int64_t later, Lines request_lines = {},
                  const CachePolicy& policy = enabled(), Lines more = {}) {
  ResponseHead r = response(200, more);
  if (!response_control.empty()) r.fields.add("Cache-Control", response_control);
  Freshness f = freshness_of(r, policy, kTimes);
  ReuseDecision d = may_reuse(request(request_lines), f, policy, kNow + Seconds(later));
  std::string out(to_string(d.kind));
  if (d.stale_if_error) out += "+error";
  if (d.stale_if_unreachable) out += "+unreachable";
  return out;
}
std::string asked(std::string_view request_control, std::string_view response_control,
                  int64_t later, const CachePolicy& policy = enabled()) {
  return reuse(response_control, later, {{"Cache-Control", request_control}}, policy);
}

TEST(CacheReuse, Rfc9111_4_FreshOnesAreSent) {
  EXPECT_EQ(reuse("max-age=60", 0), "fresh");
  EXPECT_EQ(reuse("max-age=60", 59), "fresh");
  EXPECT_EQ(reuse("max-age=60, must-revalidate, proxy-revalidate", 59), "fresh");
  EXPECT_EQ(reuse("s-maxage=60", 59), "fresh");
  EXPECT_EQ(reuse("max-age=60", 5, {{"Cookie", "a=b"}, {"Authorization", "x"}}), "fresh");
  EXPECT_EQ(reuse("max-age=60", 5, {{"Cache-Control", "nothing-to-see-here"}, {"Pragma", "foo"}}),
            "fresh");
}

TEST(CacheReuse, Rfc9111_4_StaleOnesAreValidated) {
  EXPECT_EQ(reuse("max-age=60", 60), "validate+unreachable");
  EXPECT_EQ(reuse("", 0), "validate+unreachable");
  EXPECT_EQ(reuse("max-age=60", 0, {}, enabled(), {{"Age", "61"}}), "validate+unreachable");
}

TEST(CacheReuse, Rfc9111_5_2_2_4_NoCacheIsNeverSentUnvalidated) {
  EXPECT_EQ(reuse("no-cache, max-age=60", 0), "validate");
  EXPECT_EQ(asked("max-stale", "no-cache, max-age=60", 0), "validate");
  EXPECT_EQ(reuse("no-cache, max-age=60, stale-while-revalidate=99, stale-if-error=99", 61),
            "validate");
  EXPECT_EQ(reuse("no-cache=\"a\", max-age=60", 0), "fresh");
}

TEST(CacheReuse, Rfc9111_4_2_4_WhatForbidsStaleOnes) {
  for (std::string_view forbids : {"must-revalidate", "proxy-revalidate"}) {
    std::string all = "max-age=2, stale-while-revalidate=99, stale-if-error=99, ";
    all += forbids;
    EXPECT_EQ(reuse(all, 3), "validate") << forbids;
    EXPECT_EQ(asked("max-stale", all, 3), "validate") << forbids;
  }
  CachePolicy policy = enabled();
  policy.stale_while_revalidate = Seconds(99);
  policy.stale_if_error = Seconds(99);
  for (std::string_view text : {"max-age=2, must-revalidate", "max-age=2, proxy-revalidate",
                                "s-maxage=2", "max-age=99, s-maxage=2", "max-age=2, no-cache"}) {
    EXPECT_EQ(reuse(text, 3, {}, policy), "validate") << text;
    EXPECT_EQ(asked("max-stale=99", text, 3, policy), "validate") << text;
  }
}

TEST(CacheReuse, Rfc5861_DirectivesBesideSMaxageMeanWhatTheySay) {
  EXPECT_EQ(reuse("s-maxage=2, stale-while-revalidate=9", 3), "stale_while_revalidate");
  EXPECT_EQ(reuse("s-maxage=2, stale-if-error=9", 3), "validate+error+unreachable");
  EXPECT_EQ(reuse("s-maxage=2, stale-if-error=9, must-revalidate", 3), "validate");
}

TEST(CacheReuse, Rfc9111_4_2_4_DisconnectedMaySendStale) {
  EXPECT_EQ(reuse("max-age=2", 1'000'000), "validate+unreachable");
  CachePolicy policy = enabled();
  policy.stale_if_unreachable = Seconds(10);
  EXPECT_EQ(reuse("max-age=2", 12, {}, policy), "validate+unreachable");
  EXPECT_EQ(reuse("max-age=2", 13, {}, policy), "validate");
}

TEST(CacheReuse, Rfc5861_3_StaleWhileRevalidate) {
  EXPECT_EQ(reuse("max-age=2, stale-while-revalidate=4", 1), "fresh");
  EXPECT_EQ(reuse("max-age=2, stale-while-revalidate=4", 2), "stale_while_revalidate");
  EXPECT_EQ(reuse("max-age=2, stale-while-revalidate=4", 6), "stale_while_revalidate");
  EXPECT_EQ(reuse("max-age=2, stale-while-revalidate=4", 7), "validate+unreachable");
  CachePolicy policy = enabled();
  policy.stale_while_revalidate = Seconds(4);
  EXPECT_EQ(reuse("max-age=2", 6, {}, policy), "stale_while_revalidate");
  EXPECT_EQ(reuse("max-age=2, stale-while-revalidate=0", 6, {}, policy), "validate+unreachable");
  // Whoever says how fresh it must be has not agreed to a stale one.
  EXPECT_EQ(asked("max-age=99", "max-age=2, stale-while-revalidate=4", 3), "validate+unreachable");
  EXPECT_EQ(asked("min-fresh=1", "max-age=2, stale-while-revalidate=4", 3), "validate+unreachable");
  EXPECT_EQ(asked("no-cache", "max-age=2, stale-while-revalidate=4", 3), "validate");
}

TEST(CacheReuse, Rfc5861_4_StaleIfError) {
  EXPECT_EQ(reuse("max-age=2, stale-if-error=4", 6), "validate+error+unreachable");
  EXPECT_EQ(reuse("max-age=2, stale-if-error=4", 7), "validate");
  CachePolicy policy = enabled();
  policy.stale_if_error = Seconds(4);
  EXPECT_EQ(reuse("max-age=2", 6, {}, policy), "validate+error+unreachable");
  EXPECT_EQ(reuse("max-age=2", 7, {}, policy), "validate+unreachable");
  EXPECT_EQ(reuse("max-age=2, stale-if-error=1", 6, {}, policy), "validate");
  EXPECT_EQ(asked("stale-if-error=9", "max-age=2", 6), "validate+error+unreachable");
  EXPECT_EQ(asked("stale-if-error=9", "max-age=2, stale-if-error=1", 6), "validate");
  // Its "error" is whatever would be a 500, 502, 503 or 504: an origin that cannot be reached, too.
  policy.stale_if_unreachable = Seconds(1);
  EXPECT_EQ(reuse("max-age=2", 6, {}, policy), "validate+error+unreachable");
  EXPECT_EQ(reuse("max-age=2", 7, {}, policy), "validate");
  EXPECT_EQ(asked("stale-if-error=5", "max-age=2", 7, policy), "validate+error+unreachable");
  for (int status : {500, 502, 503, 504}) EXPECT_TRUE(is_stale_if_error_status(status)) << status;
  for (int status : {200, 404, 429, 499, 501, 505, 599}) {
    EXPECT_FALSE(is_stale_if_error_status(status)) << status;
  }
}

TEST(CacheReuse, Rfc9111_5_2_1_1_RequestMaxAge) {
  EXPECT_EQ(asked("max-age=0", "max-age=60", 1), "validate+error+unreachable");
  EXPECT_EQ(asked("max-age=5", "max-age=60", 5), "fresh");
  EXPECT_EQ(asked("max-age=5", "max-age=60", 6), "validate+error+unreachable");
  EXPECT_EQ(asked("max-age=60", "max-age=5", 6), "validate+unreachable");
}

TEST(CacheReuse, Rfc9111_5_2_1_2_MaxStale) {
  EXPECT_EQ(asked("max-stale=10", "max-age=5", 15), "stale");
  EXPECT_EQ(asked("max-stale=10", "max-age=5", 16), "validate+unreachable");
  EXPECT_EQ(asked("max-stale", "max-age=5", 1'000'000), "stale");
  EXPECT_EQ(asked("max-stale=10", "max-age=5", 4), "fresh");
  EXPECT_EQ(asked("max-stale=10, max-age=12", "max-age=5", 12), "stale");
  EXPECT_EQ(asked("max-stale=10, max-age=12", "max-age=5", 13), "validate+unreachable");
  EXPECT_EQ(asked("max-stale=10, min-fresh=1", "max-age=5", 6), "validate+unreachable");
  // A client's own word is worth more than a refresh in the background: it asked for this.
  EXPECT_EQ(asked("max-stale=10", "max-age=5, stale-while-revalidate=60", 6), "stale");
}

TEST(CacheReuse, Rfc9111_5_2_1_2_MaxStaleBoundsTheOriginsWindow) {
  EXPECT_EQ(asked("max-stale=10", "max-age=5, stale-while-revalidate=60", 16),
            "validate+unreachable");
  // Where s-maxage forbids max-stale, the window next to it still counts; also beside max-age.
  EXPECT_EQ(asked("max-stale=10", "s-maxage=5, stale-while-revalidate=60", 15),
            "stale_while_revalidate");
  EXPECT_EQ(asked("max-stale=10", "s-maxage=5, stale-while-revalidate=60", 16), "validate");
  EXPECT_EQ(asked("max-stale=10, max-age=15", "s-maxage=5, stale-while-revalidate=60", 15),
            "stale_while_revalidate");
  EXPECT_EQ(asked("max-stale=10, max-age=14", "s-maxage=5, stale-while-revalidate=60", 15),
            "validate");
}

TEST(CacheReuse, Rfc9111_1_2_2_ForeverIsNoBound) {
  // An Age that was too large for a cache nearer to the origin: 2^31 seconds and a bit.
  Lines old{{"Age", "2147483648"}};
  EXPECT_EQ(reuse("max-age=5", 9, {}, enabled(), old), "validate+unreachable");
  EXPECT_EQ(reuse("max-age=5", 9, {{"Cache-Control", "max-stale"}}, enabled(), old), "stale");
  // Expired as long ago as can be, and as old.
  Lines ancient{{"Date", "Mon, 01 Jan 1601 00:00:00 GMT"}, {"Expires", "0"}};
  EXPECT_EQ(reuse("public", 9, {}, enabled(), ancient), "validate+unreachable");
  Lines before{{"Date", "Fri, 31 Dec 9999 23:59:59 GMT"},
               {"Expires", "Mon, 01 Jan 1601 00:00:00 GMT"},
               {"Age", "99999999999"}};
  EXPECT_EQ(reuse("public", 9, {{"Cache-Control", "max-stale=9"}}, enabled(), before),
            "validate+unreachable");
}

TEST(CacheReuse, Rfc9111_5_2_1_3_MinFresh) {
  EXPECT_EQ(asked("min-fresh=10", "max-age=60", 50), "fresh");
  EXPECT_EQ(asked("min-fresh=10", "max-age=60", 51), "validate+error+unreachable");
  EXPECT_EQ(asked("min-fresh=2000", "max-age=1500", 0), "validate+error+unreachable");
}

TEST(CacheReuse, Rfc9111_5_2_1_4_NoCacheAndPragma) {
  EXPECT_EQ(asked("no-cache", "max-age=60", 0), "validate");
  EXPECT_EQ(reuse("max-age=60", 0, {{"Pragma", "no-cache"}}), "validate");
  EXPECT_EQ(reuse("max-age=60", 0, {{"Pragma", "no-cache"}, {"Cache-Control", "x"}}), "fresh");
}

TEST(CacheReuse, Rfc9111_5_2_1_5_NoStoreLeavesTheCacheAlone) {
  EXPECT_EQ(asked("no-store", "max-age=60", 0), "bypass");
}

TEST(CacheReuse, Rfc9111_5_2_1_7_OnlyIfCached) {
  EXPECT_EQ(asked("only-if-cached", "max-age=60", 0), "fresh");
  EXPECT_EQ(asked("only-if-cached", "max-age=60", 60), "only_if_cached");
  EXPECT_EQ(asked("only-if-cached, max-stale", "max-age=60", 60), "stale");
  EXPECT_EQ(asked("only-if-cached", "max-age=60, stale-while-revalidate=9", 60),
            "stale_while_revalidate");
  EXPECT_EQ(asked("only-if-cached, no-cache", "max-age=60", 0), "only_if_cached");
  EXPECT_EQ(asked("only-if-cached, no-store", "max-age=60", 0), "only_if_cached");
  EXPECT_TRUE(refuses_forwarding(request({{"Cache-Control", "only-if-cached"}})));
  EXPECT_FALSE(refuses_forwarding(request({{"Cache-Control", "no-cache"}})));
}

TEST(CacheReuse, Rfc8246_ImmutableOnesSurviveAReload) {
  EXPECT_EQ(asked("max-age=0", "max-age=60, immutable", 5), "fresh");
  EXPECT_EQ(asked("no-cache", "max-age=60, immutable", 5), "validate");
  EXPECT_EQ(asked("max-age=0", "max-age=60, immutable", 60), "validate+unreachable");
  EXPECT_EQ(asked("min-fresh=58", "max-age=60, immutable", 5), "validate+error+unreachable");
}

TEST(CacheReuse, Rfc9111_4_WithoutAClockNothingIsSentUnvalidated) {
  EXPECT_EQ(reuse("max-age=60, stale-while-revalidate=99, stale-if-error=99", -1), "validate");
  EXPECT_EQ(asked("max-stale", "max-age=60", -1), "validate");
}

TEST(CacheReuse, Rfc9111_4_OnlySafeMethodsAreLookedUp) {
  EXPECT_TRUE(may_look_up(request({}, "GET")));
  EXPECT_TRUE(may_look_up(request({}, "HEAD")));
  EXPECT_FALSE(may_look_up(request({{"X-Original-URL", "/b"}}))) << "it may mean another URI";
  EXPECT_FALSE(may_look_up(request({{"x-http-method-override", "PUT"}})));
  EXPECT_TRUE(may_look_up(request({{"Content-Length", "5"}}, "QUERY")));
  for (std::string_view method :
       {"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get", "X"}) {
    EXPECT_FALSE(may_look_up(request({}, method))) << method;
  }
  EXPECT_FALSE(may_look_up(request({{"Content-Length", "5"}}, "GET")));
  EXPECT_FALSE(may_look_up(request({{"Transfer-Encoding", "chunked"}}, "HEAD")));
  Freshness f = freshness_of(response(200, {{"Cache-Control", "max-age=60"}}), enabled(), kTimes);
  EXPECT_EQ(may_reuse(request({}, "POST"), f, enabled(), kNow).kind, Reuse::bypass);
  EXPECT_EQ(may_reuse(request(), f, CachePolicy(), kNow).kind, Reuse::bypass);
}

TEST(CacheReuse, Rfc9111_4_3_2_ConditionsThatOnlyAnOriginJudgesGoToIt) {
  EXPECT_EQ(reuse("max-age=60", 0, {{"If-Match", "\"a\""}}), "bypass");
  std::string now = date(0);
  EXPECT_EQ(reuse("max-age=60", 0, {{"If-Unmodified-Since", now}}), "bypass");
  EXPECT_EQ(reuse("max-age=60", 0, {{"If-None-Match", "\"a\""}}), "fresh");
}

TEST(CacheReuse, TellsAgeAndWhatIsLeft) {
  Freshness f = freshness_of(response(200, {{"Cache-Control", "max-age=60"}, {"Age", "10"}}),
                             enabled(), kTimes);
  ReuseDecision d = may_reuse(request(), f, enabled(), kNow + Seconds(5));
  EXPECT_EQ(d.age, Seconds(15));
  EXPECT_EQ(d.time_left, Seconds(45));
  EXPECT_TRUE(d.send_now());
  EXPECT_FALSE(d.by_request);
  ReuseDecision late = may_reuse(request(), f, enabled(), kNow + Seconds(65));
  EXPECT_EQ(late.time_left, Seconds(-15));
  EXPECT_FALSE(late.send_now());
  EXPECT_FALSE(late.by_request);
  EXPECT_TRUE(may_reuse(request({{"Cache-Control", "no-cache"}}), f, enabled(), kNow).by_request);
}

}  // namespace
}  // namespace siding::cache_test
