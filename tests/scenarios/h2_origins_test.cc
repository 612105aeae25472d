// Upstreams and backends that speak HTTP/2 in clear: many calls over one connection, trailers, refusals.
#include <gtest/gtest.h>

#include "tests/harness/h2_client.h"
#include "tests/harness/h2_origin.h"
#include "tests/harness/loop_world.h"

namespace siding::test {
namespace {

const std::string kDoors =
    "listen = \"127.0.0.1:1\"\n[egress]\nlisten = \"127.0.0.1:2\"\n"
    "[upstream.music]\nurl = \"http://127.0.0.1:UPSTREAM\"\nh2c = true\n"
    "[backend.shop]\nurl = \"http://127.0.0.1:BACKEND\"\nh2c = true\nconcurrency = 4\n";
const std::string kShopRoute = "[[route]]\nbackend = \"shop\"\n";

/// A JSON string that tells what was asked for.
void tell_path(H2Server& server, int32_t id) {
  server.answer(id, "\"" + server.requests[id].field(":path") + "\"");
}

std::string answer_of(LoopWorld& world, LoopPeer& client) {
  EXPECT_TRUE(world.settle());
  return client.take().value_or("none: " + client.in);
}

TEST(H2Origins, LegsShareOneConnection) {
  LoopWorld world(kDoors +
                  "[[route]]\n[route.fanout]\na = { call = \"music:/a\" }\n"
                  "b = { call = \"music:/b\" }\nc = { call = \"music:/c\" }\n");
  H2Origin music(world.upstream, tell_path);
  for (int round = 1; round <= 2; ++round) {
    LoopPeer& client = world.add_client();
    client.send("GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n");
    const std::string answer = answer_of(world, client);
    EXPECT_NE(answer.find(R"({"a":"/a","b":"/b","c":"/c"})"), std::string::npos) << answer;
    EXPECT_EQ(3u * static_cast<size_t>(round), music.requests());
  }
  EXPECT_EQ(1u, world.upstream.accepted());
  EXPECT_EQ("http", music.only().requests[1].field(":scheme"));
  EXPECT_EQ("127.0.0.1:" + std::to_string(world.upstream.port()),
            music.only().requests[1].field(":authority"));
  EXPECT_EQ("", music.only().requests[1].field("host"));
}

TEST(H2Origins, AWorkersCallAndItsTrailers) {
  LoopWorld world(kDoors + kShopRoute);
  H2Origin music(world.upstream, [](H2Server& server, int32_t id) {
    ++server.requests[id].answered;
    server.head(id, {{":status", "200"}});
    server.data(id, server.requests[id].body);
    server.head(id, {{"x-sum", "7"}}, true);
  });
  world.clients.push_back(LoopPeer::connect(world.egress_port()));
  LoopPeer& worker = *world.clients.back();
  worker.send(
      "POST /music/s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n"
      "\r\n5\r\nhello\r\n0\r\n\r\n");
  const std::string answer = answer_of(world, worker);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
  EXPECT_NE(answer.find("5\r\nhello\r\n0\r\nx-sum: 7\r\n\r\n"), std::string::npos) << answer;
  EXPECT_EQ("/s", music.only().requests[1].field(":path"));
  EXPECT_EQ("", music.only().requests[1].field("connection"));
}

TEST(H2Origins, AGrpcCallGoesThroughWithItsTrailers) {
  LoopWorld world(kDoors + kShopRoute);
  H2Origin shop(world.backend, [](H2Server& server, int32_t id) {
    ++server.requests[id].answered;
    server.head(id, {{":status", "200"}, {"content-type", "application/grpc"}});
    server.data(id, server.requests[id].body);
    server.head(id, {{"grpc-status", "0"}}, true);
  });
  LoopPeer& peer = world.add_client();
  H2Client client(peer);
  peer.on_pump = [&client](LoopPeer&) { client.exchange(); };
  const H2Client::Pairs fields{{"te", "trailers"}, {"content-type", "application/grpc"}};
  std::vector<int32_t> calls;
  for (int i = 0; i < 4; ++i) {
    calls.push_back(client.ask("POST", "/shop.Songs/Find", fields, ""));
    client.send(calls.back(), "message " + std::to_string(i), true);
  }
  EXPECT_TRUE(world.settle());
  for (int i = 0; i < 4; ++i) {
    H2Client::Answer& answer = client.answer(calls[static_cast<size_t>(i)]);
    EXPECT_EQ(200, answer.status);
    EXPECT_EQ("message " + std::to_string(i), answer.body);
    EXPECT_EQ((H2Client::Pairs{{"grpc-status", "0"}}), answer.trailers);
  }
  EXPECT_EQ(1u, world.backend.accepted());
  EXPECT_EQ("trailers", shop.only().requests[1].field("te"));
  EXPECT_EQ("POST", shop.only().requests[1].field(":method"));
  world.clients.clear();
  EXPECT_TRUE(world.settle());
  world.expect_nothing_left();
}

TEST(H2Origins, WhatWasNotLookedAtIsSentAgainOnce) {
  LoopWorld world(kDoors + kShopRoute);
  int refusals = 1;
  H2Origin shop(world.backend, [&refusals](H2Server& server, int32_t id) {
    ++server.requests[id].answered;
    if (refusals-- > 0) {
      server.reset(id, NGHTTP2_REFUSED_STREAM);
    } else {
      server.answer(id, server.requests[id].body);
    }
  });
  const std::string post = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";
  LoopPeer& client = world.add_client();
  client.send(post);
  std::string answer = answer_of(world, client);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
  EXPECT_TRUE(answer.ends_with("hello")) << answer;
  EXPECT_EQ(2u, shop.requests());
  refusals = 2;
  LoopPeer& another = world.add_client();
  another.send(post);
  answer = answer_of(world, another);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 502 ")) << answer;
  EXPECT_EQ(4u, shop.requests());
}

TEST(H2Origins, AClientThatWantsWebSocketGetsNoneThere) {
  LoopWorld world(kDoors + kShopRoute);
  H2Origin shop(world.backend, tell_path);
  LoopPeer& client = world.add_client();
  client.send("GET /ws HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
  const std::string answer = answer_of(world, client);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
  EXPECT_EQ("", shop.only().requests[1].field("upgrade"));
}

}  // namespace
}  // namespace siding::test
