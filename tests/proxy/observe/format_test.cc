// Times, words and JSON strings, whatever bytes come.
#include "proxy/observe/format.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

namespace siding {
namespace {

template <class F, class... A>
std::string appended(F f, A... a) {
  std::string out;
  f(out, a...);
  return out;
}

bool is_utf8(const std::string& text) {
  try {
    return !nlohmann::json(text).dump().empty();
  } catch (const nlohmann::json::type_error&) {
    return false;
  }
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

TEST(Format, JsonStrings) {
  EXPECT_EQ(appended(append_json, ""), "\"\"");
  EXPECT_EQ(appended(append_json, "a\"\\\n\x01\x7f"), "\"a\\\"\\\\\\n\\u0001\\u007f\"");
  EXPECT_EQ(appended(append_json, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x8e\xb5"),
            "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x8e\xb5\"");
  // A lone continuation, an overlong form, a surrogate, above U+10FFFF, cut short.
  EXPECT_EQ(appended(append_json, "\x80"), "\"\\ufffd\"");
  EXPECT_EQ(appended(append_json, "\xc0\xaf"), "\"\\ufffd\\ufffd\"");
  EXPECT_EQ(appended(append_json, "\xed\xa0\x80"), "\"\\ufffd\\ufffd\\ufffd\"");
  EXPECT_EQ(appended(append_json, "\xf4\x90\x80\x80"), "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
  EXPECT_EQ(appended(append_json, "a\xe2\x82"), "\"a\\ufffd\\ufffd\"");
}

TEST(Format, AnyBytesMakeValidJson) {
  using namespace std::string_view_literals;
  std::mt19937 random(1);
  // Bytes that matter come often, so that sequences are nearly right.
  constexpr auto kBytes = "\x80\xbf\xc2\xe0\xa0\xed\x9f\xf0\x90\xf4\x8f\"\\\n\0 a\xff"sv;
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    for (size_t n = random() % 12; n > 0; --n) {
      text += random() % 4 == 0 ? static_cast<char>(random()) : kBytes[random() % kBytes.size()];
    }
    std::string json = appended(append_json, std::string_view(text));
    ASSERT_TRUE(nlohmann::json::accept(json)) << json;
    std::string back = nlohmann::json::parse(json).get<std::string>();
    // What is UTF-8 comes back unchanged; nlohmann is the judge of what is.
    if (is_utf8(text)) {
      ASSERT_EQ(back, text);
    } else {
      ASSERT_NE(back.find("\xef\xbf\xbd"), std::string::npos);
    }
  }
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
