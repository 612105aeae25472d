// See tls.h.
#include "proxy/net/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace siding {

namespace {
constexpr size_t kMaxRecord = 16 * 1024;
}  // namespace

/// Between OpenSSL and the descriptor. OpenSSL's own would raise SIGPIPE.
struct TlsBio {
  static TlsSession& session(BIO* bio) { return *static_cast<TlsSession*>(BIO_get_data(bio)); }
  static int finish(BIO* bio, ssize_t n, bool reading) {
    BIO_clear_retry_flags(bio);
    if (n > 0) return static_cast<int>(n);
    TlsSession& s = session(bio);
    if (n == 0) {
      s.peer_closed_ = true;
    } else if (errno != EAGAIN) {
      s.error_ = errno;
    } else if (reading) {
      BIO_set_retry_read(bio);
    } else {
      BIO_set_retry_write(bio);
    }
    return n == 0 ? 0 : -1;
  }
  static int write(BIO* bio, const char* data, int size) {
    ssize_t n = 0;
    do {
      n = send(session(bio).fd_, data, static_cast<size_t>(size), MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return finish(bio, n, false);
  }
  static int read(BIO* bio, char* into, int size) {
    ssize_t n = 0;
    do {
      n = recv(session(bio).fd_, into, static_cast<size_t>(size), 0);
    } while (n < 0 && errno == EINTR);
    return finish(bio, n, true);
  }
  static long control(BIO* bio, int command, long, void*) {
    if (command == BIO_CTRL_EOF) return session(bio).peer_closed_ ? 1 : 0;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
  }
  static BIO* make(TlsSession& session) {
    static BIO_METHOD* const method = [] {
      BIO_METHOD* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "siding socket");
      BIO_meth_set_write(m, &TlsBio::write);
      BIO_meth_set_read(m, &TlsBio::read);
      BIO_meth_set_ctrl(m, &TlsBio::control);
      return m;
    }();
    BIO* bio = BIO_new(method);
    if (bio == nullptr) std::abort();
    BIO_set_data(bio, &session);
    BIO_set_init(bio, 1);
    return bio;
  }
};

TlsSession::TlsSession(std::shared_ptr<const void> context, ssl_ctx_st* made_from, int fd)
    : context_(std::move(context)), ssl_(SSL_new(made_from)), fd_(fd) {
  if (ssl_ == nullptr) std::abort();
  BIO* bio = TlsBio::make(*this);
  SSL_set_bio(ssl_, bio, bio);
}

TlsSession::~TlsSession() {
  close_notify();
  SSL_free(ssl_);
}

std::string TlsSession::why() const {
  if (error_ != 0) return std::strerror(error_);
  const unsigned long code = ERR_peek_error();
  const char* reason = ERR_reason_error_string(code);
  if (reason != nullptr) return reason;
  return peer_closed_ ? "the peer closed the connection" : "unknown fault";
}

TlsSession::Step TlsSession::handshake() {
  ERR_clear_error();
  int result = SSL_do_handshake(ssl_);
  if (result == 1) {
    hidden_ = SSL_has_pending(ssl_) == 1;  // what came right behind it
    return Step::done;
  }
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ: return Step::wants_read;
    case SSL_ERROR_WANT_WRITE: return Step::wants_write;
    default: break;
  }
  broken_ = true;
  fault_code_ = ERR_peek_error();
  fault_ = why();
  return Step::failed;
}

bool TlsSession::resumed() const { return SSL_session_reused(ssl_) == 1; }

std::string_view TlsSession::protocol() const {
  const unsigned char* name = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl_, &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

Io TlsSession::broken_io() const { return {Io::State::error, 0, error_ != 0 ? error_ : EPROTO}; }

Io TlsSession::outcome(int result) {
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ: return {Io::State::again, 0, 0};
    case SSL_ERROR_WANT_WRITE: read_wants_write_ = true; return {Io::State::again, 0, 0};
    case SSL_ERROR_ZERO_RETURN: return {Io::State::eof, 0, 0};
    default: break;
  }
  broken_ = true;
  // Closed without a word: what was to end by closing may have been cut off by anybody.
  if (error_ == 0 && peer_closed_) error_ = ECONNRESET;
  fault_ = why();
  return broken_io();
}

Io TlsSession::read(char* into, size_t max) {
  if (broken_) return broken_io();
  hidden_ = read_wants_write_ = false;
  size_t got = 0;
  while (got < max) {
    ERR_clear_error();
    size_t n = 0;
    int result = SSL_read_ex(ssl_, into + got, max - got, &n);
    if (result == 1) {
      got += n;
      continue;
    }
    Io io = outcome(result);
    if (got == 0) return io;
    hidden_ = io.state != Io::State::again;  // the end is told the next time
    return {Io::State::ok, got, 0};
  }
  hidden_ = true;  // a full buffer says nothing about what OpenSSL has left
  return {Io::State::ok, got, 0};
}

Io TlsSession::write(const iovec* parts, int count) {
  // As few records as can be. The same bytes first, whenever it is tried again: OpenSSL insists.
  char together[kMaxRecord];
  const char* data = static_cast<const char*>(parts->iov_base);
  size_t size = std::min(parts->iov_len, kMaxRecord);
  if (count > 1 && size < kMaxRecord) {
    size = 0;
    for (int i = 0; i < count && size < kMaxRecord; ++i) {
      size_t n = std::min(parts[i].iov_len, kMaxRecord - size);
      std::memcpy(together + size, parts[i].iov_base, n);
      size += n;
    }
    data = together;
  }
  if (broken_) return broken_io();
  ERR_clear_error();
  size_t n = 0;
  int result = SSL_write_ex(ssl_, data, size, &n);
  write_wants_read_ = result != 1 && SSL_get_error(ssl_, result) == SSL_ERROR_WANT_READ;
  if (result == 1) return {Io::State::ok, n, 0};
  const bool reading = read_wants_write_;
  Io io = outcome(result);
  read_wants_write_ = reading;  // of a read alone
  return io;
}

bool TlsSession::quiet() {
  if (hidden_ || broken_) return false;
  ERR_clear_error();
  char byte = 0;
  size_t n = 0;
  int result = SSL_peek_ex(ssl_, &byte, 1, &n);
  return result != 1 && outcome(result).state == Io::State::again;
}

void TlsSession::close_notify() {
  if (broken_ || !SSL_is_init_finished(ssl_) || (SSL_get_shutdown(ssl_) & SSL_SENT_SHUTDOWN) != 0) {
    return;
  }
  ERR_clear_error();
  SSL_shutdown(ssl_);
}

}  // namespace siding
