// RELIABILITY section 5: payloads x slots. Whatever a value holds, the filled text read again has the
// segments, the parameters and the lines of the template.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "http/body_template.h"
#include "http/template.h"
#include "http/template_values.h"
#include "http/uri.h"
#include "http/utf8.h"

namespace siding {
namespace {

// clang-format off
const std::string kPayloads[] = {
    "http://169.254.169.254/latest/meta-data/", "//evil.example/", "https:evil.example",
    "\\\\evil.example\\x", "@evil.example", "user:pw@evil.example:80", ":80@evil.example",
    "evil.example#", "?admin=1", "#fragment", "&admin=1", ";admin=1", "a=b&c=d", "%26admin%3D1",
    "%2526admin=1", "../../admin", "..%2f..%2fadmin", "%2e%2e/%2e%2e/admin", "%252e%252e%252fadmin",
    "..\\..\\admin", "..;/admin", "%5c..%5cadmin", "/", "//", ".", "..", "",
    "a\r\nHost: evil.example", "a\nX-Admin: 1", "a\rb", "%0d%0aX-Admin:%201", "\xE5\x98\x8A\xE5\x98\x8D",
    "a HTTP/1.1\r\n\r\nGET /admin", "a b", "a\tb", std::string("a\0b", 3), "%00", "\xFF\xFE", "\xC0\xAF",
    "\xC0\xAE\xC0\xAE\xC0\xAF", "\xED\xA0\x80", "{query.secret}", "${ENV}", "{{", "[::1]", "2130706433",
    "0x7f.1", "\xE3\x80\x82", "\xEF\xBC\x8F\xEF\xBC\x8F", "\xE2\x80\xAE", "100%", "%", "%u002e%u002e"};
// clang-format on

struct Target {
  std::string_view text;
  size_t segments;
  std::vector<std::string> parameters;  // names
};

// clang-format off
const Target kTargets[] = {
    {"/a/{query.v}", 2, {}},
    {"/{query.v}/b", 2, {}},
    {"/a/x{query.v}y/b", 3, {}},
    {"/a/{query.v|requote}", 2, {}},
    {"/a/x{query.v|requote}/b?c=1", 3, {"c"}},
    {"/a/{query.v}{query.v|requote}", 2, {}},
    {"/a/{query.v|first|trim|lower}", 2, {}},
    {"/a?b={query.v}", 1, {"b"}},
    {"/a?b={query.v|form}&c=1", 1, {"b", "c"}},
    {"/a?b={query.v|requote}", 1, {"b"}},
    {"/a?b={query.v|requote}&c=%41%26{query.v}&d={query.v|requote}", 1, {"b", "c", "d"}},
    {"/{query.v|requote}?b={query.v|requote}", 1, {"b"}},
    {"/a?{query.v}x=1&c={query.v|trim|form}", 1, {"*", "c"}},
};
// clang-format on

RequestHead head_with(std::string_view value, std::string& target) {
  target = "/?v=";
  percent_encode(value, kUnreserved, target);
  RequestHead head;
  head.target = target;
  return head;
}

void expect_shape(const std::string& filled, const Target& target, const std::string& payload) {
  SCOPED_TRACE(std::string(target.text) + " with " + payload + " gives " + filled);
  // It goes behind "http://HOST" and into a request line.
  EXPECT_TRUE(filled.starts_with('/') && !filled.starts_with("//"));
  for (char c : filled) EXPECT_TRUE(c > ' ' && c < 0x7f && c != '#' && c != '\\');

  size_t mark = std::min(filled.find('?'), filled.size());
  std::string path = filled.substr(0, mark);
  EXPECT_EQ(static_cast<size_t>(std::count(path.begin(), path.end(), '/')), target.segments);
  EXPECT_EQ(path.find("//"), std::string::npos);
  NormalPath normal = normalise_path(path);
  EXPECT_FALSE(normal.bad);
  EXPECT_FALSE(has_dot_segment(percent_decode(path)));

  std::vector<std::string> names;
  std::string query = filled.substr(std::min(mark + 1, filled.size()));
  for_each_parameter(query,
                     [&](std::string_view name, std::string_view) { names.emplace_back(name); });
  ASSERT_EQ(names.size(), target.parameters.size());
  EXPECT_EQ(query.find(';'), std::string::npos);
  for (size_t i = 0; i < names.size(); ++i) {
    if (target.parameters[i] != "*") {
      EXPECT_EQ(names[i], target.parameters[i]);
    }
  }
}

/// In a body it is one text, read back as it was, and nothing else changes.
void expect_one_value(const std::string& payload, const RequestValues& values) {
  BodyTemplate json(BodyTemplate::Kind::json);
  BodyTemplate form(BodyTemplate::Kind::form);
  Template text = *Template::parse("{query.v}", TemplatePlace::body_value).value;
  json.add_literal("{\"a\":1,\"v\":");
  json.add_value(text);
  json.add_literal(",\"b\":[]}");
  form.add_literal("a=1&v=");
  form.add_value(text);
  form.add_literal("&b=");
  std::optional<std::string> filled = json.fill(values);
  ASSERT_EQ(filled.has_value(), is_utf8(payload));
  ASSERT_EQ(form.fill(values).has_value(), filled.has_value());
  if (!filled) return;
  EXPECT_EQ(nlohmann::json::parse(*filled),
            (nlohmann::json{{"a", 1}, {"v", payload}, {"b", nlohmann::json::array()}}));
  std::vector<std::pair<std::string, std::string>> pairs;
  for_each_parameter(*form.fill(values), [&](std::string_view name, std::string_view value) {
    pairs.emplace_back(form_decode(name), form_decode(value));
  });
  EXPECT_EQ(pairs, (decltype(pairs){{"a", "1"}, {"v", payload}, {"b", ""}}));
  Template number = *Template::parse("{query.v|number}", TemplatePlace::body_value).value;
  std::optional<std::string> digits = number.fill(values);
  if (digits) {
    EXPECT_TRUE(nlohmann::json::parse(*digits).is_primitive()) << payload;
  }
}

/// Fills all targets; returns how many calls would be made.
int expect_no_injection(const std::string& payload) {
  std::string raw;
  RequestHead head = head_with(payload, raw);
  PathCaptures captures;
  RequestValues values(head, captures, "");
  EXPECT_EQ(values.query("v"), payload);
  int made = 0;
  for (const Target& target : kTargets) {
    std::optional<std::string> filled =
        Template::parse(target.text, TemplatePlace::target).value->fill(values);
    if (!filled) continue;
    ++made;
    expect_shape(*filled, target, payload);
  }
  std::optional<std::string> line =
      Template::parse("x {query.v}", TemplatePlace::header_value).value->fill(values);
  for (char c : line.value_or("")) {
    EXPECT_TRUE(static_cast<unsigned char>(c) >= ' ' && c != 0x7f) << payload;
  }
  expect_one_value(payload, values);
  return made;
}

TEST(TemplateInjection, PayloadsNeverChangeTheShape) {
  EXPECT_GE(std::size(kPayloads), 30u);
  int made = 0;
  for (const std::string& payload : kPayloads) {
    made += expect_no_injection(payload);
    expect_no_injection(payload + std::string(8192, 'a') + payload);
  }
  EXPECT_GT(made, 300);  // and most calls are made all the same
}

/// What an upstream said is no more trusted than what a client says.
struct LegSays final : TemplateValues {
  explicit LegSays(std::string v) : value(std::move(v)) {}
  using Text = std::optional<std::string>;
  Text query(std::string_view) const override { return std::nullopt; }
  Text path(std::string_view) const override { return std::nullopt; }
  Text header(std::string_view) const override { return std::nullopt; }
  Text cookie(std::string_view) const override { return std::nullopt; }
  Text form(std::string_view) const override { return std::nullopt; }
  Text json(std::string_view) const override { return std::nullopt; }
  Text client_ip() const override { return std::nullopt; }
  Text leg(std::string_view name, std::string_view pointer) const override {
    return name == "song" && pointer == "/id" ? Text(value) : std::nullopt;
  }
  std::string value;
};

TEST(TemplateInjection, WhatALegSaidNeverChangesTheShape) {
  for (const std::string& payload : kPayloads) {
    for (const Target& target : kTargets) {
      std::string text(target.text);
      for (size_t at = text.find("query.v"); at != std::string::npos; at = text.find("query.v")) {
        text.replace(at, 7, "song./id");
      }
      Template parsed = *Template::parse(text, TemplatePlace::target).value;
      std::optional<std::string> filled = parsed.fill(LegSays(payload));
      if (filled) expect_shape(*filled, target, payload);
    }
  }
}

TEST(TemplateInjection, RandomTextNeverChangesTheShape) {
  std::mt19937 random(5);
  // clang-format off
  constexpr std::string_view kPieces[] = {"/", ".", "..", "\\", "?", "&", "=", "#", ";", "%", "%2", "%2e",
                                          "%2F", "%26", "%00", "%0d%0a", "\r\n", " ", "+", "a", "\xC3\xA9",
                                          "\xFF", "@", ":", "{", "}", "[", "\"", "%25", "~"};
  // clang-format on
  for (int round = 0; round < 5000; ++round) {
    std::string payload;
    for (size_t n = random() % 8; n > 0; --n) payload += kPieces[random() % std::size(kPieces)];
    expect_no_injection(payload);
    if (HasFailure()) return;
  }
}

TEST(TemplateInjection, TemplatesOfNoiseAreParsedOrRefused) {
  std::mt19937 random(6);
  // clang-format off
  constexpr std::string_view kPieces[] = {"/", "{", "}", "query.q", "|", ":", "trim", "requote", "form",
                                          "?", "a=", "json./a", "client.ip", ".", "%41", "{query.v}"};
  // clang-format on
  std::string raw;
  RequestHead head = head_with("a/b&c", raw);
  PathCaptures captures;
  RequestValues values(head, captures, "::1");
  for (int round = 0; round < 20000; ++round) {
    std::string text = "/";
    for (size_t n = random() % 10; n > 0; --n) text += kPieces[random() % std::size(kPieces)];
    Template::Parsed result = Template::parse(text, TemplatePlace::target);
    ASSERT_NE(result.value.has_value(), result.error.has_value());
    if (result.error) {
      EXPECT_LE(result.error->offset, text.size()) << text;
    } else {
      EXPECT_EQ(result.value->fill(values).has_value(), result.value->missing(values).empty())
          << text;
    }
  }
}

}  // namespace
}  // namespace siding
