// Whose answer a pin is: every field counts, what is learned, what is refused, what never crosses.
#include <gtest/gtest.h>

#include <vector>

#include "tests/harness/shop.h"

namespace siding::test {
namespace {

TEST(PrefetchFields, UsersWhoseCallsDifferInAnUnknownFieldAreNeverMixedUp) {
  Shop shop({.prefetch = "mode = \"on\"\n", .backend = "concurrency = 2\n"});
  shop.upstream.on_request(
      [](Origin::Call& call) { call.respond("list of " + call.request.field("x-user-id") + "!"); });
  shop.view([&](const Message& r) {
    return shop.call_music(r, "X-User-Id: " + r.field("x-user-id") + "\r\n");
  });
  std::vector<Client> clients;
  for (int i = 0; i < 20; ++i) clients.emplace_back(shop.proxy.front());
  for (int round = 0; round < 10; ++round) {
    for (size_t i = 0; i < clients.size(); ++i) {
      clients[i].get("/search/?q=a", i % 2 == 0 ? "X-User-Id: ann\r\n" : "X-User-Id: bob\r\n");
    }
    for (size_t i = 0; i < clients.size(); ++i) {
      EXPECT_EQ(i % 2 == 0 ? "list of ann!" : "list of bob!", clients[i].answer().body);
    }
  }
  EXPECT_GT(shop.proxy.metric("siding_prefetch_total", {"result=missed", "reason=field:x-user-id"}),
            0);
  EXPECT_EQ(0, shop.proxy.metric("siding_prefetch_total", {"result=used"}));
}

TEST(PrefetchFields, AFieldFromATemplateIsCompared) {
  Shop shop({.prefetch = "mode = \"on\"\n",
             .call = "call = \"music:/s?word={query.q}\"\n"
                     "headers = { X-User-Id = \"{header.x-user-id}\" }\n"});
  shop.upstream.on_request(
      [](Origin::Call& call) { call.respond("list of " + call.request.field("x-user-id")); });
  shop.view([&](const Message& r) {
    return shop.call_music(r, "X-User-Id: " + r.field("x-user-id") + "\r\n");
  });
  for (const char* user : {"ann", "bob", "ann"}) {
    EXPECT_EQ("list of " + std::string(user),
              shop.ask("a", "X-User-Id: " + std::string(user) + "\r\n").body);
  }
  EXPECT_TRUE(shop.proxy.prefetched(3, "used"));
  EXPECT_EQ(3, shop.upstream.requests());
}

TEST(PrefetchFields, CredentialsOfOneUserAreNeverSentForAnother) {
  Shop shop;
  shop.upstream.on_request(
      [](Origin::Call& call) { call.respond("secret of " + call.request.field("authorization")); });
  shop.view([&](const Message& r) {
    return shop.call_music(r, "Authorization: " + r.field("authorization") + "\r\n" +
                                  "Cookie: " + r.field("cookie") + "\r\n");
  });
  for (int i = 0; i < 30; ++i) {
    std::string user = "user-" + std::to_string(i % 3);
    Message answer = shop.ask("a", "Authorization: " + user + "\r\nCookie: s=" + user + "\r\n");
    EXPECT_EQ("secret of " + user, answer.body);
  }
  EXPECT_EQ(30, shop.upstream.requests());
  for (const Message& m : shop.upstream.log()) {
    EXPECT_EQ("s=" + m.field("authorization"), m.field("cookie"));
    EXPECT_TRUE(m.has("authorization")) << "no speculative call without what it needs";
  }
}

TEST(PrefetchFields, AFieldOfTheApplicationIsLearnedFromThreeClients) {
  Shop shop({.top = "trusted_proxies = [\"loopback\"]\n"});
  shop.view([&](const Message& r) { return shop.call_music(r, "X-App: shop/1\r\n"); });
  auto ask = [&](int client) {
    return shop.ask("a", "X-Forwarded-For: 10.0.0." + std::to_string(client) + "\r\n").body;
  };
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Shop::song("a"), ask(1));
  EXPECT_TRUE(shop.proxy.prefetched(0, "used")) << "one client is not enough";
  std::string why = shop.proxy.explain("last");
  EXPECT_NE(std::string::npos, why.find("field:x-app")) << why;
  ask(2);
  ask(3);
  for (int i = 4; i < 7; ++i) EXPECT_EQ(Shop::song("a"), ask(i));
  EXPECT_TRUE(shop.proxy.prefetched(3, "used"));
  EXPECT_EQ("shop/1", shop.upstream.log().back().field("x-app"));
}

TEST(PrefetchFields, AnIgnoredFieldMayDiffer) {
  Shop shop({.upstream = "ignore_headers = [\"X-Trace\"]\n"});
  int n = 0;
  shop.view([&](const Message& r) {
    return shop.call_music(r, "X-Trace: " + std::to_string(++n) + "\r\n");
  });
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Shop::song("a"), shop.ask("a").body);
  EXPECT_TRUE(shop.proxy.prefetched(2, "used"));
}

