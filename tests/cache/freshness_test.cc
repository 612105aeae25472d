// Lifetimes and ages (RFC 9111 4.2, 5.1, 5.3).
#include "cache/freshness.h"

#include <gtest/gtest.h>

#include "tests/cache/heads.h"

namespace siding::cache_test {
namespace {

Lifetime lifetime(const ResponseHead& head, const CachePolicy& policy = enabled()) {
  return lifetime_of(head, response_directives(head.fields), policy, kNow);
}
int64_t seconds(std::optional<Duration> d) {
  return d ? std::chrono::floor<Seconds>(*d).count() : -999;
}
Freshness stored_now(Lines lines) { return freshness_of(response(200, lines), enabled(), kTimes); }
bool is_fresh(const Freshness& f, int64_t later) {
  return time_left(f, kNow + Seconds(later)).value_or(Duration::min()) > Duration::zero();
}

TEST(CacheFreshness, Rfc9111_4_2_1_SMaxageThenMaxAgeThenExpires) {
  std::string in_an_hour = date(3600);
  std::string now = date(0);
  Lifetime all = lifetime(response(
      200, {{"Cache-Control", "max-age=5, s-maxage=7"}, {"Expires", in_an_hour}, {"Date", now}}));
  EXPECT_EQ(all.length, Seconds(7));
  EXPECT_EQ(to_string(all.source), "s_maxage");
  Lifetime two = lifetime(
      response(200, {{"Cache-Control", "max-age=5"}, {"Expires", in_an_hour}, {"Date", now}}));
  EXPECT_EQ(two.length, Seconds(5));
  EXPECT_EQ(to_string(two.source), "max_age");
  Lifetime one = lifetime(response(200, {{"Expires", in_an_hour}, {"Date", now}}));
  EXPECT_EQ(one.length, Seconds(3600));
  EXPECT_EQ(to_string(one.source), "expires");
  EXPECT_TRUE(one.is_explicit());
  Lifetime none = lifetime(response(200, {{"Date", now}}));
  EXPECT_EQ(to_string(none.source), "none");
  EXPECT_FALSE(none.is_explicit());
}

TEST(CacheFreshness, Rfc9111_5_3_ExpiresIsIgnoredBesideMaxAgeAndSMaxage) {
  std::string past = date(-7200);
  std::string now = date(0);
  EXPECT_EQ(lifetime(response(200, {{"Cache-Control", "max-age=9"}, {"Expires", past}})).length,
            Seconds(9));
  EXPECT_EQ(lifetime(response(200, {{"Cache-Control", "max-age=9"}, {"Expires", "0"}})).length,
            Seconds(9));
  EXPECT_EQ(lifetime(response(200, {{"Cache-Control", "max-age=0, s-maxage=9"}, {"Expires", past}}))
                .length,
            Seconds(9));
  std::string future = date(99);
  EXPECT_EQ(lifetime(response(200, {{"Cache-Control", "max-age=0"}, {"Expires", future}})).length,
            Seconds(0));
}

TEST(CacheFreshness, Rfc9111_5_3_InvalidExpiresIsInThePast) {
  std::string now = date(0);
  for (std::string_view text :
       {"0", "", "-1", "foo", "Thu, 18 Aug 2050 02:01:18 UTC", "Thu, 18 Aug 50 02:01:18 GMT",
        "Thu, 18 Aug 2050 2:01:18 GMT", "Thu, 18-Aug-2050 02:01:18 GMT"}) {
    Lifetime l = lifetime(response(200, {{"Expires", text}, {"Date", now}}));
    EXPECT_EQ(l.length, Seconds(0)) << text;
    EXPECT_EQ(l.source, LifetimeSource::expires) << text;
  }
}

TEST(CacheFreshness, Rfc9111_4_2_1_TwoExpiresThatDifferAreStale) {
  std::string now = date(0);
  std::string a = date(100);
  std::string b = date(200);
  EXPECT_EQ(lifetime(response(200, {{"Expires", a}, {"Expires", b}, {"Date", now}})).length,
            Seconds(0));
  EXPECT_EQ(lifetime(response(200, {{"Expires", a}, {"Expires", a}, {"Date", now}})).length,
            Seconds(100));
}

TEST(CacheFreshness, Rfc9111_4_2_1_ExpiresCountsFromDate) {
  struct Case {
    int64_t expires, date, length;
  };
  for (const Case& c : {Case{300, 400, -100}, {20, 10, 10}, {10, -10, 20}, {0, 0, 0}}) {
    std::string e = date(c.expires);
    std::string d = date(c.date);
    EXPECT_EQ(lifetime(response(200, {{"Expires", e}, {"Date", d}})).length, Seconds(c.length));
  }
  std::string e = date(10);
  EXPECT_EQ(lifetime(response(200, {{"Expires", e}})).length,
            Seconds(10));  // no Date: when it came
  EXPECT_EQ(lifetime(response(200, {{"Expires", e}, {"Date", "foo"}})).length, Seconds(10));
}

TEST(CacheFreshness, Rfc9111_1_2_2_HugeLifetimesSaturate) {
  std::string now = date(0);
  EXPECT_EQ(
      lifetime(response(200, {{"Expires", "Sun, 21 Nov 2286 04:46:39 GMT"}, {"Date", now}})).length,
      kForever);
  EXPECT_EQ(lifetime(response(200, {{"Expires", "Mon, 01 Jan 0001 00:00:00 GMT"},
                                    {"Date", "Sun, 21 Nov 2286 04:46:39 GMT"}}))
                .length,
            -kForever);
  Freshness forever = stored_now({{"Cache-Control", "max-age=99999999999"}});
  EXPECT_TRUE(is_fresh(forever, 1'000'000'000));
  Freshness old = stored_now({{"Cache-Control", "max-age=99999999999"}, {"Age", "99999999999"}});
  EXPECT_FALSE(is_fresh(old, 0));
}

TEST(CacheFreshness, Rfc9213_2_2_ExpiresDoesNotCountBesideATargetedField) {
  std::string future = date(100);
  std::string past = date(-100);
  EXPECT_EQ(lifetime(response(200, {{"CDN-Cache-Control", "foo"}, {"Expires", future}})).source,
            LifetimeSource::none);
  EXPECT_EQ(lifetime(response(200, {{"CDN-Cache-Control", "max-age=9"}, {"Expires", past}})).length,
            Seconds(9));
}

TEST(CacheFreshness, TheRoutesTtlIsForTheStatusAndOnlyWhereTheOriginIsSilent) {
  CachePolicy policy = enabled();
  policy.ttl = {{200, Seconds(60)}, {404, Seconds(5)}};
  EXPECT_EQ(lifetime(response(200), policy).length, Seconds(60));
  EXPECT_EQ(lifetime(response(404), policy).length, Seconds(5));
  EXPECT_EQ(lifetime(response(410), policy).source, LifetimeSource::none);
  EXPECT_FALSE(lifetime(response(200), policy).is_explicit());
  EXPECT_EQ(lifetime(response(200, {{"Cache-Control", "max-age=1"}}), policy).length, Seconds(1));
  EXPECT_EQ(lifetime(response(200, {{"Cache-Control", "max-age=x"}}), policy).length, Seconds(0));
  EXPECT_EQ(lifetime(response(200, {{"Expires", "0"}}), policy).length, Seconds(0));
  EXPECT_EQ(lifetime(response(200, {{"Cache-Control", "no-transform"}}), policy).length,
            Seconds(60));
}

TEST(CacheFreshness, Rfc9111_4_2_2_HeuristicOnlyWhereAllowedAndAskedFor) {
  CachePolicy policy = enabled();
  policy.heuristic = true;
  std::string now = date(0);
  std::string day_ago = date(-86400);
  std::string years_ago = date(-86400 * 3000);
  std::string future = date(500);
  EXPECT_EQ(lifetime(response(200, {{"Last-Modified", day_ago}, {"Date", now}}), policy).length,
            Seconds(8640));
  EXPECT_EQ(lifetime(response(200, {{"Last-Modified", day_ago}, {"Date", now}})).source,
            LifetimeSource::none);
  EXPECT_EQ(lifetime(response(200, {{"Last-Modified", years_ago}, {"Date", now}}), policy).length,
            Seconds(86400));
  EXPECT_EQ(lifetime(response(200, {{"Last-Modified", future}, {"Date", now}}), policy).length,
            Seconds(0));
  EXPECT_EQ(lifetime(response(200, {{"Last-Modified", "foo"}}), policy).source,
            LifetimeSource::none);
  for (int status : {200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501}) {
    EXPECT_EQ(lifetime(response(status, {{"Last-Modified", day_ago}}), policy).source,
              LifetimeSource::heuristic)
        << status;
  }
  for (int status : {201, 202, 302, 303, 307, 400, 403, 500, 502, 503, 504, 599}) {
    EXPECT_EQ(lifetime(response(status, {{"Last-Modified", day_ago}}), policy).source,
              LifetimeSource::none)
        << status;
  }
  ResponseHead marked = response(599, {{"Last-Modified", day_ago}, {"Cache-Control", "public"}});
  EXPECT_EQ(lifetime(marked, policy).source, LifetimeSource::heuristic);
}

TEST(CacheFreshness, Rfc9111_4_2_2_NeverBesideAnExplicitTime) {
  CachePolicy policy = enabled();
  policy.heuristic = true;
  std::string day_ago = date(-86400);
  EXPECT_EQ(lifetime(response(200, {{"Last-Modified", day_ago}, {"Expires", "0"}}), policy).length,
            Seconds(0));
  EXPECT_EQ(
      lifetime(response(200, {{"Last-Modified", day_ago}, {"Cache-Control", "max-age=0"}}), policy)
          .length,
      Seconds(0));
}

TEST(CacheFreshness, Rfc9111_4_2_FreshMeansLifetimeGreaterThanAge) {
  Freshness f = stored_now({{"Cache-Control", "max-age=10"}});
  EXPECT_TRUE(is_fresh(f, 9));
  EXPECT_FALSE(is_fresh(f, 10));
  EXPECT_FALSE(is_fresh(f, 11));
}

TEST(CacheFreshness, Rfc9111_4_2_3_CurrentAge) {
  struct Case {
    std::string_view age;
    int64_t date, delay, resident, current;
  };
  // clang-format off
  for (const Case& c : {Case{"0", 0, 0, 0, 0}, {"0", 0, 0, 7, 7},
                        {"30", 0, 0, 7, 37},
                        {"30", 0, 5, 7, 42},     // Age counts from when the request was begun
                        {"0", -100, 0, 7, 107},  // a slow Date: apparent_age
                        {"30", -100, 5, 7, 107},
                        {"200", -100, 5, 7, 212},
                        {"0", 100, 0, 7, 7},     // a fast Date: no negative age
                        {"0", 0, 5, 0, 5}}) {
    // clang-format on
    std::string d = date(c.date);
    ResponseTimes times{kNow - Seconds(c.delay), kNow};
    Freshness f = freshness_of(response(200, {{"Age", c.age}, {"Date", d}}), enabled(), times);
    EXPECT_EQ(seconds(current_age(f, kNow + Seconds(c.resident))), c.current)
        << c.age << " " << c.date << " " << c.delay;
  }
}

TEST(CacheFreshness, Rfc9110_6_6_1_WithoutDateItIsWhenItCame) {
  EXPECT_EQ(seconds(current_age(stored_now({}), kNow + Seconds(3))), 3);
  EXPECT_EQ(seconds(current_age(stored_now({{"Date", "foo"}}), kNow + Seconds(3))), 3);
}

TEST(CacheFreshness, Rfc9111_5_1_AgeOfEveryWriting) {
  auto age = [](Lines lines) { return age_field(fields(lines)).count(); };
  EXPECT_EQ(age({}), 0);
  struct Case {
    std::string_view text;
    int64_t age;
  };
  // clang-format off
  for (const Case& c : {Case{"5", 5}, {"007", 7}, {"abc", 0}, {"-7200", 0}, {"7200.0", 0}, {"", 0},
                        {"7200;foo=bar", 0}, {"7200, 0", 7200}, {"0, 7200", 0}, {"3 , x", 3}, {",5", 0},
                        {"2147483647", 2147483647}, {"2147483649", 2147483648},
                        {"999999999999999999999", 2147483648}}) {
    // clang-format on
    EXPECT_EQ(age({{"Age", c.text}}), c.age) << c.text;
  }
  EXPECT_EQ(age({{"Age", "7200"}, {"Age", "0"}}), 7200);  // the first line
  EXPECT_EQ(age({{"Age", "0"}, {"Age", "7200"}}), 0);
}

TEST(CacheFreshness, Rfc9111_4_AClockSetBackMakesItStale) {
  Freshness f = stored_now({{"Cache-Control", "max-age=100"}});
  EXPECT_EQ(current_age(f, kNow - Seconds(1)), std::nullopt);
  EXPECT_FALSE(is_fresh(f, -1));
  EXPECT_TRUE(is_fresh(f, 0));
  // It was set back while the answer was on its way.
  Freshness odd = freshness_of(response(200, {{"Cache-Control", "max-age=100"}}), enabled(),
                               {kNow + Seconds(1), kNow});
  EXPECT_EQ(current_age(odd, kNow + Seconds(5)), std::nullopt);
  EXPECT_FALSE(is_fresh(odd, 5));
}

TEST(CacheFreshness, NothingOverflows) {
  Freshness f = freshness_of(
      response(200, {{"Date", "Mon, 01 Jan 0001 00:00:00 GMT"}, {"Cache-Control", "max-age=10"}}),
      enabled(), kTimes);
  EXPECT_EQ(current_age(f, WallTime::max()), Duration::max());
  EXPECT_LT(*time_left(f, WallTime::max()), Duration::zero());
  EXPECT_EQ(saturating_since(WallTime::max(), WallTime::min()), Duration::max());
  EXPECT_EQ(saturating_since(WallTime::min(), WallTime::max()), Duration::min());
  EXPECT_EQ(saturating_add(Duration::min(), Duration(-1)), Duration::min());
}

TEST(CacheFreshness, Rfc9111_5_1_AgeIsWrittenInWholeSeconds) {
  Fields f = fields({{"Age", "1"}, {"age", "2"}});
  set_age(f, std::chrono::milliseconds(2999));
  EXPECT_EQ(f.joined("Age"), "2");
  set_age(f, Duration::max());
  EXPECT_EQ(f.joined("Age"), "2147483648");
  set_age(f, Duration(-5));
  EXPECT_EQ(f.joined("Age"), "0");
}

TEST(CacheFreshness, KeepsWhatTheDirectivesForbidAndAllow) {
  Freshness f = stored_now({{"Cache-Control", "no-cache, immutable, stale-while-revalidate=3"}});
  EXPECT_TRUE(f.always_validate && f.immutable);
  EXPECT_FALSE(f.never_stale || f.shared_maxage || f.stale_if_error);
  EXPECT_EQ(f.stale_while_revalidate, Seconds(3));
  EXPECT_TRUE(stored_now({{"Cache-Control", "must-revalidate"}}).never_stale);
  EXPECT_TRUE(stored_now({{"Cache-Control", "proxy-revalidate"}}).never_stale);
  EXPECT_TRUE(stored_now({{"Cache-Control", "s-maxage=1"}}).shared_maxage);
  EXPECT_FALSE(stored_now({{"Cache-Control", "no-cache=\"a\""}}).always_validate);
}

}  // namespace
}  // namespace siding::cache_test
