// TLS on a connection that a client opened.
// Invariant: what client_certificate() tells was verified in this session, or in the one that it resumes.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "http/client_certificate.h"
#include "proxy/net/tls.h"
#include "proxy/net/tls_server_context.h"
#include "proxy/observe/counters.h"

namespace siding {

class TlsServer final : public TlsSession {
 public:
  /// `fd` is the Socket's, which outlives the session.
  TlsServer(const std::shared_ptr<const TlsServerContext>& context, int fd);

  Step handshake() override;
  /// What became of the handshake, once it is done or has failed.
  Handshake result() const;
  const ClientCertificate* client_certificate() const override { return client_.get(); }

 private:
  std::unique_ptr<ClientCertificate> client_;
};

}  // namespace siding
