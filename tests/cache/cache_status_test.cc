// The Cache-Status field (RFC 9211).
#include "cache/cache_status.h"

#include <gtest/gtest.h>

#include "tests/cache/heads.h"

namespace siding::cache_test {
namespace {

TEST(CacheStatusField, Rfc9211_2_HitsAndForwards) {
  EXPECT_EQ(cache_status({}), "siding; hit");
  EXPECT_EQ(cache_status({.ttl = Seconds(30)}), "siding; hit; ttl=30");
  EXPECT_EQ(cache_status({.ttl = Seconds(-3)}), "siding; hit; ttl=-3");
  EXPECT_EQ(cache_status({.ttl = std::chrono::milliseconds(-1)}), "siding; hit; ttl=-1");
  EXPECT_EQ(cache_status({.ttl = Duration::min()}), "siding; hit; ttl=-2147483648");
  EXPECT_EQ(cache_status({.forward = Forward::uri_miss, .stored = true}),
            "siding; fwd=uri-miss; stored");
  EXPECT_EQ(cache_status({.forward = Forward::stale,
                          .forward_status = 304,
                          .ttl = Seconds(60),
                          .stored = true,
                          .collapsed = true,
                          .detail = "no_store"}),
            "siding; fwd=stale; fwd-status=304; ttl=60; stored; collapsed; detail=no_store");
  EXPECT_EQ(cache_status({.forward = Forward::bypass, .detail = "two \"words\""}),
            "siding; fwd=bypass; detail=\"two \\\"words\\\"\"");
}

TEST(CacheStatusField, Rfc9211_2_2_TheWordsOfFwd) {
  std::string all;
  for (size_t i = 1; i < static_cast<size_t>(Forward::count_); ++i) {
    all.append(to_string(static_cast<Forward>(i))).append(" ");
  }
  EXPECT_EQ(all, "bypass method uri-miss vary-miss miss request stale partial ");
}

TEST(CacheStatusField, AHitOnlyOfWhatWasSent) {
  auto of = [](Lines q, int64_t later) {
    Freshness f = freshness_of(response(200, {{"Cache-Control", "max-age=60"}}), enabled(), kTimes);
    return forward_of(may_reuse(request(q), f, enabled(), kNow + Seconds(later)));
  };
  EXPECT_EQ(of({}, 0), Forward::none);
  EXPECT_EQ(of({}, 60), Forward::stale);
  EXPECT_EQ(of({{"Cache-Control", "no-cache"}}, 0), Forward::request);
  EXPECT_EQ(of({{"Cache-Control", "no-store"}}, 0), Forward::bypass);
}

TEST(CacheStatusField, Rfc9211_2_GoesBehindThoseNearerToTheOrigin) {
  Fields f = fields({{"Cache-Status", "inner; hit"}});
  add_cache_status(f, {.forward = Forward::miss});
  EXPECT_EQ(f.joined("cache-status"), "inner; hit, siding; fwd=miss");
}

}  // namespace
}  // namespace siding::cache_test
