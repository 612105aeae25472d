// Templates: grammar, sources, filters, and the encodings of real libraries.
#include "http/template.h"

#include <gtest/gtest.h>

#include <map>

#include "http/template_values.h"
#include "tests/http/requests_vectors.h"

namespace siding {
namespace {

/// Values by their full name: {"query.q", "x"}.
class FakeValues : public TemplateValues {
 public:
  FakeValues(std::initializer_list<std::pair<const std::string, std::string>> all) : all_(all) {}

  using Value = std::optional<std::string>;
  Value query(std::string_view name) const override { return find("query.", name); }
  Value path(std::string_view name) const override { return find("path.", name); }
  Value header(std::string_view name) const override { return find("header.", name); }
  Value cookie(std::string_view name) const override { return find("cookie.", name); }
  Value form(std::string_view name) const override { return find("form.", name); }
  Value json(std::string_view pointer) const override { return find("json.", pointer); }
  Value client_ip() const override { return find("client.", "ip"); }
  Value leg(std::string_view name, std::string_view pointer) const override {
    return find(std::string(name) + ".", pointer);
  }

 private:
  Value find(std::string prefix, std::string_view name) const {
    auto found = all_.find(prefix.append(name));
    return found == all_.end() ? std::nullopt : Value(found->second);
  }
  std::map<std::string, std::string> all_;
};

Template parsed(std::string_view text, TemplatePlace place = TemplatePlace::target) {
  Template::Parsed result = Template::parse(text, place);
  EXPECT_TRUE(result.value) << text << ": " << (result.error ? result.error->message : "");
  return result.value.value_or(Template());
}

std::string filled(std::string_view text, const TemplateValues& values,
                   TemplatePlace place = TemplatePlace::target) {
  return parsed(text, place).fill(values).value_or("(none)");
}

TEST(Template, TakesValuesFromEverySource) {
  FakeValues values{
      {"query.q", "1"}, {"path.id", "2"},   {"header.X-Id", "3"},        {"cookie.c", "4"},
      {"form.f", "5"},  {"json./a/b", "6"}, {"client.ip", "2001:db8::7"}};
  EXPECT_EQ(filled("/{query.q}/{path.id}?h={header.X-Id}&c={cookie.c}&f={form.f}&j={json./a/b}"
                   "&ip={client.ip}",
                   values),
            "/1/2?h=3&c=4&f=5&j=6&ip=2001%3Adb8%3A%3A7");
  EXPECT_EQ(filled("/constant?a=%20+{{}}", values), "/constant?a=%20+{}");
  EXPECT_EQ(filled("/{{{query.q}}}", values), "/{1}");
}

TEST(Template, DefaultsAndFilters) {
  FakeValues values{
      {"query.q", "  Rock , Pop\t"}, {"query.e", ""}, {"query.u", "\xC3\x89T\xC3\x89"}};
  // clang-format off
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"/s?q={query.q}", "/s?q=%20%20Rock%20%2C%20Pop%09"},
      {"/s?q={query.q|trim}", "/s?q=Rock%20%2C%20Pop"},
      {"/s?q={query.q|trim|lower}", "/s?q=rock%20%2C%20pop"},
      {"/s?q={query.q|first}", "/s?q=Rock"},
      {"/s?q={query.q|first|lower|form}", "/s?q=rock"},
      {"/s?q={query.q|trim|form}", "/s?q=Rock+%2C+Pop"},
      {"/s?q={query.q|trim|requote}", "/s?q=Rock%20,%20Pop"},
      {"/s?q={query.q|trim:x}", "/s?q=Rock%20%2C%20Pop"},
      {"/s?q={query.u|lower}", "/s?q=%C3%89t%C3%89"},
      {"/s?n={query.n:10}", "/s?n=10"},
      {"/s?n={query.n:}", "/s?n="},
      {"/s?n={query.n|lower:A b:c}", "/s?n=A%20b%3Ac"},
      {"/s?n={query.e:10}", "/s?n="},
      {"/s?n={query.e|first|trim|lower}", "/s?n="},
      {"/s?n={query.n}", "(none)"},
      {"/u/{query.n:x}", "/u/x"},
  };
  // clang-format on
  for (const auto& [text, result] : cases) EXPECT_EQ(filled(text, values), result) << text;
}

