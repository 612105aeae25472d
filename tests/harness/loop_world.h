// All of siding that serves requests, on one loop of the calling thread under a manual clock, between
// clients, a backend, an upstream and a Redis that are pumped by hand: what tests/cancel cuts at every
// step.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "proxy/downstream/listener.h"
#include "proxy/exchange/egress.h"
#include "proxy/exchange/exchange.h"
#include "proxy/exchange/services.h"
#include "tests/harness/calm.h"
#include "tests/harness/loop_peer.h"
#include "tests/harness/loop_redis.h"

namespace siding::test {

class LoopWorld {
 public:
  /// `config`: TOML in which BACKEND, UPSTREAM and REDIS stand for the ports of the servers.
  explicit LoopWorld(const std::string& config);
  ~LoopWorld();
  LoopWorld(const LoopWorld&) = delete;
  LoopWorld& operator=(const LoopWorld&) = delete;

  /// Pumps everybody, then one turn of the loop. Whether anything moved.
  bool step();
  /// Nothing moves any more, and the disk has nothing under way.
  bool idle();
  /// Steps until nothing moves; false if that does not come about.
  bool settle(int most = 5000);
  void advance(Duration d) { clock.advance(d); }
  /// Puts another configuration in force: all in it has its name, and no connection fits.
  void reload();

  LoopPeer& add_client(int receive_buffer = 0);
  uint16_t front_port() const { return front_port_; }
  uint16_t egress_port() const { return egress_port_; }
  /// The Redis is asked from now on, or can not be.
  bool redis_is_known() const;

  /// What holds when all work is done, whatever was cancelled; closes idle connections first.
  void expect_nothing_left();

  Calm calm;  // first: whatever thread is made here stays where it is
  ManualClock clock;
  Loop loop{clock};
  LoopOrigin backend{nullptr};
  LoopOrigin upstream{nullptr};
  std::unique_ptr<LoopRedis> redis;  ///< null where the configuration has none
  Disk disk;
  Observer observer{1, LogConfig::Access::off, 16};
  std::unique_ptr<Services> services;
  std::unique_ptr<LoopWork> work;
  LoopServicesRef here;
  Task<> news;  ///< of purges in the Redis
  std::vector<std::unique_ptr<LoopPeer>> clients;
  std::unique_ptr<FrontHandler> front_handler;
  std::unique_ptr<EgressHandler> egress_handler;
  ListenerOptions front_options;
  ListenerOptions egress_options;
  std::atomic<uint32_t> front_open{0};
  std::atomic<uint32_t> egress_open{0};
  std::unique_ptr<Listener> front;
  std::unique_ptr<Listener> egress;

  static constexpr Shares kShares{.memory = 64 << 20, .cache = 1 << 20, .tunnels = 1000};

 private:
  Listener* open(ListenerOptions& options, Handler& handler, std::atomic<uint32_t>& count,
                 uint16_t* port);
  std::string config_;  // with the ports
  uint16_t front_port_ = 0;
  uint16_t egress_port_ = 0;
};

}  // namespace siding::test
