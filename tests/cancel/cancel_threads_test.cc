// Two loops share admission, connections, pins and budgets while their clients come and leave at
// random: the grant race, and all the others, for ThreadSanitizer.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "config/load.h"
#include "proxy/downstream/listener.h"
#include "proxy/exchange/egress.h"
#include "proxy/exchange/exchange.h"
#include "tests/harness/loop_bed.h"
#include "tests/harness/loop_peer.h"

namespace siding::cancel {

using namespace std::chrono_literals;
using test::LoopOrigin;
using test::LoopPeer;

namespace {

constexpr uint32_t kLoops = 2;

/// Backend and upstream, on a thread of their own.
class Servers {
 public:
  Servers() {
    upstream_.script = [](LoopPeer& peer) {
      while (peer.take()) peer.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nsong");
    };
    backend_.script = [this](LoopPeer& peer) { work(peer); };
  }
  ~Servers() { stop(); }
  void start() {
    thread_ = std::thread([this] {
      while (!stop_) {
        bool moved = backend_.pump();
        moved = upstream_.pump() || moved;
        if (!moved) std::this_thread::yield();
      }
      backend_.close_all();
      upstream_.close_all();
    });
  }
  void stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  uint16_t backend_port() const { return backend_.port(); }
  uint16_t upstream_port() const { return upstream_.port(); }

  uint16_t egress_ports[kLoops] = {};

