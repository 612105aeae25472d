// TLS on a connection, whichever end opened it (OpenSSL 3): the bytes of one Socket, encrypted.
// Invariants: nothing that OpenSSL holds back is forgotten (hidden()); not one call blocks.
#pragma once

#include <sys/uio.h>

#include <memory>
#include <string>
#include <string_view>

#include "proxy/net/io.h"

struct ssl_st;
struct ssl_ctx_st;

namespace siding {

struct ClientCertificate;

class TlsSession {
 public:
  virtual ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  enum class Step { done, wants_read, wants_write, failed };
  /// Goes on with the handshake; failed: see fault().
  virtual Step handshake();
  /// Whether an earlier session was resumed: certificates were not looked at again.
  bool resumed() const;
  /// The protocol that was agreed on by ALPN; empty: none.
  std::string_view protocol() const;
  /// What it was made from: whose trust, whose certificates.
  const void* context() const { return context_.get(); }
  /// Of a client that showed one which we accept; else null.
  virtual const ClientCertificate* client_certificate() const { return nullptr; }

  Io read(char* into, size_t max);
  Io write(const iovec* parts, int count);
  /// read() has more, or an end, of which the descriptor will not tell.
  bool hidden() const { return hidden_; }
  /// The last read() that said "again" waits until it can write.
  bool read_wants_write() const { return read_wants_write_; }
  /// Likewise the last write(), which waits until it can read.
  bool write_wants_read() const { return write_wants_read_; }
  /// Open, and without a byte to read; takes in what TLS itself has to say (tickets).
  bool quiet();
  /// Says that we send no more, if that can be said at once.
  void close_notify();
  /// Why the handshake failed, or the last read or write with EPROTO.
  const std::string& fault() const { return fault_; }

 protected:
  /// `context` is kept as long as the session; `fd` is the Socket's, which outlives it.
  TlsSession(std::shared_ptr<const void> context, ssl_ctx_st* made_from, int fd);
  ssl_st* ssl() const { return ssl_; }
  /// What OpenSSL said of the handshake that failed, 0 if it did not; see peer_left() too.
  unsigned long fault_code() const { return fault_code_; }
  /// The connection ended, or broke, without a word in TLS.
  bool peer_left() const { return peer_closed_ || error_ != 0; }

 private:
  friend struct TlsBio;
  Io outcome(int result);
  Io broken_io() const;
  std::string why() const;

  const std::shared_ptr<const void> context_;
  ssl_st* const ssl_;
  const int fd_;
  bool hidden_ = false;
  bool read_wants_write_ = false;
  bool write_wants_read_ = false;
  bool peer_closed_ = false;  // the connection, without a word in TLS
  int error_ = 0;             // errno of the connection
  unsigned long fault_code_ = 0;
  bool broken_ = false;
  std::string fault_;
};

}  // namespace siding
