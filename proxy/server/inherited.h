// Listening sockets that a supervisor opened and handed over (sd_listen_fds(3): LISTEN_FDS of them, from
// descriptor 3 on, for the process LISTEN_PID): clients are queued by the kernel while siding is restarted,
// and a privileged port needs no right of siding's.
// Invariants: reads and clears the environment once, before there are threads; what nobody took is closed.
#pragma once

#include <string>
#include <vector>

#include "proxy/net/address.h"

namespace siding {

class Inherited {
 public:
  /// Those of this process; none if nothing was handed over.
  static Inherited from_environment();
  Inherited() = default;
  Inherited(Inherited&& o) noexcept : sockets_(std::move(o.sockets_)) { o.sockets_.clear(); }
  Inherited& operator=(Inherited&&) = delete;
  ~Inherited();

  /// The one that is bound to that address, non-blocking; the caller owns it. -1: there is none (any more).
  int take(const SocketAddress& address);
  /// Of those that nobody took, for a complaint; empty if there are none.
  std::string left() const;

 private:
  struct Socket {
    int fd;
    SocketAddress address;
  };
  std::vector<Socket> sockets_;
};

}  // namespace siding