 private:
  /// A blocking worker whose call goes through the egress listener of either loop.
  void work(LoopPeer& peer) {
    if (peer.stage == 0) {
      if (!peer.take()) return;
      std::string host = "127.0.0.1:" + std::to_string(upstream_.port());
      peer.call = LoopPeer::connect(egress_ports[calls_++ % kLoops]);
      peer.call->send("GET http://" + host + "/s?word=x HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
      peer.stage = 1;
    } else if (peer.call->take() || peer.call->eof) {
      peer.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage");
      peer.call.reset();
      peer.stage = 0;
    }
  }
  LoopOrigin backend_{nullptr};
  LoopOrigin upstream_{nullptr};
  std::atomic<bool> stop_{false};
  uint32_t calls_ = 0;
  std::thread thread_;
};

std::string config_for(const Servers& servers) {
  return "listen = \"127.0.0.1:1\"\n[egress]\nlisten = \"127.0.0.1:2\"\n"
         "[backend.shop]\nurl = \"http://127.0.0.1:" +
         std::to_string(servers.backend_port()) +
         "\"\nconcurrency = 2\n[upstream.music]\nurl = \"http://127.0.0.1:" +
         std::to_string(servers.upstream_port()) +
         "\"\n[[route]]\nbackend = \"shop\"\n[route.prefetch]\nmode = \"on\"\n"
         "[route.prefetch.calls.song]\ncall = \"music:/s?word=x\"\n";
}

struct Together {
  std::unique_ptr<Services> services;
  int front_fds[kLoops];
  int egress_fds[kLoops];
  uint16_t front_ports[kLoops] = {};
  std::atomic<uint32_t> front_open{0};
  std::atomic<uint32_t> egress_open{0};
  std::atomic<uint32_t> busy{kLoops};
  std::atomic<int> answers{0};
};

/// What one loop serves, and its clients.
void serve_and_leave(Together& all, Loop& loop, int rounds) {
  LoopWork work(loop);
  const LoopServicesRef here = LoopServices::make(*all.services, all.services->now(), work);
  FrontHandler front_handler(here);
  EgressHandler egress_handler(here);
  ListenerOptions front_options;
  ListenerOptions egress_options;
  front_options.on_refuse = [](const SocketAddress&, Outcome, std::string_view) {};
  egress_options.on_refuse = front_options.on_refuse;
  front_options.handler = &front_handler;
  egress_options.handler = &egress_handler;
  front_options.open = &all.front_open;
  egress_options.open = &all.egress_open;
  loop.turn(false);
  Listener front(loop, all.front_fds[loop.index()], front_options);
  Listener egress(loop, all.egress_fds[loop.index()], egress_options);
  std::mt19937 random(loop.index() + 7);
  std::vector<std::unique_ptr<LoopPeer>> clients;
  for (int i = 0; i < rounds || all.answers < 200; ++i) {
    if (clients.size() < 12) {
      clients.push_back(LoopPeer::connect(all.front_ports[loop.index()]));
      bool post = random() % 4 == 0;
      clients.back()->send(post ? "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
                                : "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    for (auto& client : clients) {
      client->pump();
      if (client->take()) {
        ++all.answers;
        client->close();
      } else if (random() % 300 == 0) {
        if (random() % 2 == 0) client->reset();
        client->close();
      }
    }
    std::erase_if(clients, [](const auto& c) { return !c->open() || c->eof; });
    if (!loop.turn(false)) std::this_thread::yield();
  }
  clients.clear();
  // Until the workers have answered for all who left, on both loops: their calls need these listeners.
  bool quiet = test::run_until(
      loop, [&] { return front.connections() == 0 && work.background.size() == 0; });
  EXPECT_TRUE(quiet) << front.connections() << " connections";
  --all.busy;
  EXPECT_TRUE(test::run_until(loop, [&] {
    return all.busy == 0 && here->snapshot.backends[0]->admission.snapshot().inside == 0;
  }));
  egress.close_all();
  here->close_idle();
}

TEST(CancelThreads, TwoLoopsWhoseClientsComeAndLeave) {
  test::LeftoverCheck leftovers;
  SystemClock clock;
  Observer observer(kLoops, LogConfig::Access::off, 16);
  Disk disk;
  Servers servers;
  std::vector<std::unique_ptr<Loop>> loops;
  std::vector<Loop*> pointers;
  for (uint32_t i = 0; i < kLoops; ++i) {
    loops.push_back(std::make_unique<Loop>(clock, i));
    pointers.push_back(loops.back().get());
  }
  LoadedConfig loaded = load_config({{"two.toml", config_for(servers)}},
                                    [](std::string_view) { return std::nullopt; });
  ASSERT_TRUE(loaded.ok());
  Together all;
  constexpr uint64_t kMemory = 64 << 20;
  all.services = std::make_unique<Services>(
      loaded.config, observer, disk, Shares{.memory = kMemory, .cache = 1 << 20, .tunnels = 1000},
      pointers);
  for (uint32_t i = 0; i < kLoops; ++i) {
    all.front_fds[i] = test::listen_on_loopback(&all.front_ports[i]);
    all.egress_fds[i] = test::listen_on_loopback(&servers.egress_ports[i]);
  }
  servers.start();
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < kLoops; ++i) {
    threads.emplace_back([&, i] {
      serve_and_leave(all, *loops[i], 3000);
      loops[i]->turn(false);
      EXPECT_EQ(frame_stats().frames, 0);
    });
  }
  for (std::thread& t : threads) t.join();
  servers.stop();
  const SnapshotRef in_force = all.services->now();
  Admission::Snapshot now = in_force->backends[0]->admission.snapshot();
  EXPECT_EQ(now.inside, 0u);
  EXPECT_EQ(now.queued, 0u);
  EXPECT_EQ(in_force->backends[0]->pool.open(), 0u);
  EXPECT_EQ(in_force->upstreams[0]->pool.open(), 0u);
  EXPECT_EQ(all.services->pins.snapshot().offers, 0u);
  EXPECT_EQ(all.services->pins.snapshot().bytes, 0u);
  EXPECT_EQ(all.services->bodies.memory.used(), 0u);
  EXPECT_EQ(all.services->abandoned.load(), 0u);
  EXPECT_EQ(all.front_open + all.egress_open, 0u);
}

}  // namespace
}  // namespace siding::cancel
