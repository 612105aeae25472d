// Which texts are HTTP-dates (RFC 9110 5.6.7), and when they are.
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "http/date.h"

namespace siding::date_parse_test {
namespace {

constexpr WallTime kToday{std::chrono::seconds(1'700'000'000)};  // 14 Nov 2023

std::string read(std::string_view text, WallTime now = kToday) {
  std::optional<WallTime> t = parse_http_date(text, now);
  return t ? imf_fixdate(*t) : "none";
}

TEST(DateParse, Rfc9110_5_6_7_TheThreeForms) {
  EXPECT_EQ(read("Sun, 06 Nov 1994 08:49:37 GMT"), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(read("Sunday, 06-Nov-94 08:49:37 GMT"), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(read("Sun Nov  6 08:49:37 1994"), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(read("Wed Nov 16 08:49:37 1994"), "Wed, 16 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(read("Tue, 29 Feb 2000 23:59:60 GMT"), "Wed, 01 Mar 2000 00:00:00 GMT");
}

TEST(DateParse, Rfc9111_4_2_CaseDoesNotMatter) {
  EXPECT_EQ(read("THU, 18 AUG 2050 02:01:18 gMT"), "Thu, 18 Aug 2050 02:01:18 GMT");
  EXPECT_EQ(read("tHURSDAY, 18-aug-50 02:01:18 gmt"), "Thu, 18 Aug 2050 02:01:18 GMT");
}

TEST(DateParse, TheNameOfTheDayNeedNotBeRight) {
  EXPECT_EQ(read("Mon, 06 Nov 1994 08:49:37 GMT"), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(read("Xyz, 06 Nov 1994 08:49:37 GMT"), "none");
}

TEST(DateParse, Rfc9110_5_6_7_TwoDigitYears) {
  // Seen on 14 Nov 2023, 22:13:20: no more than 50 years ahead, to the second.
  EXPECT_EQ(read("Tuesday, 14-Nov-73 22:13:20 GMT"), "Tue, 14 Nov 2073 22:13:20 GMT");
  EXPECT_EQ(read("Tuesday, 14-Nov-73 22:13:21 GMT"), "Wed, 14 Nov 1973 22:13:21 GMT");
  EXPECT_EQ(read("Tuesday, 15-Nov-73 00:00:00 GMT"), "Thu, 15 Nov 1973 00:00:00 GMT");
  EXPECT_EQ(read("Tuesday, 01-Jan-74 00:00:00 GMT"), "Tue, 01 Jan 1974 00:00:00 GMT");
  EXPECT_EQ(read("Tuesday, 01-Jan-23 00:00:00 GMT"), "Sun, 01 Jan 2023 00:00:00 GMT");
  WallTime late{std::chrono::seconds(3'787'000'000)};  // 2090
  EXPECT_EQ(read("Tuesday, 01-Jan-10 00:00:00 GMT", late), "Wed, 01 Jan 2110 00:00:00 GMT");
  EXPECT_EQ(read("Tuesday, 29-Feb-23 00:00:00 GMT"), "none");
}

TEST(DateParse, WhatIsBeyondTheClockIsItsEnd) {
  std::optional<WallTime> last = parse_http_date("Sun, 21 Nov 2286 04:46:39 GMT", kToday);
  ASSERT_TRUE(last);
  EXPECT_GT(*last, WallTime::max() - std::chrono::seconds(2));
  std::optional<WallTime> first = parse_http_date("Mon, 01 Jan 0001 00:00:00 GMT", kToday);
  ASSERT_TRUE(first);
  EXPECT_LT(*first, WallTime::min() + std::chrono::seconds(2));
}

TEST(DateParse, WhatIsNone) {
  // clang-format off
  for (std::string_view text : {
      "", "0", "foo", "Sun", "Sun,", "1994",
      "Thu, 18 Aug 2050 02:01:18 UTC", "Thu, 18 Aug 2050 02:01:18 AEST", "Thu, 18 Aug 2050 02:01:18",
      "Thu, 18 Aug 2050 02:01:18 GMT+1", "Thu, 18 Aug 2050 02:01:18 GMT ", " Thu, 18 Aug 2050 02:01:18 GMT",
      "Thu, 18 Aug 50 02:01:18 GMT", "Thu 18 Aug 2050 02:01:18 GMT", "Thu, 18  Aug  2050 02:01:18 GMT",
      "Thu,18 Aug 2050 02:01:18 GMT", "Thu, 18-Aug-2050 02:01:18 GMT", "Thu, 18-Aug-50 02:01:18 GMT",
      "Thu, 18 Aug 2050 02.01.18 GMT", "Thu, 18 Aug 2050 2:01:18 GMT", "Thu, 8 Aug 2050 02:01:18 GMT",
      "Thu, 18 Aug 2050 24:00:00 GMT", "Thu, 18 Aug 2050 00:60:00 GMT", "Thu, 18 Aug 2050 00:00:61 GMT",
      "Thu, 31 Apr 2050 00:00:00 GMT", "Thu, 00 Apr 2050 00:00:00 GMT", "Thu, 29 Feb 2100 00:00:00 GMT",
      "Thu, +8 Aug 2050 02:01:18 GMT", "Thu, 18 Aug -050 02:01:18 GMT", "Thursday, 18 Aug 2050 02:01:18 GMT",
      "Thursday, 18-Aug-2050 02:01:18 GMT", "Thu Aug 8 02:01:18 2050", "Thu Aug  8 02:01:18 2050 GMT",
      "Thu Aug 08 02:01:18 50", "Thu Aug  8 2:01:18 2050", "Thu, 18 Aug 2050 02:01:18 GMT, x"}) {
    EXPECT_EQ(read(text), "none") << text;
  }
  // clang-format on
}

TEST(DateParse, ReadsWhatIsWritten) {
  std::mt19937_64 random(56);
  for (int i = 0; i < 2000; ++i) {
    int64_t second = static_cast<int64_t>(random() % 18'000'000'000ull) - 9'000'000'000;
    WallTime t{std::chrono::seconds(second)};
    ASSERT_EQ(parse_http_date(imf_fixdate(t), kToday), t) << imf_fixdate(t);
  }
}

}  // namespace
}  // namespace siding::date_parse_test
