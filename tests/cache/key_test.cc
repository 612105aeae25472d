// Which spellings of a call share a key, and how a difference is shown.
#include "cache/key.h"

#include <gtest/gtest.h>

namespace siding {
namespace {

TEST(CallKey, NamesUpstreamMethodAndTarget) {
  EXPECT_EQ(call_key("music", "GET", "/s?word=a"), "music GET /s?word=a");
}

TEST(CallKey, EquivalentEscapesAreOneKey) {
  struct Case {
    std::string_view target, key;
  };
  // clang-format off
  const Case cases[] = {
      {"/s?w=%41%7e%2D%2e%5f", "/s?w=A~-._"},
      {"/s?w=%c3%a9", "/s?w=%C3%A9"},
      {"/s?w=%2f%2F", "/s?w=%2F%2F"},
      {"/s?w=a+b%20c", "/s?w=a+b%20c"},        // a plus is not a space
      {"/s?w=%2B", "/s?w=%2B"},
      {"/s?b=1&a=2&", "/s?b=1&a=2&"},          // order and empty parameters stay
      {"/s?", "/s?"},
      {"/a/../b//c;x", "/a/../b//c;x"},
      {"/%2e%2e/a", "/../a"},
      {"/100%&%4&%zz&%%41", "/100%&%4&%zz&%A"},
      {"/%2541", "/%2541"},                    // decoded once only
      {"/%00", "/%00"},
      {"/\xC3\xA9", "/\xC3\xA9"},
  };
  // clang-format on
  for (const Case& c : cases) {
    EXPECT_EQ(call_key("m", "GET", c.target), "m GET " + std::string(c.key));
  }
}

TEST(CallKey, ABodyIsAPartOfIt) {
  EXPECT_EQ(call_key("music", "POST", "/s", "{\"q\":1}"), "music POST /s {\"q\":1}");
  EXPECT_NE(call_key("music", "POST", "/s", "a"), call_key("music", "POST", "/s"));
}

TEST(CallKey, BodiesThatMeanTheSameAreOne) {
  const std::string_view kJson = "application/json; charset=utf-8";
  const std::string_view kForm = "Application/X-WWW-Form-Urlencoded";
  EXPECT_EQ(canonical_body(kJson, "{ \"b\":1, \"a\":2 }"), "{\"a\":2,\"b\":1}");
  EXPECT_EQ(canonical_body("application/vnd.api+json", "[ 1 ]"), "[1]");
  EXPECT_EQ(canonical_body(kJson, "{ \"b\":"), "{ \"b\":") << "invalid: byte for byte";
  EXPECT_EQ(canonical_body(kForm, "a=%7e+b%20c&&d=%2f"), "a=~+b+c&d=%2F");
  EXPECT_NE(canonical_body(kForm, "a=1&b=2"), canonical_body(kForm, "b=2&a=1"));
  EXPECT_NE(canonical_body(kForm, "a=1%26b=2"), canonical_body(kForm, "a=1&b=2"));
  for (std::string_view ambiguous : {"a=%zz", "a=%", "b=%4"}) {
    EXPECT_EQ(canonical_body(kForm, ambiguous), ambiguous) << "what it means is not agreed on";
  }
  EXPECT_EQ(canonical_body(kForm, "a&b=&=c"), "a&b=&=c") << "a name alone is not one with nothing";
  EXPECT_EQ(canonical_body("text/plain", "{ }"), "{ }");
  EXPECT_EQ(canonical_body("", "{ }"), "{ }");
}

TEST(CallKey, DifferentCallsHaveDifferentKeys) {
  EXPECT_NE(call_key("a", "GET", "/"), call_key("b", "GET", "/"));
  EXPECT_NE(call_key("a", "GET", "/"), call_key("a", "HEAD", "/"));
  EXPECT_NE(call_key("a", "GET", "/?a=1&b=2"), call_key("a", "GET", "/?b=2&a=1"));
  EXPECT_NE(call_key("a", "GET", "/a%2Fb"), call_key("a", "GET", "/a/b"));
  EXPECT_NE(call_key("a", "GET", "/?q=a%26b"), call_key("a", "GET", "/?q=a&b"));
}

TEST(CallKey, HashIsStable) {
  EXPECT_EQ(key_hash(""), 0x2d06800538d394c2u);  // of the XXH3 specification
  EXPECT_EQ(key_hash("music GET /s?word=a"), key_hash(call_key("music", "GET", "/s?word=%61")));
  EXPECT_NE(key_hash("a"), key_hash("b"));
}

TEST(FirstDifference, ShowsPlaceAndBothSides) {
  EXPECT_EQ(first_difference("a", "a"), "");
  EXPECT_EQ(first_difference("", "a"), "at byte 0: expected \"\", actual \"a\"");
  EXPECT_EQ(first_difference("music GET /s?word=a%20b", "music GET /s?word=a+b"),
            "at byte 19: expected \"...ET /s?word=a%20b\", actual \"...ET /s?word=a+b\"");
  EXPECT_EQ(first_difference("m GET /s", "m GET /s?x"),
            "at byte 8: expected \"m GET /s\", actual \"m GET /s?x\"");
  EXPECT_EQ(first_difference("/\xC3\xA9\n", "/\xC3\xA9\t"),
            "at byte 3: expected \"/\\xC3\\xA9\\x0A\", actual \"/\\xC3\\xA9\\x09\"");
  EXPECT_EQ(first_difference("/%C3", "/\xC3"), "at byte 1: expected \"/%C3\", actual \"/\\xC3\"");
  std::string a(100, 'a');
  std::string b = a;
  b[50] = 'b';
  EXPECT_EQ(first_difference(a, b), "at byte 50: expected \"..." + std::string(36, 'a') +
                                        "...\", actual \"..." + std::string(12, 'a') + "b" +
                                        std::string(23, 'a') + "...\"");
}

}  // namespace
}  // namespace siding
