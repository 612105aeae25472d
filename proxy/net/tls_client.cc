// See tls_client.h.
#include "proxy/net/tls_client.h"

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cassert>
#include <cstdlib>

#include "proxy/loop/wait.h"
#include "proxy/net/socket.h"

namespace siding {

namespace {
/// Of a handshake; longer than a slow network takes, whatever else may be waited for.
constexpr Duration kHandshakeTimeout = std::chrono::seconds(10);

bool is_ip(const std::string& name) {
  in6_addr any;
  return inet_pton(AF_INET, name.c_str(), &any) == 1 ||
         inet_pton(AF_INET6, name.c_str(), &any) == 1;
}
}  // namespace

TlsClient::TlsClient(const std::shared_ptr<TlsContext>& context, int fd, std::string name)
    : TlsSession(context, context->context_, fd), name_(std::move(name)) {
  SSL_set_app_data(ssl(), const_cast<std::string*>(&name_));
  // Without a name none would be verified.
  assert(!name_.empty());
  int named = 0;
  if (is_ip(name_)) {
    named = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl()), name_.c_str());
  } else {
    SSL_set_hostflags(ssl(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    named = SSL_set1_host(ssl(), name_.c_str());
    SSL_set_tlsext_host_name(ssl(), name_.c_str());
  }
  if (named != 1) std::abort();
  if (SSL_SESSION* known = context->resume(name_)) {
    SSL_set_session(ssl(), known);
    SSL_SESSION_free(known);
  }
  SSL_set_connect_state(ssl());
}

Error TlsClient::failure() const {
  const long verdict = SSL_get_verify_result(ssl());
  if (verdict != X509_V_OK) {
    std::string detail = "the certificate of " + name_ +
                         " is not accepted: " + X509_verify_cert_error_string(verdict);
    switch (verdict) {
      case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
      case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        detail += " (an authority of your own is named by tls.ca_file)";
        break;
      default: break;
    }
    return Error(Failure::tls_certificate, Side::upstream, true, std::move(detail));
  }
  return Error(Failure::tls, Side::upstream, true, "TLS with " + name_ + ": " + fault());
}

Task<Result<>> start_tls(Socket& socket, std::shared_ptr<TlsContext> context, std::string name,
                         TimePoint deadline) {
  auto session = std::make_unique<TlsClient>(context, socket.fd(), std::move(name));
  TimePoint until = std::min(deadline, after(Loop::current().now(), kHandshakeTimeout));
  while (true) {
    TlsSession::Step step = session->handshake();
    if (step == TlsSession::Step::done) break;
    if (step == TlsSession::Step::failed) co_return session->failure();
    Signal& ready = step == TlsSession::Step::wants_read ? socket.readable() : socket.writable();
    bool in_time = co_await Wait(ready, until);
    if (!in_time) {
      co_return Error(Failure::unreachable, Side::upstream, true, "no end of the TLS handshake");
    }
  }
  socket.secure(std::move(session));
  co_return Result<>();
}

}  // namespace siding
