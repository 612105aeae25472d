// Forwarding fields: replaced, appended to, and read.
#include "http/forwarded.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/http/h1_feed.h"

namespace siding::forwarded_test {
namespace {

using Lines = std::vector<std::pair<std::string, std::string>>;

Fields fields(const Lines& lines) {
  Fields out;
  for (const auto& [name, value] : lines) out.add(name, value);
  return out;
}

std::string set(const Lines& lines, const ForwardedHop& hop) {
  Fields f = fields(lines);
  bool replaced = set_forwarded(f, hop);
  return (replaced ? "replaced" : "") + test::tell(f);
}

const std::string kOwn =
    " | X-Forwarded-For=192.0.2.1 | X-Forwarded-Proto=http | X-Forwarded-Host=h"
    " | Forwarded=for=192.0.2.1;host=h;proto=http";

TEST(Forwarded, SetWhereThereWasNothing) {
  EXPECT_EQ(set({{"A", "1"}}, {"192.0.2.1", false, "http", "h"}), " | A=1" + kOwn);
  EXPECT_EQ(set({{"A", "1"}}, {"192.0.2.1", true, "http", "h"}), " | A=1" + kOwn);
  EXPECT_EQ(set({}, {"2001:db8::1", false, "https", "h:80"}),
            " | X-Forwarded-For=2001:db8::1 | X-Forwarded-Proto=https | X-Forwarded-Host=h:80"
            " | Forwarded=for=\"[2001:db8::1]\";host=\"h:80\";proto=https");
  EXPECT_EQ(set({}, {"192.0.2.1", false, "http", ""}),
            " | X-Forwarded-For=192.0.2.1 | X-Forwarded-Proto=http"
            " | Forwarded=for=192.0.2.1;proto=http");
  EXPECT_EQ(set({}, {"", false, "http", "h"}),
            " | X-Forwarded-Proto=http | X-Forwarded-Host=h"
            " | Forwarded=for=unknown;host=h;proto=http");
}

TEST(Forwarded, OfAnUntrustedPeerNothingIsLeft) {
  for (const char* name : {"X-Forwarded-For", "x-forwarded-PROTO", "X-Forwarded-Host", "Forwarded",
                           "X-Forwarded-Port", "X-Forwarded-Client-Cert", "X-Real-IP"}) {
    EXPECT_EQ(set({{name, "evil"}, {"A", "1"}, {name, "evil"}}, {"192.0.2.1", false, "http", "h"}),
              "replaced | A=1" + kOwn)
        << name;
  }
  EXPECT_EQ(
      set({{"X-Forwarded", "1"}, {"X-Forwarder-For", "2"}}, {"192.0.2.1", false, "http", "h"}),
      " | X-Forwarded=1 | X-Forwarder-For=2" + kOwn);
}

TEST(Forwarded, ATrustedPeersListsAreAppendedTo) {
  EXPECT_EQ(set({{"X-Forwarded-For", "203.0.113.9, 10.0.0.1"},
                 {"x-forwarded-for", "10.0.0.2"},
                 {"X-Forwarded-Proto", "https"},
                 {"X-Forwarded-Host", "www.example"},
                 {"Forwarded", "for=203.0.113.9;proto=https"},
                 {"X-Real-IP", "203.0.113.9"}},
                {"192.0.2.1", true, "http", "h"}),
            " | X-Forwarded-Proto=https | X-Forwarded-Host=www.example | X-Real-IP=203.0.113.9"
            " | X-Forwarded-For=203.0.113.9, 10.0.0.1, 10.0.0.2, 192.0.2.1"
            " | Forwarded=for=203.0.113.9;proto=https, for=192.0.2.1;host=h;proto=http");
}

std::string client(const Lines& lines, std::string_view peer = "10.0.0.1") {
  return client_address(fields(lines), peer,
                        [](std::string_view ip) { return ip.starts_with("10.") || ip == "::1"; });
}

TEST(Forwarded, ClientAddressFromTheRight) {
  auto xff = [](const std::string& value) { return client({{"X-Forwarded-For", value}}); };
  EXPECT_EQ(client({}), "10.0.0.1");
  EXPECT_EQ(xff("203.0.113.9"), "203.0.113.9");
  EXPECT_EQ(xff("1.1.1.1, 203.0.113.9"), "203.0.113.9");  // what a client made up is to the left
  EXPECT_EQ(xff("1.1.1.1, 203.0.113.9, 10.0.0.3"), "203.0.113.9");
  EXPECT_EQ(xff("10.0.0.4, 10.0.0.3"), "10.0.0.4");
  EXPECT_EQ(xff("1.1.1.1,,203.0.113.9 ,"), "203.0.113.9");
  EXPECT_EQ(client({{"X-Forwarded-For", "1.1.1.1"}, {"A", "b"}, {"x-forwarded-for", "2.2.2.2"}}),
            "2.2.2.2");
  EXPECT_EQ(client({{"X-Forwarded-For", "2.2.2.2"}, {"x-forwarded-for", "10.0.0.2"}}), "2.2.2.2");
}

TEST(Forwarded, AnUntrustedPeerIsTheClient) {
  EXPECT_EQ(client({{"X-Forwarded-For", "1.1.1.1"}}, "203.0.113.7"), "203.0.113.7");
  EXPECT_EQ(client({{"Forwarded", "for=1.1.1.1"}}, "203.0.113.7"), "203.0.113.7");
  EXPECT_EQ(client({{"X-Forwarded-For", "1.1.1.1"}}, ""), "");
}

TEST(Forwarded, AMalformedEntryEndsWhatIsBelieved) {
  for (const char* bad : {"evil",
                          "unknown",
                          "1.2.3",
                          "1.2.3.4.5",
                          "1.2.3.4:x",
                          "1.2.3.4:123456",
                          "1.2.3.4:",
                          "0x7f.1",
                          "127.1",
                          "[1.2.3.4]",
                          "[::1",
                          "[::1]x",
                          "[::1]:x",
                          "1::2::3",
                          "_hidden",
                          "\"1.2.3.4\"",
                          "1.2.3.4 x",
                          "fe80::1%eth0",
                          "[::1]:x5",
                          "0000:0000:0000:0000:0000:ffff:255.255.255.2555",
                          "a-word-that-is-much-longer-than-any-address-can-be-in-text"}) {
    EXPECT_EQ(client({{"X-Forwarded-For", std::string("1.1.1.1, ") + bad}}), "10.0.0.1") << bad;
    EXPECT_EQ(client({{"X-Forwarded-For", std::string("1.1.1.1, ") + bad + ", 10.0.0.2"}}),
              "10.0.0.2")
        << bad;
  }
}

TEST(Forwarded, AddressesHaveOneForm) {
  auto xff = [](const std::string& value) { return client({{"X-Forwarded-For", value}}); };
  EXPECT_EQ(xff("203.0.113.9:47110"), "203.0.113.9");
  EXPECT_EQ(xff("::2"), "::2");
  EXPECT_EQ(xff("[2001:db8::1]:5"), "2001:db8::1");
  EXPECT_EQ(xff("2001:DB8:0:0::1"), "2001:db8::1");
  EXPECT_EQ(xff("[2001:db8::1]"), "2001:db8::1");
  EXPECT_EQ(xff("[2001:db8::1]:443"), "2001:db8::1");
  EXPECT_EQ(xff("::ffff:203.0.113.9"), "203.0.113.9");
  EXPECT_EQ(xff("5.5.5.5, ::ffff:10.0.0.9"), "5.5.5.5");
  EXPECT_EQ(client({}, "::ffff:203.0.113.9"), "203.0.113.9");
  EXPECT_EQ(client({{"X-Forwarded-For", "6.6.6.6"}}, "0:0:0:0:0:0:0:1"), "6.6.6.6");
}

TEST(Forwarded, ForwardedIsReadWhereThereIsNoXff) {
  auto forwarded = [](const std::string& value) { return client({{"Forwarded", value}}); };
  EXPECT_EQ(forwarded("for=203.0.113.9"), "203.0.113.9");
  EXPECT_EQ(forwarded(",for=203.0.113.9"), "203.0.113.9");
  EXPECT_EQ(forwarded("for=1.1.1.1, proto=http;FOR=\"203.0.113.9:80\";by=x"), "203.0.113.9");
  EXPECT_EQ(forwarded("for=\"[2001:db8::1]:80\", for=10.0.0.7"), "2001:db8::1");
  EXPECT_EQ(forwarded("for=1.1.1.1;ext=\"a, for=2.2.2.2\""), "1.1.1.1");
  EXPECT_EQ(forwarded("for=1.1.1.1;ext=\"a\\\", for=2.2.2.2\""), "1.1.1.1");
  EXPECT_EQ(forwarded("for=1.1.1.1;ext=\";for=2.2.2.2;\""), "1.1.1.1");
  EXPECT_EQ(forwarded("for=1.1.1.1, proto=http"), "10.0.0.1");
  EXPECT_EQ(forwarded("for=1.1.1.1, for=_secret"), "10.0.0.1");
  EXPECT_EQ(forwarded("for=1.1.1.1, for=\"2.2.2.2"), "10.0.0.1");
  EXPECT_EQ(client({{"Forwarded", "for=1.1.1.1"}, {"forwarded", "for=2.2.2.2"}}), "2.2.2.2");
  EXPECT_EQ(client({{"Forwarded", "for=1.1.1.1"}, {"X-Forwarded-For", "2.2.2.2"}}), "2.2.2.2");
}

TEST(Forwarded, WhatWeWriteWeCanRead) {
  for (const char* peer : {"203.0.113.9", "2001:db8::1"}) {
    Fields f;
    set_forwarded(f, {peer, false, "http", "h:80"});
    EXPECT_EQ(client({{"X-Forwarded-For", std::string(*f.get("x-forwarded-for"))}}), peer);
    EXPECT_EQ(client({{"Forwarded", std::string(*f.get("forwarded"))}}), peer);
  }
}

TEST(Forwarded, TheOriginThatWasAskedIsWhatATrustedProxySays) {
  auto asked = [](const Lines& lines, bool trusted = true) {
    Fields f = fields(lines);
    AskedOrigin o = asked_origin(f, {"10.0.0.1", trusted, "http", "shop"});
    return std::string(o.scheme) + "://" + std::string(o.host) + " " + o.claims;
  };
  EXPECT_EQ(asked({}), "http://shop ");
  EXPECT_EQ(asked({{"X-Forwarded-Proto", "HTTPS"}, {"X-Forwarded-Host", "shop"}}), "https://shop ");
  EXPECT_EQ(asked({{"X-Forwarded-Host", "a.example"}}), "http://shop host 9:a.example ");
  EXPECT_EQ(asked({{"X-Forwarded-Proto", "https"}, {"X-Forwarded-Host", "a"}}, false),
            "http://shop ");
  EXPECT_EQ(asked({{"X-Forwarded-Proto", "ftp"}}), "http://shop proto 3:ftp ");
  EXPECT_EQ(asked({{"X-Forwarded-Proto", "https"}, {"X-Forwarded-Proto", "http"}}),
            "http://shop proto 5:https proto 4:http ");
  EXPECT_EQ(asked({{"X-Forwarded-For", "192.0.2.1"},
                   {"Forwarded", "for=192.0.2.1"},
                   {"X-Real-IP", "192.0.2.1"}}),
            "http://shop ");
}

// Frameworks make links and redirects of them, or even let somebody in.
TEST(Forwarded, WhatElseATrustedProxyPassesOnStandsBesideTheOrigin) {
  auto claims = [](const Lines& lines) {
    Fields f = fields(lines);
    return asked_origin(f, {"10.0.0.1", true, "http", "shop"}).claims;
  };
  EXPECT_EQ(claims({{"X-Forwarded-Prefix", "//evil"}}), "prefix 6://evil ");
  EXPECT_EQ(claims({{"X-Forwarded-Scheme", "https"}, {"X-Forwarded-Ssl", "on"}}),
            "scheme 5:https ssl 2:on ");
  EXPECT_EQ(claims({{"X-Forwarded-User", "ann"}}), "user 3:ann ");
  EXPECT_EQ(claims({{"X-Forwarded-Port", "80"}}), "");
  EXPECT_EQ(claims({{"X-Forwarded-Port", "443"}}), "port 3:443 ");
  EXPECT_EQ(claims({{"X-Forwarded-Port", "443"}, {"X-Forwarded-Proto", "https"}}), "");
}

TEST(Forwarded, RequestId) {
  auto id = [](const Lines& lines) {
    return std::string(request_id(fields(lines)).value_or("none"));
  };
  EXPECT_EQ(id({{"x-request-ID", "Az09._-"}}), "Az09._-");
  EXPECT_EQ(id({{"X-Request-Id", std::string(128, 'x')}}), std::string(128, 'x'));
  EXPECT_EQ(id({{"X-Request-Id", std::string(129, 'x')}}), "none");
  for (const char* bad : {"", "a b", "a,b", "a\"b", "a\xc3", "a/b", "a:b", "{a}", "a%20"}) {
    EXPECT_EQ(id({{"X-Request-Id", bad}}), "none") << bad;
  }
  EXPECT_EQ(id({}), "none");
  EXPECT_EQ(id({{"X-Request-Id", "a"}, {"X-Request-Id", "a"}}), "none");
}

}  // namespace
}  // namespace siding::forwarded_test
