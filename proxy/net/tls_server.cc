// See tls_server.h.
#include "proxy/net/tls_server.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/base64.h"

namespace siding {

namespace {
std::string subject_of(const X509* certificate) {
  BIO* memory = BIO_new(BIO_s_mem());
  X509_NAME_print_ex(memory, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory, &text);
  std::string out(text, size > 0 ? static_cast<size_t>(size) : 0);
  BIO_free(memory);
  return out;
}

std::string der_of(X509* certificate) {
  unsigned char* bytes = nullptr;
  const int size = i2d_X509(certificate, &bytes);
  std::string out(reinterpret_cast<char*>(bytes), size > 0 ? static_cast<size_t>(size) : 0);
  OPENSSL_free(bytes);
  return out;
}
}  // namespace

TlsServer::TlsServer(const std::shared_ptr<const TlsServerContext>& context, int fd)
    : TlsSession(context, context->first(), fd) {
  SSL_set_accept_state(ssl());
}

TlsSession::Step TlsServer::handshake() {
  const Step step = TlsSession::handshake();
  if (step != Step::done) return step;
  X509* certificate = SSL_get0_peer_certificate(ssl());
  if (certificate != nullptr && SSL_get_verify_result(ssl()) == X509_V_OK) {
    ClientCertificate seen;
    seen.field = ":" + base64_encode(der_of(certificate)) + ":";
    seen.subject = subject_of(certificate);
    client_ = std::make_unique<ClientCertificate>(std::move(seen));
  }
  return step;
}

Handshake TlsServer::result() const {
  if (SSL_is_init_finished(ssl())) return resumed() ? Handshake::resumed : Handshake::full;
  // Whatever OpenSSL stumbled over first while it looked at it.
  if (SSL_get_verify_result(ssl()) != X509_V_OK) return Handshake::bad_certificate;
  const unsigned long code = fault_code();
  if (ERR_GET_LIB(code) != ERR_LIB_SSL) return peer_left() ? Handshake::left : Handshake::other;
  const int reason = ERR_GET_REASON(code);
  if (reason > SSL_AD_REASON_OFFSET) return Handshake::refused;  // an alert of the client's
  switch (reason) {
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_WRONG_SSL_VERSION:
    case SSL_R_VERSION_TOO_LOW: return Handshake::version;
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SHARED_GROUPS:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM: return Handshake::no_common;
    case SSL_R_NO_APPLICATION_PROTOCOL: return Handshake::no_protocol;
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return Handshake::no_certificate;
    case SSL_R_CERTIFICATE_VERIFY_FAILED: return Handshake::bad_certificate;
    case SSL_R_UNEXPECTED_EOF_WHILE_READING: return Handshake::left;
    default: return Handshake::other;
  }
}

}  // namespace siding
