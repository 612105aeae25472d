// What a purge means: its text in one form, what is refused and how that is said, and what it matches.
#include "cache/purge.h"

#include <gtest/gtest.h>

#include "tests/cache/heads.h"

namespace siding::cache_test {
namespace {

using Kind = Purge::Kind;

Purge purge_of(Kind kind, std::string_view text) {
  ParsedPurge parsed = parse_purge(kind, text);
  EXPECT_TRUE(parsed.purge) << text << ": " << parsed.fault;
  return parsed.purge.value_or(Purge{});
}
bool meant(Kind kind, std::string_view text, std::string_view uri) {
  return matches(purge_of(kind, text), uri, Entry{});
}

TEST(Purge, UrlsAreInOneForm) {
  auto form = [](std::string_view text) { return purge_of(Kind::url, text).text; };
  EXPECT_EQ(form("http://example.org/a?b=1"), "http://example.org/a?b=1");
  EXPECT_EQ(form("HTTPS://Example.ORG:443/a"), "https://example.org/a");
  EXPECT_EQ(form("http://example.org.:80"), "http://example.org/");
  EXPECT_EQ(form("http://example.org?x=%2f"), "http://example.org/?x=%2f") << "byte for byte";
  EXPECT_EQ(form("http://[::1]:8080/%7eme/%2f%c3%a4"), "http://[::1]:8080/~me/%2F%C3%A4");
  EXPECT_EQ(form("https://example.org:80/"), "https://example.org:80/");
}

TEST(Purge, FaultsSayWhatIsWrongAndHowItIsRight) {
  auto fault = [](Kind kind, std::string_view text, std::string_view what) {
    ParsedPurge parsed = parse_purge(kind, text);
    EXPECT_FALSE(parsed.purge) << text;
    EXPECT_NE(parsed.fault.find(what), std::string::npos) << parsed.fault;
  };
  fault(Kind::url, "", "the URL is missing, such as http://example.org/catalogue/7");
  fault(Kind::prefix, "", "the URL is missing, such as http://example.org/catalogue/");
  fault(Kind::url, "/a", "`/a` is no whole URL: it begins with http:// or https:// and the host");
  fault(Kind::url, "example.org/a", "no whole URL");
  fault(Kind::url, "ftp://example.org/a", "no whole URL");
  fault(Kind::url, "http:///a", "`` is no host");
  fault(Kind::url, "http://me@example.org/", "`me@example.org` is no host");
  fault(Kind::url, "http://example.org:0/", "is no host");
  fault(Kind::url, "http://10.1/", "is no host");
  fault(Kind::url, "http://example.org/a b", "a space in it, which a URL has as %20");
  fault(Kind::url, "http://example.org/\n", "a control character");
  fault(Kind::url, "http://example.org/k\xc3\xa4se", "letters beyond ASCII");
  fault(Kind::url, "http://example.org/a#b", "a fragment");
  fault(Kind::url, "http://example.org/a/*", "purge the prefix http://example.org/a/");
  fault(Kind::prefix, "http://example.org/a/*", "purge the prefix http://example.org/a/");
  fault(Kind::tag, " ", "the tag is missing");
  fault(Kind::tag, "a, b", "more than one tag");
  fault(Kind::tag, "a\x01", "a control character");
  fault(Kind::all, "x", "all is all");
}

TEST(Purge, AUrlMeansItselfUnderBothSchemes) {
  EXPECT_TRUE(meant(Kind::url, "http://example.org/a", "http://example.org/a"));
  EXPECT_TRUE(meant(Kind::url, "http://example.org/a", "https://example.org/a"));
  EXPECT_TRUE(meant(Kind::url, "https://example.org:8443/a", "http://example.org:8443/a"));
  for (const char* other :
       {"http://example.org/a/", "http://example.org/a?", "http://example.org/A",
        "http://www.example.org/a", "http://example.org:81/a"}) {
    EXPECT_FALSE(meant(Kind::url, "http://example.org/a", other)) << other;
  }
}

TEST(Purge, APrefixIsOneOfCharactersAndHasAWholeHost) {
  EXPECT_TRUE(meant(Kind::prefix, "http://example.org/cat", "https://example.org/catalogue"));
  EXPECT_TRUE(meant(Kind::prefix, "http://example.org/cat", "http://example.org/cat"));
  EXPECT_TRUE(meant(Kind::prefix, "http://example.org", "http://example.org/a?b"));
  EXPECT_TRUE(meant(Kind::prefix, "http://example.org/a?q=", "http://example.org/a?q=1"));
  EXPECT_FALSE(meant(Kind::prefix, "http://example.org", "http://example.org.evil.example/"));
  EXPECT_FALSE(meant(Kind::prefix, "http://example.org", "http://example.org:81/"));
  EXPECT_FALSE(meant(Kind::prefix, "http://example.org/cat", "http://example.org/Cat"));
}

TEST(Purge, ATagIsAWholeMember) {
  Entry entry;
  entry.tags = {"song-7", "two words"};
  const Purge seven = purge_of(Kind::tag, " song-7 ");
  EXPECT_TRUE(matches(seven, "http://a/", entry));
  EXPECT_TRUE(matches(purge_of(Kind::tag, "two words"), "http://a/", entry));
  for (const char* other : {"song", "Song-7", "song-77"}) {
    EXPECT_FALSE(matches(purge_of(Kind::tag, other), "http://a/", entry)) << other;
  }
  EXPECT_FALSE(matches(seven, "http://a/song-7", Entry{}));
  EXPECT_TRUE(may_match(seven, "http://a/")) << "who knows";
}

TEST(Purge, AllIsAll) {
  EXPECT_TRUE(meant(Kind::all, "", "http://a/"));
  EXPECT_TRUE(may_match({Kind::all, ""}, "http://a/"));
}

TEST(Purge, ParametersThatDoNotCount) {
  CachePolicy policy = enabled();
  policy.ignore_parameters = {"utm_source"};
  const Purge url = purge_of(Kind::url, "http://a/?utm_source=x&q=1");
  EXPECT_EQ(url.under(policy).text, "http://a/?q=1");
  EXPECT_EQ(url.under(enabled()), url);
  const Purge prefix = purge_of(Kind::prefix, "http://a/?utm_source=x&q=1");
  EXPECT_EQ(prefix.under(policy), prefix);
}

TEST(Purge, OneLineForOtherProcesses) {
  for (const Purge& purge : {purge_of(Kind::url, "https://example.org/a?b=1"),
                             purge_of(Kind::prefix, "http://example.org/"),
                             purge_of(Kind::tag, "two words"), Purge{Kind::all, ""}}) {
    EXPECT_EQ(Purge::from_text(purge.to_text()), purge) << purge.to_text();
    EXPECT_EQ(purge.to_text().find('\n'), std::string::npos);
  }
  EXPECT_EQ(purge_of(Kind::tag, "song-7").to_text(), "tag song-7");
  EXPECT_EQ((Purge{Kind::all, ""}).to_text(), "all");
  for (const char* none : {"", "url", "url ", "url /a", "urls http://a/", "tag", "all of it",
                           "tag a,b", "http://a/", " all"}) {
    EXPECT_FALSE(Purge::from_text(none)) << none;
  }
}

}  // namespace
}  // namespace siding::cache_test
