// Tunnels of clients that speak HTTP/2: extended CONNECT to the backend (RFC 8441), CONNECT through egress
// (RFC 9113 8.5).
#include <gtest/gtest.h>

#include "tests/harness/h2_client.h"
#include "tests/harness/loop_world.h"

namespace siding::test {
namespace {

using namespace std::literals;

const std::string kShop =
    "listen = \"127.0.0.1:1\"\n"
    "[egress]\nlisten = \"127.0.0.1:2\"\n"
    "[backend.shop]\nurl = \"http://127.0.0.1:BACKEND\"\nconcurrency = 4\n"
    "[[route]]\nbackend = \"shop\"\nmethod = [\"GET\"]\n";

const H2Client::Pairs kExtended{
    {":method", "CONNECT"}, {":protocol", "websocket"},     {":scheme", "http"},
    {":path", "/ws"},       {":authority", "shop.example"}, {"sec-websocket-version", "13"}};

/// A client of HTTP/2 in a world whose backend answers a head with `answer`, and then gives back what comes.
struct TunnelBed {
  explicit TunnelBed(std::string answer, const std::string& config = kShop) : world(config) {
    world.backend.script = [this, answer](LoopPeer& far) {
      if (far.stage == 0) {
        std::optional<std::string> head = far.take();
        if (!head) return;
        asked = *head;
        far.stage = 1;
        far.send(answer);
      }
      got += far.in;
      far.send(std::exchange(far.in, {}));
      if (far.eof && far.open() && far.sent()) far.shutdown_write();
    };
    world.settle();
    connect(world.front_port());
    world.settle();
  }
  void connect(uint16_t port) {
    world.clients.push_back(LoopPeer::connect(port));
    peer = world.clients.back().get();
    client = std::make_unique<H2Client>(*peer);
    peer->on_pump = [this](LoopPeer&) { client->exchange(); };
  }
  H2Client::Answer& settled(int32_t id) {
    EXPECT_TRUE(world.settle());
    return client->answer(id);
  }
  ~TunnelBed() { client.reset(); }

