// See loop_peer.h.
#include "tests/harness/loop_peer.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/text.h"

namespace siding::test {

namespace {
sockaddr_in loopback_at(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

/// The value of a field of a head, in lower case; "" if it has none.
std::string field_of(std::string_view head, std::string_view name) {
  std::string text = lower(head);
  size_t at = text.find("\r\n" + std::string(name) + ":");
  if (at == std::string::npos) return "";
  at += name.size() + 3;
  return std::string(trim_ows(std::string_view(text).substr(at, text.find("\r\n", at) - at)));
}

/// Where a chunked body that begins at `at` ends; npos if it is not all there.
size_t end_of_chunks(std::string_view in, size_t at) {
  while (true) {
    size_t line = in.find("\r\n", at);
    if (line == std::string::npos) return line;
    size_t size = std::strtoul(std::string(in.substr(at, line - at)).c_str(), nullptr, 16);
    at = line + 2;
    if (size == 0) break;
    at += size + 2;
    if (at > in.size()) return std::string::npos;
  }
  // Trailers, up to the empty line.
  while (true) {
    size_t line = in.find("\r\n", at);
    if (line == std::string::npos) return line;
    bool empty = line == at;
    at = line + 2;
    if (empty) return at;
  }
}
}  // namespace

std::optional<std::string> take_message(std::string& in) {
  size_t head = in.find("\r\n\r\n");
  if (head == std::string::npos) return std::nullopt;
  size_t end = head + 4;
  std::string_view text = std::string_view(in).substr(0, end);
  if (field_of(text, "transfer-encoding") == "chunked") {
    end = end_of_chunks(in, end);
  } else {
    end += std::strtoul(field_of(text, "content-length").c_str(), nullptr, 10);
  }
  if (end == std::string::npos || end > in.size()) return std::nullopt;
  std::string message = in.substr(0, end);
  in.erase(0, end);
  return message;
}

int status_of_message(std::string_view message) {
  return message.size() < 12 ? 0 : std::atoi(std::string(message.substr(9, 3)).c_str());
}

std::unique_ptr<LoopPeer> LoopPeer::connect(uint16_t port, int receive_buffer) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to = loopback_at(port);
  auto peer = std::make_unique<LoopPeer>(fd);
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (receive_buffer > 0) {
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
  }
  if (::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof(to)) != 0) peer->close();
  return peer;
}

void LoopPeer::take_in(std::string_view bytes) {
  if (tls_) {
    tls_->receive(bytes, in);
  } else {
    in += bytes;
  }
}

bool LoopPeer::pump() {
  bool moved = false;
  if (tls_) out_ += tls_->take_raw();
  while (fd_ >= 0 && !sent()) {
    std::string_view rest = std::string_view(out_).substr(gone_);
    ssize_t n = ::send(fd_, rest.data(), rest.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN) break;
    moved = true;
    if (n < 0) {
      broken = eof = true;
      gone_ = out_.size();
    } else {
      gone_ += static_cast<size_t>(n);
    }
  }
  if (sent()) {
    out_.clear();
    gone_ = 0;
  }
  static thread_local std::vector<char> buffer(64 * 1024);
  while (fd_ >= 0 && reading && !eof) {
    ssize_t n = recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) break;
    moved = true;
    if (n > 0) {
      take_in({buffer.data(), static_cast<size_t>(n)});
    } else {
      eof = true;
      broken = n < 0;
    }
  }
  return moved;
}

std::optional<std::string> LoopPeer::take() { return take_message(in); }

void LoopPeer::shutdown_write() {
  if (fd_ >= 0) shutdown(fd_, SHUT_WR);
}

void LoopPeer::reset() {
  if (fd_ < 0) return;
  linger now{1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  close();
}

void LoopPeer::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  eof = true;
}

namespace {
int bind_to_loopback(uint16_t* port, bool listens = false) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int on = 1;
  // Connections of before may still linger there.
  if (listens) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  // A socket that holds the place of one that listens.
  setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
  sockaddr_in address = loopback_at(*port);
  socklen_t length = sizeof(address);
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  EXPECT_EQ(bind(fd, raw, length), 0) << strerror(errno);
  getsockname(fd, raw, &length);
  *port = ntohs(address.sin_port);
  return fd;
}
}  // namespace

int listen_on_loopback(uint16_t* port) {
  const int fd = bind_to_loopback(port, true);
  EXPECT_EQ(listen(fd, 1024), 0) << strerror(errno);
  return fd;
}

LoopOrigin::LoopOrigin(Script s) : script(std::move(s)), place_(bind_to_loopback(&port_)) {
  start();
}

LoopOrigin::~LoopOrigin() {
  stop();
  ::close(place_);
}

void LoopOrigin::start() {
  if (fd_ >= 0) return;
  fd_ = listen_on_loopback(&port_);
  if (narrow_) narrow();
}

void LoopOrigin::narrow() {
  narrow_ = true;
  // Accepted sockets inherit both. The kernel makes a send buffer for twenty segments, which on loopback
  // are of 64 KiB; a small window alone would leave those waiting for the kernel's timers.
  int segment = 1400;
  int window = 64 * 1024;
  setsockopt(fd_, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof(segment));
  setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &window, sizeof(window));
}

void LoopOrigin::stop() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

bool LoopOrigin::pump() {
  bool moved = false;
  // Ends first: a connection that was closed before another was opened does not count with it.
  for (auto& peer : peers_) {
    moved = peer->pump() || moved;
    if (peer->call) moved = peer->call->pump() || moved;
    if (script && peer->open()) script(*peer);
    moved = peer->pump() || moved;
  }
  size_t before = peers_.size();
  peers_.remove_if([](const auto& peer) { return !peer->open() || (peer->eof && peer->sent()); });
  moved = moved || peers_.size() != before;
  while (fd_ >= 0) {
    int fd = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) break;
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    peers_.push_back(std::make_unique<LoopPeer>(fd, tls));
    ++accepted_;
    moved = true;
  }
  most_open_ = std::max(most_open_, peers_.size());
  return moved;
}

}  // namespace siding::test
