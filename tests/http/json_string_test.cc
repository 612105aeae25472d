// JSON strings out of any bytes.
#include "http/json_string.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "http/utf8.h"

namespace siding {
namespace {

std::string json_of(std::string_view text) {
  std::string out;
  append_json(out, text);
  return out;
}

TEST(JsonString, EscapesWhatItMust) {
  EXPECT_EQ(json_of(""), "\"\"");
  EXPECT_EQ(json_of("a\"\\\n\x01\x7f"), "\"a\\\"\\\\\\n\\u0001\\u007f\"");
  EXPECT_EQ(json_of("\xc3\xa4\xe2\x82\xac\xf0\x9f\x8e\xb5"),
            "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x8e\xb5\"");
  // A lone continuation, an overlong form, a surrogate, above U+10FFFF, cut short.
  EXPECT_EQ(json_of("\x80"), "\"\\ufffd\"");
  EXPECT_EQ(json_of("\xc0\xaf"), "\"\\ufffd\\ufffd\"");
  EXPECT_EQ(json_of("\xed\xa0\x80"), "\"\\ufffd\\ufffd\\ufffd\"");
  EXPECT_EQ(json_of("\xf4\x90\x80\x80"), "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
  EXPECT_EQ(json_of("a\xe2\x82"), "\"a\\ufffd\\ufffd\"");
}

TEST(JsonString, AnyBytesMakeValidJson) {
  using namespace std::string_view_literals;
  std::mt19937 random(1);
  // Bytes that matter come often, so that sequences are nearly right.
  constexpr auto kBytes = "\x80\xbf\xc2\xe0\xa0\xed\x9f\xf0\x90\xf4\x8f\"\\\n\0 a\xff"sv;
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    for (size_t n = random() % 12; n > 0; --n) {
      text += random() % 4 == 0 ? static_cast<char>(random()) : kBytes[random() % kBytes.size()];
    }
    std::string json = json_of(std::string_view(text));
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

}  // namespace
}  // namespace siding
