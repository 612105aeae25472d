// What siding adds to a request and an answer, what it takes off, and whose word it believes.
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/harness/proxy.h"

namespace siding::test {
namespace {

TEST(ForwardFields, HopByHopFieldsEndHere) {
  Origin backend([](Origin::Call& call) {
    call.respond("x",
                 "Connection: X-Private, keep-alive\r\nX-Private: 1\r\nKeep-Alive: timeout=5\r\n"
                 "Proxy-Authenticate: Basic\r\nX-Public: 2\r\n");
  });
  Proxy proxy(backend);
  Message answer = get(proxy.front(), "/",
                       "Connection: X-Mine, Authorization, close\r\nX-Mine: 1\r\nTE: trailers\r\n"
                       "Keep-Alive: 3\r\nAuthorization: Basic Zm9v\r\nX-Theirs: 2\r\n"
                       "Proxy-Authorization: Basic Zm9v\r\nUpgrade: h2c\r\n");
  EXPECT_FALSE(answer.has("x-private"));
  EXPECT_FALSE(answer.has("keep-alive"));
  EXPECT_FALSE(answer.has("proxy-authenticate"));
  EXPECT_EQ("2", answer.field("x-public"));
  EXPECT_EQ("close", answer.field("connection"));
  EXPECT_EQ("1.1 siding", answer.field("via"));
  EXPECT_TRUE(answer.has("date"));

  Message request = backend.request(1);
  for (const char* name : {"x-mine", "te", "keep-alive", "proxy-authorization", "upgrade"}) {
    EXPECT_FALSE(request.has(name)) << name;
  }
  EXPECT_EQ("2", request.field("x-theirs"));
  EXPECT_EQ("Basic Zm9v", request.field("authorization")) << "Connection cannot remove it";
  EXPECT_EQ("1.1 siding", request.field("via"));
}

TEST(ForwardFields, WhatPretendsToBeOursOrFoldsIsDropped) {
  Origin backend;
  Proxy proxy(backend);
  get(proxy.front(), "/",
      "Proxy: http://evil\r\nSiding-Exchange: forged\r\nSiding-Other: x\r\n"
      "X_Forwarded_For: 6.6.6.6\r\nX_User: admin\r\nX-User: me\r\n");
  Message request = backend.request(1);
  EXPECT_FALSE(request.has("proxy"));
  EXPECT_FALSE(request.has("siding-other"));
  EXPECT_FALSE(request.has("x_forwarded_for"));
  EXPECT_FALSE(request.has("x_user"));
  EXPECT_EQ("me", request.field("x-user"));
  EXPECT_EQ(1u, request.count("siding-exchange"));
  EXPECT_EQ(request.field("x-request-id"), request.field("siding-exchange"));
}

constexpr std::string_view kForged =
    "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: pub.example\r\n"
    "X-Real-IP: 1.2.3.4\r\nForwarded: for=1.2.3.4;proto=https\r\n";

TEST(ForwardFields, NobodyIsBelievedUnlessTrusted) {
  Origin backend;
  Proxy proxy(backend);
  get(proxy.front(), "/", kForged);
  Message request = backend.request(1);
  EXPECT_EQ("127.0.0.1", request.field("x-forwarded-for"));
  EXPECT_EQ("http", request.field("x-forwarded-proto"));
  EXPECT_EQ("shop.example", request.field("x-forwarded-host"));
  EXPECT_EQ("for=127.0.0.1;host=shop.example;proto=http", request.field("forwarded"));
  EXPECT_FALSE(request.has("x-real-ip"));
}

TEST(ForwardFields, ATrustedIngressIsBelieved) {
  Origin backend;
  Proxy proxy(backend, {.top = "trusted_proxies = [\"loopback\"]\n"});
  get(proxy.front(), "/", kForged);
  Message request = backend.request(1);
  EXPECT_EQ("1.2.3.4, 127.0.0.1", request.field("x-forwarded-for"));
  EXPECT_EQ("https", request.field("x-forwarded-proto"));
  EXPECT_EQ("pub.example", request.field("x-forwarded-host"));
  EXPECT_EQ("for=1.2.3.4;proto=https, for=127.0.0.1;host=shop.example;proto=http",
            request.field("forwarded"));
  EXPECT_NE(std::string::npos, proxy.explain("last").find("1.2.3.4"));
}

TEST(ForwardFields, ARequestIdIsKeptIfItIsOneElseMade) {
  Origin backend;
  Proxy proxy(backend);
  get(proxy.front(), "/", "X-Request-Id: mine.A_1-2\r\n");
  EXPECT_EQ("mine.A_1-2", backend.request(1).field("x-request-id"));
  get(proxy.front(), "/");
  get(proxy.front(), "/", "X-Request-Id: not one\r\n");
  get(proxy.front(), "/", "X-Request-Id: " + std::string(129, 'a') + "\r\n");
  std::string made;
  for (int i = 2; i <= 4; ++i) {
    std::string id = backend.request(i).field("x-request-id");
    EXPECT_EQ(16u, id.size()) << id;
    EXPECT_NE(made, id);
    made = id;
  }
}

TEST(ForwardFields, TheRequestStartsWhenItsBodyIsWhole) {
  ManualClock clock;
  Origin backend;
  Proxy proxy(backend, {.clock = &clock});
  auto us = [&] { return to_us(clock.wall().time_since_epoch()); };
  Client client(proxy.front());
  client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbo");
  EXPECT_TRUE(proxy.metric_becomes(1, "siding_connections", {"listener=front"}));
  proxy.advance(std::chrono::seconds(3));
  int64_t whole = us();
  client.send("dy");
  EXPECT_EQ(200, client.answer().status());
  EXPECT_EQ("t=" + std::to_string(whole), backend.request(1).field("x-request-start"));
}

TEST(ForwardFields, TheBackendSeesTheTargetAsItWasSent) {
  Origin backend;
  Proxy proxy(backend);
  EXPECT_EQ("/a%2fb//c?q=%41+b%20c", get(proxy.front(), "/a%2fb//c?q=%41+b%20c").body);
  Client client(proxy.front());
  client.send("GET http://abs.example/x?y HTTP/1.1\r\nHost: other\r\n\r\n");
  EXPECT_EQ("/x?y", client.answer().body);
  EXPECT_EQ("abs.example", backend.request(2).field("host"));
}

TEST(ForwardFields, AnswersKeepTheirFieldsInOrderAndNumber) {
  Origin backend([](Origin::Call& call) {
    call.respond("x", "Set-Cookie: a=1\r\nX-One: 1\r\nSet-Cookie: b=2\r\nServer: tiny\r\n");
  });
  Proxy proxy(backend);
  Message answer = get(proxy.front(), "/");
  EXPECT_EQ(2u, answer.count("set-cookie"));
  EXPECT_EQ("a=1, b=2", answer.field("set-cookie"));
  EXPECT_EQ("tiny", answer.field("server"));
}

}  // namespace
}  // namespace siding::test
