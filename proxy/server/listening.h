// Opens the sockets of one kind of listener for all threads, and knows the addresses that came out.
// Invariant: owns the descriptors until a thread has taken them.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "proxy/net/address.h"
#include "proxy/server/inherited.h"

namespace siding {

class ListeningSockets {
 public:
  ListeningSockets() = default;
  ~ListeningSockets();
  ListeningSockets(const ListeningSockets&) = delete;
  ListeningSockets& operator=(const ListeningSockets&) = delete;

  /// One socket per address and thread (SO_REUSEPORT); a unix socket has one, for thread 0. Those that
  /// were `inherited` are used instead of opening some; if there are fewer than threads, these share
  /// one. Returns what went wrong, or nothing.
  std::string open(const std::vector<ListenAddress>& addresses, uint32_t threads,
                   Inherited& inherited);
  struct Taken {
    int fd;
    size_t address;  ///< which of those that were opened
  };
  /// The descriptors of one thread, which owns them from now on.
  std::vector<Taken> take(uint32_t thread);
  const std::vector<SocketAddress>& addresses() const { return addresses_; }

 private:
  std::vector<std::vector<Taken>> by_thread_;
  std::vector<SocketAddress> addresses_;
};

}  // namespace siding
