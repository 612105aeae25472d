// What an upstream's rate and its hedging go by.
#include "proxy/upstream/rate_limit.h"

#include <gtest/gtest.h>

#include "proxy/upstream/latency.h"

namespace siding {
namespace {

using namespace std::chrono_literals;

const TimePoint kStart{100s};

TEST(RateLimit, SpreadsCallsEvenlyAfterASmallBurst) {
  RateLimit limit(RateConfig{100, 1s});
  int at_once = 0;
  TimePoint last = kStart;
  for (int i = 0; i < 100; ++i) {
    std::optional<TimePoint> when = limit.take(kStart, kNever);
    ASSERT_TRUE(when);
    if (*when == kStart) ++at_once;
    EXPECT_GE(*when, last);
    last = *when;
  }
  EXPECT_EQ(at_once, 11) << "a tenth of a second's, and the first";
  EXPECT_EQ(last, kStart + 890ms);
}

TEST(RateLimit, WhoWouldBeTooLateTakesNoPlace) {
  RateLimit limit(RateConfig{1, 1s});
  EXPECT_EQ(limit.take(kStart, kNever), kStart);
  EXPECT_FALSE(limit.take(kStart, kStart + 500ms));
  EXPECT_EQ(limit.take(kStart, kNever), kStart + 900ms);
}

TEST(RateLimit, WithoutOneEverybodyGoes) {
  RateLimit limit(RateConfig{});
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(limit.take(kStart, kStart), kStart);
}

TEST(Latency, OfTheLastCalls) {
  Latency latency;
  for (int i = 1; i < 20; ++i) latency.add(i * 1ms);
  EXPECT_FALSE(latency.p95());
  for (int i = 20; i <= 100; ++i) latency.add(i * 1ms);
  EXPECT_EQ(latency.p95(), 96ms);
  for (int i = 0; i < 128; ++i) latency.add(5ms);
  EXPECT_EQ(latency.p95(), 5ms) << "what is long ago is forgotten";
}

}  // namespace
}  // namespace siding
