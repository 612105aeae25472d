// When a call is prefetched and when it is not: modes, conditions, methods, sharing, budgets.
#include <gtest/gtest.h>

#include <vector>

#include "tests/harness/shop.h"

namespace siding::test {
namespace {

TEST(PrefetchRules, OffMakesNoCalls) {
  Shop shop({.prefetch = "mode = \"off\"\n"});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Shop::song("a"), shop.ask("a").body);
  EXPECT_EQ(3, shop.upstream.requests());
  EXPECT_EQ(3, shop.egress_calls("forwarded"));
}

TEST(PrefetchRules, ObserveComparesAndMakesNoCall) {
  Shop shop({.prefetch = "mode = \"observe\"\n"});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Shop::song("a"), shop.ask("a").body);
  EXPECT_EQ(3, shop.upstream.requests());
  EXPECT_TRUE(shop.proxy.prefetched(3, "skipped", "observing"));
  shop.view([&](const Message& r) {
    Message got = call_out(shop.proxy.egress(), shop.upstream.url() + "/s?other=1");
    return got.body + r.target();
  });
  shop.ask("a");
  EXPECT_TRUE(shop.proxy.prefetched(1, "missed", "target"));
}

TEST(PrefetchRules, OnMakesTheFirstCallToo) {
  Shop shop({.prefetch = "mode = \"on\"\n"});
  EXPECT_EQ(Shop::song("a"), shop.ask("a").body);
  EXPECT_EQ(1, shop.upstream.requests());
  EXPECT_TRUE(shop.proxy.prefetched(1, "used"));
}

TEST(PrefetchRules, AValueThatIsMissingMeansNoCall) {
  Shop shop({.prefetch = "mode = \"on\"\n"});
  shop.view([](const Message&) { return "nothing asked"; });
  EXPECT_EQ("nothing asked", get(shop.proxy.front(), "/search/").body);
  EXPECT_EQ(0, shop.upstream.opened());
  EXPECT_TRUE(shop.proxy.prefetched(1, "skipped", "value_absent"));
}

TEST(PrefetchRules, WhenGuardsIt) {
  Shop shop({.prefetch = "mode = \"on\"\nwhen = [\"cookie.sessionid\"]\n"});
  EXPECT_EQ(Shop::song("a"), shop.ask("a").body);
  EXPECT_TRUE(shop.proxy.prefetched(1, "skipped", "condition"));
  EXPECT_EQ(Shop::song("a"), shop.ask("a", "Cookie: x=y; sessionid=1\r\n").body);
  EXPECT_TRUE(shop.proxy.prefetched(1, "used"));
}

TEST(PrefetchRules, IdenticalCallsMayBeShared) {
  Shop shop({.prefetch = "mode = \"on\"\nshare = true\n", .backend = "concurrency = 3\n"});
  shop.upstream.hold();
  std::vector<Client> clients;
  for (int i = 0; i < 5; ++i) clients.emplace_back(shop.proxy.front()).get("/search/?q=a");
  ASSERT_TRUE(shop.proxy.waits(5));
  ASSERT_TRUE(shop.upstream.wait_for(1));
  EXPECT_EQ(1, shop.upstream.requests());
  shop.upstream.release();
  for (Client& c : clients) EXPECT_EQ(Shop::song("a"), c.answer().body);
  EXPECT_EQ(1, shop.upstream.requests());
}

TEST(PrefetchRules, CallsWithCredentialsAreNeverShared) {
  Shop shop({.prefetch = "mode = \"on\"\nshare = true\n",
             .call = "call = \"music:/s?word={query.q}\"\n"
                     "headers = { Authorization = \"{header.authorization}\" }\n"});
  shop.view([&](const Message& r) {
    return shop.call_music(r, "Authorization: " + r.field("authorization") + "\r\n");
  });
  shop.upstream.hold();
  std::vector<Client> clients;
  for (int i = 0; i < 3; ++i) {
    clients.emplace_back(shop.proxy.front()).get("/search/?q=a", "Authorization: Basic Zm9v\r\n");
  }
  ASSERT_TRUE(shop.upstream.wait_for(3));
  shop.upstream.release();
  for (Client& c : clients) EXPECT_EQ(Shop::song("a"), c.answer().body);
  EXPECT_TRUE(shop.proxy.prefetched(3, "used"));
}

TEST(PrefetchRules, UnsafeMethodsOnlyWhereTheRouteSaysSo) {
  Shop careful({.prefetch = "mode = \"on\"\n"});
  EXPECT_EQ(Shop::song("a"), post(careful.proxy.front(), "/search/?q=a", "b=c").body);
  EXPECT_TRUE(careful.proxy.prefetched(1, "skipped", "unsafe_method"));
  EXPECT_EQ(1, careful.egress_calls("forwarded"));

  Shop bold({.prefetch = "mode = \"on\"\nunsafe_methods = true\n",
             .call = "call = \"music:/s?word={form.q}\"\n"});
  bold.view([&](const Message& r) {
    return call_out(bold.proxy.egress(), bold.upstream.url() + "/s?word=" + r.body.substr(2)).body;
  });
  Message answer = post(bold.proxy.front(), "/search/", "q=rain",
                        "Content-Type: application/x-www-form-urlencoded\r\n");
  EXPECT_EQ(Shop::song("rain"), answer.body);
  EXPECT_TRUE(bold.proxy.prefetched(1, "used"));
}

