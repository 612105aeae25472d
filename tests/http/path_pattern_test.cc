// What patterns match, the faults of bad ones, and that what is covered is matched.
#include "http/path_pattern.h"

#include <gtest/gtest.h>

#include <random>

namespace siding {
namespace {

PathPattern pattern(std::string_view text) {
  PathPattern::Parsed parsed = PathPattern::parse(text);
  EXPECT_TRUE(parsed.value) << text << ": " << parsed.error;
  return parsed.value.value_or(PathPattern::everything());
}

/// "name=value " for each capture, or "no".
std::string matched(const PathPattern& p, std::string_view path) {
  PathCaptures captures{{"old", "one"}};
  if (!p.match(path, &captures)) return "no";
  std::string out;
  for (const auto& [name, value] : captures) out += name + "=" + value + " ";
  return out;
}

TEST(PathPattern, Matches) {
  struct Case {
    std::string_view pattern, path, result;
  };
  // clang-format off
  const Case cases[] = {
      {"/", "/", ""},
      {"/", "/a", "no"},
      {"/", "", "no"},
      {"/search/", "/search/", ""},
      {"/search/", "/search", "no"},
      {"/search/", "/search/x", "no"},
      {"/search/", "/search//", "no"},
      {"/search", "/search/", "no"},
      {"/static/*", "/static/", ""},
      {"/static/*", "/static/a/b", ""},
      {"/static/*", "/static", "no"},
      {"/static/*", "/staticx", "no"},
      {"/*", "/", ""},
      {"/*", "/a/b", ""},
      {"/*", "*", "no"},
      {"/u/{id}", "/u/7", "id=7 "},
      {"/u/{id}", "/u/", "no"},
      {"/u/{id}", "/u/7/", "no"},
      {"/u/{id}", "/u/7/x", "no"},
      {"/u/{id}", "/u", "no"},
      {"/u/{id}/p/{page}", "/u/7/p/x y", "id=7 page=x y "},
      {"/u/{id}/", "/u/7/", "id=7 "},
      {"/{a}", "//", "no"},
      {"/f/{rest...}", "/f/", "rest= "},
      {"/f/{rest...}", "/f/a//b/", "rest=a//b/ "},
      {"/f/{rest...}", "/f", "no"},
      {"/{a}/{b...}", "/x/y/z", "a=x b=y/z "},
      {"/{a}/*", "/x/y/z", "a=x "},
      {"/caf\xC3\xA9", "/caf\xC3\xA9", ""},
      {"//a", "//a", ""},
      {"//a", "/a", "no"},
  };
  // clang-format on
  for (const Case& c : cases) {
    EXPECT_EQ(matched(pattern(c.pattern), c.path), c.result) << c.pattern << " " << c.path;
    EXPECT_EQ(pattern(c.pattern).match(c.path, nullptr), c.result != "no");
    EXPECT_EQ(pattern(c.pattern).text(), c.pattern);
  }
}

TEST(PathPattern, EverythingMatchesEverything) {
  for (std::string_view path : {"/", "*", "", "/a/b", "//"}) {
    EXPECT_EQ(matched(PathPattern::everything(), path), "") << path;
  }
  EXPECT_EQ(PathPattern::everything().text(), "");
}

TEST(PathPattern, NoMatchLeavesTheCapturesAlone) {
  PathCaptures captures{{"old", "one"}};
  EXPECT_FALSE(pattern("/u/{id}/x").match("/u/7/y", &captures));
  EXPECT_EQ(captures, (PathCaptures{{"old", "one"}}));
}

TEST(PathPattern, FaultsNameTheirRemedy) {
  struct Case {
    std::string_view pattern, part_of_error;
  };
  // clang-format off
  const Case cases[] = {
      {"", "begins with `/`: `/`"},
      {"search/", "`/search/`"},
      {"/static*", "`/static/*`"},
      {"/a/*/b", "only at the end"},
      {"/a/**", "only at the end"},
      {"/u{id}", "whole segment"},
      {"/{id}x", "whole segment"},
      {"/{id", "whole segment"},
      {"/{}", "a capture's name"},
      {"/{a b}", "a capture's name"},
      {"/{a}{b}", "a capture's name"},
      {"/{...}", "a capture's name"},
      {"/{rest...}/x", "at the end"},
      {"/{a}/{a}", "stands twice"},
      {"/{a}/{a...}", "stands twice"},
      {"/a?b=1", "leave the query out"},
      {"/a#b", "a path has no `#`"},
      {"/caf%C3%A9", "the character that `%C3` stands for"},
      {"/a/../b", "without `..`"},
      {"/./", "without `.`"},
  };
  // clang-format on
  for (const Case& c : cases) {
    PathPattern::Parsed parsed = PathPattern::parse(c.pattern);
    EXPECT_FALSE(parsed.value) << c.pattern;
    EXPECT_NE(parsed.error.find(c.part_of_error), std::string::npos)
        << c.pattern << ": " << parsed.error;
  }
}

TEST(PathPattern, Covers) {
  struct Case {
    std::string_view mine, theirs;
    bool covers;
  };
  // clang-format off
  const Case cases[] = {
      {"/a", "/a", true},          {"/a", "/b", false},         {"/*", "/a/b", true},
      {"/*", "/{x}", true},        {"/*", "/{x...}", true},     {"/a/*", "/a", false},
      {"/a/*", "/a/", true},       {"/a/*", "/a/{x}", true},    {"/a/*", "/b/*", false},
      {"/{x}", "/a", true},        {"/{x}", "/", false},        {"/{x}", "/{y}", true},
      {"/{x}", "/*", false},       {"/a", "/{x}", false},       {"/{x}/*", "/a/b/*", true},
      {"/u/{x}", "/u/7/y", false}, {"/u/{x}/y", "/u/7", false}, {"/{x...}", "/*", true},
  };
  // clang-format on
  for (const Case& c : cases) {
    EXPECT_EQ(pattern(c.mine).covers(pattern(c.theirs)), c.covers) << c.mine << " " << c.theirs;
  }
  PathPattern everything = PathPattern::everything();
  EXPECT_TRUE(everything.covers(pattern("/a")));
  EXPECT_TRUE(everything.covers(everything));
  EXPECT_FALSE(pattern("/*").covers(everything));
}

TEST(PathPattern, WhatIsCoveredIsMatched) {
  std::mt19937 random(3);
  auto piece = [&](auto... choices) {
    const char* all[] = {choices...};
    return std::string("/") + all[random() % sizeof...(choices)];
  };
  for (int round = 0; round < 5000; ++round) {
    auto make = [&] {
      std::string text = random() % 2 == 0 ? piece("a", "", "{x}") : "";
      text += random() % 2 == 0 ? piece("b", "", "{y}") : "";
      return text + piece("a", "", "*", "{z}", "{z...}");
    };
    PathPattern mine = pattern(make());
    PathPattern theirs = pattern(make());
    std::string path;
    for (size_t n = 1 + random() % 3; n > 0; --n) path += piece("a", "b", "");
    if (mine.covers(theirs) && theirs.match(path, nullptr)) {
      EXPECT_TRUE(mine.match(path, nullptr)) << mine.text() << " " << theirs.text() << " " << path;
    }
  }
}

TEST(PathPattern, NamesItsCaptures) {
  EXPECT_EQ(pattern("/{a}/b/{c...}").capture_names(), (std::vector<std::string>{"a", "c"}));
  EXPECT_TRUE(pattern("/a/*").capture_names().empty());
}

}  // namespace
}  // namespace siding
