// One JSON text: validity, values, the items of lists as they are written.
#include "http/json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace siding {
namespace {

std::vector<std::string> items(const std::string& text, std::string_view pointer) {
  std::vector<std::string> out;
  JsonText json(text);
  auto found = json.items(pointer);
  if (!found) return {"(none)"};
  for (std::string_view item : *found) out.emplace_back(item);
  return out;
}

TEST(JsonText, IsValidOrNot) {
  for (const char* text : {"{}", "[]", " 1 ", "\"a\"", "null", "{\"a\":[1,2,{\"b\":null}]}"}) {
    EXPECT_TRUE(JsonText(text).valid()) << text;
  }
  for (const char* text :
       {"", " ", "{", "{'a':1}", "[1,]", "01", "\"\xff\"", "1 2", "NaN", "{\"a\" 1}"}) {
    EXPECT_FALSE(JsonText(text).valid()) << text;
  }
  std::string deepest =
      std::string(JsonText::kMaxDepth - 1, '[') + std::string(JsonText::kMaxDepth - 1, ']');
  EXPECT_TRUE(JsonText(deepest).valid());
  std::string deeper = "[[" + deepest + "]]";
  EXPECT_FALSE(JsonText(deeper).valid());
}

TEST(JsonText, ItemsAreAsTheyAreWritten) {
  using List = std::vector<std::string>;
  EXPECT_EQ(items("[1, \"a,]\" ,{ \"b\" : [ 1.50 ] }, null,true]", ""),
            (List{"1", "\"a,]\"", "{ \"b\" : [ 1.50 ] }", "null", "true"}));
  EXPECT_EQ(items(R"({"x":{"a/b":[[1],[]]}})", "/x/a~1b"), (List{"[1]", "[]"}));
  EXPECT_EQ(items("[]", ""), List{});
  EXPECT_EQ(items(R"({"it\u0065ms":[{"\u00e4":[7]}]})", "/items/0/\xc3\xa4"), List{"7"});
  EXPECT_EQ(items("{\"a\":1}", "/a"), List{"(none)"});
  EXPECT_EQ(items("{\"a\":1}", "/b"), List{"(none)"});
  EXPECT_EQ(items("[1", ""), List{"(none)"});
}

TEST(JsonText, OneSpellingOfEach) {
  auto canonical = [](const std::string& text) {
    return JsonText(text).canonical().value_or("(none)");
  };
  EXPECT_EQ(canonical("{ \"b\" : [1, 2.50, -0], \"a\":\"\\u00e4\\/\\n\" }"),
            "{\"a\":\"\xc3\xa4/\\n\",\"b\":[1,2.5,0]}");
  EXPECT_EQ(canonical("{\"a\":{\"d\":null,\"c\":true}}"), "{\"a\":{\"c\":true,\"d\":null}}");
  EXPECT_EQ(canonical(" [] "), "[]");
  EXPECT_NE(canonical("1"), canonical("1.0")) << "Python tells them apart";
  EXPECT_EQ(canonical("[11e13]"), "[110000000000000.0]");
  EXPECT_EQ(canonical("[110000000000000.000]"), "[110000000000000.0]");
  EXPECT_EQ(canonical("[1E+308]"), "[1e+308]");
  EXPECT_EQ(canonical("[1e308]"), "[1e+308]");
  EXPECT_EQ(canonical("{\"a\":1,\"a\":2}"), "(none)") << "readers differ in which one counts";
  EXPECT_EQ(canonical("{\"a\":[{\"b\":1,\"b\":1}]}"), "(none)");
  EXPECT_EQ(canonical("{"), "(none)");
}

TEST(JsonText, NumbersThatADoubleCannotTellApartHaveNone) {
  auto has_one = [](const std::string& text) { return JsonText(text).canonical().has_value(); };
  for (const char* text :
       {"[12345678901234.0]", "-0.000123456789012345", "1.5e+10", "1e99", "1e+100",
        "0.1000000000000000000", "18446744073709551615", "-9223372036854775808",
        "[\"0.12345678901234567890\",1.5]", "{\"\\\"1.1234567890123456789\":0}"}) {
    EXPECT_TRUE(has_one(text)) << text;
  }
  for (const char* text :
       {"[1234567890123456.0]", "{\"a\":[0.1000000000000000055]}", "-1.234567890123456e3", "1e-320",
        "0.00000000000000000000000000000000000000000000001"}) {
    EXPECT_FALSE(has_one(text)) << text;
  }
}

// What is spliced is what the parser saw, whatever stands in it.
TEST(JsonText, ItemsReadBackToTheSame) {
  const std::string text = R"([{"a":"\u00e4\"]","b":[{}]}, -1e-5, "\\", [[[]]], "{", 0])";
  std::string joined;
  for (const std::string& item : items(text, "")) joined += (joined.empty() ? "[" : ",") + item;
  EXPECT_EQ(nlohmann::json::parse(joined + "]"), nlohmann::json::parse(text));
}

TEST(JsonPointer, HasNames) {
  using List = std::vector<std::string>;
  EXPECT_EQ(pointer_tokens(""), List{});
  EXPECT_EQ(pointer_tokens("/"), List{""});
  EXPECT_EQ(pointer_tokens("/a~1b/m~0n//0"), (List{"a/b", "m~n", "", "0"}));
  EXPECT_EQ(pointer_tokens("/~01"), List{"~1"});
}

}  // namespace
}  // namespace siding
