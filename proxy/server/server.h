// The whole of siding in one object: threads, loops, listeners and everything long-lived, created and
// destroyed in order. `main`, `siding demo` and the scenario tests use it alike.
// Invariants: start() either leaves everything running or nothing; reload() either changes all that it may
// or nothing; the destructor stops and joins.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "config/config.h"
#include "proxy/net/address.h"

namespace siding {

class Server {
 public:
  /// `clock` must outlive the server.
  Server(ConfigRef config, const Clock& clock);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Binds all listeners and starts the threads. Empty on success, else what went wrong and what to
  /// do about it ("cannot listen on 0.0.0.0:80: permission denied; ...").
  std::string start();

  /// Puts `next` in force: whatever begins after that follows it, what is under way keeps to what it began
  /// with. Blocks on files. As start(); after a failure all is as before.
  std::string reload(ConfigRef next);
  /// The newest configuration is not in force, for whatever reason: the metrics say so.
  void reload_refused();
  /// Nobody has asked it to end.
  bool serving() const;

  /// The addresses that are listened on, with the ports that the kernel chose for port 0.
  std::vector<SocketAddress> front_addresses() const;
  std::vector<SocketAddress> egress_addresses() const;
  std::vector<SocketAddress> health_addresses() const;
  std::vector<SocketAddress> admin_addresses() const;
  /// Their descriptors; open as long as nobody drains or reloads.
  std::vector<int> listening_descriptors() const;

  /// Any thread (not from a signal handler: it locks): begins to drain; a second call ends it at once.
  void drain();
  /// Any thread: the same, while another process serves the same sockets already.
  void hand_over();
  /// Waits until the server has stopped by drain() or hand_over(). Returns the exit code: 0 if all that was
  /// inside got its answer, 1 if drain_timeout cut something off.
  int wait();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace siding
