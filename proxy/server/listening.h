// Opens the sockets of one kind of listener for all threads, and knows the addresses that came out.
// Invariant: owns the descriptors until a thread has taken them.
#pragma once

#include <optional>
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
  /// one. What `before` has open goes on. Returns what went wrong, or nothing.
  std::string open(const std::vector<ListenAddress>& addresses, uint32_t threads,
                   Inherited& inherited, const ListeningSockets* before = nullptr);
  struct Taken {
    int fd;
    size_t address;  ///< which of those that were opened
  };
  /// The new descriptors of one thread, which owns them from now on.
  std::vector<Taken> take(uint32_t thread);
  /// Which of these the address of `before` goes on as; nullopt: it is not listened on any more.
  std::optional<size_t> goes_on(size_t address_before) const;
  const std::vector<SocketAddress>& addresses() const { return addresses_; }
  /// Of all addresses, whoever owns them: open as long as nobody drains.
  std::vector<int> descriptors() const;

 private:
  struct Known {
    std::string name;              // as it is configured
    std::optional<size_t> before;  // it goes on from there
    std::vector<int> fds;
  };
  std::string open_one(const ListenAddress& listen, uint32_t threads, Inherited& inherited);

  std::vector<Known> known_;  // by address
  std::vector<std::vector<Taken>> by_thread_;
  std::vector<SocketAddress> addresses_;
};

}  // namespace siding
