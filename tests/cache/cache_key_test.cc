// Which requests share a stored response (RFC 9111 section 2; RFC 10008 for QUERY).
#include "cache/cache_key.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/cache/heads.h"

namespace siding::cache_test {
namespace {

std::string uri(std::string_view target, const CachePolicy& policy = enabled(),
                std::string_view authority = "example.org", std::string_view scheme = "http") {
  return uri_key(scheme, authority, target, policy).value_or("none");
}

TEST(CacheKey, OriginAndTarget) {
  EXPECT_EQ(uri("/a?b=1"), "http://example.org/a?b=1");
  EXPECT_EQ(uri("/", enabled(), "EXAMPLE.Org:80"), "http://example.org/");
  EXPECT_EQ(uri("/", enabled(), "example.org:443"), "http://example.org:443/");
  EXPECT_EQ(uri("/", enabled(), "example.org:443", "https"), "https://example.org/");
  EXPECT_EQ(uri("/", enabled(), "[::1]:8080"), "http://[::1]:8080/");
  for (std::string_view none :
       {"", "a b", "user@example.org", "example.org:", "example.org:0", "ex/ample"}) {
    EXPECT_EQ(uri("/", enabled(), none), "none") << none;
  }
  EXPECT_EQ(uri("/", enabled(), "example.org", "ftp"), "none");
  for (std::string_view none :
       {"", "*", "a", "example.org:443", "/a b", "/a\x7f", "/a#b", "/a\r\n"}) {
    EXPECT_EQ(uri(none), "none") << none;
  }
}

TEST(CacheKey, EquivalentEscapesOfThePathAreOneKey) {
  EXPECT_EQ(uri("/%41%7e%2D/%c3%a9%2f"), "http://example.org/A~-/%C3%A9%2F");
  EXPECT_EQ(uri("/%2541"), "http://example.org/%2541");
  EXPECT_NE(uri("/a%2Fb"), uri("/a/b"));
  EXPECT_NE(uri("/a"), uri("/A"));
  EXPECT_NE(uri("/a/"), uri("/a"));
}

/// Purges are told to other replicas by the key, which reads it again.
TEST(CacheKey, IsItsOwnKey) {
  for (std::string_view target :
       {"/%4%31", "/%%341", "/%%41", "/%%%34%31", "/a%2541", "/%zz%7e", "/%4%7e"}) {
    const std::string once = uri(target);
    ASSERT_NE(once, "none") << target;
    EXPECT_EQ(uri(std::string_view(once).substr(once.find('/', 8))), once) << target;
  }
  EXPECT_EQ(uri("/%4%31"), "http://example.org/%4%31");
  EXPECT_NE(uri("/%4%31"), uri("/%2541"));
  EXPECT_EQ(uri("/%c3%41"), "http://example.org/%C3A");
}

TEST(CacheKey, TheQueryStaysAsItIs) {
  EXPECT_EQ(uri("/a?x=%41&&y="), "http://example.org/a?x=%41&&y=");
  EXPECT_NE(uri("/a?x=1&y=2"), uri("/a?y=2&x=1"));
  EXPECT_NE(uri("/a?"), uri("/a"));
  EXPECT_NE(uri("/a?x=1"), uri("/a?x=2"));
}

TEST(CacheKey, IgnoredParametersDoNotCount) {
  CachePolicy policy = enabled();
  policy.ignore_parameters = {"utm_source", "fb id"};
  EXPECT_EQ(uri("/a?x=1&utm_source=y&z=2", policy), "http://example.org/a?x=1&z=2");
  EXPECT_EQ(uri("/a?utm%5Fsource=y&fb+id=3&x", policy), "http://example.org/a?x");
  EXPECT_EQ(uri("/a?utm_source=y", policy), "http://example.org/a");
  EXPECT_EQ(uri("/a?utm_sourcex=y&b=2&a=1&b=3", policy),
            "http://example.org/a?utm_sourcex=y&b=2&a=1&b=3");
}

TEST(CacheKey, OnlySomeParametersCount) {
  CachePolicy policy = enabled();
  policy.only_parameters = {"id"};
  EXPECT_EQ(uri("/a?x=1&id=5&y=2&id=6", policy), "http://example.org/a?id=5&id=6");
  // An application decodes names, so that an escaped one must count as well.
  EXPECT_EQ(uri("/a?i%64=7", policy), "http://example.org/a?i%64=7");
  EXPECT_EQ(uri("/a?x=1", policy), "http://example.org/a");
}

TEST(CacheKey, GetAndHeadShareOneAndOthersHaveNone) {
  std::optional<CacheKey> get = cache_key(request({}, "GET"), enabled());
  ASSERT_TRUE(get);
  EXPECT_EQ(get->text(), "http://example.org/a");
  EXPECT_EQ(cache_key(request({}, "HEAD"), enabled()), get);
  for (std::string_view method : {"POST", "PUT", "OPTIONS", "get", "X"}) {
    EXPECT_FALSE(cache_key(request({}, method), enabled(), "d")) << method;
  }
  EXPECT_FALSE(cache_key(request({{"Content-Length", "1"}}, "GET"), enabled()));
}

TEST(CacheKey, Rfc10008_TheContentIsPartOfTheKeyOfAQuery) {
  auto text = [](Lines lines, std::string_view digest) {
    std::optional<CacheKey> key = cache_key(request(lines, "QUERY"), enabled(), digest);
    return key ? key->text() : "none";
  };
  EXPECT_EQ(text({}, ""), "none");
  // clang-format off
  std::set<std::string> all{
      text({}, "d1"), text({}, "d2"),
      text({{"Content-Type", "a"}}, "d1"), text({{"Content-Type", "b"}}, "d1"),
      text({{"Content-Encoding", "a"}}, "d1"), text({{"Content-Language", "a"}}, "d1"),
      text({{"Content-Type", "a 1:b"}}, "d1"), text({{"Content-Type", "a"}, {"Content-Encoding", "b"}}, "d1"),
      cache_key(request(), enabled())->text()};
  // clang-format on
  EXPECT_EQ(all.size(), 9u);
  EXPECT_FALSE(all.contains("none"));
  EXPECT_EQ(cache_key(request({}, "QUERY"), enabled(), "d1")->uri,
            cache_key(request(), enabled())->uri);
}

TEST(CacheKey, FieldsThatAreNotKeyedChangeNothing) {
  std::string plain = cache_key(request(), enabled())->text();
  EXPECT_EQ(cache_key(request({{"Cookie", "a"}, {"X-Forwarded-Host", "evil"}, {"Host", "evil"}}),
                      enabled())
                ->text(),
            plain);
}

}  // namespace
}  // namespace siding::cache_test