TEST(Template, EncodesAsPythonRequestsDoes) {
  Template concatenated = parsed("/s?word={query.q|requote}");
  Template in_path = parsed("/u/{query.q|requote}");
  Template params = parsed("/s?word={query.q|form}");
  for (const RequestsVector& v : kRequestsVectors) {
    FakeValues values{{"query.q", v.value}};
    EXPECT_EQ(concatenated.fill(values).value_or("-"), v.query == nullptr ? "-" : v.query)
        << v.value;
    EXPECT_EQ(in_path.fill(values).value_or("-"), v.path == nullptr ? "-" : v.path) << v.value;
    EXPECT_EQ(params.fill(values), v.params) << v.value;
  }
}

TEST(Template, RequotesAWholeComponentAtOnce) {
  // requests.get(BASE + "/u/" + a + "?q=" + q + "&n=a%20b"): one bad `%` spoils the others.
  EXPECT_EQ(filled("/u/{path.a|requote}?q={query.q|requote}&n=a%20b",
                   FakeValues{{"path.a", "%7e"}, {"query.q", "50%"}}),
            "/u/~?q=50%25&n=a%2520b");
  EXPECT_EQ(
      filled("/%41/{path.a}?q={query.q|requote}", FakeValues{{"path.a", "["}, {"query.q", "["}}),
      "/%41/%5B?q=%5B");
}

TEST(Template, EncodesAsOtherLibrariesDo) {
  // Printed by Python 3.11, PHP 8.2, Ruby 3.1 and curl 7.88 (but for `~` and lower-case digits,
  // which the key makes equal).
  FakeValues values{{"query.q", "a b+c&d#e;f/g?h=i~j!k'l(m)n%41\"[]\\|{}$\xC3\xA9-._^`<>"}};
  const std::string tail =
      "%2Bc%26d%23e%3Bf%2Fg%3Fh%3Di~j%21k%27l%28m%29n%2541%22%5B%5D%5C%7C%7B%7D"
      "%24%C3%A9-._%5E%60%3C%3E";
  EXPECT_EQ(filled("/s?w={query.q}", values), "/s?w=a%20b" + tail);
  EXPECT_EQ(filled("/s?w={query.q|form}", values), "/s?w=a+b" + tail);
  EXPECT_EQ(filled("/{query.q}", values), "/a%20b" + tail);
}

TEST(Template, FaultsNamePlaceAndRemedy) {
  struct Case {
    std::string_view text;
    size_t offset;
    std::string_view part_of_message;
  };
  // clang-format off
  const Case cases[] = {
      {"", 0, "begins with `/`"},
      {"s?a={query.q}", 0, "begins with `/`"},
      {"http://h/{query.q}", 0, "begins with `/`"},
      {"{path.x}", 0, "begins with `/`"},
      {"/s?q={query.q", 5, "not closed; write `{{`"},
      {"/s?q={query.{q}", 5, "not closed"},
      {"/s?q=}", 5, "write `}}`"},
      {"/s?q={}", 6, "unknown source ``"},
      {"/s?q={qeury.q}", 6, "did you mean `query`?"},
      {"/s?q={Query.q}", 6, "did you mean `query`?"},
      {"/s?q={session.q}", 6, "there are `query`, `path`"},
      {"/s?q={query}", 11, "`query.NAME`"},
      {"/s?q={query.}", 12, "`query.NAME`"},
      {"/s?q={client.port}", 13, "only `client.ip`"},
      {"/s?q={json.name}", 11, "JSON pointer"},
      {"/s?q={json./a~2}", 11, "JSON pointer"},
      {"/s?q={query.q|tirm}", 14, "did you mean `trim`?"},
      {"/s?q={query.q|trim|urlencode}", 19, "there are `trim`, `lower`"},
      {"/s?q={query.q|}", 14, "unknown filter ``"},
      {"/s?q={query.q|form|trim}", 19, "put `trim` before it"},
      {"/s?q={query.q|requote|form}", 22, "comes last"},
      {"/u/{query.q|form}", 12, "encoding of the query"},
      {"/s?{query.q|requote}", 12, "write `NAME=` before"},
      {"/s?a=1&{query.q|requote}=2", 16, "write `NAME=` before"},
      {"/s?q={query.q:1|trim}", 14, "filters stand before the default"},
      {"/u/{path.x:}", 11, "cannot stand"},
      {"/s?q={query.q|requote:a&b}", 22, "cannot stand"},
      {"/s?q=a b", 6, "`%20`"},
      {"/s?q=\xC3\xA9", 5, "`%C3%A9`"},
      {"/s?q=50%&a=1", 7, "`%25`"},
      {"/s#top", 2, "`%23`"},
      {"/s\r\nX: y", 2, "`%0D%0A`"},
      {"/a/../b", 0, "the path that is left"},
      {"/a/%2e%2e/{query.q}", 0, "the path that is left"},
      {"/a%00", 0, "no control characters"},
  };
  // clang-format on
  for (const Case& c : cases) {
    Template::Parsed result = Template::parse(c.text, TemplatePlace::target);
    ASSERT_TRUE(result.error) << c.text;
    EXPECT_FALSE(result.value);
    EXPECT_EQ(result.error->offset, c.offset) << c.text << ": " << result.error->message;
    EXPECT_NE(result.error->message.find(c.part_of_message), std::string::npos)
        << c.text << ": " << result.error->message;
  }
  for (std::string_view text :
       {"a\r\nb", "{query.q|form}", "{query.q|requote}", "{query.q:\x01}", "\xE9"}) {
    EXPECT_TRUE(Template::parse(text, TemplatePlace::header_value).error) << text;
  }
}

