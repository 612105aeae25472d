// A connection after our last word: writes what is left, then waits a moment for the client to close,
// dropping what it still sends. Closing at once would reset the connection, and could destroy the answer
// on its way (RFC 9112 9.6).
// Invariant: bounded in time and bytes.
#pragma once

#include <cstdint>
#include <memory>

#include "base/buffer.h"
#include "proxy/downstream/connection.h"
#include "proxy/loop/loop.h"
#include "proxy/net/socket.h"

namespace siding {

class Listener;

class Goodbye final : public Connection {
 public:
  Goodbye(Listener& listener, std::unique_ptr<Socket> socket, Buffer out);

  void start() override;
  void drain() override {}
  bool give_way() override;

 private:
  void step();
  bool write_all();
  void read_some();
  void give_up();
  void close();

  Listener& listener_;
  Loop& loop_;
  std::unique_ptr<Socket> socket_;
  Buffer out_;
  bool said_all_ = false;
  bool closed_ = false;
  uint64_t dropped_ = 0;  // bytes
  MemberWake<Goodbye, &Goodbye::step> step_{*this};
  MemberTimer<Goodbye, &Goodbye::give_up> timer_{*this};
  Signal::Waiter on_readable_{step_};
  Signal::Waiter on_writable_{step_};
};

}  // namespace siding