TEST(PrefetchFields, ConfiguredFieldsAreSetOnBothSides) {
  Shop shop({.upstream = "headers = { X-Api-Key = \"k3y\" }\n"});
  for (int i = 0; i < 2; ++i) EXPECT_EQ(Shop::song("a"), shop.ask("a").body);
  EXPECT_TRUE(shop.proxy.prefetched(1, "used"));
  for (int i = 1; i <= 2; ++i) {
    EXPECT_EQ("k3y", shop.upstream.request(i).field("x-api-key")) << i;
    EXPECT_EQ(1u, shop.upstream.request(i).count("x-api-key"));
  }
}

/// A view whose library says something else on its second call.
void refused(const std::string& answer_fields, const std::string& second_request,
             const char* reason) {
  Shop shop;
  shop.upstream.on_request([&](Origin::Call& call) { call.respond("body", answer_fields); });
  int n = 0;
  shop.view([&](const Message&) {
    std::string url = shop.upstream.url() + "/s?word=a";
    if (++n == 1) return call_out(shop.proxy.egress(), url).body;
    return Client(shop.proxy.egress())
        .send("GET " + url + " HTTP/1.1\r\nHost: " + shop.upstream.host() + "\r\n" +
              second_request + "\r\n")
        .answer()
        .body;
  });
  EXPECT_EQ("body", shop.ask("a").body);
  EXPECT_EQ("body", shop.ask("a").body);
  EXPECT_TRUE(shop.proxy.prefetched(1, "missed", reason));
  EXPECT_EQ(3, shop.upstream.requests()) << "the worker's own call went out";
}

TEST(PrefetchFields, APinIsRefusedIfItsVaryDiffers) {
  refused("Vary: User-Agent\r\n", "User-Agent: other/1\r\nAccept-Encoding: gzip, deflate\r\n",
          "vary:user-agent");
}

TEST(PrefetchFields, APinIsRefusedIfItsCodingIsNotAccepted) {
  refused("Content-Encoding: gzip\r\n", "Accept-Encoding: identity\r\n", "content-encoding");
}

TEST(PrefetchFields, StatusCookiesAndRedirectsPassUnchanged) {
  Shop shop({.prefetch = "mode = \"on\"\n"});
  shop.upstream.on_request([](Origin::Call& call) {
    call.respond("moved",
                 "Location: /elsewhere\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n"
                 "Cache-Control: no-store\r\n",
                 302);
  });
  shop.view([&](const Message& r) {
    Message got = call_out(shop.proxy.egress(), shop.upstream.url() + "/s?word=" + Shop::q_of(r));
    return std::to_string(got.status()) + got.field("location") + got.field("set-cookie") +
           got.field("cache-control") + got.body;
  });
  EXPECT_EQ("302/elsewherea=1, b=2no-storemoved", shop.ask("a").body);
  EXPECT_TRUE(shop.proxy.prefetched(1, "used"));
}

TEST(PrefetchFields, ASecondIdenticalCallIsACallOfItsOwn) {
  Shop shop({.prefetch = "mode = \"on\"\n"});
  shop.upstream.on_request([](Origin::Call& call) { call.respond(std::to_string(call.number)); });
  shop.view([&](const Message& r) {
    std::string first = shop.call_music(r);
    return first + shop.call_music(r);
  });
  EXPECT_EQ("12", shop.ask("a").body);
  EXPECT_TRUE(shop.proxy.prefetched(1, "used"));
}

}  // namespace
}  // namespace siding::test