TEST(Template, HeaderValuesStandAsTheyAre) {
  FakeValues values{{"query.q", " a%20b \xC3\xA9 "}, {"query.e", ""}};
  TemplatePlace place = TemplatePlace::header_value;
  EXPECT_EQ(filled("Bearer {query.q}", values, place), "Bearer  a%20b \xC3\xA9");
  EXPECT_EQ(filled("{query.q}", values, place), "a%20b \xC3\xA9");
  EXPECT_EQ(filled("{query.e}", values, place), "");
  EXPECT_EQ(filled("plain # 100%", values, place), "plain # 100%");
}

TEST(Template, TellsWhatItUsesAndWhatIsMissing) {
  Template t = parsed("/{path.id}?a={query.a}&b={query.b:1}&ip={client.ip}");
  EXPECT_EQ(t.text(), "/{path.id}?a={query.a}&b={query.b:1}&ip={client.ip}");
  EXPECT_EQ(t.names(Template::Source::query), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(t.uses(Template::Source::client_ip));
  EXPECT_FALSE(t.uses(Template::Source::cookie));
  EXPECT_FALSE(t.constant());
  EXPECT_TRUE(parsed("/a{{}}").constant());

  EXPECT_EQ(t.missing(FakeValues{{"query.a", "x"}}), "path.id");
  EXPECT_EQ(t.missing(FakeValues{{"path.id", "x"}}), "query.a");
  EXPECT_EQ(t.missing(FakeValues{{"path.id", ".."}, {"query.a", "x"}, {"client.ip", "::"}}),
            "path.id");
  EXPECT_EQ(t.missing(FakeValues{{"path.id", "x"}, {"query.a", "\xFF"}}), "query.a");
  EXPECT_EQ(t.missing(FakeValues{{"path.id", "x"}, {"query.a", "x"}}), "client.ip");
  EXPECT_EQ(t.missing(FakeValues{{"path.id", "x"}, {"query.a", "x"}, {"client.ip", "::"}}), "");
}

TEST(Template, PathSegmentsAreNeverEmptyNorDots) {
  auto value = [](std::string text) { return FakeValues{{"path.a", std::move(text)}}; };
  for (const char* bad :
       {"", ".", "..", "../x", "x/..", "..\\x", "..;x", "./x", "a\nb", "a\x7f", "\xC0\xAE"}) {
    EXPECT_EQ(filled("/u/{path.a}/x", value(bad)), "(none)") << bad;
    EXPECT_EQ(filled("/u/{path.a|requote}", value(bad)), "(none)") << bad;
  }
  EXPECT_EQ(filled("/u/{path.a|requote}", value("%2e%2e")), "(none)");
  EXPECT_EQ(filled("/u/{path.a|requote}", value("%2e%2e%2fx")), "(none)");
  EXPECT_EQ(filled("/u/{path.a|requote}", value("a%0db")), "(none)");
  FakeValues halves{{"path.a", "%0"}, {"path.b", "0"}};
  EXPECT_EQ(filled("/u/{path.a|requote}{path.b|requote}", halves), "(none)");
  EXPECT_EQ(filled("/u/{path.a}{path.a}", value(".")), "(none)");
  EXPECT_EQ(filled("/u/.{path.a}", value(".")), "(none)");
  EXPECT_EQ(filled("/u/{path.a}", value("...")), "/u/...");
  EXPECT_EQ(filled("/u/{path.a}", value("a/b")), "/u/a%2Fb");
  EXPECT_EQ(filled("/u/{path.a}", value("%2e%2e")), "/u/%252e%252e");
  EXPECT_EQ(filled("/u/{path.a}", value("%00")), "/u/%2500");
  EXPECT_EQ(filled("/u/v{path.a}.json", value(".")), "/u/v..json");
}

}  // namespace
}  // namespace siding