  LoopWorld world;
  LoopPeer* peer = nullptr;
  std::unique_ptr<H2Client> client;
  std::string asked;
  std::string got;
};

const std::string kSwitched =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Accept: x\r\nSec-WebSocket-Protocol: chat\r\n\r\n";

TEST(TunnelH2, AnExtendedConnectBecomesAnUpgrade) {
  TunnelBed bed(kSwitched);
  const int32_t id = bed.client->ask_raw(kExtended, "");
  H2Client::Answer& answer = bed.settled(id);
  EXPECT_EQ(200, answer.status);
  EXPECT_EQ("chat", answer.field("sec-websocket-protocol"));
  EXPECT_EQ("", answer.field("sec-websocket-accept"));
  EXPECT_EQ("", answer.field("upgrade"));
  EXPECT_FALSE(answer.ended);
  EXPECT_TRUE(bed.asked.starts_with("GET /ws HTTP/1.1\r\nHost: shop.example\r\n")) << bed.asked;
  EXPECT_NE(bed.asked.find("Connection: upgrade\r\n"), std::string::npos) << bed.asked;
  EXPECT_NE(bed.asked.find("Upgrade: websocket\r\n"), std::string::npos) << bed.asked;
  EXPECT_NE(bed.asked.find("Sec-WebSocket-Key: "), std::string::npos) << bed.asked;
  EXPECT_EQ(bed.asked.find("Content-Length"), std::string::npos) << bed.asked;
  bed.client->send(id, "HELLO", false);
  EXPECT_EQ("HELLO", bed.settled(id).body);
  bed.world.advance(300s);  // longer than a body may take
  bed.world.settle();
  bed.client->send(id, " AGAIN", false);
  EXPECT_EQ("HELLO AGAIN", bed.settled(id).body);
  bed.client->send(id, "", true);
  EXPECT_TRUE(bed.settled(id).ended);
  EXPECT_TRUE(bed.settled(id).closed);
  EXPECT_EQ(0u, bed.world.services->tunnels.open());
  bed.world.expect_nothing_left();
}

TEST(TunnelH2, SettingsTellThatItMayBeAsked) {
  TunnelBed bed(kSwitched);
  const auto setting = NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL;
  EXPECT_EQ(1u, nghttp2_session_get_remote_settings(bed.client->session(), setting));
  TunnelBed never(kSwitched, kShop + "upgrade = []\n");
  EXPECT_EQ(0u, nghttp2_session_get_remote_settings(never.client->session(), setting));
}

TEST(TunnelH2, ManyOnOneConnectionAndEachByItself) {
  TunnelBed bed(kSwitched);
  const int32_t one = bed.client->ask_raw(kExtended, "");
  const int32_t two = bed.client->ask_raw(kExtended, "");
  const std::string much(300'000, 'm');
  bed.settled(one);
  bed.client->send(one, much, false);
  bed.client->send(two, "few", false);
  EXPECT_EQ("few", bed.settled(two).body);
  EXPECT_EQ(much, bed.settled(one).body);
  EXPECT_EQ(2u, bed.world.backend.accepted());
  bed.client->reset(one);
  bed.client->send(two, " more", false);
  EXPECT_EQ("few more", bed.settled(two).body);
  EXPECT_EQ(1u, bed.world.services->tunnels.open());
}

/// Credit goes back for all that the backend has taken, the last of it too.
TEST(TunnelH2, ManySayALittleAndThenNothing) {
  TunnelBed bed(kSwitched, kShop + "queue = false\n");
  const std::string little(30'000, 'l');  // sixty times that is more than the connection's window
  std::vector<int32_t> all;
  for (int i = 0; i < 60; ++i) all.push_back(bed.client->ask_raw(kExtended, ""));
  EXPECT_TRUE(bed.world.settle());
  for (int32_t id : all) bed.client->send(id, little, false);
  EXPECT_TRUE(bed.world.settle(50'000));
  for (int32_t id : all) EXPECT_EQ(little.size(), bed.client->answer(id).body.size()) << id;
}

TEST(TunnelH2, StalledOnesHoldUpNoOther) {
  TunnelBed bed(kSwitched, kShop + "queue = false\n");
  bed.world.backend.narrow();
  std::vector<int32_t> stalled;
  for (int i = 0; i < 6; ++i) stalled.push_back(bed.client->ask_raw(kExtended, ""));
  EXPECT_TRUE(bed.world.settle());
  for (auto& far : bed.world.backend.peers()) far->reading = false;
  for (int32_t id : stalled) bed.client->send(id, std::string(2'000'000, 's'), false);
  EXPECT_TRUE(bed.world.settle(50'000));
  const int32_t well = bed.client->ask_raw(kExtended, "");
  EXPECT_EQ(200, bed.settled(well).status);
  const std::string much(500'000, 'm');
  bed.client->send(well, much, false);
  EXPECT_TRUE(bed.world.settle(50'000));
  EXPECT_EQ(much.size(), bed.client->answer(well).body.size());
}

TEST(TunnelH2, WhatIsNoSwitchIsNoTunnel) {
  TunnelBed bed("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
  EXPECT_EQ(502, bed.settled(bed.client->ask_raw(kExtended, "")).status);
  TunnelBed refusing("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
  H2Client::Answer& answer = refusing.settled(refusing.client->ask_raw(kExtended, ""));
  EXPECT_EQ(403, answer.status);
  EXPECT_EQ("no", answer.body);
  EXPECT_TRUE(answer.closed);
}

TEST(TunnelH2, AProtocolThatIsNotListed) {
  TunnelBed bed(kSwitched);
  H2Client::Pairs other = kExtended;
  other[1].second = "connect-udp";
  H2Client::Answer& answer = bed.settled(bed.client->ask_raw(other, ""));
  EXPECT_EQ(501, answer.status);
  EXPECT_NE(answer.body.find("not_implemented"), std::string::npos) << answer.body;
  EXPECT_EQ(0u, bed.world.backend.accepted());
}

TEST(TunnelH2, NoMoreThanThereMayBe) {
  TunnelBed bed(kSwitched);
  bed.world.services->tunnels.set_most(1);
  const int32_t one = bed.client->ask_raw(kExtended, "");
  EXPECT_EQ(200, bed.settled(one).status);
  H2Client::Answer& answer = bed.settled(bed.client->ask_raw(kExtended, ""));
  EXPECT_EQ(503, answer.status);
  EXPECT_NE(answer.body.find("no_tunnel"), std::string::npos) << answer.body;
  bed.client->reset(one);
  EXPECT_TRUE(bed.world.settle());
  EXPECT_EQ(200, bed.settled(bed.client->ask_raw(kExtended, "")).status);
}

TEST(TunnelH2, AResetOfTheBackendIsToldOfTheStream) {
  TunnelBed bed(kSwitched);
  const int32_t id = bed.client->ask_raw(kExtended, "");
  EXPECT_EQ(200, bed.settled(id).status);
  bed.world.backend.peers().front()->reset();
  EXPECT_TRUE(bed.settled(id).closed);
  EXPECT_EQ(uint32_t{NGHTTP2_CONNECT_ERROR}, bed.settled(id).code);
  EXPECT_EQ(200, bed.settled(bed.client->ask_raw(kExtended, "")).status) << "the connection lives";
}

/// Whether who writes or who reads meets it first.
TEST(TunnelH2, AResetWhileTheClientSpeaksIsOneToo) {
  TunnelBed bed(kSwitched);
  const int32_t id = bed.client->ask_raw(kExtended, "");
  EXPECT_EQ(200, bed.settled(id).status);
  bed.client->send(id, "HELLO", false);
  bed.client->exchange();
  bed.peer->pump();
  bed.world.loop.turn(false);  // it has read that, and is about to write it
  bed.world.backend.peers().front()->reset();
  EXPECT_TRUE(bed.settled(id).closed);
  EXPECT_FALSE(bed.settled(id).ended);
  EXPECT_EQ(uint32_t{NGHTTP2_CONNECT_ERROR}, bed.settled(id).code);
}

TEST(TunnelH2, TheBackendsEndIsTheStreams) {
  TunnelBed bed(kSwitched);
  const int32_t id = bed.client->ask_raw(kExtended, "");
  EXPECT_EQ(200, bed.settled(id).status);
  bed.world.backend.peers().front()->shutdown_write();
  EXPECT_TRUE(bed.settled(id).ended);
  EXPECT_FALSE(bed.settled(id).closed) << "the client's half is still open";
  bed.client->send(id, "last", true);
  EXPECT_TRUE(bed.settled(id).closed);
  EXPECT_EQ("last", bed.got);
  bed.world.advance(80s);
  bed.world.settle();
  EXPECT_TRUE(bed.peer->eof) << "the connection is as idle as any";
}

TEST(TunnelH2, ConnectOfAWorker) {
  TunnelBed bed(kSwitched);
  bed.connect(bed.world.egress_port());
  bed.world.upstream.script = [](LoopPeer& peer) {
    peer.send(std::exchange(peer.in, {}));
    if (peer.eof && peer.open() && peer.sent()) peer.shutdown_write();
  };
  const std::string to = "127.0.0.1:" + std::to_string(bed.world.upstream.port());
  const int32_t id = bed.client->ask_raw({{":method", "CONNECT"}, {":authority", to}}, "");
  EXPECT_EQ(200, bed.settled(id).status);
  bed.client->send(id, "HELLO", true);
  EXPECT_EQ("HELLO", bed.settled(id).body);
  EXPECT_TRUE(bed.settled(id).closed);
  const int32_t lost =
      bed.client->ask_raw({{":method", "CONNECT"}, {":authority", "127.0.0.1"}}, "");
  EXPECT_EQ(400, bed.settled(lost).status);
}

}  // namespace
}  // namespace siding::test
