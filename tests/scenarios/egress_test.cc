// The workers' own calls: the three forms, who may be called, what is added, what is never answered.
#include <gtest/gtest.h>

#include <vector>

#include "tests/harness/shop.h"

namespace siding::test {
namespace {

/// A request line with Host and more, as a library writes it.
Message through(Proxy& proxy, const std::string& start, const std::string& host,
                const std::string& fields = "") {
  return Client(proxy.egress())
      .send(start + " HTTP/1.1\r\nHost: " + host + "\r\n" + fields + "\r\n")
      .answer();
}

TEST(Egress, TakesTheAbsoluteForm) {
  Shop shop;
  Message answer = through(shop.proxy, "GET " + shop.upstream.url() + "/a?b", "ignored");
  EXPECT_EQ("song of /a?b", answer.body);
  Message sent = shop.upstream.request(1);
  EXPECT_EQ(shop.upstream.host(), sent.field("host"));
  EXPECT_EQ("1.1 siding", sent.field("via"));
  EXPECT_TRUE(sent.field("cdn-loop").starts_with("siding-"));
  EXPECT_EQ("1.1 siding", answer.field("via"));
}

TEST(Egress, TakesAPrefixAndAHost) {
  Shop shop;
  std::string own = "127.0.0.1:" + std::to_string(shop.proxy.egress());
  EXPECT_EQ("song of /s?word=a", through(shop.proxy, "GET /music/s?word=a", own).body);
  EXPECT_EQ("song of /", through(shop.proxy, "GET /music", own).body);
  EXPECT_EQ("song of /?q", through(shop.proxy, "GET /music?q", own).body);
  EXPECT_EQ("song of /s?word=b", through(shop.proxy, "GET /s?word=b", shop.upstream.host()).body);
  for (const Message& m : shop.upstream.log()) EXPECT_EQ(shop.upstream.host(), m.field("host"));
  EXPECT_EQ(403, through(shop.proxy, "GET /video/s", own).status());
  EXPECT_EQ(403, through(shop.proxy, "GET /s", own).status());
}

TEST(Egress, EachFormFindsThePin) {
  Shop shop({.prefetch = "mode = \"on\"\n"});
  std::string own = "127.0.0.1:" + std::to_string(shop.proxy.egress());
  shop.view([&](const Message&) {
    return through(shop.proxy, "GET /music/s?word=%61", own, "Accept: */*\r\n").body;
  });
  EXPECT_EQ("song of /s?word=a", shop.ask("a").body);
  shop.view([&](const Message&) {
    return through(shop.proxy, "GET /s?word=a", shop.upstream.host()).body;
  });
  EXPECT_EQ("song of /s?word=a", shop.ask("a").body);
  EXPECT_TRUE(shop.proxy.prefetched(2, "used"));
}

TEST(Egress, WhatIsNotListedPassesOrNot) {
  Origin other;
  Shop open;
  EXPECT_EQ("/x", call_out(open.proxy.egress(), other.url() + "/x").body);
  Shop closed({.egress = "unlisted = \"deny\"\n"});
  Message answer = call_out(closed.proxy.egress(), other.url() + "/x");
  EXPECT_EQ(403, answer.status());
  EXPECT_EQ(1, other.requests());
  EXPECT_EQ(Shop::song("a"), closed.ask("a").body);
  EXPECT_EQ(1, closed.egress_calls("denied"));
}

TEST(Egress, MetadataAddressesAreRefusedEvenWhenPassing) {
  Shop shop;
  for (const char* url :
       {"http://169.254.169.254/latest/meta-data/", "http://[::ffff:169.254.169.254]/",
        "http://[fd00:ec2::254]/", "http://0.0.0.0:1/", "http://[fe80::1]/"}) {
    Message answer = call_out(shop.proxy.egress(), url);
    EXPECT_EQ(403, answer.status()) << url << " " << answer;
  }
  EXPECT_EQ(5, shop.egress_calls("denied"));
}

TEST(Egress, ASecretLocksIt) {
  Shop shop({.egress = "secret = \"s3cret\"\n"});
  std::string url = shop.upstream.url() + "/a";
  Message answer = call_out(shop.proxy.egress(), url);
  EXPECT_EQ(407, answer.status());
  EXPECT_EQ("Basic realm=\"siding egress\"", answer.field("proxy-authenticate"));
  answer = call_out(shop.proxy.egress(), url, "Proxy-Authorization: Basic dzE6d3Jvbmc=\r\n");
  EXPECT_EQ(407, answer.status());
  EXPECT_EQ(0, shop.upstream.opened());
  // w1:s3cret
  answer = call_out(shop.proxy.egress(), url, "Proxy-Authorization: Basic dzE6czNjcmV0\r\n");
  EXPECT_EQ("song of /a", answer.body);
  EXPECT_FALSE(shop.upstream.request(1).has("proxy-authorization"));
}

TEST(Egress, OneConnectionServesManyHosts) {
  Origin other;
  Shop shop;
  Client session(shop.proxy.egress());
  for (int i = 0; i < 3; ++i) {
    session.get(shop.upstream.url() + "/m");
    EXPECT_EQ("song of /m", session.answer().body);
    session.get(other.url() + "/o");
    EXPECT_EQ("/o", session.answer().body);
  }
  session.get(shop.upstream.url() + "/m", "Connection: close\r\n");
  EXPECT_EQ("song of /m", session.answer().body);
  EXPECT_EQ("closed", session.end()) << "libraries that read to EOF must see one";
}

TEST(Egress, RequestBodiesAreStreamed) {
  Shop shop;
  std::string half(300 << 10, 'h');
  shop.upstream.on_head([&](Origin::Call& call) {
    call.send("HTTP/1.1 103 Early Hints\r\n\r\n");
    call.wire.read_request_body(call.request);
    call.respond(std::to_string(call.request.body.size()));
  });
  Client library(shop.proxy.egress());
  library.send("POST " + shop.upstream.url() + "/up HTTP/1.1\r\nHost: x\r\nContent-Length: " +
               std::to_string(2 * half.size()) + "\r\n\r\n" + half);
  ASSERT_TRUE(shop.upstream.wait_for(1)) << "the head goes out before the body is whole";
  library.send(half);
  EXPECT_EQ(103, library.read().status());
  EXPECT_EQ(std::to_string(2 * half.size()), library.answer().body);
}

TEST(Egress, ChunkedBodiesAndTrailersPass) {
  Shop shop;
  shop.upstream.on_request([](Origin::Call& call) {
    call.send(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"
        "X-Sum: 3\r\n\r\n");
  });
  Client library(shop.proxy.egress());
  library.send("POST " + shop.upstream.url() +
               "/c HTTP/1.1\r\nHost: x\r\n"
               "Transfer-Encoding: chunked\r\n\r\n4\r\nwiki\r\n0\r\nX-T: 1\r\n\r\n");
  Message answer = library.answer();
  EXPECT_EQ("abc", answer.body);
  ASSERT_EQ(1u, answer.trailers.size());
  EXPECT_EQ("wiki", shop.upstream.request(1).body);
  EXPECT_EQ(1u, shop.upstream.request(1).trailers.size());
}

TEST(Egress, AFailureToConnectClosesTheWorkersConnection) {
  Shop shop({.upstream_is_down = true});
  EXPECT_EQ("closed", call_out(shop.proxy.egress(), shop.upstream.url() + "/").fault);
  Origin other{Origin::Down()};
  EXPECT_EQ("closed", call_out(shop.proxy.egress(), other.url() + "/").fault);
}

TEST(Egress, AnAnswerThatIsTornIsTornForTheWorkerToo) {
  Shop shop;
  shop.upstream.on_request([](Origin::Call& call) {
    call.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    call.close();
  });
  Message answer = call_out(shop.proxy.egress(), shop.upstream.url() + "/");
  EXPECT_EQ("half", answer.body);
  EXPECT_EQ("closed", answer.fault);
}

TEST(Egress, ABackendThatCallsItselfIsToldSo) {
  Shop shop;
  shop.view([&](const Message& r) {
    if (r.target() != "/outer") return std::string("inner");
    std::string self = "http://127.0.0.1:" + std::to_string(shop.proxy.front());
    Message got = call_out(shop.proxy.egress(), self + "/inner");
    // It came while the only worker was inside, and it stands in no queue.
    EXPECT_EQ(1, shop.proxy.metric("siding_backend_inside"));
    EXPECT_EQ(0, shop.proxy.metric("siding_queue_depth"));
    return std::to_string(got.status()) + (got.says("self_call") ? " self_call" : "");
  });
  EXPECT_EQ("508 self_call", get(shop.proxy.front(), "/outer").body);
  EXPECT_TRUE(shop.proxy.metric_becomes(1, "siding_exchanges_total", {"outcome=self_call"}));
}

TEST(Egress, ABackendWithAnIdleWorkerMayCallItself) {
  Shop shop({.backend = "concurrency = 2\n"});
  shop.view([&](const Message& r) {
    if (r.target() != "/outer") return std::string("inner");
    std::string self = "http://127.0.0.1:" + std::to_string(shop.proxy.front());
    return call_out(shop.proxy.egress(), self + "/inner").body;
  });
  EXPECT_EQ("inner", get(shop.proxy.front(), "/outer").body);
}

TEST(Egress, HasItsOwnConnectionLimitAndNeedsNoBodyBudget) {
  // Parked clients fill the connections and the body budget; the worker's call still succeeds.
  Shop shop({.backend = "concurrency = 1\nbacklog = 0\n",
             .tables = "[limits]\nmax_connections = 4\nmemory = \"8MiB\"\nspill = \"1MiB\"\n"});
  shop.backend.hold();
  std::vector<Client> parked;
  parked.emplace_back(shop.proxy.front()).get("/search/?q=a");
  ASSERT_TRUE(shop.backend.wait_for(1));
  for (int i = 0; i < 3; ++i) {
    parked.emplace_back(shop.proxy.front()).post("/", std::string(600 << 10, 'x'));
  }
  EXPECT_TRUE(shop.proxy.metric_becomes(4, "siding_connections", {"listener=front"}));
  shop.backend.release(1);
  EXPECT_EQ(Shop::song("a"), parked[0].answer().body);
}

}  // namespace
}  // namespace siding::test
