// Which requests a stored response suits (RFC 9111 4.1).
#include "cache/vary.h"

#include <gtest/gtest.h>

#include "tests/cache/heads.h"

namespace siding::cache_test {
namespace {

bool match(std::string_view vary_text, Lines stored, Lines presented,
           const CachePolicy& policy = enabled()) {
  Vary vary = read_vary(fields({{"Vary", vary_text}}));
  return vary_matches(vary, vary_key(vary, fields(stored), policy), fields(presented), policy);
}

TEST(CacheVary, NamesAreOneSortedListOfAllLines) {
  Vary v = read_vary(fields({{"Vary", "Foo, bar,,FOO "}, {"X", "y"}, {"vary", "Accept"}}));
  EXPECT_EQ(v.names, (std::vector<std::string>{"accept", "bar", "foo"}));
  EXPECT_FALSE(v.star);
  EXPECT_EQ(v, read_vary(fields({{"Vary", "accept,Foo, Bar"}})));
  EXPECT_TRUE(read_vary(fields({})).names.empty());
}

TEST(CacheVary, Rfc9111_4_1_AStarNeverMatches) {
  for (std::string_view text : {"*", "*, *", ", *", "*, Foo", "Foo, *"}) {
    EXPECT_FALSE(match(text, {{"Foo", "1"}}, {{"Foo", "1"}})) << text;
  }
}

TEST(CacheVary, Rfc9111_4_1_AllNominatedFieldsMustMatch) {
  EXPECT_TRUE(match("Foo", {{"Foo", "1"}}, {{"foo", "1"}}));
  EXPECT_FALSE(match("Foo", {{"Foo", "1"}}, {{"Foo", "2"}}));
  EXPECT_TRUE(match("Foo", {{"Foo", "1"}, {"Other", "2"}}, {{"Foo", "1"}, {"Other", "3"}}));
  EXPECT_TRUE(match("Foo, Bar", {{"Foo", "1"}, {"Bar", "a"}}, {{"Bar", "a"}, {"Foo", "1"}}));
  EXPECT_FALSE(match("Foo, Bar", {{"Foo", "1"}, {"Bar", "a"}}, {{"Foo", "1"}, {"Bar", "b"}}));
  EXPECT_FALSE(match("Foo, Bar", {{"Foo", "1"}, {"Bar", "a"}}, {{"Foo", "a"}, {"Bar", "1"}}));
  EXPECT_FALSE(match("Foo", {{"Foo", "a"}}, {{"Foo", "A"}}));  // who knows whether case counts
  EXPECT_FALSE(match("Foo", {{"Foo", "1, 2"}}, {{"Foo", "2, 1"}}));
}

TEST(CacheVary, Rfc9111_4_1_AbsentMatchesOnlyAbsent) {
  EXPECT_TRUE(match("Foo, Bar", {{"Foo", "1"}}, {{"Foo", "1"}}));
  EXPECT_TRUE(match("Foo", {}, {}));
  EXPECT_FALSE(match("Foo", {}, {{"Foo", "1"}}));
  EXPECT_FALSE(match("Foo", {{"Foo", "1"}}, {}));
  EXPECT_FALSE(match("Foo", {{"Foo", ""}}, {}));
  EXPECT_FALSE(match("Foo, Bar", {{"Foo", "1"}, {"Bar", "a"}}, {}));
  EXPECT_FALSE(match("Accept-Language", {{"Accept-Language", ""}}, {}));
}

TEST(CacheVary, Rfc9111_4_1_LinesAndWhiteSpace) {
  EXPECT_TRUE(match("Foo", {{"Foo", "1, 2"}}, {{"Foo", "1"}, {"Foo", "2"}}));
  EXPECT_TRUE(match("Foo", {{"Foo", "1,2"}}, {{"Foo", " 1 ,\t2 "}}));
  EXPECT_FALSE(match("Foo", {{"Foo", "1 2"}}, {{"Foo", "12"}}));
  EXPECT_FALSE(match("Foo", {{"Foo", "1,2"}}, {{"Foo", "1,,2"}}));
  EXPECT_FALSE(match("Foo", {{"Foo", "\"1, 2\""}}, {{"Foo", "\"1,2\""}}));
  EXPECT_FALSE(match("Foo", {{"Foo", "\"a\\\", b\""}}, {{"Foo", "\"a\\\",b\""}}));
  EXPECT_TRUE(match("Foo", {{"Foo", "\"a\" , b"}}, {{"Foo", "\"a\",b"}}));
  EXPECT_FALSE(match("Cookie", {{"Cookie", "a=1, 2"}}, {{"Cookie", "a=1,2"}}));
  EXPECT_TRUE(match("Cookie", {{"Cookie", "a=1; b=2"}}, {{"Cookie", "a=1"}, {"Cookie", "b=2"}}));
  EXPECT_FALSE(match("User-Agent", {{"User-Agent", "x (a, b)"}}, {{"User-Agent", "x (a,b)"}}));
}

TEST(CacheVary, Rfc9111_4_1_CodingsAndLanguagesAreSets) {
  for (std::string_view name : {"Accept-Encoding", "Accept-Language"}) {
    auto same = [name](std::string_view a, std::string_view b) {
      return match(name, {{name, a}}, {{name, b}});
    };
    EXPECT_TRUE(same("en, de", "de, en")) << name;
    EXPECT_TRUE(same("en, de", "eN, De")) << name;
    EXPECT_TRUE(same("en, de", " en ,   de")) << name;
    EXPECT_TRUE(same("en, de", "de,,en")) << name;
    EXPECT_TRUE(same("en;q=0.5, de", "DE;Q=1.000 , en ; q=0.50")) << name;
    EXPECT_TRUE(same("en;q=0", "en;q=0.000")) << name;
    EXPECT_FALSE(same("en, de", "en")) << name;
    EXPECT_FALSE(same("en, de", "en, fr")) << name;
    EXPECT_FALSE(same("en;q=0.5, de", "de;q=0.5, en")) << name;
    EXPECT_FALSE(same("en;q=0.1", "en;q=0.01")) << name;
    EXPECT_FALSE(same("en;q=0", "en")) << name;
    // What an origin may well read in another way must not be stored as the answer to the right one.
    EXPECT_FALSE(same("d e", "de")) << name;
    EXPECT_FALSE(same("en;q=0. 5", "en;q=0.5")) << name;
    EXPECT_FALSE(same("en;q =0.5", "en;q=0.5")) << name;
    EXPECT_FALSE(same("en;q=0.5x0", "en;q=0.5x")) << name;
    EXPECT_FALSE(same("en;q=0.5000", "en;q=0.5")) << name;
    EXPECT_FALSE(same("en;q=1.5", "en;q=1.50")) << name;
    EXPECT_TRUE(same("en \t;\t q=1.", "en")) << name;
  }
  EXPECT_FALSE(match("Accept", {{"Accept", "a/b, c/d"}}, {{"Accept", "c/d, a/b"}}));
}

TEST(CacheVary, TheRouteMayLetTheOrderOfLanguagesCount) {
  CachePolicy policy = enabled();
  policy.language_order = true;
  EXPECT_FALSE(match("Accept-Language", {{"Accept-Language", "en, de"}},
                     {{"Accept-Language", "de, en"}}, policy));
  EXPECT_TRUE(match("Accept-Language", {{"Accept-Language", "en, de"}},
                    {{"Accept-Language", "EN,de"}}, policy));
  EXPECT_TRUE(match("Accept-Encoding", {{"Accept-Encoding", "br, gzip"}},
                    {{"Accept-Encoding", "gzip, br"}}, policy));
}

TEST(CacheVary, AnAnswerInTheLanguageThatIsPreferredSuits) {
  auto german_suits = [](std::string_view accept, std::string_view said = "de") {
    Vary vary = read_vary(fields({{"Vary", "Accept-Language, Foo"}, {"Content-Language", said}}));
    Fields first = fields({{"Accept-Language", "en, de"}, {"Foo", "1"}});
    return vary_matches(vary, vary_key(vary, first, enabled()),
                        fields({{"Accept-Language", accept}, {"Foo", "1"}}), enabled());
  };
  for (std::string_view accept :
       {"fr;q=0.5, de;q=1.0", "de", "DE, en;q=0.9", "en;q=0.1, de;q=0.2"}) {
    EXPECT_TRUE(german_suits(accept)) << accept;
    EXPECT_FALSE(german_suits(accept, "de, en")) << accept;
    EXPECT_FALSE(german_suits(accept, "fr")) << accept;
  }
  for (std::string_view accept : {"fr, de;q=0.9", "fr, de", "de;q=0", "de-AT", "*", "", "de;q=x",
                                  "de;q=nan", "de;q=inf", "de;q=7", "d e"}) {
    EXPECT_FALSE(german_suits(accept)) << accept;
  }
  // The other fields have to match all the same.
  Vary vary = read_vary(fields({{"Vary", "Accept-Language, Foo"}, {"Content-Language", "de"}}));
  EXPECT_FALSE(vary_matches(vary, vary_key(vary, fields({{"Foo", "1"}}), enabled()),
                            fields({{"Accept-Language", "de"}, {"Foo", "2"}}), enabled()));
}

TEST(CacheVary, NoValuePassesForAnotherFieldsValue) {
  EXPECT_FALSE(match("a, b", {{"a", "1"}, {"b", "2"}}, {{"a", "1\tb=1:2"}}));
  EXPECT_FALSE(match("a, b", {{"a", "1:x"}, {"b", "1"}}, {{"a", "1:xb=1:1"}}));
  Vary vary = read_vary(fields({{"Vary", "a, b"}}));
  EXPECT_EQ(vary_key(vary, fields({{"a", "x"}}), enabled()), "a=1:x\nb\n");
}

}  // namespace
}  // namespace siding::cache_test
