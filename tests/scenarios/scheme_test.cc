// https through egress, which this version does not originate: refused with the reason, and never sent
// in clear, whoever is listed under that name.
#include <gtest/gtest.h>

#include "tests/harness/shop.h"

namespace siding::test {
namespace {

Message ask_egress(Proxy& proxy, const std::string& target) {
  return Client(proxy.egress())
      .send("GET " + target + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer key\r\n\r\n")
      .answer();
}

std::string https(const Origin& origin, const std::string& path) {
  return "https://" + origin.host() + path;
}

TEST(Scheme, HttpsIsRefusedAndNeverDowngraded) {
  Origin stranger;
  Shop shop;
  // Listed as http under the same host and port; listed nowhere; by name; in capitals.
  for (const std::string& target :
       {https(shop.upstream, "/s?word=a"), https(stranger, "/s"), std::string("https://localhost/"),
        "HTTPS://" + shop.upstream.host() + "/s"}) {
    Message answer = ask_egress(shop.proxy, target);
    EXPECT_EQ(501, answer.status()) << target << "\n" << answer;
    EXPECT_TRUE(answer.says("https")) << answer;
  }
  EXPECT_EQ(4, shop.egress_calls("denied"));
  EXPECT_EQ(0, shop.upstream.opened());
  EXPECT_EQ(0, stranger.opened());
}

TEST(Scheme, HttpsIsAnotherDestinationThanHttp) {
  Shop shop({.egress = "unlisted = \"deny\"\n"});
  EXPECT_EQ(200, ask_egress(shop.proxy, shop.upstream.url() + "/s").status());
  Message answer = ask_egress(shop.proxy, https(shop.upstream, "/s"));
  EXPECT_EQ(403, answer.status()) << answer;
  EXPECT_EQ(1, shop.upstream.requests());
}

// What was fetched in clear is no answer to a call that wanted TLS.
TEST(Scheme, HttpsIsNotAnsweredFromAPin) {
  Shop shop({.prefetch = "mode = \"on\"\n"});
  shop.view([&](const Message& r) {
    return std::to_string(
        ask_egress(shop.proxy, https(shop.upstream, "/s?word=" + Shop::q_of(r))).status());
  });
  EXPECT_EQ("501", shop.ask("a").body);
  EXPECT_EQ(1, shop.upstream.requests()) << "the prefetch";
  EXPECT_EQ(0, shop.egress_calls("pinned"));
}

TEST(Scheme, OthersAreNoTargets) {
  Shop shop;
  for (const char* target : {"ftp://127.0.0.1/", "httpss://127.0.0.1/", "ws://127.0.0.1/"}) {
    EXPECT_EQ(400, ask_egress(shop.proxy, target).status()) << target;
  }
}

// The scheme that a client writes says nothing about its connection.
TEST(Scheme, AClientsAbsoluteTargetDoesNotMakeItsConnectionSecure) {
  Origin backend;
  Proxy proxy(backend);
  Message answer = Client(proxy.front())
                       .send("GET https://shop.example/a?b HTTP/1.1\r\nHost: shop.example\r\n\r\n")
                       .answer();
  ASSERT_EQ(200, answer.status()) << answer;
  EXPECT_EQ("/a?b", backend.request(1).target());
  EXPECT_EQ("http", backend.request(1).field("x-forwarded-proto"));
}

}  // namespace
}  // namespace siding::test
