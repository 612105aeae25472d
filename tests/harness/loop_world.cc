// See loop_world.h.
#include "tests/harness/loop_world.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <thread>

#include "config/load.h"

namespace siding::test {

namespace {
std::string replaced(std::string text, const std::string& word, uint16_t port) {
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word)) {
    text.replace(at, word.size(), std::to_string(port));
  }
  return text;
}

ConfigRef config_of(const std::string& text) {
  LoadedConfig loaded =
      load_config({{"world.toml", text}}, [](std::string_view) { return std::nullopt; });
  for (const Diagnostic& d : loaded.diagnostics) {
    if (!d.warning) ADD_FAILURE() << d.text();
  }
  if (!loaded.ok()) std::abort();
  return loaded.config;
}
}  // namespace

LoopWorld::LoopWorld(const std::string& config) {
  std::string text =
      replaced(replaced(config, "BACKEND", backend.port()), "UPSTREAM", upstream.port());
  if (text.find("REDIS") != std::string::npos) {
    redis = std::make_unique<LoopRedis>(clock);
    text = replaced(text, "REDIS", redis->port());
  }
  config_ = text;
  std::vector<Loop*> loops{&loop};
  services = std::make_unique<Services>(config_of(text), observer, disk, kShares, loops);
  work = std::make_unique<LoopWork>(loop);
  here = LoopServices::make(*services, services->now(), *work);
  front_handler = std::make_unique<FrontHandler>(here);
  egress_handler = std::make_unique<EgressHandler>(here);
  front_options.extended_connect = here->snapshot.config->tunnels();
  front.reset(open(front_options, *front_handler, front_open, &front_port_));
  egress.reset(open(egress_options, *egress_handler, egress_open, &egress_port_));
  if (!here->redis) return;
  here->redis->start();
  news = follow_purges(*services->caches, here->redis);
  news.start();
}

void LoopWorld::reload() {
  std::string text = config_;
  for (size_t at = text.find("\nurl = "); at != std::string::npos;
       at = text.find("\nurl = ", at + 1)) {
    const size_t line = text.rfind('\n', at - 1) + 1;
    const std::string_view table = std::string_view(text).substr(line, at - line);
    const bool origin = table.starts_with("[backend.") || table.starts_with("[upstream.");
    if (origin) text.insert(at + 1, "idle_timeout = \"3s\"\n");
  }
  const SnapshotRef next = services->snapshot_of(config_of(text), kShares);
  services->put_in_force(next, kShares);
  const LoopServicesRef before = here;
  here = LoopServices::make(*services, next, *work, before.get());
  next->take_effect();
  before->snapshot.give_way(*next, loop);
}

LoopWorld::~LoopWorld() {
  // As the end of a server: what was retired goes before that to which it belongs.
  loop.stop();
  loop.run();
  egress.reset();
  front.reset();
  news.reset();
  work->end();
  here->close_idle();
  here.reset();
  loop.run();
}

Listener* LoopWorld::open(ListenerOptions& options, Handler& handler, std::atomic<uint32_t>& count,
                          uint16_t* port) {
  options.handler = &handler;
  options.open = &count;
  options.on_refuse = [](const SocketAddress&, Outcome, std::string_view) {};
  int fd = listen_on_loopback(port);
  int small =
      64 * 1024;  // so that a slow client is one after some hundred KiB (accepted ones inherit it)
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
  return new Listener(loop, fd, options);
}

bool LoopWorld::redis_is_known() const {
  const bool up = services->redis.commands.up == 2;  // one follows the purges
  return (up && here->snapshot.purge_news->followed()) || redis->failed();
}

LoopPeer& LoopWorld::add_client(int receive_buffer) {
  clients.push_back(LoopPeer::connect(front_port_, receive_buffer));
  return *clients.back();
}

bool LoopWorld::step() {
  bool moved = false;
  for (auto& client : clients) {
    moved = client->pump() || moved;
    if (client->on_pump && client->open()) client->on_pump(*client);
    moved = client->pump() || moved;
  }
  moved = backend.pump() || moved;
  moved = upstream.pump() || moved;
  if (redis) moved = redis->pump() || moved;
  moved = loop.turn(false) || moved;
  return moved;
}

bool LoopWorld::idle() {
  if (step()) return false;
  calm.wait();
  while (disk.pending() > 0) std::this_thread::yield();
  return !step() && !step();
}

bool LoopWorld::settle(int most) {
  for (int i = 0; i < most; ++i) {
    if (!step() && idle()) return true;
  }
  return false;
}

void LoopWorld::expect_nothing_left() {
  for (auto& b : here->snapshot.backends) {
    Admission::Snapshot now = b->admission.snapshot();
    EXPECT_EQ(now.inside, 0u) << "permits";
    EXPECT_EQ(now.queued, 0u) << "queued";
    EXPECT_EQ(now.queued_bytes, 0u);
    b->pool.close_idle(loop);
    b->direct_pool.close_idle(loop);
    EXPECT_EQ(b->pool.open(), 0u) << "connections to the backend";
    EXPECT_EQ(b->direct_pool.open(), 0u);
  }
  for (auto& u : here->snapshot.upstreams) {
    Admission::Snapshot now = u->calls.snapshot();
    EXPECT_EQ(now.inside, 0u) << "calls to the upstream";
    EXPECT_EQ(now.queued, 0u);
    u->pool.close_idle(loop);
    EXPECT_EQ(u->pool.open(), 0u) << "connections to the upstream";
  }
  EXPECT_EQ(services->unlisted.open(), 0u);
  PinStore::Snapshot pins = services->pins.snapshot();
  EXPECT_EQ(pins.offers, 0u) << "pins";
  EXPECT_EQ(pins.bytes, 0u) << "bytes of pins";
  EXPECT_EQ(services->bodies.memory.used(), 0u) << "memory of bodies";
  EXPECT_EQ(services->bodies.spill.used(), 0u) << "spilled bytes";
  EXPECT_EQ(services->caches->counts.fetches.load(), 0) << "fetches for the cache";
  EXPECT_EQ(services->caches->counts.readers.load(), 0);
  EXPECT_EQ(services->tunnels.open(), 0u);
  EXPECT_EQ(services->abandoned.load(), 0u);
  EXPECT_EQ(services->snapshots(), 1u);
  EXPECT_EQ(here->background.size(), 0u);
}

}  // namespace siding::test
