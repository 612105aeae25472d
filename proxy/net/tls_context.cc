// See tls_context.h.
#include "proxy/net/tls_context.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <cstdlib>

namespace siding {

namespace {
constexpr size_t kMaxPeers = 256;        // a context for unlisted hosts has many
constexpr size_t kMaxSessionsOfOne = 4;  // TLS 1.3 servers send two a connection

Error file_error(const std::string& file, const std::string& what) {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  Error error(Failure::internal, Side::local, false,
              "`" + file + "`: " + what + (reason != nullptr ? std::string(": ") + reason : ""));
  ERR_clear_error();
  return error;
}
}  // namespace

TlsContext::TlsContext() : context_(SSL_CTX_new(TLS_client_method())) {
  if (context_ == nullptr) std::abort();
}

TlsContext::~TlsContext() {
  for (auto& [name, sessions] : sessions_) {
    for (SSL_SESSION* session : sessions) SSL_SESSION_free(session);
  }
  SSL_CTX_free(context_);
}

Result<std::shared_ptr<TlsContext>> TlsContext::client(const TlsFiles& files) {
  std::shared_ptr<TlsContext> made(new TlsContext());
  SSL_CTX* context = made->context_;
  ERR_clear_error();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  static constexpr unsigned char kAlpn[] = {2, 'h', '2', 8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  const size_t skipped = files.http2 ? 0 : 3;
  SSL_CTX_set_alpn_protos(context, kAlpn + skipped, sizeof(kAlpn) - skipped);
  SSL_CTX_set_app_data(context, made.get());
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, &TlsContext::on_session);
  // Nobody is there to be asked for one.
  SSL_CTX_set_default_passwd_cb(context, [](char*, int, int, void*) { return -1; });

  const std::string& authorities = files.ca_file;
  if (!authorities.empty() && SSL_CTX_load_verify_file(context, authorities.c_str()) != 1) {
    return file_error(files.ca_file, "no certificates of authorities can be read from it");
  }
  if (files.certificate.empty()) return made;
  if (SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()) != 1) {
    return file_error(files.certificate, "no certificate can be read from it");
  }
  // The check is for keys of another type: those are taken without a word.
  if (SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    return file_error(files.key,
                      "it holds no key without a passphrase that fits to the certificate");
  }
  return made;
}

int TlsContext::on_session(SSL* ssl, SSL_SESSION* session) {
  auto* context = static_cast<TlsContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  context->keep(*static_cast<const std::string*>(SSL_get_app_data(ssl)), session);
  return 1;  // it is ours now
}

void TlsContext::keep(const std::string& name, SSL_SESSION* session) {
  std::lock_guard lock(mutex_);
  if (sessions_.size() >= kMaxPeers && !sessions_.contains(name)) {
    for (SSL_SESSION* old : sessions_.begin()->second) SSL_SESSION_free(old);
    sessions_.erase(sessions_.begin());
  }
  std::vector<SSL_SESSION*>& of_peer = sessions_[name];
  if (of_peer.size() >= kMaxSessionsOfOne) {
    SSL_SESSION_free(of_peer.front());
    of_peer.erase(of_peer.begin());
  }
  of_peer.push_back(session);
}

SSL_SESSION* TlsContext::resume(const std::string& name) {
  std::lock_guard lock(mutex_);
  auto known = sessions_.find(name);
  if (known == sessions_.end()) return nullptr;
  std::vector<SSL_SESSION*>& of_peer = known->second;
  SSL_SESSION* session = of_peer.back();
  // RFC 8446 C.4: a ticket that is shown twice tells a listener that both clients are one.
  if (SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION) {
    of_peer.pop_back();
    if (of_peer.empty()) sessions_.erase(known);
  } else {
    SSL_SESSION_up_ref(session);
  }
  return session;
}

}  // namespace siding
