// Clients that switch to another protocol with the backend, over HTTP/1.1 (RFC 9110 7.8).
#include <gtest/gtest.h>

#include <thread>

#include "tests/harness/proxy.h"

namespace siding::test {
namespace {

using namespace std::literals;

const std::string kAsk =
    "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const std::string kSwitch =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// Switches, and gives back what comes, five bytes at a time, until the client has ended.
void switch_over(Origin::Call& call) {
  call.done = true;
  call.send(kSwitch);
  for (std::string five; !(five = call.wire.read_bytes(5)).empty();) call.send(five);
}

std::string request(std::string_view fields, std::string_view start = "GET /ws HTTP/1.1") {
  return std::string(start) + "\r\nHost: shop.example\r\n" + std::string(fields) + "\r\n";
}

TEST(Tunnel, BytesGoBothWaysUnchanged) {
  Origin backend;
  backend.on_head(switch_over);
  Proxy proxy(backend);
  Client client(proxy.front());
  Message switched = client.send(request(kAsk)).read();
  EXPECT_EQ(101, switched.status());
  EXPECT_EQ("upgrade", switched.field("connection"));
  EXPECT_EQ("websocket", switched.field("upgrade"));
  EXPECT_EQ("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", switched.field("sec-websocket-accept"));
  EXPECT_FALSE(switched.has("transfer-encoding") || switched.has("content-length")) << switched;
  EXPECT_EQ("upgrade", backend.request(1).field("connection"));
  EXPECT_EQ("websocket", backend.request(1).field("upgrade"));
  EXPECT_EQ("dGhlIHNhbXBsZSBub25jZQ==", backend.request(1).field("sec-websocket-key"));
  EXPECT_FALSE(backend.request(1).has("content-length"));
  client.send("\x81\x03\0ab"s + "HELLO");
  EXPECT_EQ("\x81\x03\0abHELLO"s, client.wire().read_bytes(10));
  EXPECT_EQ(1, proxy.metric("siding_tunnels"));
  client.half_close();
  EXPECT_EQ("closed", client.end());
  EXPECT_TRUE(proxy.metric_becomes(1, "siding_exchanges_total", {"outcome=ok"}));
  EXPECT_TRUE(proxy.metric_becomes(0, "siding_tunnels"));
  EXPECT_EQ(1, proxy.metric("siding_tunnels_total"));
  EXPECT_TRUE(backend.wait_for_open(0));
}

TEST(Tunnel, NoByteGoesOnBeforeThe101) {
  Origin backend;
  std::string seen_early;
  backend.on_head([&](Origin::Call& call) {
    if (call.wire.readable_now()) seen_early = "bytes behind the request's head";
    switch_over(call);
  });
  backend.hold();
  Proxy proxy(backend);
  Client client(proxy.front());
  client.send(request(kAsk) + "EARLY");
  ASSERT_TRUE(backend.wait_for(1));
  EXPECT_EQ(200, get(proxy.health(), "/healthz").status()) << "the loop has had its turns";
  backend.release();
  EXPECT_EQ(101, client.read().status());
  EXPECT_EQ("EARLY", client.wire().read_bytes(5)) << "they are the tunnel's, now that there is one";
  client.half_close();
  EXPECT_EQ("closed", client.end());
  EXPECT_EQ("", seen_early);
}

TEST(Tunnel, WhatFollowsARefusalIsHttp) {
  Origin backend;
  Proxy proxy(backend);
  Client client(proxy.front());
  client.send(request(kAsk) + "GET /SMUGGLED\x01 HTTP/1.1\r\nX : y\r\n\r\n");
  EXPECT_EQ(200, client.answer().status());
  EXPECT_EQ(400, client.answer().status());
  EXPECT_EQ("closed", client.end());
  EXPECT_EQ(1, backend.requests());
}

TEST(Tunnel, OnlyWhatTheRouteListsIsAskedFor) {
  Origin backend;
  Proxy proxy(backend, {.tables = "[[route]]\npath = \"/none\"\nbackend = \"shop\"\nupgrade = []\n"
                                  "[[route]]\npath = \"/kept\"\nbackend = \"shop\"\ncache = true\n"
                                  "[[route]]\npath = \"/chat\"\nbackend = \"shop\"\n"
                                  "upgrade = [\"Chat/2\"]\n"});
  auto upgrade_of = [&](const std::string& whole) {
    EXPECT_EQ(200, Client(proxy.front()).send(whole).answer().status());
    return backend.log().back().field("upgrade");
  };
  const std::string connection = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: ";
  EXPECT_EQ("websocket", upgrade_of(request(connection + "foo, WebSocket\r\n")));
  EXPECT_EQ("", upgrade_of(request(connection + "foo\r\n")));
  EXPECT_EQ("", upgrade_of(request(connection + "h2c\r\nHTTP2-Settings: AAMAAABk\r\n")));
  EXPECT_EQ("", upgrade_of(request("Upgrade: websocket\r\n"))) << "Connection does not say so";
  EXPECT_EQ("", upgrade_of(request(kAsk, "GET /ws HTTP/1.0")));
  EXPECT_EQ("", upgrade_of(request(kAsk, "PUT /ws HTTP/1.1")));
  EXPECT_EQ("", upgrade_of(request(kAsk + "Content-Length: 2\r\n") + "ab")) << "it has a body";
  EXPECT_EQ("", upgrade_of(request(kAsk, "GET /none HTTP/1.1")));
  EXPECT_EQ("", upgrade_of(request(kAsk, "GET /chat HTTP/1.1")));
  EXPECT_EQ("", upgrade_of(request(kAsk, "GET /kept HTTP/1.1")))
      << "it would lead around the cache";
  EXPECT_EQ("chat/2", upgrade_of(request(connection + "chat/2\r\n", "OPTIONS /chat HTTP/1.1")));
}

TEST(Tunnel, ItsConnectionIsNobodyElses) {
  Origin backend;
  Proxy proxy(backend);
  EXPECT_EQ(200, get(proxy.front(), "/a").status());
  EXPECT_EQ(200, get(proxy.front(), "/b").status());
  ASSERT_EQ(1, backend.opened()) << "kept";
  EXPECT_EQ(200, Client(proxy.front()).send(request(kAsk)).answer().status()) << "refused";
  EXPECT_EQ(2, backend.opened()) << "a kept one is not used for it";
  EXPECT_TRUE(backend.wait_for_open(1)) << "nor is it kept";
}

TEST(Tunnel, AnotherProtocolThanAskedForIsNoAnswer) {
  Origin backend;
  backend.on_head([](Origin::Call& call) {
    call.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n");
  });
  Proxy proxy(backend);
  Client client(proxy.front());
  EXPECT_EQ(502, client.send(request(kAsk)).answer().status());
  EXPECT_TRUE(proxy.metric_becomes(1, "siding_exchanges_total", {"outcome=backend_malformed"}));
  EXPECT_TRUE(backend.wait_for_open(0));
}

TEST(Tunnel, InTheQueueItHoldsAWorkersPlace) {
  Origin backend;
  backend.on_head([](Origin::Call& call) {
    if (call.request.has("upgrade")) return switch_over(call);
    call.respond("hello");
  });
  Proxy proxy(backend, {.tables = "[[route]]\npath = \"/cable\"\nbackend = \"shop\"\n"
                                  "queue = false\n"});
  Client beside(proxy.front());
  EXPECT_EQ(101, beside.send(request(kAsk, "GET /cable HTTP/1.1")).read().status());
  EXPECT_EQ(200, get(proxy.front(), "/").status());
  Client inside(proxy.front());
  EXPECT_EQ(101, inside.send(request(kAsk)).read().status());
  EXPECT_TRUE(proxy.inside(1));
  // One more stands at the door; the backend here serves it, as a server with another worker would.
  EXPECT_EQ(200, get(proxy.front(), "/").status());
  Client second(proxy.front());
  EXPECT_EQ(101, second.send(request(kAsk)).read().status());
  Client waiting(proxy.front());
  waiting.get("/");
  EXPECT_TRUE(proxy.waits(1));
  inside.close();
  EXPECT_EQ(200, waiting.answer().status());
}

TEST(Tunnel, EndsWhenNobodySaysAnything) {
  Origin backend;
  backend.on_head(switch_over);
  ManualClock clock;
  Proxy proxy(backend, {.tables = "[limits]\ntunnel_idle_timeout = \"10s\"\n", .clock = &clock});
  Client client(proxy.front());
  EXPECT_EQ(101, client.send(request(kAsk)).read().status());
  proxy.advance(9s);
  client.send("HELLO");
  EXPECT_EQ("HELLO", client.wire().read_bytes(5));
  proxy.advance(9s);
  EXPECT_EQ(1, proxy.metric("siding_tunnels")) << "that byte counts";
  proxy.advance(2s);
  EXPECT_EQ("closed", client.end());
  EXPECT_TRUE(proxy.metric_becomes(1, "siding_exchanges_total", {"outcome=tunnel_idle"}));
  EXPECT_TRUE(backend.wait_for_open(0));
}

TEST(Tunnel, WhoEndedHisHalfIsNotWaitedForAsLong) {
  Origin backend;
  backend.on_head([](Origin::Call& call) {
    call.send(kSwitch + "BYE");
    call.close();
  });
  ManualClock clock;
  Proxy proxy(backend, {.tables = "[limits]\nsend_timeout = \"10s\"\n", .clock = &clock});
  Client client(proxy.front());
  EXPECT_EQ(101, client.send(request(kAsk)).read().status());
  EXPECT_EQ("BYE", client.wire().read_bytes(3));
  EXPECT_TRUE(proxy.inside(1)) << "the client may still have something to say";
  proxy.advance(11s);
  EXPECT_TRUE(proxy.metric_becomes(0, "siding_backend_inside"));
  EXPECT_TRUE(proxy.metric_becomes(1, "siding_exchanges_total", {"outcome=tunnel_idle"}));
}

TEST(Tunnel, AResetGoesOnToTheOtherSide) {
  Origin backend;
  backend.on_head([](Origin::Call& call) {
    call.send(kSwitch);
    call.wire.read_bytes(5);
    call.reset();
  });
  Proxy proxy(backend);
  Client client(proxy.front());
  EXPECT_EQ(101, client.send(request(kAsk)).read().status());
  client.send("HELLO");
  EXPECT_EQ("reset", client.end());
  EXPECT_TRUE(proxy.metric_becomes(1, "siding_exchanges_total", {"outcome=backend_aborted"}));

  backend.on_head(switch_over);
  Client leaves(proxy.front());
  EXPECT_EQ(101, leaves.send(request(kAsk)).read().status());
  leaves.reset();
  EXPECT_TRUE(backend.wait_for_open(0));
  EXPECT_TRUE(proxy.metric_becomes(0, "siding_tunnels"));
  EXPECT_TRUE(proxy.metric_becomes(0, "siding_backend_inside"));
}

TEST(Tunnel, TheBackendsHalfMayCloseFirst) {
  Origin backend;
  backend.on_head([](Origin::Call& call) {
    call.done = true;
    call.send(kSwitch + "BYE");
    call.wire.half_close();
    EXPECT_EQ("LAST WORDS", call.wire.read_bytes(10));
    EXPECT_EQ("closed", call.wire.read_to_end());
  });
  Proxy proxy(backend);
  Client client(proxy.front());
  EXPECT_EQ(101, client.send(request(kAsk)).read().status());
  EXPECT_EQ("BYE", client.wire().read_bytes(4)) << "and the end";
  client.send("LAST WORDS");
  client.half_close();
  EXPECT_TRUE(proxy.metric_becomes(1, "siding_exchanges_total", {"outcome=ok"}));
}

TEST(Tunnel, MuchBothWaysAtOnce) {
  constexpr size_t kMuch = 8 << 20;
  Origin backend;
  backend.on_head([](Origin::Call& call) {
    call.done = true;
    call.send(kSwitch);
    std::thread writer([&call] { call.send(std::string(kMuch, 'b')); });
    EXPECT_EQ(std::string(kMuch, 'c'), call.wire.read_bytes(kMuch));
    writer.join();
    call.wire.half_close();
    call.wire.read_to_end();
  });
  Proxy proxy(backend);
  Client client(proxy.front());
  EXPECT_EQ(101, client.send(request(kAsk)).read().status());
  std::thread writer([&client] { client.send(std::string(kMuch, 'c')); });
  EXPECT_EQ(std::string(kMuch, 'b'), client.wire().read_bytes(kMuch));
  writer.join();
  client.half_close();
  EXPECT_EQ("closed", client.end());
}

TEST(Tunnel, ADrainLetsItGoOnUntilItsDeadline) {
  Origin backend;
  backend.on_head(switch_over);
  Proxy proxy(backend, {.top = "drain_timeout = \"300ms\"\n"});
  Client client(proxy.front());
  EXPECT_EQ(101, client.send(request(kAsk)).read().status());
  proxy.drain();
  client.send("HELLO");
  EXPECT_EQ("HELLO", client.wire().read_bytes(5));
  EXPECT_EQ("closed", client.end());
  client.close();
  EXPECT_EQ(0, proxy.wait()) << "nobody lost an answer";
}

}  // namespace
}  // namespace siding::test
