// See listening.h.
#include "proxy/server/listening.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "proxy/downstream/listener.h"

namespace siding {

namespace {
SocketAddress bound_address(int fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof(storage);
  auto* address = reinterpret_cast<sockaddr*>(&storage);
  getsockname(fd, address, &length);
  return SocketAddress(address, length);
}
}  // namespace

ListeningSockets::~ListeningSockets() {
  for (auto& sockets : by_thread_) {
    for (const Taken& socket : sockets) close(socket.fd);
  }
}

std::string ListeningSockets::open(const std::vector<ListenAddress>& addresses, uint32_t threads,
                                   Inherited& inherited) {
  by_thread_.resize(threads);
  for (size_t index = 0; index < addresses.size(); ++index) {
    const ListenAddress& listen = addresses[index];
    std::optional<SocketAddress> address = listen.unix_path.empty()
                                               ? SocketAddress::parse(listen.host, listen.port)
                                               : SocketAddress::unix_socket(listen.unix_path);
    if (!address) return "cannot listen on " + listen.text() + ": not an address";
    uint32_t sockets = address->is_unix() ? 1 : threads;
    int handed = -1;  // one that was inherited
    for (uint32_t i = 0; i < sockets; ++i) {
      std::string error;
      const int next = inherited.take(*address);
      if (next >= 0) handed = next;
      int fd = next;
      if (fd < 0 && handed >= 0) fd = fcntl(handed, F_DUPFD_CLOEXEC, 0);
      if (fd < 0) fd = open_listener(*address, sockets > 1, &error);
      if (fd < 0) return error;
      by_thread_[i].push_back({fd, index});
      if (i == 0) {
        // With port 0 the kernel chooses; the other threads share what it chose.
        *address = bound_address(fd);
        addresses_.push_back(*address);
      }
    }
  }
  return {};
}

std::vector<ListeningSockets::Taken> ListeningSockets::take(uint32_t thread) {
  if (thread >= by_thread_.size()) return {};
  return std::exchange(by_thread_[thread], {});
}

}  // namespace siding