TEST(PrefetchRules, HeadCallsAndHeadClients) {
  Shop shop({.prefetch = "mode = \"on\"\n",
             .call = "call = \"music:/s?word={query.q}\"\nmethod = \"HEAD\"\n"});
  shop.view([&](const Message& r) {
    Client library(shop.proxy.egress());
    library.head(shop.upstream.url() + "/s?word=" + Shop::q_of(r));
    return library.answer().field("content-length");
  });
  EXPECT_EQ(std::to_string(Shop::song("a").size()), shop.ask("a").body);
  EXPECT_TRUE(shop.proxy.prefetched(1, "used"));
  Client client(shop.proxy.front());
  Message answer = client.head("/search/?q=a").answer();
  EXPECT_EQ(200, answer.status());
  EXPECT_TRUE(shop.proxy.prefetched(2, "used"));
  EXPECT_EQ(2, shop.upstream.requests());
}

TEST(PrefetchRules, AClientWhosePrefetchesGoUnusedGetsNoneForAMinute) {
  ManualClock clock;
  Shop shop({.prefetch = "mode = \"on\"\n",
             .top = "trusted_proxies = [\"loopback\"]\n",
             .clock = &clock});
  shop.view([](const Message&) { return "please log in"; });
  constexpr const char* kAttacker = "X-Forwarded-For: 10.0.0.1\r\n";
  for (int i = 0; i < 5; ++i) shop.ask("a", kAttacker);
  EXPECT_EQ(3, shop.upstream.requests());
  EXPECT_TRUE(shop.proxy.prefetched(3, "unused"));
  EXPECT_TRUE(shop.proxy.prefetched(2, "skipped", "client_paused"));
  shop.view([&](const Message& r) { return shop.call_music(r); });
  EXPECT_EQ(Shop::song("a"), shop.ask("a", "X-Forwarded-For: 10.0.0.2\r\n").body);
  EXPECT_TRUE(shop.proxy.prefetched(1, "used")) << "others are not punished";
  shop.proxy.advance(std::chrono::seconds(61));
  EXPECT_EQ(Shop::song("a"), shop.ask("a", kAttacker).body);
  EXPECT_TRUE(shop.proxy.prefetched(2, "used"));
}

TEST(PrefetchRules, AnonymousRequestsThatEndAtTheLoginCostLittle) {
  Shop shop({.top = "trusted_proxies = [\"loopback\"]\n"});
  shop.view(
      [&](const Message& r) { return r.has("cookie") ? shop.call_music(r) : "please log in"; });
  constexpr const char* kUser = "Cookie: s=1\r\nX-Forwarded-For: 10.9.9.9\r\n";
  for (int i = 0; i < 2; ++i) EXPECT_EQ(Shop::song("a"), shop.ask("a", kUser).body);
  int before = shop.upstream.requests();
  Client anonymous(shop.proxy.front());
  for (int i = 0; i < 1000; ++i) {
    std::string ip = "10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250);
    anonymous.get("/search/?q=a", "X-Forwarded-For: " + ip + "\r\n");
    ASSERT_EQ("please log in", anonymous.answer().body);
  }
  EXPECT_LT(shop.upstream.requests() - before, 30);
  double used = shop.proxy.metric("siding_prefetch_total", {"result=used"});
  EXPECT_EQ(Shop::song("a"), shop.ask("a", kUser).body);
  EXPECT_TRUE(shop.proxy.prefetched(used + 1, "used")) << "other users' prefetch is still on";
}

TEST(PrefetchRules, ATunnelToItsHostPausesIt) {
  Shop shop({.prefetch = "mode = \"on\"\n"});
  EXPECT_EQ(Shop::song("a"), shop.ask("a").body);
  EXPECT_TRUE(shop.proxy.prefetched(1, "used"));
  Client tunnel(shop.proxy.egress());
  tunnel.send("CONNECT " + shop.upstream.host() + " HTTP/1.0\r\n\r\n");
  EXPECT_EQ(200, tunnel.wire().read_response(true).status());
  EXPECT_EQ(Shop::song("a"), shop.ask("a").body);
  EXPECT_TRUE(shop.proxy.prefetched(1, "skipped", "tunnelled"));
  EXPECT_EQ(1, shop.egress_calls("tunnel"));
}

TEST(PrefetchRules, WhatIsTooLargeIsNotPinned) {
  Shop shop({.prefetch = "mode = \"on\"\n", .tables = "[pins]\nmax_pin = \"1KiB\"\n"});
  std::string large(5000, 'l');
  shop.upstream.on_request([&](Origin::Call& call) { call.respond(large); });
  EXPECT_EQ(large, shop.ask("a").body);
  EXPECT_EQ(2, shop.upstream.requests()) << "the worker's own call went out";
  EXPECT_TRUE(shop.proxy.prefetched(1, "too_large"));
}

}  // namespace
}  // namespace siding::test
