// What a client sees of the cache: hits, validation, and what is not stored.
#include <gtest/gtest.h>

#include "tests/harness/cached.h"

namespace siding::test {
namespace {

using namespace std::chrono_literals;

const std::string kMinute = "Cache-Control: max-age=60\r\n";

TEST(Cache, AnswersFromTheStoreWhileItIsFresh) {
  CachedShop shop;
  shop.says("song", kMinute + "Content-Type: text/plain\r\n");
  Message first = shop.ask("/s?b=2&a=1");
  EXPECT_EQ("siding; fwd=uri-miss; ttl=60; stored", first.field("cache-status"));
  EXPECT_FALSE(first.has("age"));
  shop.proxy.advance(59s);
  Message second = shop.ask("/s?b=2&a=1");
  EXPECT_EQ("song", second.body);
  EXPECT_EQ("text/plain", second.field("content-type"));
  EXPECT_EQ("4", second.field("content-length"));
  EXPECT_EQ("59", second.field("age"));
  EXPECT_EQ("siding; hit; ttl=1", second.field("cache-status"));
  EXPECT_EQ("1.1 siding", second.field("via"));
  EXPECT_EQ(1, shop.backend.requests());
  shop.proxy.advance(1s);
  EXPECT_EQ("siding; fwd=stale; ttl=60; stored", shop.ask("/s?b=2&a=1").field("cache-status"));
  EXPECT_EQ(2, shop.backend.requests());
  EXPECT_TRUE(shop.proxy.metric_becomes(1, "siding_cache_requests_total", {"result=hit"}));
  EXPECT_EQ(2, shop.did("miss"));
  EXPECT_EQ(1, shop.proxy.metric("siding_cache_entries"));
  EXPECT_NE(std::string::npos, shop.proxy.explain("last").find("cache"));
}

TEST(Cache, WithoutItNothingIsStoredNorSaid) {
  CachedShop shop("false");
  shop.says("song", kMinute);
  for (int i = 1; i <= 2; ++i) {
    EXPECT_FALSE(shop.ask().has("cache-status"));
    EXPECT_EQ(i, shop.backend.requests());
  }
  EXPECT_EQ(-1, shop.proxy.metric("siding_cache_entries"));
}

TEST(Cache, ConditionsRangesAndHeadsAreAnsweredFromIt) {
  CachedShop shop;
  shop.says("0123456789", kMinute + "ETag: \"a\"\r\nContent-Type: text/plain\r\n");
  EXPECT_EQ(200, shop.ask("/", "If-None-Match: \"b\"\r\n").status());
  EXPECT_FALSE(shop.backend.request(1).has("if-none-match")) << "the whole is asked for";
  Message same = shop.ask("/", "If-None-Match: W/\"a\"\r\n");
  EXPECT_EQ(304, same.status());
  EXPECT_EQ("\"a\"", same.field("etag"));
  EXPECT_FALSE(same.has("content-type"));
  Message part = shop.ask("/", "Range: bytes=2-4\r\n");
  EXPECT_EQ(206, part.status());
  EXPECT_EQ("234", part.body);
  EXPECT_EQ("bytes 2-4/10", part.field("content-range"));
  EXPECT_EQ("3", part.field("content-length"));
  Message beyond = shop.ask("/", "Range: bytes=10-\r\n");
  EXPECT_EQ(416, beyond.status());
  EXPECT_EQ("bytes */10", beyond.field("content-range"));
  EXPECT_EQ(200, shop.ask("/", "Range: bytes=0-1,4-5\r\n").status()) << "several: the whole";
  Message head = Client(shop.proxy.front()).head("/").answer();
  EXPECT_EQ("10", head.field("content-length"));
  EXPECT_EQ("siding; hit; ttl=60", head.field("cache-status"));
  EXPECT_EQ(1, shop.backend.requests());
}

TEST(Cache, ARangeOfWhatIsNotStoredIsAskedForAsItIs) {
  CachedShop shop;
  shop.backend.on_request([](Origin::Call& call) {
    call.respond("234", kMinute + "Content-Range: bytes 2-4/10\r\n", 206);
  });
  for (int i = 1; i <= 2; ++i) {
    EXPECT_EQ(206, shop.ask("/", "Range: bytes=2-4\r\n").status());
    EXPECT_EQ("bytes=2-4", shop.backend.request(i).field("range"));
  }
}

TEST(Cache, WhatIsStaleIsValidated) {
  CachedShop shop;
  shop.backend.on_request([](Origin::Call& call) {
    const bool same = call.request.field("if-none-match") == "\"a\"";
    call.respond(
        same ? "" : "song",
        "Cache-Control: max-age=10\r\nETag: \"a\"\r\nX-N: " + std::to_string(call.number) + "\r\n",
        same ? 304 : 200);
  });
  EXPECT_EQ("song", shop.ask().body);
  shop.proxy.advance(10s);
  Message renewed = shop.ask();
  EXPECT_EQ(200, renewed.status());
  EXPECT_EQ("song", renewed.body);
  EXPECT_EQ("2", renewed.field("x-n")) << "the fields of the 304 count";
  EXPECT_EQ("siding; fwd=stale; fwd-status=304; ttl=10; stored", renewed.field("cache-status"));
  shop.proxy.advance(9s);
  EXPECT_EQ("siding; hit; ttl=1", shop.ask().field("cache-status"));
  EXPECT_EQ(2, shop.backend.requests());
  EXPECT_TRUE(shop.proxy.metric_becomes(1, "siding_cache_requests_total", {"result=revalidated"}));
}

TEST(Cache, WhatA304ForbidsIsNotKept) {
  CachedShop shop;
  shop.backend.on_request([](Origin::Call& call) {
    const bool asked = call.request.has("if-none-match");
    call.respond(asked ? "" : "song",
                 asked ? "Cache-Control: private, max-age=600\r\nETag: \"a\"\r\n"
                       : "Cache-Control: max-age=10\r\nETag: \"a\"\r\n",
                 asked ? 304 : 200);
  });
  shop.ask();
  shop.proxy.advance(10s);
  EXPECT_EQ("song", shop.ask("/", "Cookie: a=1\r\n").body);
  EXPECT_EQ("song", shop.ask().body);
  EXPECT_EQ(3, shop.backend.requests()) << "from then on it is for one client";
}

TEST(Cache, TheCookieOfA304IsForWhomItWasAskedFor) {
  CachedShop shop;
  shop.backend.on_request([](Origin::Call& call) {
    const bool asked = call.request.has("if-none-match");
    const std::string cookie = asked ? "Set-Cookie: seen=1\r\nSet-Cookie: again=1\r\n" : "";
    call.respond(asked ? "" : "song", "Cache-Control: max-age=10\r\nETag: \"a\"\r\n" + cookie,
                 asked ? 304 : 200);
  });
  shop.ask();
  shop.proxy.advance(10s);
  shop.backend.hold();
  Client asks(shop.proxy.front());
  asks.get("/");
  ASSERT_TRUE(shop.backend.wait_for(2));
  Client joins(shop.proxy.front());
  joins.get("/");
  ASSERT_TRUE(shop.read(2));
  shop.backend.release();
  Message own = asks.answer();
  EXPECT_EQ("song", own.body);
  EXPECT_EQ(2u, own.count("set-cookie"));
  Message joined = joins.answer();
  EXPECT_EQ("song", joined.body);
  EXPECT_FALSE(joined.has("set-cookie")) << joined;
  EXPECT_FALSE(shop.ask().has("set-cookie"));
  shop.proxy.advance(10s);
  Message same = shop.ask("/", "If-None-Match: \"a\"\r\n");
  EXPECT_EQ(304, same.status());
  EXPECT_EQ(2u, same.count("set-cookie"));
  EXPECT_EQ(3, shop.backend.requests());
}

TEST(Cache, A304OfSomethingElseIsAskedAgain) {
  CachedShop shop;
  shop.backend.on_request([](Origin::Call& call) {
    const bool asked = call.request.has("if-none-match");
    call.respond(asked ? "" : "song " + std::to_string(call.number),
                 asked ? "ETag: \"other\"\r\n" : "Cache-Control: max-age=10\r\nETag: \"a\"\r\n",
                 asked ? 304 : 200);
  });
  shop.ask();
  shop.proxy.advance(10s);
  EXPECT_EQ("song 3", shop.ask().body);
}

TEST(Cache, UnsafeMethodsInvalidate) {
  CachedShop shop;
  shop.says("song", kMinute + "Location: /other\r\n");
  for (const char* target : {"/s", "/other", "/third"}) shop.ask(target);
  EXPECT_EQ(200, post(shop.proxy.front(), "/s", "x").status());
  EXPECT_EQ("song", shop.ask("/third").body);
  EXPECT_EQ(4, shop.backend.requests());
  shop.ask("/s");
  shop.ask("/other");
  EXPECT_EQ(6, shop.backend.requests());
  shop.says("no", "", 400);
  post(shop.proxy.front(), "/s", "x");
  shop.ask("/s");
  EXPECT_EQ(7, shop.backend.requests()) << "a refused one changes nothing";
}

TEST(Cache, AnAnswerToPostMayBeThatOfGet) {
  CachedShop shop;
  shop.says("made", kMinute + "Content-Location: /s\r\n");
  EXPECT_EQ("siding; fwd=method; stored",
            post(shop.proxy.front(), "/s", "x").field("cache-status"));
  EXPECT_EQ("made", shop.ask("/s").body);
  EXPECT_EQ(1, shop.backend.requests());
}

TEST(Cache, CookiesAndCredentialsAreNotShared) {
  CachedShop shop;
  shop.says("mine", kMinute + "Set-Cookie: a=1\r\n");
  EXPECT_EQ("siding; fwd=uri-miss; detail=set_cookie", shop.ask("/c").field("cache-status"));
  EXPECT_EQ("a=1", shop.ask("/c").field("set-cookie"));
  EXPECT_EQ(2, shop.backend.requests());
  shop.says("mine", kMinute);
  shop.ask("/a", "Authorization: Basic x\r\n");
  shop.ask("/a", "Authorization: Basic y\r\n");
  EXPECT_EQ(4, shop.backend.requests());
  shop.says("ours", "Cache-Control: public, max-age=60\r\n");
  shop.ask("/p", "Authorization: Basic x\r\n");
  EXPECT_EQ("ours", shop.ask("/p", "Authorization: Basic y\r\n").body);
  EXPECT_EQ(5, shop.backend.requests());
}

TEST(Cache, TheRouteMayStoreCookies) {
  CachedShop shop("{ set_cookie = \"store\" }");
  shop.says("ours", kMinute + "Set-Cookie: a=1\r\n");
  shop.ask();
  EXPECT_EQ("a=1", shop.ask().field("set-cookie"));
  EXPECT_EQ(1, shop.backend.requests());
}

TEST(Cache, KeepsVariants) {
  CachedShop shop;
  shop.backend.on_request([](Origin::Call& call) {
    call.respond("in " + call.request.field("accept-language"),
                 kMinute + "Vary: Accept-Language\r\n");
  });
  auto in = [&](const std::string& language) {
    return shop.ask("/", "Accept-Language: " + language + "\r\n");
  };
  EXPECT_EQ("in de", in("de").body);
  Message english = in("en");
  EXPECT_EQ("in en", english.body);
  EXPECT_EQ("siding; fwd=vary-miss; ttl=60; stored", english.field("cache-status"));
  EXPECT_EQ("in de", in("de").body);
  EXPECT_EQ("in en", in("EN;q=1.0").body);
  EXPECT_EQ(2, shop.backend.requests());
}

TEST(Cache, TheSchemeThatATrustedProxyTookCounts) {
  CachedShop shop("true", {.top = "trusted_proxies = [\"127.0.0.1\"]\n"});
  shop.backend.on_request(
      [](Origin::Call& call) { call.respond(call.request.field("x-forwarded-proto"), kMinute); });
  EXPECT_EQ("http", shop.ask("/").body);
  EXPECT_EQ("https", shop.ask("/", "X-Forwarded-Proto: https\r\n").body);
  EXPECT_EQ("http", shop.ask("/", "X-Forwarded-Proto: http\r\n").body);
  EXPECT_EQ(2, shop.backend.requests());
}

TEST(Cache, AForwardedHostChoosesForNobodyElse) {
  CachedShop shop("true", {.top = "trusted_proxies = [\"127.0.0.1\"]\n"});
  shop.backend.on_request([](Origin::Call& call) {
    call.respond("for " + call.request.field("x-forwarded-host"), kMinute);
  });
  shop.ask("/", "X-Forwarded-Host: evil.example\r\n");
  EXPECT_EQ("for shop.example", shop.ask("/").body);
  EXPECT_EQ("for evil.example", shop.ask("/", "X-Forwarded-Host: evil.example\r\n").body);
  EXPECT_EQ(2, shop.backend.requests());
}

TEST(Cache, WhatAProxyPassesOnChoosesForNobodyElse) {
  CachedShop shop("true", {.top = "trusted_proxies = [\"127.0.0.1\"]\n"});
  shop.backend.on_request([](Origin::Call& call) {
    call.respond("under " + call.request.field("x-forwarded-prefix"), kMinute);
  });
  shop.ask("/", "X-Forwarded-Prefix: //evil\r\n");
  EXPECT_EQ("under ", shop.ask("/").body);
  EXPECT_EQ("under //evil", shop.ask("/", "X-Forwarded-Prefix: //evil\r\n").body);
  EXPECT_EQ(2, shop.backend.requests());
}

TEST(Cache, WhoMayMeanAnotherUriChoosesForNobody) {
  CachedShop shop;
  shop.backend.on_request(
      [](Origin::Call& call) { call.respond(call.request.field("x-original-url"), kMinute); });
  EXPECT_EQ("/evil", shop.ask("/", "X-Original-URL: /evil\r\n").body);
  EXPECT_EQ("", shop.ask("/").body);
  EXPECT_EQ("siding; fwd=bypass", shop.ask("/", "X-Original-URL: /evil\r\n").field("cache-status"));
}

TEST(Cache, ParametersThatDoNotCount) {
  CachedShop shop("{ ignore = [\"utm_source\"] }");
  shop.says("song", kMinute);
  shop.ask("/s?utm_source=a&q=1");
  shop.ask("/s?q=1&utm_source=b");
  EXPECT_EQ(1, shop.backend.requests());
  shop.ask("/s?q=2");
  EXPECT_EQ(2, shop.backend.requests());
}

TEST(Cache, LifetimesThatTheRouteGives) {
  CachedShop shop("{ ttl = { 200 = \"30s\", 404 = \"10s\" } }");
  shop.says("song", "");
  shop.ask("/s");
  EXPECT_EQ("siding; hit; ttl=30", shop.ask("/s").field("cache-status"));
  shop.says("none", "", 404);
  shop.ask("/n");
  EXPECT_EQ("siding; hit; ttl=10", shop.ask("/n").field("cache-status"));
  shop.says("song", "Cache-Control: max-age=5\r\n");
  shop.ask("/o");
  EXPECT_EQ("siding; hit; ttl=5", shop.ask("/o").field("cache-status"))
      << "the origin's own counts";
}

TEST(Cache, OnlyIfCached) {
  CachedShop shop;
  shop.says("song", kMinute);
  Message none = shop.ask("/", "Cache-Control: only-if-cached\r\n");
  EXPECT_EQ(504, none.status());
  EXPECT_TRUE(none.says("not_cached"));
  EXPECT_EQ(0, shop.backend.requests());
  shop.ask();
  EXPECT_EQ("song", shop.ask("/", "Cache-Control: only-if-cached\r\n").body);
}

TEST(Cache, AQueryIsKnownByItsContent) {
  CachedShop shop;
  shop.backend.on_request(
      [](Origin::Call& call) { call.respond("found " + call.request.body, kMinute); });
  auto query = [&](const std::string& content) {
    return Client(shop.proxy.front())
        .send("QUERY /q HTTP/1.1\r\nHost: shop.example\r\nContent-Type: a/b\r\nContent-Length: " +
              std::to_string(content.size()) + "\r\n\r\n" + content)
        .answer();
  };
  EXPECT_EQ("found a", query("a").body);
  EXPECT_EQ("found b", query("b").body);
  Message again = query("a");
  EXPECT_EQ("found a", again.body);
  EXPECT_EQ("siding; hit; ttl=60", again.field("cache-status"));
  EXPECT_EQ(2, shop.backend.requests());
}

TEST(Cache, InterimAnswersReachWhomItIsFetchedFor) {
  CachedShop shop;
  shop.backend.on_request([](Origin::Call& call) {
    call.send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n");
    call.respond("page", kMinute);
  });
  Client client(shop.proxy.front());
  client.get("/");
  EXPECT_EQ(103, client.read().status());
  EXPECT_EQ("page", client.read().body);
  EXPECT_EQ(200, client.get("/").read().status()) << "not a second time";
}

TEST(Cache, AHeadTellsWhetherWhatIsStoredStillHolds) {
  CachedShop shop;
  shop.says("song", "Cache-Control: max-age=10\r\nETag: \"a\"\r\n");
  shop.ask();
  shop.proxy.advance(10s);
  EXPECT_EQ(200, Client(shop.proxy.front()).head("/").answer().status());
  EXPECT_EQ("song", shop.ask().body);
  EXPECT_EQ(2, shop.backend.requests()) << "the HEAD made it fresh again";
  shop.proxy.advance(10s);
  shop.says("song!", "Cache-Control: max-age=10\r\nETag: \"b\"\r\n");
  Client(shop.proxy.front()).head("/").answer();
  EXPECT_EQ("song!", shop.ask().body);
  EXPECT_FALSE(shop.backend.request(4).has("if-none-match"));
}

TEST(Cache, AFanOutThatNobodySharesIsStoredToo) {
  Origin song, backend;
  song.on_request(
      [](Origin::Call& call) { call.respond("7", "Content-Type: application/json\r\n"); });
  Proxy proxy(backend, {.tables = "[upstream.song]\nurl = \"" + song.url() +
                                  "\"\n[[route]]\npath = \"/all\"\n"
                                  "cache = { ttl = { 200 = \"60s\" }, coalesce = false }\n"
                                  "[route.fanout]\nsong = { call = \"song:/s\" }\n"});
  get(proxy.front(), "/all");
  EXPECT_EQ("siding; hit", get(proxy.front(), "/all").field("cache-status").substr(0, 11));
  EXPECT_EQ(1, song.requests());
}

TEST(Cache, AFanOutIsStoredAsAWhole) {
  ManualClock clock;
  Origin song, backend;
  song.on_request(
      [](Origin::Call& call) { call.respond("7", "Content-Type: application/json\r\n"); });
  test::Setup setup;
  setup.clock = &clock;
  setup.tables = "[upstream.song]\nretries = 0\nurl = \"" + song.url() +
                 "\"\n[[route]]\npath = \"/all\"\ncache = { ttl = { 200 = \"60s\" } }\n"
                 "[route.fanout]\nsong = { call = \"song:/s\" }\n";
  Proxy proxy(backend, setup);
  EXPECT_EQ("{\"song\":7}", get(proxy.front(), "/all").body);
  Message again = get(proxy.front(), "/all");
  EXPECT_EQ("siding; hit; ttl=60", again.field("cache-status"));
  EXPECT_EQ(1, song.requests());
  proxy.advance(61s);
  song.on_request([](Origin::Call& call) { call.respond("", "", 500); });
  Message poor = get(proxy.front(), "/all");
  EXPECT_EQ("?0;song=status-500", poor.field("siding-complete"));
  EXPECT_EQ("no-store", poor.field("cache-control"));
  song.on_request(
      [](Origin::Call& call) { call.respond("8", "Content-Type: application/json\r\n"); });
  EXPECT_EQ("{\"song\":8}", get(proxy.front(), "/all").body);
  EXPECT_EQ("siding; hit; ttl=60", get(proxy.front(), "/all").field("cache-status"));
}

}  // namespace
}  // namespace siding::test
