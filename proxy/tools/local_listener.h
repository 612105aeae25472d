// A listening socket on 127.0.0.1 with a port of the kernel's choice, for the servers of the demo.
// Invariant: owns its descriptor; listens from the constructor on.
#pragma once

#include "proxy/net/address.h"

namespace siding {

class LocalListener {
 public:
  explicit LocalListener(int backlog, bool blocking);
  ~LocalListener();
  LocalListener(const LocalListener&) = delete;
  LocalListener& operator=(const LocalListener&) = delete;

  int fd() const { return fd_; }
  const SocketAddress& address() const { return address_; }
  /// Any thread: wakes a blocking accept(), which then fails, and refuses new connections.
  void shut();

 private:
  int fd_;
  SocketAddress address_;
};

}  // namespace siding
