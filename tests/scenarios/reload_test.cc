// A configuration that is replaced: what is under way keeps to what it began with, what comes follows the new
// one, and what has a name in both goes on.
#include <gtest/gtest.h>

#include <vector>

#include "tests/harness/cached.h"
#include "tests/harness/shop.h"

namespace siding::test {
namespace {

constexpr const char* kSingle = "concurrency = 1\nbacklog = 0\n";

TEST(Reload, ANewRouteServesTheNextRequestOfAKeptConnection) {
  Origin old_backend([](Origin::Call& call) { call.respond("old"); });
  Origin new_backend([](Origin::Call& call) { call.respond("new"); });
  Proxy proxy(old_backend);
  Client client(proxy.front());
  EXPECT_EQ("old", client.get("/").answer().body);
  EXPECT_EQ("", proxy.reload(new_backend.url(), {}));
  EXPECT_EQ("new", client.get("/").answer().body);
  EXPECT_EQ("", proxy.reload({}));
  EXPECT_EQ("old", client.get("/").answer().body);
  EXPECT_EQ(2, proxy.metric("siding_reloads_total", {"result=done"}));
  EXPECT_EQ(0, proxy.metric("siding_reload_refused"));
}

TEST(Reload, ARequestEndsWhereItBegan) {
  Origin old_backend([](Origin::Call& call) { call.respond("old"); });
  Origin new_backend;
  old_backend.hold();
  Proxy proxy(old_backend);
  Client inside(proxy.front());
  inside.get("/");
  ASSERT_TRUE(old_backend.wait_for(1));
  ASSERT_EQ("", proxy.reload(new_backend.url(), {}));
  EXPECT_EQ(2, proxy.metric("siding_configurations"));
  old_backend.release();
  EXPECT_EQ("old", inside.answer().body);
  EXPECT_EQ(0, new_backend.requests());
  EXPECT_TRUE(proxy.metric_becomes(1, "siding_configurations")) << "nobody needs the old one";
}

TEST(Reload, WhoWaitsForABackendThatIsRemovedIsServedByIt) {
  Origin shop;
  Origin old_backend([](Origin::Call& call) { call.respond("old"); });
  old_backend.hold();
  Proxy proxy(
      shop, {.tables = "[backend.old]\nconcurrency = 1\nbacklog = 0\nurl = \"" + old_backend.url() +
                       "\"\n[[route]]\npath = \"/old\"\nbackend = \"old\"\n"});
  std::vector<Client> clients;
  for (int i = 0; i < 3; ++i) clients.emplace_back(proxy.front()).get("/old");
  ASSERT_TRUE(proxy.metric_becomes(2, "siding_queue_depth", {"backend=old"}));
  ASSERT_EQ("", proxy.reload({}));
  EXPECT_EQ("/old", get(proxy.front(), "/old").body) << "the shop has that path now";
  old_backend.release();
  for (Client& client : clients) EXPECT_EQ("old", client.answer().body);
  EXPECT_TRUE(proxy.metric_becomes(1, "siding_configurations"));
}

TEST(Reload, AQueueGoesOnWithMorePermits) {
  Origin backend;
  backend.hold();
  Proxy proxy(backend, {.backend = kSingle});
  std::vector<Client> clients;
  for (int i = 0; i < 4; ++i) clients.emplace_back(proxy.front()).get("/");
  ASSERT_TRUE(proxy.waits(3));
  ASSERT_TRUE(backend.wait_for(1));
  ASSERT_EQ("", proxy.reload({.backend = "concurrency = 3\nbacklog = 0\n"}));
  EXPECT_TRUE(backend.wait_for(3)) << "who waited is served at once";
  EXPECT_TRUE(proxy.waits(1));
  backend.release();
  for (Client& client : clients) EXPECT_EQ(200, client.answer().status());
}

TEST(Reload, FewerPermitsTakeEffectAsTheyReturn) {
  Origin backend;
  backend.hold();
  Proxy proxy(backend, {.backend = "concurrency = 3\nbacklog = 0\n"});
  std::vector<Client> clients;
  for (int i = 0; i < 6; ++i) clients.emplace_back(proxy.front()).get("/");
  ASSERT_TRUE(backend.wait_for(3));
  ASSERT_TRUE(proxy.waits(3));
  ASSERT_EQ("", proxy.reload({.backend = kSingle}));
  EXPECT_TRUE(proxy.inside(3));
  backend.release(1);
  EXPECT_TRUE(proxy.inside(2));
  backend.release(1);
  EXPECT_TRUE(proxy.inside(1));
  EXPECT_EQ(3, backend.requests()) << "nobody went in for those who came out";
  backend.release();
  for (Client& client : clients) EXPECT_EQ(200, client.answer().status());
  EXPECT_EQ(6, backend.requests());
}

// Nothing of it was sent yet.
TEST(Reload, WhoWaitsForADeadBackendGoesWhereItLeadsNow) {
  Origin dead{Origin::Down()};
  Origin alive;
  Proxy proxy(dead, {.backend = kSingle});
  std::vector<Client> clients;
  for (int i = 0; i < 3; ++i) clients.emplace_back(proxy.front()).get("/");
  ASSERT_TRUE(proxy.metric_becomes(1, "siding_backend_down"));
  ASSERT_EQ("", proxy.reload(alive.url(), {.backend = kSingle}));
  EXPECT_EQ(200, get(proxy.front(), "/").status());
  for (Client& client : clients) EXPECT_EQ(200, client.answer().status());
  EXPECT_EQ(0, proxy.metric("siding_backend_down"));
}

TEST(Reload, AnAddressThatIsNotProbedAnyMoreIsNotDown) {
  ManualClock clock;
  Origin shop;
  Origin music([](Origin::Call& call) {
    call.respond("song", "", call.request.target() == "/wrong" ? 404 : 200);
  });
  const std::string fan =
      "[[route]]\npath = \"/fan\"\n[route.fanout.song]\ncall = \"music:/s\"\nrequired = true\n";
  const std::string upstream = "[upstream.music]\nurl = \"" + music.url() + "\"\n";
  const std::string probe = "probe = { path = \"/wrong\", interval = \"1s\" }\n";
  Proxy proxy(shop, {.tables = upstream + probe + fan, .clock = &clock});
  ASSERT_TRUE(wait_until([&] {
    proxy.advance(std::chrono::seconds(2));
    return proxy.metric("siding_endpoint_down") == 1;
  }));
  EXPECT_NE(200, get(proxy.front(), "/fan").status());
  ASSERT_EQ("", proxy.reload({.tables = upstream + fan}));
  EXPECT_EQ(200, get(proxy.front(), "/fan").status());
}

TEST(Reload, AnAnswerThatWasPrefetchedBeforeIsUsedAfter) {
  Shop shop({.prefetch = "mode = \"on\"\n"});
  shop.backend.hold();
  Client client(shop.proxy.front());
  client.get("/search/?q=a");
  ASSERT_TRUE(shop.upstream.wait_for(1));
  ASSERT_TRUE(shop.backend.wait_for(1));
  ASSERT_EQ("", shop.proxy.reload({.tables = setup_tables(shop.upstream, Shop::Options())}));
  shop.backend.release();
  EXPECT_EQ(Shop::song("a"), client.answer().body);
  EXPECT_EQ(1, shop.upstream.requests()) << "the worker's own call met the pin";
}

TEST(Reload, WhatAPrefetchHasTaughtIsKept) {
  Shop::Options options;
  Shop shop(options);
  EXPECT_EQ(Shop::song("a"), shop.ask("a").body);
  EXPECT_TRUE(shop.proxy.prefetched(1, "skipped", "observing"));
  options.upstream = "timeout = \"3s\"\n";
  ASSERT_EQ("", shop.proxy.reload(shop_setup(shop.upstream, options)));
  EXPECT_EQ(Shop::song("b"), shop.ask("b").body);
  EXPECT_TRUE(shop.proxy.prefetched(1, "used")) << "it needs no other dry match";
}

TEST(Reload, ABreakerStaysOpen) {
  ManualClock clock;
  Origin shop;
  Origin music([](Origin::Call& call) { call.respond("no", "", 503); });
  const std::string fan = "[[route]]\npath = \"/fan\"\n[route.fanout.song]\ncall = \"music:/s\"\n";
  const std::string upstream = "[upstream.music]\nurl = \"" + music.url() + "\"\nretries = 0\n";
  Proxy proxy(shop, {.tables = upstream + fan, .clock = &clock});
  for (int i = 0; i < 5; ++i) get(proxy.front(), "/fan");
  ASSERT_TRUE(proxy.metric_becomes(1, "siding_endpoint_open"));
  ASSERT_EQ(5, music.requests());
  ASSERT_EQ("", proxy.reload({.tables = upstream + "timeout = \"3s\"\n" + fan}));
  EXPECT_EQ(1, proxy.metric("siding_endpoint_open"));
  get(proxy.front(), "/fan");
  EXPECT_EQ(5, music.requests()) << "it is left alone";
}

TEST(Reload, StoredAnswersStayWithTheirRoute) {
  CachedShop shop;
  shop.says("old", "Cache-Control: max-age=100\r\n");
  EXPECT_EQ("old", shop.ask().body);
  shop.says("new", "Cache-Control: max-age=100\r\n");
  ASSERT_EQ("", shop.proxy.reload(shop.with("true", {.route = "deadline = \"5s\"\n"})));
  EXPECT_EQ("old", shop.ask().body);
  ASSERT_EQ("", shop.proxy.reload(shop.with("false", {})));
  EXPECT_EQ("new", shop.ask().body) << "the route has no cache";
}

TEST(Reload, ConnectionsAreKeptWhereTheyAreTheSame) {
  Origin backend;
  Proxy proxy(backend);
  get(proxy.front(), "/");
  ASSERT_EQ("", proxy.reload({.backend = "concurrency = 2\n"}));
  get(proxy.front(), "/");
  EXPECT_EQ(1, backend.opened());
  ASSERT_EQ("", proxy.reload({.backend = "concurrency = 2\nidle_timeout = \"3s\"\n"}));
  EXPECT_TRUE(backend.wait_for_open(0)) << "no worker is held by one that nobody will use";
  get(proxy.front(), "/");
  EXPECT_EQ(2, backend.opened());
}

TEST(Reload, AnAddressComesAndGoes) {
  Origin backend;
  const std::string other = "\"127.0.0.2:0\"";
  Proxy proxy(backend);
  const uint16_t first = proxy.front();
  Client kept(first);
  kept.get("/").answer();
  ASSERT_EQ("", proxy.reload({.listen = "\"127.0.0.1:0\", " + other}));
  EXPECT_EQ(first, proxy.front(0));
  EXPECT_NE(0, proxy.front(1));
  EXPECT_EQ(200, kept.get("/").answer().status());
  backend.hold();
  kept.get("/");
  ASSERT_TRUE(backend.wait_for(3));
  ASSERT_EQ("", proxy.reload({.listen = other}));
  EXPECT_TRUE(wait_until([&] { return get(first, "/").fault == "refused"; }))
      << "it is not listened on any more";
  backend.release();
  Message last = kept.answer();
  EXPECT_EQ(200, last.status()) << "who was inside is answered";
  EXPECT_EQ("close", last.field("connection"));
  EXPECT_EQ("closed", kept.end());
}

TEST(Reload, WhoCameInUnderOtherRulesDoesNotStay) {
  Origin backend;
  Proxy proxy(backend, {.top = "trusted_proxies = [\"loopback\"]\n"});
  const uint16_t port = proxy.front();
  ASSERT_EQ("", proxy.reload({.listen = "\"127.0.0.1:0\", \"127.0.0.2:0\""}));
  Client kept(port);
  kept.get("/").answer();
  ASSERT_EQ("", proxy.reload({.top = "trusted_proxies = [\"loopback\"]\n",
                              .listen = "{ address = \"127.0.0.1:0\", proxy_protocol = true }"}));
  ASSERT_EQ(port, proxy.front());
  kept.get("/");
  Message last = kept.answer();
  EXPECT_EQ("close", last.field("connection"));
  Client by_proxy(port);
  by_proxy.send("PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n");
  EXPECT_EQ(200, by_proxy.get("/").answer().status());
}

TEST(Reload, WhatCannotBeListenedOnChangesNothing) {
  Origin backend;
  Origin taken;  // its port is
  Proxy proxy(backend);
  const uint16_t first = proxy.front();
  const std::string wrong = "\"127.0.0.3:0\", \"" + taken.host() + "\"";
  const std::string fault = proxy.reload("http://127.0.0.1:1", {.listen = wrong});
  EXPECT_NE(fault.find("cannot listen on " + taken.host()), std::string::npos) << fault;
  EXPECT_EQ(first, proxy.front());
  EXPECT_EQ(200, get(first, "/").status()) << "by the backend that was there";
  EXPECT_EQ(1, proxy.metric("siding_reloads_total", {"result=refused"}));
  EXPECT_EQ(1, proxy.metric("siding_reload_refused"));
  ASSERT_EQ("", proxy.reload({}));
  EXPECT_EQ(0, proxy.metric("siding_reload_refused"));
}

TEST(Reload, AWorkersCallIsAnsweredWhereEgressIsTakenAway) {
  Shop shop({.prefetch = "mode = \"off\"\n"});
  Client worker(shop.proxy.egress());
  worker.send("GET " + shop.upstream.url() + "/s?word=x HTTP/1.1\r\nHost: " + shop.upstream.host() +
              "\r\n");
  // The rest of its head comes when there is no egress any more.
  ASSERT_TRUE(shop.proxy.metric_becomes(1, "siding_connections", {"listener=egress"}));
  ASSERT_EQ("", shop.proxy.reload({.has_egress = false}));
  worker.send("\r\n");
  EXPECT_EQ(Shop::song("x"), worker.answer().body);
}

TEST(Reload, IsRefusedInADrain) {
  Origin backend;
  backend.hold();
  Proxy proxy(backend);
  Client inside(proxy.front());
  inside.get("/");
  ASSERT_TRUE(backend.wait_for(1));
  proxy.drain();
  EXPECT_EQ("siding is about to end", proxy.reload({}));
  backend.release();
  EXPECT_EQ(200, inside.answer().status());
  EXPECT_EQ(0, proxy.wait());
}

}  // namespace
}  // namespace siding::test
