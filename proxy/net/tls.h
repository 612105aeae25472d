// TLS on a connection that we opened (OpenSSL 3): the bytes of one Socket, encrypted.
// Invariants: the peer's certificate and name are always verified; nothing that OpenSSL holds back is
// forgotten (hidden()); not one call blocks; a session that can be resumed outlives its connection.
#pragma once

#include <sys/uio.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "proxy/loop/task.h"
#include "proxy/net/io.h"
#include "proxy/net/tls_context.h"

struct ssl_st;
struct bio_st;

namespace siding {

class Socket;

class TlsSession {
 public:
  /// `name`: whose certificate is wanted: a DNS name, which is sent as SNI, or an IP literal. `fd` is
  /// the Socket's, which outlives the session.
  TlsSession(std::shared_ptr<TlsContext> context, int fd, std::string name);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  enum class Step { done, wants_read, wants_write, failed };
  /// Goes on with the handshake; failed: see failure().
  Step handshake();
  /// Failure::tls_certificate if the peer's is not accepted; the detail is fit for people who run
  /// siding, and names the peer.
  Error failure() const;
  /// Whether an earlier session was resumed: a certificate was not looked at again.
  bool resumed() const;
  /// Under whose trust it was made.
  const TlsContext* context() const { return context_.get(); }

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
  /// Why the last read or write failed with EPROTO.
  const std::string& fault() const { return fault_; }

 private:
  friend struct TlsBio;
  Io outcome(int result);
  Io broken_io() const;
  std::string why() const;

  std::shared_ptr<TlsContext> context_;
  const int fd_;
  const std::string name_;
  ssl_st* ssl_ = nullptr;
  bool hidden_ = false;
  bool read_wants_write_ = false;
  bool write_wants_read_ = false;
  bool peer_closed_ = false;  // the connection, without a word in TLS
  int error_ = 0;             // errno of the connection
  bool broken_ = false;
  std::string fault_;
};

/// Makes `socket`, which has just been opened, a TLS connection to `name`, within ten seconds.
Task<Result<>> start_tls(Socket& socket, std::shared_ptr<TlsContext> context, std::string name,
                         TimePoint deadline);

}  // namespace siding
