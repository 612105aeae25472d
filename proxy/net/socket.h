// A non-blocking stream socket on a loop, in clear or through TLS: reads and writes, and signals for
// when to try again.
// Invariants: owns its descriptor; level-triggered persistent events only (adding one to an fd that
// has an edge-triggered one silently changes both); an event that nobody waits for is disarmed, so
// that an unread byte never spins the loop.
#pragma once

#include <event2/event_struct.h>
#include <sys/uio.h>

#include <cstddef>
#include <memory>
#include <string>

#include "base/buffer.h"
#include "base/result.h"
#include "proxy/loop/task.h"
#include "proxy/loop/wait.h"
#include "proxy/net/address.h"
#include "proxy/net/io.h"

namespace siding {

class TlsSession;
struct ClientCertificate;

/// Sums up an errno of a socket call.
Failure failure_of(int error);

class Socket {
 public:
  /// Takes over `fd`, which must be non-blocking.
  Socket(Loop& loop, int fd);
  ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  int fd() const { return fd_; }
  Loop& loop() const { return loop_; }

  /// From now on bytes go through `session`, whose handshake is done.
  void secure(std::unique_ptr<TlsSession> session);
  const TlsSession* tls() const { return tls_.get(); }

  /// Of a client that showed one; else null. Lives as long as the socket.
  const ClientCertificate* client_certificate() const;

  Io read(char* into, size_t max);
  Io write(const iovec* parts, int count);
  /// Writes all of `out` (ok), or as much as goes (again), and takes it off. `bytes`: how many went.
  Io write(Buffer& out);
  /// Copies what a read() would bring, in clear, and leaves it there. Who does not take it before the
  /// next wait is woken at once.
  Io peek(char* into, size_t max);

  /// Arms the event and returns the signal to wait on. A wake-up is a hint: read or write again.
  Signal& readable();
  Signal& writable();
  void disarm_read();
  void disarm_write();

  /// Open, and without a byte to read.
  bool quiet();
  /// Of an Io with State::error, for people.
  std::string fault_text(const Io& io) const;

  /// Half-closes: the peer sees our FIN and may go on sending.
  void shutdown_write();
  /// Ends both halves: whoever waits to read is woken and finds the end.
  void shutdown_both();
  /// Makes the destructor send RST instead of FIN, so that a body that ends by closing is seen torn.
  void reset_on_close();

 private:
  Io receive(char* into, size_t max, int flags);
  static void on_read(int fd, short what, void* self);
  static void on_write(int fd, short what, void* self);

  Loop& loop_;
  int fd_;
  bool reading_ = false;
  bool writing_ = false;
  event read_event_;
  std::unique_ptr<event> write_event_;  // most connections never wait to write
  std::unique_ptr<TlsSession> tls_;
  Signal readable_;
  Signal writable_;
};

/// Opens a connection. Refused addresses (see connect_allowed) fail before any packet is sent.
Task<Result<std::unique_ptr<Socket>>> connect_socket(SocketAddress address, TimePoint deadline);

}  // namespace siding
