// Purging: what is gone afterwards, what stays, what was under way meanwhile, and who may.
#include <gtest/gtest.h>

#include <thread>
#include <variant>
#include <vector>

#include "proxy/tools/cli.h"
#include "tests/harness/cached.h"
#include "tests/harness/shop.h"

namespace siding::test {
namespace {

using namespace std::chrono_literals;

const std::string kForAnHour = "Cache-Control: max-age=3600\r\n";
const std::string kAtShop = "http%3A%2F%2Fshop.example";
using Texts = std::vector<std::string>;
const Texts kUrlAndTag{"url=" + kAtShop + "/s", "tag=one"};

Message purge_at(Proxy& proxy, const std::string& query, const std::string& fields = "") {
  return Client(proxy.admin())
      .send("POST /cache/purge?" + query + " HTTP/1.1\r\nHost: localhost\r\n" + fields +
            "Content-Length: 0\r\n\r\n")
      .answer();
}
/// How many entries went.
int purged(Proxy& proxy, const std::string& query) {
  Message answer = purge_at(proxy, query);
  EXPECT_EQ(200, answer.status()) << answer;
  return answer.status() == 200 ? std::atoi(answer.body.c_str()) : -1;
}

struct Purged : CachedShop {
  using CachedShop::CachedShop;
  /// Whether it is answered from the store; asking stores it.
  bool stored(std::string_view target, std::string_view fields = "") {
    const Message answer = ask(target, fields);
    EXPECT_EQ(200, answer.status());
    return answer.field("cache-status").starts_with("siding; hit");
  }
  void fill(std::initializer_list<std::string_view> targets) {
    for (std::string_view t : targets) ask(t);
  }
};

TEST(CachePurge, AUrl) {
  Purged shop;
  shop.says("song", kForAnHour);
  shop.fill({"/s?n=1", "/s?n=2", "/s", "/s/"});
  EXPECT_EQ(1, purged(shop.proxy, "url=" + kAtShop + "%3A80%2F%73%3Fn%3D1"));
  EXPECT_FALSE(shop.stored("/s?n=1"));
  for (const char* kept : {"/s?n=1", "/s?n=2", "/s", "/s/"}) EXPECT_TRUE(shop.stored(kept)) << kept;
  EXPECT_EQ(0, purged(shop.proxy, "url=http://other.example/s"));
  EXPECT_EQ(2, shop.proxy.metric("siding_cache_purges_total", {"kind=url"}));
  EXPECT_EQ(0, shop.proxy.metric("siding_cache_purges_total", {"kind=tag"}));
  EXPECT_EQ(1, shop.proxy.metric("siding_cache_purged_total"));
}

TEST(CachePurge, AllVariantsAndContentsOfAUrl) {
  Purged shop;
  shop.backend.on_request([](Origin::Call& call) {
    call.respond("x",
                 kForAnHour + (call.request.method() == "GET" ? "Vary: Accept-Language\r\n" : ""));
  });
  auto query = [&](const std::string& content) {
    return Client(shop.proxy.front())
        .send("QUERY /s HTTP/1.1\r\nHost: shop.example\r\nContent-Type: a/b\r\nContent-Length: " +
              std::to_string(content.size()) + "\r\n\r\n" + content)
        .answer();
  };
  shop.ask("/s", "Accept-Language: de\r\n");
  shop.ask("/s", "Accept-Language: en\r\n");
  query("a");
  query("b");
  EXPECT_EQ(4, shop.proxy.metric("siding_cache_entries"));
  EXPECT_EQ(4, purged(shop.proxy, "url=" + kAtShop + "/s"));
  EXPECT_FALSE(shop.stored("/s", "Accept-Language: en\r\n"));
  EXPECT_EQ("siding; fwd=uri-miss; ttl=3600; stored", query("b").field("cache-status"));
}

TEST(CachePurge, BothSchemesAreMeant) {
  Purged shop("true", {.top = "trusted_proxies = [\"127.0.0.1\"]\n"});
  shop.says("song", kForAnHour);
  shop.ask("/s", "X-Forwarded-Proto: https\r\n");
  shop.ask("/s");
  EXPECT_EQ(2, purged(shop.proxy, "url=https%3A%2F%2Fshop.example%2Fs"));
  EXPECT_FALSE(shop.stored("/s", "X-Forwarded-Proto: https\r\n"));
}

TEST(CachePurge, AUrlIsMeantAsEachRouteKnowsIt) {
  Purged shop("{ ignore = [\"utm\"] }");
  shop.says("song", kForAnHour);
  shop.ask("/s?utm=a&q=1");
  EXPECT_EQ(1, purged(shop.proxy, "url=" + kAtShop + "/s%3Fq%3D1%26utm%3Db"));
  EXPECT_FALSE(shop.stored("/s?q=1"));
}

TEST(CachePurge, APrefix) {
  Purged shop;
  shop.says("song", kForAnHour);
  shop.fill({"/cat/1", "/cat/2?x=1", "/catalogue", "/dog"});
  EXPECT_EQ(2, purged(shop.proxy, "prefix=" + kAtShop + "/cat/"));
  EXPECT_FALSE(shop.stored("/cat/1"));
  EXPECT_TRUE(shop.stored("/catalogue"));
  EXPECT_EQ(3, purged(shop.proxy, "prefix=https://shop.example"));
}

TEST(CachePurge, ATag) {
  Purged shop;
  shop.backend.on_request([](Origin::Call& call) {
    call.respond("song",
                 kForAnHour + "Cache-Tag: song, " + call.request.target().substr(1) + "\r\n");
  });
  shop.fill({"/one", "/One", "/two"});
  EXPECT_EQ(1, purged(shop.proxy, "tag=one"));
  EXPECT_FALSE(shop.stored("/one"));
  EXPECT_TRUE(shop.stored("/One")) << "case counts";
  EXPECT_EQ(0, purged(shop.proxy, "tag=on"));
  EXPECT_EQ(3, purged(shop.proxy, "tag=song"));
}

TEST(CachePurge, Everything) {
  Purged shop;
  shop.says("song", kForAnHour);
  shop.fill({"/1", "/2", "/3"});
  EXPECT_EQ(3, purged(shop.proxy, "all=1"));
  EXPECT_EQ(0, shop.proxy.metric("siding_cache_entries"));
  EXPECT_FALSE(shop.stored("/1"));
}

TEST(CachePurge, CallsToUpstreams) {
  Shop shop({.upstream = "retries = 0\ncache = true\n"});
  shop.upstream.on_request([](Origin::Call& call) { call.respond("song", kForAnHour); });
  auto call = [&] {
    return call_out(shop.proxy.egress(), shop.upstream.url() + "/s?word=a").field("cache-status");
  };
  call();
  EXPECT_EQ("siding; hit", call().substr(0, 11));
  EXPECT_EQ(1, purged(shop.proxy, "prefix=" + shop.upstream.url() + "/s"));
  EXPECT_EQ("siding; fwd=uri-miss", call().substr(0, 20));
}

/// A fetch under way when `query` is purged is delivered. Is its answer found afterwards? Those who ask
/// after the purge never get it.
bool survives(const std::string& query, const std::string& cache = "true",
              const std::string& asked = "") {
  Purged shop(cache, {.backend = "concurrency = 4\n"});
  shop.backend.on_request([](Origin::Call& call) {
    call.respond("song " + std::to_string(call.number),
                 kForAnHour + "Cache-Tag: one\r\n" +
                     (call.request.has("authorization") ? "Cache-Control: public\r\n" : ""));
  });
  shop.backend.hold();
  Client before(shop.proxy.front());
  before.get("/s", asked);
  EXPECT_TRUE(shop.backend.wait_for(1));
  EXPECT_EQ(0, purged(shop.proxy, query));
  shop.backend.release();
  EXPECT_EQ("song 1", before.answer().body) << query;
  EXPECT_TRUE(shop.proxy.metric_becomes(1, "siding_exchanges_total", {"outcome=ok"}));
  const bool stored = shop.proxy.metric("siding_cache_entries") == 1;
  EXPECT_EQ(stored ? "song 1" : "song 2", shop.ask("/s", asked).body) << query;
  return stored;
}

TEST(CachePurge, WhatIsUnderWayIsDeliveredAndNotStored) {
  for (const std::string& query :
       Texts{kUrlAndTag[0], kUrlAndTag[1], "prefix=" + kAtShop, "all=1"}) {
    EXPECT_FALSE(survives(query)) << query;
  }
  EXPECT_TRUE(survives("url=" + kAtShop + "/other"));
  EXPECT_TRUE(survives("prefix=" + kAtShop + "/sb"));
  EXPECT_TRUE(survives("tag=two")) << "its tags are known when it is there";
}

TEST(CachePurge, NeitherIsWhatNobodyCanJoin) {
  for (const std::string& query : kUrlAndTag) {
    EXPECT_FALSE(survives(query, "{ coalesce = false }")) << query;
    EXPECT_FALSE(survives(query, "true", "Authorization: Basic x\r\n")) << query;
  }
  EXPECT_TRUE(survives("tag=two", "{ coalesce = false }"));
}

TEST(CachePurge, WhoAsksAfterwardsJoinsNoFetchFromBefore) {
  for (const std::string& query : kUrlAndTag) {
    Purged shop("true", {.backend = "concurrency = 4\n"});
    shop.backend.on_request([](Origin::Call& call) {
      call.respond("song " + std::to_string(call.number), kForAnHour + "Cache-Tag: one\r\n");
    });
    shop.backend.hold();
    Client before(shop.proxy.front());
    before.get("/s");
    ASSERT_TRUE(shop.backend.wait_for(1));
    purged(shop.proxy, query);
    Client after(shop.proxy.front());
    after.get("/s");
    ASSERT_TRUE(shop.backend.wait_for(2)) << query;
    shop.backend.release();
    EXPECT_EQ("song 1", before.answer().body);
    EXPECT_EQ("song 2", after.answer().body);
    EXPECT_EQ("song 2", shop.ask("/s").body);
  }
}

TEST(CachePurge, ARefreshDoesNotBringItBack) {
  for (const std::string& query : kUrlAndTag) {
    Purged shop;
    const std::string briefly =
        "Cache-Control: max-age=10, stale-while-revalidate=60\r\nETag: \"a\"\r\nCache-Tag: one\r\n";
    shop.says("old", briefly);
    shop.ask("/s");
    shop.proxy.advance(15s);
    shop.says("", "ETag: \"a\"\r\n", 304);
    shop.backend.hold();
    EXPECT_EQ("old", shop.ask("/s").body);
    ASSERT_TRUE(shop.backend.wait_for(2));
    EXPECT_EQ(1, purged(shop.proxy, query));
    shop.backend.release();
    EXPECT_TRUE(shop.proxy.metric_becomes(0, "siding_cache_fetches"));
    EXPECT_EQ(0, shop.proxy.metric("siding_cache_entries")) << query;
  }
}

TEST(CachePurge, NorDoesAHead) {
  Purged shop;
  shop.says("old", "Cache-Control: max-age=10\r\nETag: \"a\"\r\n");
  shop.ask("/s");
  shop.proxy.advance(15s);
  shop.backend.hold();
  Client head(shop.proxy.front());
  head.head("/s");
  ASSERT_TRUE(shop.backend.wait_for(2));
  EXPECT_EQ(1, purged(shop.proxy, "url=" + kAtShop + "/s"));
  shop.backend.release();
  EXPECT_EQ(200, head.answer().status());
  EXPECT_EQ(0, shop.proxy.metric("siding_cache_entries"));
}

void purge_beside_requests(const std::string& query, int threads) {
  Origin backend;
  backend.on_request(
      [](Origin::Call& call) { call.respond("song", kForAnHour + "Cache-Tag: one\r\n"); });
  Proxy proxy(backend,
              {.backend = "concurrency = 8\n", .route = "cache = true\n", .threads = threads});
  std::vector<std::thread> clients;
  for (int c = 0; c < 3; ++c) {
    clients.emplace_back([&proxy, c] {
      for (int i = 0; i < 100; ++i) {
        EXPECT_EQ("song", get(proxy.front(), "/" + std::to_string((i + c) % 20)).body);
      }
    });
  }
  for (int i = 0; i < 20; ++i) purged(proxy, query);
  for (std::thread& t : clients) t.join();
  purged(proxy, query);
  EXPECT_EQ(0, proxy.metric("siding_cache_entries"));
}
TEST(CachePurgeThreads, WhileOthersAskAndStore) {
  purge_beside_requests("tag=one", 3);
  purge_beside_requests("all=1", 3);
}

TEST(CachePurge, WhatIsWrongIsSaidAndNothingGoes) {
  Purged shop;
  shop.says("song", kForAnHour);
  shop.ask("/s");
  Message answer = purge_at(shop.proxy, "url=/s");
  EXPECT_EQ(400, answer.status());
  EXPECT_TRUE(answer.says("`/s` is no whole URL")) << answer;
  answer = Client(shop.proxy.admin())
               .send("GET /cache/purge?all=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
               .answer();
  EXPECT_EQ(405, answer.status());
  EXPECT_EQ("POST", answer.field("allow"));
  answer = Client(shop.proxy.admin())
               .send(
                   "POST /cache/purge HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
                   "Content-Type: application/x-www-form-urlencoded\r\n\r\nall=1")
               .answer();
  EXPECT_EQ(400, answer.status()) << "it is asked for by the query";
  const int before = shop.backend.requests();
  post(shop.proxy.front(), "/cache/purge?all=1", "");
  EXPECT_EQ(before + 1, shop.backend.requests()) << "clients reach the application only";
  EXPECT_TRUE(shop.stored("/s"));
}

TEST(CachePurge, APageOfAnotherSiteMayNot) {
  Purged shop;
  shop.says("song", kForAnHour);
  shop.ask("/s");
  EXPECT_EQ(403, purge_at(shop.proxy, "all=1", "Origin: https://evil.example\r\n").status());
  EXPECT_EQ(403, purge_at(shop.proxy, "all=1", "Sec-Fetch-Site: cross-site\r\n").status());
  Message rebound = Client(shop.proxy.admin())
                        .send(
                            "POST /cache/purge?all=1 HTTP/1.1\r\nHost: rebound.example\r\n"
                            "Content-Length: 0\r\n\r\n")
                        .answer();
  EXPECT_EQ(403, rebound.status());
  EXPECT_TRUE(shop.stored("/s"));
}

/// The command: its exit code and what it prints.
std::pair<int, std::string> command(std::vector<std::string> arguments, Proxy* proxy = nullptr) {
  arguments.insert(arguments.begin(), "purge");
  if (proxy != nullptr) {
    arguments.insert(arguments.end(), {"--admin", "127.0.0.1:" + std::to_string(proxy->admin())});
  }
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const int code = std::visit([](const auto& options) { return run_command(options); },
                              parse_command_line(arguments, "0"));
  std::string out = testing::internal::GetCapturedStdout();
  return {code, out + testing::internal::GetCapturedStderr()};
}

TEST(CachePurge, TheCommand) {
  using Said = std::pair<int, std::string>;
  Purged shop;
  shop.says("song", kForAnHour + "Cache-Tag: one\r\n");
  shop.fill({"/s?a=1&b=c+d", "/t", "/u", "/v"});
  EXPECT_EQ(Said(0, "1 entry dropped\n"),
            command({"http://shop.example/s?a=1&b=c+d"}, &shop.proxy));
  EXPECT_EQ(Said(0, "1 entry dropped\n"),
            command({"--prefix", "http://shop.example/t"}, &shop.proxy));
  EXPECT_EQ(Said(0, "{\"kind\":\"tag\",\"what\":\"one\",\"dropped\":2}\n"),
            command({"--tag", "one", "--json"}, &shop.proxy));
  shop.ask("/s");
  EXPECT_EQ(Said(0, "1 entry dropped\n"), command({"--all"}, &shop.proxy));
  auto fails = [](int code, std::string_view what, const Said& said) {
    EXPECT_EQ(code, said.first);
    EXPECT_TRUE(said.second.starts_with(what)) << said.second;
  };
  fails(2, "siding purge: `/s` is no whole URL", command({"/s"}, &shop.proxy));
  fails(2, "siding purge: which siding? Name its configuration file", command({"--all"}));
  fails(1, "cannot connect to the [admin] door on unix:/nowhere",
        command({"--all", "--admin", "unix:/nowhere"}));
}

}  // namespace
}  // namespace siding::test
