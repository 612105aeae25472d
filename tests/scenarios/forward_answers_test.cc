// Answers of every framing, and answers that go at the client's speed.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/harness/proxy.h"

namespace siding::test {
namespace {

Origin::Script saying(std::string bytes, bool close = false) {
  return [=](Origin::Call& call) {
    call.send(bytes);
    if (close) call.close();
  };
}

TEST(Answers, OneThatEndsWithTheConnectionBecomesChunks) {
  Origin backend(saying("HTTP/1.0 200 OK\r\nContent-Type: a/b\r\n\r\nuntil the end", true));
  Proxy proxy(backend);
  Client client(proxy.front());
  for (int i = 0; i < 2; ++i) {
    Message answer = client.get("/").answer();
    EXPECT_EQ("until the end", answer.body);
    EXPECT_EQ("chunked", answer.field("transfer-encoding"));
    EXPECT_EQ("1.0 siding", answer.field("via"));
  }
  EXPECT_EQ(2, backend.opened());
}

TEST(Answers, SomeHaveNoBodyWhateverTheirFieldsSay) {
  Origin backend;
  Proxy proxy(backend);
  Client client(proxy.front());
  backend.on_request(
      saying("HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\nETag: \"a\"\r\n\r\n"));
  Message answer = client.get("/").answer();
  EXPECT_EQ(304, answer.status());
  EXPECT_EQ("\"a\"", answer.field("etag"));
  backend.on_request(saying("HTTP/1.1 204 No Content\r\n\r\n"));
  answer = client.get("/").answer();
  EXPECT_EQ(204, answer.status());
  EXPECT_FALSE(answer.has("content-length"));
  EXPECT_FALSE(answer.has("transfer-encoding"));
  backend.on_request(saying("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"));
  answer = client.head("/").answer();
  EXPECT_EQ(200, answer.status());
  backend.on_request(saying("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_EQ("0", client.get("/").answer().field("content-length")) << "all on one connection";
}

TEST(Answers, SurplusBytesAreNeverTakenForTheNextAnswer) {
  Origin backend([](Origin::Call& call) {
    call.send(call.number == 1 ? "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"
                                 "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
                               : "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb");
  });
  Proxy proxy(backend);
  Client client(proxy.front());
  EXPECT_EQ("a", client.get("/1").answer().body);
  EXPECT_EQ("b", client.get("/2").answer().body);
  EXPECT_EQ(2, backend.opened());
}

void streams(const char* route, const char* answer_fields) {
  std::string body(16 << 20, 's');
  Origin backend([&](Origin::Call& call) { call.respond(body, answer_fields); });
  Proxy proxy(backend, {.route = route});
  Client client(proxy.front());
  client.get("/");
  EXPECT_TRUE(proxy.inside(1));
  EXPECT_TRUE(client.wire().read_bytes(1000).starts_with("HTTP/1.1 200"));
  EXPECT_EQ(0, proxy.metric("siding_body_spill_bytes"));
  EXPECT_EQ(1, proxy.metric("siding_backend_inside")) << "the worker waits for the client";
  size_t rest = body.size() + 1;
  while (rest > body.size() / 2) {
    size_t got = client.wire().read_bytes(1 << 20).size();
    ASSERT_GT(got, 0u);
    rest -= std::min(rest, got);
  }
  EXPECT_EQ(0, proxy.metric("siding_body_spill_bytes"));
}

TEST(Answers, AStreamGoesAtTheClientsSpeed) { streams("stream = true\n", ""); }
TEST(Answers, TheBackendMaySayThatItIsAStream) { streams("", "X-Accel-Buffering: no\r\n"); }

TEST(Answers, ADeadlineInTheMiddleTearsThem) {
  ManualClock clock;
  Origin backend;
  Proxy proxy(backend, {.route = "deadline = \"2s\"\n", .clock = &clock});
  backend.on_request([](Origin::Call& call) {
    call.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
    call.wire.read_bytes(1);
  });
  Client client(proxy.front());
  client.get("/");
  while (client.wire().read_bytes(1) != "t") {
  }
  proxy.advance(std::chrono::seconds(2));
  EXPECT_NE("timeout", client.end());
  EXPECT_EQ(1, proxy.metric("siding_backend_inside")) << "the worker is still at it";
  backend.stop();
  EXPECT_TRUE(proxy.metric_becomes(1, "siding_exchanges_total", {"outcome=deadline"}));
}

TEST(Answers, AClientThatTakesNothingIsCutOff) {
  ManualClock clock;
  std::string body(32 << 20, 'b');
  Origin backend([&](Origin::Call& call) { call.respond(body); });
  Proxy proxy(backend, {.tables = "[limits]\nsend_timeout = \"5s\"\n", .clock = &clock});
  Client client(proxy.front());
  client.get("/");
  EXPECT_TRUE(proxy.inside(0)) << "the worker is rid of it";
  proxy.advance(std::chrono::seconds(6));
  EXPECT_TRUE(proxy.metric_becomes(0, "siding_connections", {"listener=front"}));
  EXPECT_TRUE(proxy.metric_becomes(0, "siding_body_spill_bytes"));
}

}  // namespace
}  // namespace siding::test
