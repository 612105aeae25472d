// What a request offers to templates; nlohmann-json is the second reader of JSON.
#include "http/template_values.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

namespace siding {
namespace {

struct Request {
  RequestHead head;
  PathCaptures captures;
  std::optional<std::string> body;

  RequestValues values() const {
    return {head, captures, "192.0.2.1",
            body ? std::optional<std::string_view>(*body) : std::nullopt};
  }
};

std::optional<std::string> json_at(std::string body, std::string_view pointer) {
  Request request;
  request.body = std::move(body);
  return request.values().json(pointer);
}

TEST(RequestValues, QueryPathHeaderClient) {
  Request request;
  request.head.target = "/s?q=a+b&q=%C3%A9&empty=&flag";
  request.head.fields.add("X-User", "7");
  request.head.fields.add("x-user", "8");
  request.captures = {{"id", "a b"}};
  RequestValues values = request.values();
  EXPECT_EQ(values.query("q"), "\xC3\xA9");
  EXPECT_EQ(values.query("empty"), "");
  EXPECT_EQ(values.query("flag"), "");
  EXPECT_EQ(values.query("none"), std::nullopt);
  EXPECT_EQ(values.path("id"), "a b");
  EXPECT_EQ(values.path("no"), std::nullopt);
  EXPECT_EQ(values.header("X-USER"), "7, 8");
  EXPECT_EQ(values.header("X-Other"), std::nullopt);
  EXPECT_EQ(values.client_ip(), "192.0.2.1");
}

TEST(RequestValues, Cookies) {
  Request request;
  EXPECT_EQ(request.values().cookie("a"), std::nullopt);
  request.head.fields.add("Cookie", "a=1; b = two ;c=x=y;q=\"in quotes\";;lone; e=");
  request.head.fields.add("Cookie", "a=3;esc=\"a\\054b\"; pct=%20; half=\"x");
  RequestValues values = request.values();
  EXPECT_EQ(values.cookie("a"), "3");
  EXPECT_EQ(values.cookie("b"), "two");
  EXPECT_EQ(values.cookie("c"), "x=y");
  EXPECT_EQ(values.cookie("q"), "in quotes");
  EXPECT_EQ(values.cookie("e"), "");
  EXPECT_EQ(values.cookie("pct"), "%20");
  EXPECT_EQ(values.cookie("half"), "\"x");
  EXPECT_EQ(values.cookie("esc"), std::nullopt);
  EXPECT_EQ(values.cookie("lone"), std::nullopt);
  EXPECT_EQ(values.cookie("A"), std::nullopt);
}

TEST(RequestValues, FormIsReadByItsMediaTypeOnly) {
  Request request;
  request.body = "q=a+b&q=%26";
  EXPECT_EQ(request.values().form("q"), std::nullopt);
  request.head.fields.set("Content-Type", "Application/X-WWW-Form-Urlencoded ; charset=utf-8");
  EXPECT_EQ(request.values().form("q"), "&");
  request.body.reset();
  EXPECT_EQ(request.values().form("q"), std::nullopt);
  request.body = "q=1";
  request.head.fields.set("Content-Type", "multipart/form-data");
  EXPECT_EQ(request.values().form("q"), std::nullopt);
}

TEST(RequestValues, JsonPointers) {
  const std::string body = R"({"s":"a\u00e9\n","i":12,"n":-7,"big":18446744073709551615,"d":1.50,
    "t":true,"f":false,"z":null,"o":{"x":{"y":"deep"}},"a":[10,[20],{"k":"v"}],
    "a/b":1,"m~n":2,"":3,"dup":1,"dup":2,"01":"text"})";
  // clang-format off
  const std::pair<std::string_view, std::optional<std::string>> cases[] = {
      {"/s", "a\xC3\xA9\n"},  {"/i", "12"},        {"/n", "-7"},
      {"/d", "1.5"},          {"/t", "true"},      {"/f", "false"},
      {"/z", std::nullopt},   {"/o", std::nullopt},{"/o/x/y", "deep"},
      {"/a", std::nullopt},   {"/a/0", "10"},      {"/a/1/0", "20"},
      {"/a/2/k", "v"},        {"/a/3", std::nullopt}, {"/a/-", std::nullopt},
      {"/a/00", std::nullopt},{"/a/01", std::nullopt}, {"/01", "text"},
      {"/a~1b", "1"},         {"/m~0n", "2"},      {"/", "3"},
      {"/dup", "2"},          {"/no", std::nullopt}, {"/s/x", std::nullopt},
      {"/big", "18446744073709551615"},            {"/o/x/y/z", std::nullopt},
  };
  // clang-format on
  for (const auto& [pointer, value] : cases) EXPECT_EQ(json_at(body, pointer), value) << pointer;
  EXPECT_EQ(json_at("\"root\"", ""), "root");
  EXPECT_EQ(json_at("[1.0]", "/0"), "1.0");
  EXPECT_EQ(json_at("[-2.5e3]", "/0"), "-2500.0");
}

TEST(RequestValues, JsonMustBeValidAndBounded) {
  // clang-format off
  constexpr std::string_view kBad[] = {
      "", " ", "{", R"({"a":1)", R"({"a":1}x)", R"({"a":1,})", R"({'a':1})",
                                "{\"a\":\"\xE9\"}", R"({"a":NaN})", R"({"a":01})"};
  // clang-format on
  for (std::string_view body : kBad) {
    EXPECT_EQ(json_at(std::string(body), "/a"), std::nullopt) << body;
  }
  auto nested = [](size_t depth) {
    return R"({"a":1,"b":)" + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
  };
  EXPECT_EQ(json_at(nested(JsonText::kMaxDepth - 1), "/a"), "1");
  EXPECT_EQ(json_at(nested(JsonText::kMaxDepth + 1), "/a"), std::nullopt);
  std::string large = R"({"a":1,"b":")" + std::string(RequestValues::kMaxJson, 'x') + "\"}";
  EXPECT_EQ(json_at(large, "/a"), std::nullopt);

  Request request;
  EXPECT_EQ(request.values().json("/a"), std::nullopt);  // no body in memory
}

TEST(RequestValues, JsonAgreesWithAnotherReader) {
  std::mt19937 random(4);
  // clang-format off
  constexpr std::string_view kPieces[] = {"{", "}", "[", "]", ",", ":", "\"a\"", "\"b\"", "1",
                                          "\"x\\n\"", "true", "null", " "};
  // clang-format on
  for (int round = 0; round < 20000; ++round) {
    std::string body = "{\"a\":";
    for (size_t n = 1 + random() % 5; n > 0; --n) body += kPieces[random() % std::size(kPieces)];
    body += "}";
    nlohmann::json other = nlohmann::json::parse(body, nullptr, false);
    std::optional<std::string> expected;
    if (!other.is_discarded()) {
      const nlohmann::json& a = other["a"];
      if (a.is_string()) expected = a.get<std::string>();
      if (a.is_number() || a.is_boolean()) expected = a.dump();
    }
    EXPECT_EQ(json_at(body, "/a"), expected) << body;
  }
}

}  // namespace
}  // namespace siding
