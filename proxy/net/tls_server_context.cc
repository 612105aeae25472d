// See tls_server_context.h.
#include "proxy/net/tls_server_context.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cstdlib>
#include <ctime>

#include "base/text.h"

namespace siding {

namespace {
/// Of all that a client may show: more would be too long for the field that tells of it.
constexpr long kMaxClientChain = 32 * 1024;
constexpr long kResumableSeconds = 2 * 3600;
/// Forward secrecy and AEAD; of TLS 1.2, as all of 1.3 are so.
constexpr const char* kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20";

Error server_file_error(const std::string& file, const std::string& what) {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  Error error(Failure::internal, Side::local, false,
              "`" + file + "`: " + what + (reason != nullptr ? std::string(": ") + reason : ""));
  ERR_clear_error();
  return error;
}

int64_t seconds_of(const ASN1_TIME* time) {
  std::tm fields{};
  return ASN1_TIME_to_tm(time, &fields) == 1 ? timegm(&fields) : 0;
}

/// The response as it stands in the file, and when it grows too old.
Result<> read_ocsp_file(const std::string& path, std::string& der, int64_t& expires) {
  BIO* file = BIO_new_file(path.c_str(), "rb");
  OCSP_RESPONSE* response = file == nullptr ? nullptr : d2i_OCSP_RESPONSE_bio(file, nullptr);
  OCSP_BASICRESP* basic = response == nullptr ? nullptr : OCSP_response_get1_basic(response);
  unsigned char* bytes = nullptr;
  const int size = basic == nullptr ? 0 : i2d_OCSP_RESPONSE(response, &bytes);
  if (size > 0) {
    der.assign(reinterpret_cast<char*>(bytes), static_cast<size_t>(size));
    ASN1_GENERALIZEDTIME* until = nullptr;
    OCSP_SINGLERESP* first = OCSP_resp_get0(basic, 0);
    if (first != nullptr) OCSP_single_get0_status(first, nullptr, nullptr, nullptr, &until);
    expires = until == nullptr ? 0 : seconds_of(until);
  }
  OPENSSL_free(bytes);
  OCSP_BASICRESP_free(basic);
  OCSP_RESPONSE_free(response);
  BIO_free(file);
  if (size <= 0) return server_file_error(path, "no OCSP response can be read from it");
  ERR_clear_error();
  return {};
}
}  // namespace

Result<std::shared_ptr<const TlsServerContext>> TlsServerContext::make(
    const ListenTls& config, std::shared_ptr<TicketKeys> keys,
    const std::vector<std::string_view>& protocols, const Clock& clock) {
  std::shared_ptr<TlsServerContext> made(new TlsServerContext(std::move(keys), clock));
  for (std::string_view protocol : protocols) {
    made->protocols_.push_back(static_cast<unsigned char>(protocol.size()));
    made->protocols_.insert(made->protocols_.end(), protocol.begin(), protocol.end());
  }
  for (const CertificateFiles* files : config.certificates()) {
    Result<> added = made->add(*files, config);
    if (!added) return added.error();
  }
  return std::shared_ptr<const TlsServerContext>(std::move(made));
}

TlsServerContext::~TlsServerContext() {
  for (auto& certificate : certificates_) SSL_CTX_free(certificate->context);
}

Result<> TlsServerContext::add(const CertificateFiles& files, const ListenTls& config) {
  Loaded& added = *certificates_.emplace_back(std::make_unique<Loaded>());
  added.file = files.certificate;
  added.owner = this;
  SSL_CTX* context = added.context = SSL_CTX_new(TLS_server_method());
  if (context == nullptr) std::abort();
  ERR_clear_error();
  const bool only13 = config.min_version == ListenTls::MinVersion::tls13;
  SSL_CTX_set_min_proto_version(context, only13 ? TLS1_3_VERSION : TLS1_2_VERSION);
  if (SSL_CTX_set_cipher_list(context, kCiphers) != 1) std::abort();
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_app_data(context, &added);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_timeout(context, kResumableSeconds);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(context, &TlsServerContext::on_ticket);
  SSL_CTX_set_tlsext_servername_callback(context, &TlsServerContext::on_name);
  SSL_CTX_set_tlsext_servername_arg(context, this);
  SSL_CTX_set_tlsext_status_cb(context, &TlsServerContext::on_status);
  SSL_CTX_set_alpn_select_cb(context, &TlsServerContext::on_protocols, this);
  // Nobody is there to be asked for one.
  SSL_CTX_set_default_passwd_cb(context, [](char*, int, int, void*) { return -1; });

  if (SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()) != 1) {
    return server_file_error(files.certificate, "no certificate can be read from it");
  }
  if (SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    return server_file_error(files.key,
                             "it holds no key without a passphrase that fits to the certificate");
  }
  added.expires = seconds_of(X509_get0_notAfter(SSL_CTX_get0_certificate(context)));
  learn_names(added);
  if (!files.ocsp.empty()) {
    Result<> read = read_ocsp_file(files.ocsp, added.ocsp, added.ocsp_expires);
    if (!read) return read;
  }
  return ask_clients(context, config);
}

