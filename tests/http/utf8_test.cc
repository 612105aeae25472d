// Every code point, and the byte sequences that are none.
#include "http/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace siding {
namespace {

/// The encoding of a code point by the table of RFC 3629 section 3, surrogates included.
std::string encode(unsigned point) {
  auto tail = [&](int shift) { return static_cast<char>(0x80 | ((point >> shift) & 0x3f)); };
  if (point < 0x80) return {static_cast<char>(point)};
  if (point < 0x800) return {static_cast<char>(0xc0 | point >> 6), tail(0)};
  if (point < 0x10000) return {static_cast<char>(0xe0 | point >> 12), tail(6), tail(0)};
  return {static_cast<char>(0xf0 | point >> 18), tail(12), tail(6), tail(0)};
}

TEST(Utf8, AcceptsEveryCodePointButSurrogates) {
  for (unsigned point = 0; point <= 0x10ffff; ++point) {
    bool surrogate = point >= 0xd800 && point <= 0xdfff;
    ASSERT_EQ(is_utf8(encode(point)), !surrogate) << point;
  }
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("a\xC3\xA9\xE4\xBD\xA0\xF0\x9F\x98\x80z"));
}

TEST(Utf8, RefusesEverythingElse) {
  // clang-format off
  constexpr std::string_view kBad[] = {
      "\x80", "\xBF", "\xC0\x80", "\xC0\xAE", "\xC1\xBF", "\xE0\x80\xAF", "\xE0\x9F\xBF",
        "\xED\xA0\x80", "\xF0\x80\x80\xAF", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
        "\xFE", "\xFF", "\xC3", "\xE4\xBD", "\xF0\x9F\x98", "\xC3(", "\xE4(\xA0", "a\xE9", "\xC3\xA9\xA9",
        "\xC3\xC3\xA9"};
  // clang-format on
  for (std::string_view text : kBad) {
    EXPECT_FALSE(is_utf8(text));
  }
}

TEST(Utf8, CountsTheTwoByteForms) {
  int good = 0;
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; ++b) {
      good += is_utf8(std::string{static_cast<char>(a), static_cast<char>(b)}) ? 1 : 0;
    }
  }
  EXPECT_EQ(good, 128 * 128 + (0x800 - 0x80));  // two of ASCII, or one of two bytes
}

}  // namespace
}  // namespace siding
