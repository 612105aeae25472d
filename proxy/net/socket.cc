// See socket.h.
#include "proxy/net/socket.h"

#include <event2/event.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "proxy/net/tls.h"

namespace siding {

Failure failure_of(int error) {
  switch (error) {
    case ECONNREFUSED:
    case ENOENT:  // a unix socket that is not there (yet)
      return Failure::refused;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ETIMEDOUT:
    case EADDRNOTAVAIL: return Failure::unreachable;
    case ECONNRESET:
    case EPIPE:
    case ECONNABORTED: return Failure::reset;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM: return Failure::no_descriptor;
    case EPROTO: return Failure::tls;
    default: return Failure::internal;
  }
}

Socket::Socket(Loop& loop, int fd) : loop_(loop), fd_(fd) {
  event_assign(&read_event_, loop.base(), fd, EV_READ | EV_PERSIST, &Socket::on_read, this);
}

Socket::~Socket() {
  disarm_read();
  disarm_write();
  tls_.reset();  // it may say good-bye
  close(fd_);
}

void Socket::secure(std::unique_ptr<TlsSession> session) { tls_ = std::move(session); }

const ClientCertificate* Socket::client_certificate() const {
  return tls_ ? tls_->client_certificate() : nullptr;
}

Io Socket::read(char* into, size_t max) {
  return tls_ ? tls_->read(into, max) : receive(into, max, 0);
}

Io Socket::peek(char* into, size_t max) { return receive(into, max, MSG_PEEK); }

Io Socket::receive(char* into, size_t max, int flags) {
  while (true) {
    ssize_t n = recv(fd_, into, max, flags);
    if (n > 0) return {Io::State::ok, static_cast<size_t>(n), 0};
    if (n == 0) return {Io::State::eof, 0, 0};
    if (errno == EINTR) continue;
    if (errno == EAGAIN) return {Io::State::again, 0, 0};
    return {Io::State::error, 0, errno};
  }
}

Io Socket::write(const iovec* parts, int count) {
  if (tls_) return tls_->write(parts, count);
  // A head and a small body: copying them costs less than telling the kernel of two pieces.
  char together[1024];
  iovec one{together, 0};
  for (int i = 0; count > 1 && i < count; ++i) {
    if (one.iov_len + parts[i].iov_len > sizeof(together)) {
      one.iov_len = 0;
      break;
    }
    std::memcpy(together + one.iov_len, parts[i].iov_base, parts[i].iov_len);
    one.iov_len += parts[i].iov_len;
  }
  if (one.iov_len > 0) {
    parts = &one;
    count = 1;
  }
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts);
  message.msg_iovlen = static_cast<size_t>(count);
  while (true) {
    ssize_t n = count == 1 ? send(fd_, parts->iov_base, parts->iov_len, MSG_NOSIGNAL)
                           : sendmsg(fd_, &message, MSG_NOSIGNAL);
    if (n >= 0) return {Io::State::ok, static_cast<size_t>(n), 0};
    if (errno == EINTR) continue;
    if (errno == EAGAIN) return {Io::State::again, 0, 0};
    return {Io::State::error, 0, errno};
  }
}

Io Socket::write(Buffer& out) {
  constexpr int kMaxParts = 64;
  size_t written = 0;
  while (!out.empty()) {
    iovec parts[kMaxParts];
    const int count = out.iovecs(parts, kMaxParts);
    Io io = write(parts, count);
    if (io.state != Io::State::ok) {
      io.bytes = written;
      return io;
    }
    out.consume(io.bytes);
    written += io.bytes;
  }
  return {Io::State::ok, written, 0};
}

Signal& Socket::readable() {
  if (!reading_) {
    event_add(&read_event_, nullptr);
    reading_ = true;
  }
  if (tls_ && tls_->hidden()) event_active(&read_event_, EV_READ, 0);
  if (tls_ && tls_->read_wants_write()) static_cast<void>(writable());
  return readable_;
}

Signal& Socket::writable() {
  if (tls_ && tls_->write_wants_read()) {
    static_cast<void>(readable());
    return writable_;
  }
  if (!writing_) {
    if (!write_event_) {
      write_event_ = std::make_unique<event>();
      event_assign(write_event_.get(), loop_.base(), fd_, EV_WRITE | EV_PERSIST, &Socket::on_write,
                   this);
    }
    event_add(write_event_.get(), nullptr);
    writing_ = true;
  }
  return writable_;
}

void Socket::disarm_read() {
  if (!reading_) return;
  event_del(&read_event_);
  reading_ = false;
}

void Socket::disarm_write() {
  if (!writing_) return;
  event_del(write_event_.get());
  writing_ = false;
}

void Socket::on_read(int, short, void* self) {
  auto& socket = *static_cast<Socket*>(self);
  const bool writer = socket.tls_ && socket.tls_->write_wants_read();
  if (!socket.readable_.has_waiters() && !writer) socket.disarm_read();
  socket.readable_.notify();
  if (writer) socket.writable_.notify();
}

void Socket::on_write(int, short, void* self) {
  // Writable is the usual state: the event stays armed only while somebody waits for it.
  auto& socket = *static_cast<Socket*>(self);
  socket.disarm_write();
  socket.writable_.notify();
  if (socket.tls_ && socket.tls_->read_wants_write()) socket.readable_.notify();
}

bool Socket::quiet() {
  if (tls_) return tls_->quiet();
  char byte = 0;
  return recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

std::string Socket::fault_text(const Io& io) const {
  return io.error == EPROTO && tls_ ? "TLS: " + tls_->fault() : std::strerror(io.error);
}

void Socket::shutdown_write() {
  if (tls_) tls_->close_notify();
  shutdown(fd_, SHUT_WR);
}

void Socket::shutdown_both() { shutdown(fd_, SHUT_RDWR); }

void Socket::reset_on_close() {
  linger on{1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &on, sizeof(on));
}

Task<Result<std::unique_ptr<Socket>>> connect_socket(SocketAddress address, TimePoint deadline) {
  if (!connect_allowed(address)) {
    co_return Error(Failure::address_denied, Side::upstream, true,
                    address.text() + " is an address that is never connected to");
  }
  int fd = socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) co_return Error(failure_of(errno), Side::local, true, std::strerror(errno));
  auto connected = std::make_unique<Socket>(Loop::current(), fd);
  if (!address.is_unix()) {
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }
  int error = connect(fd, address.raw(), address.length()) == 0 ? 0 : errno;
  if (error == EINPROGRESS) {
    // On this machine the other end is there by now, mostly; asking again is cheaper than a turn.
    error = connect(fd, address.raw(), address.length()) == 0 ? 0 : errno;
  }
  if (error == EALREADY) {
    bool in_time = co_await Wait(connected->writable(), deadline);
    if (!in_time) {
      co_return Error(Failure::unreachable, Side::upstream, true,
                      address.text() + ": no answer to connect");
    }
    socklen_t length = sizeof(error);
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
  }
  // EAGAIN of a unix socket: its accept queue is full, which is "busy", not "gone".
  if (error != 0) {
    co_return Error(failure_of(error), Side::upstream, true,
                    address.text() + ": " + std::strerror(error));
  }
  co_return std::move(connected);
}

}  // namespace siding
