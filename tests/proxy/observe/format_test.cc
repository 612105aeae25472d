// Times and words, whatever bytes come.
#include "proxy/observe/format.h"

#include <gtest/gtest.h>

namespace siding {
namespace {

template <class F, class... A>
std::string appended(F f, A... a) {
  std::string out;
  f(out, a...);
  return out;
}

TEST(Format, Time) {
  using namespace std::chrono_literals;
  EXPECT_EQ(appended(append_time, WallTime{}), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(appended(append_time, WallTime(1'709'251'199'999'999'999ns)),
            "2024-02-29T23:59:59.999Z");
}

TEST(Format, Milliseconds) {
  using namespace std::chrono_literals;
  EXPECT_EQ(appended(append_ms, Duration(0)), "0.0");
  EXPECT_EQ(appended(append_ms, Duration(-5ms)), "0.0");
  EXPECT_EQ(appended(append_ms, Duration(449us)), "0.4");
  EXPECT_EQ(appended(append_ms, Duration(950us)), "1.0");
  EXPECT_EQ(appended(append_ms, Duration(90s)), "90000.0");
  EXPECT_EQ(appended(append_ms, Duration::max()), "9223372036854.8");
}

TEST(Format, Words) {
  EXPECT_EQ(appended(append_word, ""), "-");
  EXPECT_EQ(appended(append_word, "-"), "\"-\"");
  EXPECT_EQ(appended(append_word, "/a?b=%20c"), "/a?b=%20c");
  EXPECT_EQ(appended(append_word, "path /a"), "\"path /a\"");
  EXPECT_EQ(appended(append_word, "a\"b\\"), "\"a\\\"b\\\\\"");
  EXPECT_EQ(appended(append_word, "a\nb\x1b[2J\xc3\xa4"), "a\\x0ab\\x1b[2J\\xc3\\xa4");
}

TEST(Format, BoundedKeepsSequencesWhole) {
  EXPECT_EQ(bounded("abc", 3), "abc");
  EXPECT_EQ(bounded("abcdefgh", 6), "abc...");
  EXPECT_EQ(bounded("abc\xc3\xa4xyz", 7), "abc...");
  EXPECT_EQ(bounded("ab\xc3\xa4wxyz", 7), "ab\xc3\xa4...");
  EXPECT_EQ(bounded("\x80\x80\x80\x80\x80\x80\x80\x80\x80", 8).size(), 5u);
}

}  // namespace
}  // namespace siding
