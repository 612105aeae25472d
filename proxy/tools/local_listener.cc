// See local_listener.h.
#include "proxy/tools/local_listener.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace siding {
namespace {

// Loopback and port 0: it fails only where nothing else would work either.
void must(bool ok, const char* what) {
  if (ok) return;
  std::fprintf(stderr, "siding demo: %s on 127.0.0.1: %s\n", what, std::strerror(errno));
  std::abort();
}

}  // namespace

LocalListener::LocalListener(int backlog, bool blocking)
    : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | (blocking ? 0 : SOCK_NONBLOCK), 0)) {
  must(fd_ >= 0, "no socket");
  const SocketAddress any_port = *SocketAddress::parse("127.0.0.1", 0);
  must(bind(fd_, any_port.raw(), any_port.length()) == 0, "cannot bind");
  must(listen(fd_, backlog) == 0, "cannot listen");
  sockaddr_storage bound{};
  socklen_t length = sizeof(bound);
  must(getsockname(fd_, reinterpret_cast<sockaddr*>(&bound), &length) == 0, "no address");
  address_ = SocketAddress(reinterpret_cast<sockaddr*>(&bound), length);
}

LocalListener::~LocalListener() { close(fd_); }

void LocalListener::shut() { shutdown(fd_, SHUT_RDWR); }

}  // namespace siding
