// TLS on a connection that we opened.
// Invariants: the peer's certificate and name are always verified; a session that can be resumed
// outlives its connection.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "proxy/loop/task.h"
#include "proxy/net/tls.h"
#include "proxy/net/tls_context.h"

namespace siding {

class Socket;

class TlsClient final : public TlsSession {
 public:
  /// `name`: whose certificate is wanted: a DNS name, which is sent as SNI, or an IP literal. `fd` is
  /// the Socket's, which outlives the session.
  TlsClient(const std::shared_ptr<TlsContext>& context, int fd, std::string name);

  /// Of a failed handshake. Failure::tls_certificate if the peer's is not accepted; the detail is fit for
  /// people who run siding, and names the peer.
  Error failure() const;

 private:
  const std::string name_;
};

/// Makes `socket`, which has just been opened, a TLS connection to `name`, within ten seconds.
Task<Result<>> start_tls(Socket& socket, std::shared_ptr<TlsContext> context, std::string name,
                         TimePoint deadline);

}  // namespace siding
