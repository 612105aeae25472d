// Which texts are names, and which names are asked for.
#include "proxy/net/host_name.h"

#include <gtest/gtest.h>

namespace siding {
namespace {

TEST(HostName, ParsesNames) {
  for (const char* good :
       {"a", "music.example", "my_app-1", "xn--bcher-kva.example", "_http._tcp.a", "1password.com",
        "3.14.pi", "0x7f.example", "a-.b", "r3---sn.example"}) {
    EXPECT_TRUE(HostName::parse(good)) << good;
  }
  EXPECT_EQ(HostName::parse("Music.EXAMPLE")->name, "music.example");
  EXPECT_EQ(HostName::parse("a.test.")->name, "a.test");
  EXPECT_TRUE(HostName::parse("a.test.")->absolute);
  EXPECT_FALSE(HostName::parse("a.test")->absolute);
  EXPECT_NE(HostName::parse("a.test.")->key(), HostName::parse("a.test")->key());
}

TEST(HostName, RefusesWhatIsNone) {
  for (std::string_view bad : {"",
                               ".",
                               "..",
                               ".a",
                               "a..b",
                               "a..",
                               "-a",
                               "a b",
                               "a\tb",
                               "a/b",
                               "a:80",
                               "user@a",
                               "[::1]",
                               "[example.com]",
                               "fe80::1%eth0",
                               "a%00",
                               "b\xc3\xbc",
                               "a\xe3\x80\x82"
                               "b",
                               "a,b",
                               "a\\b",
                               "*",
                               "a.*"}) {
    EXPECT_FALSE(HostName::parse(bad)) << bad;
  }
  EXPECT_FALSE(HostName::parse(std::string_view("a\0b", 3)));
  std::string label(63, 'x');
  EXPECT_TRUE(HostName::parse(label + ".a"));
  EXPECT_FALSE(HostName::parse(label + "x.a"));
  std::string longest = label + "." + label + "." + label + "." + std::string(61, 'y');
  EXPECT_EQ(longest.size(), 253u);
  EXPECT_TRUE(HostName::parse(longest));
  EXPECT_TRUE(HostName::parse(longest + "."));
  EXPECT_FALSE(HostName::parse(longest + "y"));
}

TEST(HostName, RefusesOddSpellingsOfAddresses) {
  for (const char* odd : {"2130706433", "0x7f000001", "0x7f.1", "0X7F.1", "127.1", "127.0.1",
                          "0177.0.0.1", "0177.1", "127.0.0.0x1", "127.0.0.1.", "1.2.3.4.5",
                          "256.1.1.1", "999", "0x", "1.0x", "127.0.0.01", "00000127.0.0.1"}) {
    EXPECT_FALSE(HostName::parse(odd)) << odd;
  }
}

TEST(HostName, KnowsTheNameOfAService) {
  auto domain = [](const char* text) { return std::string(service_domain(text)); };
  EXPECT_EQ(domain("_http._tcp.search.example"), "search.example");
  EXPECT_EQ(domain("_http._tcp.search."), "search.");
  EXPECT_EQ(domain("_my-http._udp.a"), "a");
  EXPECT_EQ(domain("_a._b._c._d"), "_c._d");
  for (const char* other : {"", "_", "_http", "_http._tcp", "_http._tcp.", "_http.tcp.a", "a.b.c",
                            "http._tcp.a", "_._tcp.a", "_http._.a", "._tcp.a", "_http..a"}) {
    EXPECT_EQ(domain(other), "") << other;
  }
  EXPECT_TRUE(HostName::parse("_HTTP._TCP.a")->is_service());
  EXPECT_FALSE(HostName::parse("_http._tcp.")->is_service());
  EXPECT_FALSE(HostName::parse("_http._tcp.127.1"));
  EXPECT_FALSE(HostName::parse("_http._tcp..a"));
}

TEST(HostName, SearchesLikeResolvConf) {
  using Names = std::vector<std::string>;
  const Names search = {"ns.svc", "svc"};
  auto names = [&](const char* text, int ndots) {
    return HostName::parse(text)->candidates(search, ndots);
  };
  EXPECT_EQ(names("a", 1), (Names{"a.ns.svc", "a.svc", "a"}));
  EXPECT_EQ(names("a.b", 1), (Names{"a.b", "a.b.ns.svc", "a.b.svc"}));
  EXPECT_EQ(names("a.b", 5), (Names{"a.b.ns.svc", "a.b.svc", "a.b"}));
  EXPECT_EQ(names("a.", 5), (Names{"a"}));
  EXPECT_EQ(names("_h._tcp.a", 5), (Names{"_h._tcp.a.ns.svc", "_h._tcp.a.svc", "_h._tcp.a"}));
  EXPECT_EQ(names("a.b.", 1), (Names{"a.b"}));
  // A domain that makes no name is passed over.
  EXPECT_EQ(HostName::parse("a")->candidates({".", "", "x..y", "z."}, 1), (Names{"a.z", "a"}));
}

}  // namespace
}  // namespace siding
