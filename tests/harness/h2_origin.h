// A server of LoopWorld that speaks HTTP/2: an H2Server for each of its connections.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/harness/h2_server.h"
#include "tests/harness/loop_peer.h"

namespace siding::test {

class H2Origin {
 public:
  /// Answers one request, whole or not.
  using Answer = std::function<void(H2Server&, int32_t id)>;
  H2Origin(LoopOrigin& origin, Answer answer) : answer_(std::move(answer)) {
    origin.script = [this](LoopPeer& peer) { serve(peer); };
  }
  /// All requests of all connections that came whole.
  size_t requests() const {
    size_t n = 0;
    for (const auto& server : servers_) {
      for (const auto& [id, request] : server->requests) n += request.ended;
    }
    return n;
  }
  /// Of the only connection.
  H2Server& only() { return *servers_.front(); }

 private:
  void serve(LoopPeer& peer) {
    if (peer.stage == 0) {
      servers_.push_back(std::make_unique<H2Server>());
      peer.stage = static_cast<int>(servers_.size());
    }
    auto& server = servers_[static_cast<size_t>(peer.stage) - 1];
    server->take(std::exchange(peer.in, {}));
    for (int32_t id : server->waiting()) answer_(*server, id);
    peer.send(std::exchange(server->out, {}));
  }
  Answer answer_;
  std::vector<std::unique_ptr<H2Server>> servers_;  // by the stage of their peers, from 1
};

}  // namespace siding::test
