// Stories of tunnels: clients that switch to WebSocket, by HTTP/1.1 and HTTP/2, and a worker's CONNECT.
#include <gtest/gtest.h>

#include <memory>

#include "tests/cancel/stories.h"
#include "tests/harness/h2_client.h"

namespace siding::cancel {

using test::H2Client;
using test::LoopPeer;
using test::LoopWorld;

namespace {
const std::string kTunnelDoors =
    "listen = \"127.0.0.1:1\"\n[egress]\nlisten = \"127.0.0.1:2\"\n"
    "[backend.shop]\nurl = \"http://127.0.0.1:BACKEND\"\nconcurrency = 1\nbacklog = 0\n";
const std::string kFarSide = "[upstream.far]\nurl = \"http://127.0.0.1:UPSTREAM\"\n";
const std::string kAskUpgrade =
    "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
const std::string kToldWhole = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// Gives back what comes, and ends when that does.
void give_back(LoopPeer& peer) {
  peer.send(std::exchange(peer.in, {}));
  if (peer.eof && peer.open() && peer.sent()) peer.shutdown_write();
}

void switching_backend(LoopPeer& peer) {
  if (peer.stage == 0) {
    std::optional<std::string> request = peer.take();
    if (!request) return;
    if (request->find("Upgrade: websocket") == std::string::npos) {
      peer.send(kToldWhole);
      return;
    }
    peer.send("HTTP/1.1 101 Go on\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
    peer.stage = 1;
  }
  give_back(peer);
}

/// Says something when it may, ends when it has heard it, and counts as answered then.
void speaker(LoopPeer& self) {
  if (self.stage == 0 && self.in.find("\r\n\r\n") != std::string::npos) {
    self.in.erase(0, self.in.find("\r\n\r\n") + 4);
    self.send("HELLO");
    self.stage = 1;
  }
  if (self.stage == 1 && self.in == "HELLO") {
    self.shutdown_write();
    self.stage = 2;
  }
  if (self.stage == 2 && self.eof && !self.broken) {
    self.in = kToldWhole;
    self.stage = 3;
  }
}

void two_speakers(LoopWorld& w) {
  for (int i = 0; i < 2; ++i) {
    LoopPeer& client = w.add_client();
    client.send(kAskUpgrade);
    client.on_pump = speaker;
  }
}

Story tunnelled(const std::string& name, const std::string& config,
                std::function<void(LoopWorld&)> begin, std::vector<int> answers) {
  Story s{name, config, [begin = std::move(begin)](LoopWorld& w) {
            w.backend.script = switching_backend;
            w.upstream.script = give_back;
            begin(w);
          }};
  s.answers = std::move(answers);
  s.fresh = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  s.fresh_answer = "200 OK";
  return s;
}

/// Each takes the worker's place until it has ended.
Story one_after_the_other() {
  return tunnelled("Tunnels", kTunnelDoors + "[[route]]\nbackend = \"shop\"\n", two_speakers,
                   {200, 200});
}

Story beside_the_queue() {
  return tunnelled("TunnelsBeside", kTunnelDoors + "[[route]]\nbackend = \"shop\"\nqueue = false\n",
                   two_speakers, {200, 200});
}

Story refused_tunnel() {
  return tunnelled("TunnelRefused",
                   kTunnelDoors + "[[route]]\nbackend = \"shop\"\nupgrade = [\"chat\"]\n",
                   [](LoopWorld& w) {
                     LoopPeer& client = w.add_client();
                     client.send(
                         "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\n"
                         "Upgrade: chat\r\n\r\n");
                   },
                   {200});
}

/// Two on one connection, one of which the client resets when it has heard something.
Story of_http2() {
  return tunnelled("TunnelsH2", kTunnelDoors + "[[route]]\nbackend = \"shop\"\nqueue = false\n",
                   [](LoopWorld& w) {
                     LoopPeer& peer = w.add_client();
                     auto client = std::make_shared<H2Client>(peer);
                     peer.on_pump = [client](LoopPeer& self) {
                       if (self.stage == 3) return;
                       if (self.stage == 0 && client->pumps++ == 1) {
                         for (int i = 0; i < 2; ++i) {
                           client->ask_raw({{":method", "CONNECT"},
                                            {":protocol", "websocket"},
                                            {":scheme", "http"},
                                            {":path", "/ws"},
                                            {":authority", "x"}},
                                           "");
                         }
                         client->send(1, "HELLO", false);
                         client->send(3, "HELLO", false);
                         self.stage = 1;
                       }
                       client->exchange();
                       if (self.stage == 1 && client->answer(1).body == "HELLO" &&
                           client->answer(3).body == "HELLO") {
                         client->reset(3);
                         client->send(1, "", true);
                         self.stage = 2;
                       }
                       if (self.stage == 2 && client->answer(1).closed && client->answer(1).ended) {
                         self.in = kToldWhole;
                         self.stage = 3;
                       }
                     };
                   },
                   {200});
}

Story connect_story() {
  return tunnelled("TunnelConnect", kTunnelDoors + kFarSide + "[[route]]\nbackend = \"shop\"\n",
                   [](LoopWorld& w) {
                     w.clients.push_back(LoopPeer::connect(w.egress_port()));
                     LoopPeer& worker = *w.clients.back();
                     const std::string to = "127.0.0.1:" + std::to_string(w.upstream.port());
                     worker.send("CONNECT " + to + " HTTP/1.1\r\nHost: " + to + "\r\n\r\n");
                     worker.on_pump = speaker;
                   },
                   {200});
}
}  // namespace

std::vector<Story> tunnel_stories() {
  return {one_after_the_other(), beside_the_queue(), refused_tunnel(), of_http2(), connect_story()};
}

}  // namespace siding::cancel
