// Dates as text, against known days and against gmtime().
#include "http/date.h"

#include <gtest/gtest.h>

#include <clocale>
#include <ctime>
#include <random>
#include <string>

namespace siding::date_test {
namespace {

WallTime at(int64_t second, int64_t ns = 0) {
  return WallTime(std::chrono::seconds(second) + std::chrono::nanoseconds(ns));
}

TEST(Date, KnownDays) {
  EXPECT_EQ(imf_fixdate(at(784111777)), "Sun, 06 Nov 1994 08:49:37 GMT");  // RFC 9110 5.6.7
  EXPECT_EQ(rfc3339(at(784111777)), "1994-11-06T08:49:37.000Z");
  EXPECT_EQ(imf_fixdate(at(0)), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(imf_fixdate(at(-1)), "Wed, 31 Dec 1969 23:59:59 GMT");
  EXPECT_EQ(imf_fixdate(at(951782400)), "Tue, 29 Feb 2000 00:00:00 GMT");
  EXPECT_EQ(imf_fixdate(at(4107542400)), "Mon, 01 Mar 2100 00:00:00 GMT");  // no leap year
  EXPECT_EQ(imf_fixdate(at(-9'200'000'000)), "Sat, 18 Jun 1678 12:26:40 GMT");
  EXPECT_EQ(imf_fixdate(at(9'200'000'000)), "Mon, 15 Jul 2261 11:33:20 GMT");
  EXPECT_EQ(imf_fixdate(WallTime::min()), "Tue, 21 Sep 1677 00:12:43 GMT");
  EXPECT_EQ(imf_fixdate(WallTime::max()), "Fri, 11 Apr 2262 23:47:16 GMT");
  EXPECT_EQ(rfc3339(WallTime::min()), "1677-09-21T00:12:43.145Z");
}

TEST(Date, FractionsAreRoundedDown) {
  EXPECT_EQ(imf_fixdate(at(59, 999'999'999)), "Thu, 01 Jan 1970 00:00:59 GMT");
  EXPECT_EQ(rfc3339(at(59, 999'999'999)), "1970-01-01T00:00:59.999Z");
  EXPECT_EQ(rfc3339(at(0, 1'999'999)), "1970-01-01T00:00:00.001Z");
  EXPECT_EQ(rfc3339(at(0, 70'000'000)), "1970-01-01T00:00:00.070Z");
  EXPECT_EQ(rfc3339(at(0, 100'000'000)), "1970-01-01T00:00:00.100Z");
  EXPECT_EQ(rfc3339(at(0, -1)), "1969-12-31T23:59:59.999Z");
}

TEST(Date, AgreesWithGmtime) {
  std::setlocale(LC_ALL, "C");
  std::mt19937_64 random(1123);
  for (int i = 0; i < 2000; ++i) {
    int64_t second = static_cast<int64_t>(random() % 18'000'000'000ull) - 9'000'000'000;
    std::time_t t = second;
    std::tm tm{};
    gmtime_r(&t, &tm);
    char text[64];
    std::strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
    ASSERT_EQ(imf_fixdate(at(second)), text) << second;
    std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S.000Z", &tm);
    ASSERT_EQ(rfc3339(at(second)), text) << second;
  }
}

TEST(Date, CacheFollowsTheSecond) {
  DateCache cache;
  EXPECT_EQ(cache.at(at(0)), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(cache.at(at(0, 999'999'999)), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(cache.at(at(1)), "Thu, 01 Jan 1970 00:00:01 GMT");
  EXPECT_EQ(cache.at(at(0)), "Thu, 01 Jan 1970 00:00:00 GMT");
}

}  // namespace
}  // namespace siding::date_test
