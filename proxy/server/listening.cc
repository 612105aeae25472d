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
                                   Inherited& inherited, const ListeningSockets* before) {
  by_thread_.resize(threads);
  std::vector<bool> gone_on(before == nullptr ? 0 : before->known_.size());
  for (const ListenAddress& listen : addresses) {
    Known& known = known_.emplace_back();
    known.name = listen.text();
    // The same may be there twice: port 0 is another port each time.
    for (size_t i = 0; i < gone_on.size() && !known.before; ++i) {
      if (!gone_on[i] && before->known_[i].name == known.name) known.before = i;
    }
    if (known.before) {
      gone_on[*known.before] = true;
      known.fds = before->known_[*known.before].fds;
      addresses_.push_back(before->addresses_[*known.before]);
      continue;
    }
    std::string error = open_one(listen, threads, inherited);
    if (!error.empty()) return error;
  }
  return {};
}

std::string ListeningSockets::open_one(const ListenAddress& listen, uint32_t threads,
                                       Inherited& inherited) {
  std::optional<SocketAddress> address = listen.unix_path.empty()
                                             ? SocketAddress::parse(listen.host, listen.port)
                                             : SocketAddress::unix_socket(listen.unix_path);
  if (!address) return "cannot listen on " + listen.text() + ": not an address";
  auto own = [&](uint32_t thread, int fd) {
    by_thread_[thread].push_back({fd, known_.size() - 1});
    known_.back().fds.push_back(fd);
  };
  const uint32_t sockets = address->is_unix() ? 1 : threads;
  int handed = -1;  // one that was inherited
  for (uint32_t i = 0; i < sockets; ++i) {
    std::string error;
    const int next = inherited.take(*address);
    if (next >= 0) handed = next;
    int fd = next;
    if (fd < 0 && handed >= 0) fd = fcntl(handed, F_DUPFD_CLOEXEC, 0);
    if (fd < 0) fd = open_listener(*address, sockets > 1, &error);
    if (fd < 0) return error;
    own(i, fd);
    // With port 0 the kernel chooses; the other threads share what it chose.
    if (i == 0) *address = bound_address(fd);
  }
  // Who had more threads hands over more: in each a client may be waiting.
  uint32_t thread = 0;
  for (int fd = inherited.take(*address); fd >= 0; fd = inherited.take(*address)) {
    own(thread++ % sockets, fd);
  }
  addresses_.push_back(*address);
  return {};
}

std::vector<ListeningSockets::Taken> ListeningSockets::take(uint32_t thread) {
  if (thread >= by_thread_.size()) return {};
  return std::exchange(by_thread_[thread], {});
}

std::optional<size_t> ListeningSockets::goes_on(size_t address_before) const {
  for (size_t i = 0; i < known_.size(); ++i) {
    if (known_[i].before == address_before) return i;
  }
  return std::nullopt;
}

std::vector<int> ListeningSockets::descriptors() const {
  std::vector<int> all;
  for (const Known& known : known_) all.insert(all.end(), known.fds.begin(), known.fds.end());
  return all;
}

}  // namespace siding