Result<> TlsServerContext::ask_clients(SSL_CTX* context, const ListenTls& config) {
  // A session is resumed only under the rule by which it was made.
  std::string rule = "none";
  if (!config.client_ca.empty()) {
    STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(config.client_ca.c_str());
    if (names == nullptr || SSL_CTX_load_verify_file(context, config.client_ca.c_str()) != 1) {
      sk_X509_NAME_pop_free(names, X509_NAME_free);
      return server_file_error(config.client_ca,
                               "no certificates of authorities can be read from it");
    }
    SSL_CTX_set_client_CA_list(context, names);
    SSL_CTX_set_max_cert_list(context, kMaxClientChain);
    const bool required = config.client == ListenTls::Client::required;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                       nullptr);
    rule = required ? "required" : "optional";
    STACK_OF(X509_OBJECT)* known = X509_STORE_get0_objects(SSL_CTX_get_cert_store(context));
    for (int i = 0; i < sk_X509_OBJECT_num(known); ++i) {
      X509* authority = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(known, i));
      unsigned char digest[EVP_MAX_MD_SIZE];
      unsigned int size = 0;
      if (authority == nullptr || X509_digest(authority, EVP_sha256(), digest, &size) != 1)
        continue;
      rule.append(reinterpret_cast<char*>(digest), size);
    }
  }
  unsigned char id[SSL_MAX_SID_CTX_LENGTH];
  static_assert(sizeof(id) == 32);
  EVP_Digest(rule.data(), rule.size(), id, nullptr, EVP_sha256(), nullptr);
  SSL_CTX_set_session_id_context(context, id, sizeof(id));
  ERR_clear_error();
  return {};
}

/// Who comes first has a name: the certificates stand in the order of the file.
void TlsServerContext::learn_names(Loaded& certificate) {
  auto* names = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(
      SSL_CTX_get0_certificate(certificate.context), NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    if (name->type != GEN_DNS) continue;
    const auto* bytes = reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName));
    const auto size = static_cast<size_t>(ASN1_STRING_length(name->d.dNSName));
    names_.emplace(lower({bytes, size}), &certificate);
  }
  GENERAL_NAMES_free(names);
  ERR_clear_error();
}

TlsServerContext::Loaded* TlsServerContext::by_name(std::string_view name) const {
  std::string wanted = lower(name);
  if (wanted.ends_with('.')) wanted.pop_back();
  auto found = names_.find(wanted);
  const size_t dot = wanted.find('.');
  if (found == names_.end() && dot != std::string::npos) {
    found = names_.find("*" + wanted.substr(dot));  // a star is one label (RFC 6125 6.4.3)
  }
  return found == names_.end() ? nullptr : found->second;
}

int TlsServerContext::on_name(SSL* ssl, int*, void* self) {
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name == nullptr) return SSL_TLSEXT_ERR_NOACK;
  Loaded* chosen = static_cast<TlsServerContext*>(self)->by_name(name);
  if (chosen == nullptr) return SSL_TLSEXT_ERR_NOACK;  // the first one is shown
  if (chosen->context != SSL_get_SSL_CTX(ssl)) SSL_set_SSL_CTX(ssl, chosen->context);
  return SSL_TLSEXT_ERR_OK;
}

int TlsServerContext::on_status(SSL* ssl, void*) {
  const auto& shown = *static_cast<Loaded*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  // One that is too old does more harm than none.
  if (shown.ocsp.empty() || shown.ocsp_old(shown.owner->clock_)) return SSL_TLSEXT_ERR_NOACK;
  void* copy = OPENSSL_memdup(shown.ocsp.data(), shown.ocsp.size());
  if (copy == nullptr) std::abort();
  SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<long>(shown.ocsp.size()));
  return SSL_TLSEXT_ERR_OK;
}

int TlsServerContext::on_protocols(SSL*, const unsigned char** out, unsigned char* out_size,
                                   const unsigned char* in, unsigned int in_size, void* self) {
  const std::vector<unsigned char>& ours = static_cast<TlsServerContext*>(self)->protocols_;
  unsigned char* chosen = nullptr;
  const int result = SSL_select_next_proto(&chosen, out_size, ours.data(),
                                           static_cast<unsigned int>(ours.size()), in, in_size);
  *out = chosen;
  // RFC 7301 3.2: who names protocols and none of ours is told so.
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

int TlsServerContext::on_ticket(SSL* ssl, unsigned char* name, unsigned char* iv,
                                EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, int sealing) {
  const auto& any = *static_cast<Loaded*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  TicketKeys& keys = *any.owner->keys_;
  if (sealing != 0) return keys.seal(name, iv, cipher, mac) ? 1 : -1;
  switch (keys.open(name, iv, cipher, mac)) {
    case TicketKeys::Opened::unknown: return 0;
    case TicketKeys::Opened::old: return 2;  // taken, and replaced by a new one
    case TicketKeys::Opened::current: break;
  }
  // RFC 8446 C.4: clients use a ticket of TLS 1.3 once.
  return SSL_version(ssl) >= TLS1_3_VERSION ? 2 : 1;
}

}  // namespace siding
