// Cache directives as they are written, well and badly (RFC 9111 5.2, 5.4; RFC 9213; RFC 8246).
#include "cache/directives.h"

#include <gtest/gtest.h>

#include <deque>

#include "tests/cache/heads.h"

namespace siding::cache_test {
namespace {

/// Directives look into the fields that they were read from, so those are kept.
const Fields& kept(Lines lines) {
  static std::deque<Fields> all;
  return all.emplace_back(fields(lines));
}
ResponseDirectives of(std::string_view cache_control) {
  return response_directives(kept({{"Cache-Control", cache_control}}));
}
int64_t or_none(std::optional<Seconds> s) { return s ? s->count() : -1; }

TEST(CacheDirectives, Rfc9111_5_2_NamesHaveNoCase) {
  ResponseDirectives d = of("No-StOrE, MAX-age=5, Must-Revalidate,PUBLIC");
  EXPECT_TRUE(d.no_store && d.must_revalidate && d.is_public);
  EXPECT_EQ(or_none(d.max_age), 5);
}

TEST(CacheDirectives, Rfc9111_5_2_3_UnknownOnesAreIgnored) {
  ResponseDirectives d = of("foobar, x=1, y=\"no-store, max-age=9\", max-age=60,, ,no-storex");
  EXPECT_FALSE(d.no_store);
  EXPECT_EQ(or_none(d.max_age), 60);
}

TEST(CacheDirectives, Rfc9111_5_2_MaxAgeInEveryWriting) {
  struct Case {
    std::string_view text;
    int64_t seconds;
  };
  // clang-format off
  const Case cases[] = {
      {"max-age=3600", 3600}, {"max-age=\"3600\"", 3600}, {"max-age=003600", 3600}, {"max-age=0", 0},
      {"max-age=2147483647", 2147483647}, {"max-age=2147483648", 2147483648},
      {"max-age=2147483649", 2147483648}, {"max-age=99999999999999999999999", 2147483648},
      {"max-age=-3600", 0}, {"max-age='3600'", 0}, {"max-age=3600.0", 0}, {"max-age=a3600", 0},
      {"max-age=3600a", 0}, {"max-age =3600", 0}, {"max-age= 3600", 0}, {"max-age", 0}, {"max-age=", 0},
      {"max-age=\"\"", 0}, {"max-age=+5", 0}, {"max-age=1 2", 0}, {"max-age=5;x", 0}, {"max-age=\"5", 0},
      {"max-age=5, max-age=5", 5}, {"max-age=5, max-age=6", 0}, {"max-age=6, max-age=5", 0},
      {"extension=\"max-age=3600\", max-age=1", 1}, {"max-age=1, extension=\"max-age=3600\"", 1},
      {"extension=\"a\\\", max-age=5\"", -1}, {"s-maxage=5", -1}, {"", -1}, {",", -1}};
  // clang-format on
  for (const Case& c : cases) EXPECT_EQ(or_none(of(c.text).max_age), c.seconds) << c.text;
}

TEST(CacheDirectives, Rfc9111_4_2_1_LinesAreOneList) {
  ResponseDirectives d = response_directives(kept(
      {{"Cache-Control", "max-age=9"}, {"X", "y"}, {"cache-control", "s-maxage=1, max-age=8"}}));
  EXPECT_EQ(or_none(d.s_maxage), 1);
  EXPECT_EQ(or_none(d.max_age), 0);  // two that differ
}

TEST(CacheDirectives, WhatForbidsCountsHoweverItIsWritten) {
  for (std::string_view text : {"no-store=1", "no-store x", "no-store=\"a\"", "x=\"open, no-store",
                                "no-store;q=1", "=,no-store", "\"a\", no-store"}) {
    EXPECT_TRUE(of(text).no_store) << text;
  }
  EXPECT_TRUE(of("must-revalidate=0").must_revalidate);
  EXPECT_TRUE(of("proxy-revalidate=x").proxy_revalidate);
  EXPECT_FALSE(of("x=\"no-store\"").no_store);
}

TEST(CacheDirectives, WhatAllowsCountsIfItIsWellFormed) {
  EXPECT_TRUE(of("public").is_public);
  EXPECT_FALSE(of("public=1").is_public);
  EXPECT_FALSE(of("public x").is_public);
  EXPECT_TRUE(of("must-understand").must_understand);
  EXPECT_FALSE(of("must-understand=1").must_understand);
  EXPECT_TRUE(of("immutable").immutable);
  EXPECT_FALSE(of("immutable=1").immutable);
  EXPECT_EQ(or_none(of("stale-while-revalidate=5").stale_while_revalidate), 5);
  EXPECT_EQ(or_none(of("stale-while-revalidate").stale_while_revalidate), 0);
  EXPECT_EQ(or_none(of("stale-if-error=9, stale-if-error=7").stale_if_error), 7);
  EXPECT_EQ(or_none(of("stale-if-error=9, stale-if-error=x").stale_if_error), 0);
}

TEST(CacheDirectives, Rfc9111_5_2_2_4_And_7_NamedFields) {
  ResponseDirectives d = of("no-cache=\"a, B\", private=\"c\"");
  EXPECT_FALSE(d.no_cache || d.is_private);
  EXPECT_TRUE(names_field(d.no_cache_fields, "A"));
  EXPECT_TRUE(names_field(d.no_cache_fields, "b"));
  EXPECT_FALSE(names_field(d.no_cache_fields, "c"));
  EXPECT_TRUE(names_field(d.private_fields, "C"));
  EXPECT_TRUE(names_field(of("private=set-cookie").private_fields, "set-cookie"));  // token form

  EXPECT_TRUE(of("no-cache").no_cache);
  EXPECT_TRUE(of("no-cache=\"a\", no-cache").no_cache);
  EXPECT_TRUE(of("private").is_private);
  for (std::string_view argument :
       {"", "\"\"", "\",\"", "\"a b\"", "\"a\\\"\"", "\"open", "\"a\" x", "\"content-type\"",
        "\"x, Vary\"", "\"ETag\"", "a b"}) {
    EXPECT_TRUE(of("no-cache=" + std::string(argument)).no_cache) << argument;
    EXPECT_TRUE(of("private=" + std::string(argument)).is_private) << argument;
  }
}

TEST(CacheDirectives, Rfc9111_5_4_PragmaOnlyWithoutCacheControl) {
  EXPECT_TRUE(request_directives(kept({{"Pragma", "x, No-Cache"}})).no_cache);
  EXPECT_FALSE(request_directives(kept({{"Pragma", "no-cache"}, {"Cache-Control", "x"}})).no_cache);
  EXPECT_FALSE(request_directives(kept({{"Pragma", "foo"}})).no_cache);
  EXPECT_TRUE(response_directives(kept({{"Pragma", "no-cache"}})).no_cache);
  EXPECT_FALSE(
      response_directives(kept({{"Pragma", "no-cache"}, {"Cache-Control", "max-age=5"}})).no_cache);
}

TEST(CacheDirectives, Rfc9111_5_2_1_RequestDirectives) {
  auto in = [](std::string_view text) {
    return request_directives(kept({{"Cache-Control", text}}));
  };
  RequestDirectives all =
      in("no-cache, no-store, only-if-cached, max-age=1, min-fresh=2, max-stale=3");
  EXPECT_TRUE(all.no_cache && all.no_store && all.only_if_cached);
  EXPECT_EQ(or_none(all.max_age), 1);
  EXPECT_EQ(or_none(all.min_fresh), 2);
  EXPECT_EQ(or_none(all.max_stale), 3);
  EXPECT_EQ(or_none(in("max-stale").max_stale), kForever.count());
  EXPECT_EQ(or_none(in("max-stale=x").max_stale), -1);
  EXPECT_EQ(or_none(in("max-stale x").max_stale), -1);
  EXPECT_EQ(or_none(in("max-stale, max-stale=4").max_stale), 4);
  EXPECT_EQ(or_none(in("max-age=x, min-fresh=-1").max_age), -1);
  EXPECT_EQ(or_none(in("max-age=x, min-fresh=-1").min_fresh), -1);
  EXPECT_EQ(or_none(in("max-age=9, max-age=4").max_age), 4);
  EXPECT_EQ(or_none(in("min-fresh=4, min-fresh=9").min_fresh), 9);
  EXPECT_EQ(or_none(in("stale-if-error=60").stale_if_error), 60);
  RequestDirectives none = in("nothing-to-see-here");
  EXPECT_FALSE(none.no_cache || none.no_store || none.only_if_cached);
}

TEST(CacheDirectives, Rfc9213_2_2_TheFirstValidTargetedFieldReplacesAll) {
  struct Case {
    std::string_view siding, cdn, cache_control;
    int64_t max_age;
    bool targeted;
  };
  // clang-format off
  const Case cases[] = {
      {"max-age=1", "max-age=2", "max-age=3", 1, true},
      {"-", "max-age=2", "max-age=3", 2, true},
      {"", "max-age=2", "max-age=3", 2, true},            // empty: as if it were not there
      {"-", "", "max-age=3", 3, false},
      {"max-age=\"1\"", "max-age=2", "max-age=3", 2, true},   // wrong type
      {"max-age=1.0", "max-age=2", "max-age=3", 2, true},
      {"Max-Age=1", "max-age=2", "max-age=3", 2, true},   // no key has upper case
      {"max-age=1, &&&", "-", "max-age=3", 3, false},
      {"max-age =1", "-", "max-age=3", 3, false},
      {"no-store=1", "-", "max-age=3", 3, false},
      {"foo", "max-age=2", "max-age=3", -1, true},         // valid, and says nothing
      {"max-age=-5", "-", "max-age=3", 0, true},
      {"max-age=99999999999", "-", "max-age=3", 2147483648, true},
      {"max-age=1;x=2, foo=(a b)", "-", "max-age=3", 1, true},
      {"max-age=1, max-age=2", "-", "max-age=3", 2, true},  // of a key that is there twice the last
  };
  // clang-format on
  for (const Case& c : cases) {
    Fields f = fields({{"Cache-Control", c.cache_control}});
    if (c.siding != "-") f.add("Siding-Cache-Control", c.siding);
    if (c.cdn != "-") f.add("CDN-Cache-Control", c.cdn);
    ResponseDirectives d = response_directives(f);
    EXPECT_EQ(or_none(d.max_age), c.max_age) << c.siding << " / " << c.cdn;
    EXPECT_EQ(d.targeted, c.targeted) << c.siding << " / " << c.cdn;
  }
}

TEST(CacheDirectives, Rfc9213_2_2_OtherFieldsDoNotCountBesideATargetedOne) {
  ResponseDirectives d = response_directives(kept({{"CDN-Cache-Control", "max-age=10"},
                                                   {"Cache-Control", "no-store, private, no-cache"},
                                                   {"Pragma", "no-cache"}}));
  EXPECT_FALSE(d.no_store || d.is_private || d.no_cache);
}

TEST(CacheDirectives, Rfc9213_2_1_EveryDirectiveOfATargetedField) {
  ResponseDirectives d = response_directives(kept(
      {{"CDN-Cache-Control",
        "no-store, private=\"a, b\", no-cache=\"c\", must-revalidate, proxy-revalidate, public, "
        "s-maxage=1, stale-while-revalidate=2, stale-if-error=3, immutable, must-understand"}}));
  EXPECT_TRUE(d.no_store && d.must_revalidate && d.proxy_revalidate && d.is_public && d.immutable &&
              d.must_understand);
  EXPECT_FALSE(d.is_private || d.no_cache);
  EXPECT_TRUE(names_field(d.private_fields, "b"));
  EXPECT_TRUE(names_field(d.no_cache_fields, "c"));
  EXPECT_EQ(or_none(d.s_maxage), 1);
  EXPECT_EQ(or_none(d.stale_while_revalidate), 2);
  EXPECT_EQ(or_none(d.stale_if_error), 3);
  EXPECT_TRUE(response_directives(kept({{"CDN-Cache-Control", "private"}})).is_private);
  EXPECT_TRUE(response_directives(kept({{"CDN-Cache-Control", "no-cache"}})).no_cache);
  EXPECT_FALSE(response_directives(kept({{"CDN-Cache-Control", "no-store=?0, x"}})).no_store);
}

}  // namespace
}  // namespace siding::cache_test
