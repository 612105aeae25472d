// Upstream calls with a body: legs of a fan-out, and searches by POST that are made ahead.
#include <gtest/gtest.h>

#include "tests/harness/shop.h"

namespace siding::test {
namespace {

/// A view that searches by POST, and the prefetch of that call.
struct SearchShop : Shop {
  static constexpr const char* kCall =
      "call = \"music:/find\"\nsafe = true\n"
      "body = { json = { query = { q = \"{query.q}\" }, size = 10 } }\n";
  explicit SearchShop(const std::string& made = kCall)
      : Shop({.prefetch = "mode = \"on\"\n", .call = made}) {
    upstream.on_request([](Origin::Call& call) { call.respond("found " + call.request.body); });
    searches_for(
        [](const std::string& q) { return "{\"size\": 10, \"query\": {\"q\": \"" + q + "\"}}"; });
  }
  /// The body of the view's own call, and its type.
  void searches_for(std::function<std::string(const std::string&)> body,
                    const std::string& type = "application/json") {
    view([this, body, type](const Message& r) {
      Message got = post(proxy.egress(), upstream.url() + "/find", body(q_of(r)),
                         "Content-Type: " + type + "\r\n");
      return got.whole() ? got.body : "failed: " + got.fault;
    });
  }
};

TEST(CallBody, ASearchByPostIsMadeAheadAndComparedByMeaning) {
  SearchShop shop;
  // The members in another order, and with spaces: Python's json writes it so.
  EXPECT_EQ("found {\"query\":{\"q\":\"a\"},\"size\":10}", shop.ask("a").body)
      << "what the prefetch sent";
  EXPECT_TRUE(shop.proxy.prefetched(1, "used"));
  shop.searches_for(
      [](const std::string&) { return "{\"size\": 10, \"query\": {\"q\": \"caf\\u00e9\"}}"; });
  EXPECT_EQ("found {\"query\":{\"q\":\"caf\xc3\xa9\"},\"size\":10}", shop.ask("caf%C3%A9").body);
  EXPECT_TRUE(shop.proxy.prefetched(2, "used"));
  EXPECT_EQ(2, shop.upstream.requests());
  Message sent = shop.upstream.request(1);
  EXPECT_EQ("POST", sent.method());
  EXPECT_EQ("application/json", sent.field("content-type"));
  EXPECT_EQ(std::to_string(sent.body.size()), sent.field("content-length"));
}

TEST(CallBody, AnotherBodyIsAnotherCall) {
  SearchShop shop;
  shop.searches_for(
      [](const std::string& q) { return "{\"query\":{\"q\":\"" + q + "\"},\"size\":20}"; });
  EXPECT_EQ("found {\"query\":{\"q\":\"a\"},\"size\":20}", shop.ask("a").body)
      << "the worker's own call went out, with its own body";
  EXPECT_TRUE(shop.proxy.prefetched(1, "missed", "body"));
  EXPECT_NE(std::string::npos, shop.proxy.explain("last").find("expected"));
  EXPECT_EQ(2, shop.upstream.requests());
}

TEST(CallBody, FormsAreComparedByMeaningToo) {
  SearchShop shop(
      "call = \"music:/find\"\nsafe = true\nbody = { form = { q = \"{query.q}\", n = 5 } }\n");
  shop.searches_for([](const std::string&) { return "q=a%20b%2fc&n=5"; },
                    "application/x-www-form-urlencoded");
  EXPECT_EQ("found q=a+b%2Fc&n=5", shop.ask("a%20b/c").body);
  EXPECT_TRUE(shop.proxy.prefetched(1, "used"));
}

TEST(CallBody, AChunkedBodyIsComparedAsWell) {
  SearchShop shop;
  shop.view([&](const Message&) {
    Client library(shop.proxy.egress());
    library.send("POST " + shop.upstream.url() + "/find HTTP/1.1\r\nHost: x\r\n" +
                 "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" +
                 "a\r\n{\"size\":10\r\n16\r\n,\"query\":{\"q\":\"abcd\"}}\r\n0\r\n\r\n");
    return library.answer().body;
  });
  EXPECT_EQ("found {\"query\":{\"q\":\"abcd\"},\"size\":10}", shop.ask("abcd").body);
  EXPECT_TRUE(shop.proxy.prefetched(1, "used"));
}

TEST(CallBody, ALargeBodyGoesOnAsItComes) {
  SearchShop shop;
  const std::string large(300'000, 'x');
  shop.searches_for([&](const std::string&) { return "\"" + large + "\""; });
  EXPECT_EQ("found \"" + large + "\"", shop.ask("a").body);
  // Without a length it is seen only as it comes.
  shop.view([&](const Message&) {
    Client library(shop.proxy.egress());
    library.send("POST " + shop.upstream.url() + "/find HTTP/1.1\r\nHost: x\r\n" +
                 "Transfer-Encoding: chunked\r\n\r\n493E0\r\n" + large + "\r\n0\r\n\r\n");
    return library.answer().body;
  });
  EXPECT_EQ("found " + large, shop.ask("a").body);
}

TEST(CallBody, OneThatIsTooLargeToBeComparedIsNotMadeAhead) {
  SearchShop shop(
      "call = \"music:/find\"\nsafe = true\nbody = { form = { q = \"{header.x-q}\" } }\n");
  // In a form each of these is three bytes.
  for (size_t size : {20'000u, 22'000u}) {
    const std::string q(size, '!');
    shop.searches_for([&](const std::string&) { return "q=" + q; },
                      "application/x-www-form-urlencoded");
    EXPECT_EQ(200, shop.ask("a", "X-Q: " + q + "\r\n").status());
  }
  EXPECT_TRUE(shop.proxy.prefetched(1, "used"));
  EXPECT_TRUE(shop.proxy.prefetched(1, "skipped", "body_too_large"));
  EXPECT_EQ(2, shop.upstream.requests());
}

TEST(CallBody, AGetWithABodyIsNotTheGetThatWasPrefetched) {
  Shop shop({.prefetch = "mode = \"on\"\n"});
  shop.upstream.on_request([](Origin::Call& call) { call.respond("says " + call.request.body); });
  shop.view([&](const Message& r) {
    Client library(shop.proxy.egress());
    library.send("GET " + shop.upstream.url() + "/s?word=" + Shop::q_of(r) +
                 " HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nfat");
    return library.answer().body;
  });
  EXPECT_EQ("says fat", shop.ask("a").body);
  EXPECT_TRUE(shop.proxy.prefetched(1, "unused"));
}

/// One leg to one upstream, and what it was sent.
struct LegBed {
  LegBed(const std::string& leg, const std::string& upstream_keys = "")
      : proxy(backend,
              {.tables = "[upstream.search]\nurl = \"" + upstream.url() + "\"\n" + upstream_keys +
                         "[[route]]\npath = \"/all\"\n[route.fanout]\nfound = { call = "
                         "\"search:/find\", " +
                         leg + " }\n"}) {
    upstream.on_request([](Origin::Call& call) {
      call.respond("{\"n\":1}", "Content-Type: application/json\r\n");
    });
  }
  Origin upstream, backend;
  Proxy proxy;
};

TEST(CallBody, ALegSendsWhatTheRequestSays) {
  LegBed bed(
      "body = { json = { q = \"{query.q}\", page = \"{query.p|number:1}\", deep = [ { a = true }, "
      "1.5 ] } }");
  EXPECT_EQ("{\"found\":{\"n\":1}}",
            get(bed.proxy.front(), "/all?q=%22%7D%2C%22admin%22%3Atrue%0A&p=20").body);
  EXPECT_EQ("{\"q\":\"\\\"},\\\"admin\\\":true\\n\",\"page\":20,\"deep\":[{\"a\":true},1.5]}",
            bed.upstream.request(1).body);
  get(bed.proxy.front(), "/all?q=a");
  EXPECT_EQ("{\"q\":\"a\",\"page\":1,\"deep\":[{\"a\":true},1.5]}", bed.upstream.request(2).body);
  // What is no number cannot become anything else.
  Message answer = get(bed.proxy.front(), "/all?q=a&p=1,%22admin%22:true");
  EXPECT_EQ("?0;found=value_absent", answer.field("siding-complete"));
  EXPECT_EQ(2, bed.upstream.requests());
}

TEST(CallBody, OnlyWhatIsSafeIsMadeAgain) {
  for (bool safe : {false, true}) {
    LegBed bed(std::string("body = { form = { q = \"{query.q}\" } }, required = true") +
                   (safe ? ", safe = true" : ""),
               "retries = 1\n");
    bed.upstream.on_request([](Origin::Call& call) {
      if (call.number == 1) return call.respond("", "", 503);
      call.respond("{}");
    });
    EXPECT_EQ(safe ? 200 : 502, get(bed.proxy.front(), "/all?q=a+b").status());
    EXPECT_EQ(safe ? 2 : 1, bed.upstream.requests());
    EXPECT_EQ("q=a+b", bed.upstream.request(safe ? 2 : 1).body);
  }
}

}  // namespace
}  // namespace siding::test
