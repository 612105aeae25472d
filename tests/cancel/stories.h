// The stories of exchanges that the cancel tests cut: each is a configuration, what the clients, the
// backend, the upstream and the Redis do in it, and how one sees that it has come to its end.
#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "tests/harness/loop_world.h"

namespace siding::cancel {

struct Story {
  std::string name;
  std::string config;
  /// Sets the scripts and sends the requests.
  std::function<void(test::LoopWorld&)> begin;
  /// Statuses of the answers that the clients get when nobody cancels, in the order of the clients;
  /// 0: a torn answer.
  std::vector<int> answers{};
  /// Time that passes each time that nothing moves before the end.
  Duration tick{};
  /// Told of each tick.
  std::function<void(test::LoopWorld&, int)> on_tick{};
  /// What else holds at the end of the story that nobody cancelled.
  std::function<void(test::LoopWorld&)> check{};
  /// A request that is sent when all is over, cut or not, and what stands in its answer; empty: none.
  std::string fresh{};
  std::string fresh_answer{};
  /// Makes the servers answer that one.
  std::function<void(test::LoopWorld&)> mend{};

  bool has(const std::string& server) const { return config.find(server) != std::string::npos; }
};

inline void PrintTo(const Story& story, std::ostream* out) { *out << story.name; }

/// Requests, bodies, answers, the queue.
std::vector<Story> backend_stories();
/// Clients that speak HTTP/2: several requests on one connection.
std::vector<Story> h2_stories();
/// Servers that speak HTTP/2.
std::vector<Story> h2_origin_stories();
/// Bytes both ways instead of an answer.
std::vector<Story> tunnel_stories();
/// Stored answers, and fetches that several share.
std::vector<Story> cache_stories();
/// Stored answers in a Redis behind the memory.
std::vector<Story> redis_stories();
/// Legs, prefetches and workers' calls to an upstream that has a cache.
std::vector<Story> cached_call_stories();
/// Prefetch and egress.
std::vector<Story> upstream_stories();

}  // namespace siding::cancel
