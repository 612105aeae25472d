// URLs of `siding try`: what is taken, what is refused and with which remedy.
#include "proxy/tools/try_url.h"

#include <gtest/gtest.h>

namespace siding {
namespace {

TryUrl parsed(std::string_view text) {
  TryUrl url;
  EXPECT_EQ(parse_try_url(text, url), "") << text;
  return url;
}

TEST(TryUrl, HasHostPortAndTarget) {
  TryUrl url = parsed("http://127.0.0.1:8000/search/?q={n}#top");
  EXPECT_EQ(url.host, "127.0.0.1");
  EXPECT_EQ(url.port, 8000);
  EXPECT_EQ(url.authority, "127.0.0.1:8000");
  EXPECT_EQ(url.target, "/search/?q={n}");
  EXPECT_TRUE(url.numbered());

  url = parsed("http://shop.example");
  EXPECT_EQ(url.port, 80);
  EXPECT_EQ(url.target, "/");
  EXPECT_FALSE(url.numbered());
  EXPECT_EQ(parsed("HTTP://Shop.example?a=1").target, "/?a=1");
  EXPECT_EQ(parsed("http://[::1]:81/x").host, "::1");
}

TEST(TryUrl, SaysWhatIsWrong) {
  TryUrl url;
  EXPECT_EQ(parse_try_url("https://shop.example/", url),
            "`https://shop.example/`: only http:// so far; https comes with a later version");
  EXPECT_EQ(parse_try_url("127.0.0.1:8000/x", url),
            "`127.0.0.1:8000/x` is no URL; write http://127.0.0.1:8000/x");
  EXPECT_EQ(parse_try_url("http:///x", url),
            "`http:///x` has no host; write http://HOST:PORT/PATH");
  EXPECT_EQ(parse_try_url("http://u:p@h/", url),
            "`http://u:p@h/` has no host; write http://HOST:PORT/PATH");
  // A line end would add fields to the request.
  EXPECT_NE(parse_try_url("http://h/a b", url), "");
  EXPECT_NE(parse_try_url("http://h/a\r\nX: y", url), "");
  EXPECT_NE(parse_try_url("http://h/\xc3\xa9", url), "");
}

TEST(TryUrl, NumbersStandWhereTheyAreAskedFor) {
  EXPECT_EQ(with_number("/s?q={n}&r={n}", 12), "/s?q=12&r=12");
  EXPECT_EQ(with_number("/s", 12), "/s");
  EXPECT_EQ(with_number("{n", 12), "{n");
}

TEST(TryUrl, LiteralsNeedNoLookUp) {
  SystemClock clock;
  std::vector<SocketAddress> addresses;
  EXPECT_EQ(look_up(parsed("http://127.0.0.1:81/"), clock, addresses), "");
  ASSERT_EQ(addresses.size(), 1u);
  EXPECT_EQ(addresses[0].text(), "127.0.0.1:81");
  EXPECT_EQ(look_up(parsed("http://localhost:81/"), clock, addresses), "");
  ASSERT_FALSE(addresses.empty());
  EXPECT_TRUE(is_loopback(addresses[0]));
}

}  // namespace
}  // namespace siding
