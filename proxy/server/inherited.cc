// See inherited.h.
#include "proxy/server/inherited.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string_view>

namespace siding {

namespace {
constexpr int kFirst = 3;    // SD_LISTEN_FDS_START
constexpr int kMost = 4096;  // more is no number that anybody means

/// A whole number of the environment; -1 where there is none.
int number(const char* name) {
  const char* text = std::getenv(name);
  if (text == nullptr) return -1;
  const std::string_view whole(text);
  int value = -1;
  const auto [end, error] = std::from_chars(whole.data(), whole.data() + whole.size(), value);
  return error == std::errc() && end == whole.data() + whole.size() ? value : -1;
}

bool listens(int fd) {
  int on = 0;
  socklen_t size = sizeof(on);
  return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &size) == 0 && on != 0;
}

bool is_stream(int fd) {
  int type = 0;
  socklen_t size = sizeof(type);
  return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}
}  // namespace

Inherited Inherited::from_environment() {
  Inherited all;
  if (std::getenv("LISTEN_PID") == nullptr) return all;
  const int count = number("LISTEN_PID") == getpid() ? std::min(number("LISTEN_FDS"), kMost) : 0;
  for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) unsetenv(name);
  for (int fd = kFirst; fd < kFirst + count; ++fd) {
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    sockaddr_storage storage{};
    socklen_t length = sizeof(storage);
    auto* raw = reinterpret_cast<sockaddr*>(&storage);
    if (!listens(fd) || !is_stream(fd) || getsockname(fd, raw, &length) != 0) {
      close(fd);
      continue;
    }
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    all.sockets_.push_back({fd, SocketAddress(raw, length)});
  }
  return all;
}

Inherited::~Inherited() {
  for (const Socket& s : sockets_) close(s.fd);
}

int Inherited::take(const SocketAddress& address) {
  const auto found = std::find_if(sockets_.begin(), sockets_.end(),
                                  [&](const Socket& s) { return s.address == address; });
  if (found == sockets_.end()) return -1;
  const int fd = found->fd;
  sockets_.erase(found);
  return fd;
}

std::string Inherited::left() const {
  std::string text;
  for (const Socket& s : sockets_) text += (text.empty() ? "" : ", ") + s.address.text();
  return text;
}

}  // namespace siding
