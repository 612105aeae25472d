// See certificates.h.
#include "config/certificates.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace siding {
namespace {

struct Free {
  void operator()(BIO* b) const { BIO_free(b); }
  void operator()(X509* x) const { X509_free(x); }
  void operator()(X509_STORE* s) const { X509_STORE_free(s); }
  void operator()(EVP_PKEY* k) const { EVP_PKEY_free(k); }
  void operator()(OCSP_RESPONSE* r) const { OCSP_RESPONSE_free(r); }
  void operator()(OCSP_BASICRESP* r) const { OCSP_BASICRESP_free(r); }
  void operator()(GENERAL_NAMES* n) const { GENERAL_NAMES_free(n); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

int no_passphrase(char*, int, int, void*) { return -1; }

std::string unreadable(const std::string& path) {
  if (access(path.c_str(), R_OK) == 0) return {};
  return "cannot read `" + path + "`: " + std::strerror(errno);
}

Owned<BIO> open_file(const std::string& path) {
  return Owned<BIO>(BIO_new_file(path.c_str(), "r"));
}

Owned<X509> first_certificate(const std::string& path) {
  Owned<BIO> file = open_file(path);
  if (!file) return nullptr;
  return Owned<X509>(PEM_read_bio_X509(file.get(), nullptr, no_passphrase, nullptr));
}

Owned<OCSP_BASICRESP> read_ocsp(const std::string& path) {
  Owned<BIO> file(BIO_new_file(path.c_str(), "rb"));
  Owned<OCSP_RESPONSE> response(file ? d2i_OCSP_RESPONSE_bio(file.get(), nullptr) : nullptr);
  const bool good =
      response && OCSP_response_status(response.get()) == OCSP_RESPONSE_STATUS_SUCCESSFUL;
  Owned<OCSP_BASICRESP> basic(good ? OCSP_response_get1_basic(response.get()) : nullptr);
  ERR_clear_error();
  return basic;
}

}  // namespace

std::string system_ca_file() {
  if (const char* named = std::getenv("SSL_CERT_FILE")) return named;
  for (const char* path : {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                           "/etc/ssl/cert.pem", "/etc/ssl/ca-bundle.pem"}) {
    if (access(path, R_OK) == 0) return path;
  }
  return {};
}

std::string ca_file_fault(const std::string& path) {
  std::string fault = unreadable(path);
  if (!fault.empty()) return fault;
  Owned<X509_STORE> store(X509_STORE_new());
  const bool loaded = X509_STORE_load_file(store.get(), path.c_str()) == 1;
  ERR_clear_error();
  return loaded ? "" : "`" + path + "` holds no certificate of an authority in PEM form";
}

std::string certificate_fault(const std::string& path) {
  std::string fault = unreadable(path);
  if (!fault.empty()) return fault;
  Owned<X509> certificate = first_certificate(path);
  ERR_clear_error();
  return certificate ? "" : "`" + path + "` holds no certificate in PEM form";
}

bool certificate_expired(const std::string& path) {
  Owned<X509> certificate = first_certificate(path);
  ERR_clear_error();
  return certificate && X509_cmp_current_time(X509_get0_notAfter(certificate.get())) < 0;
}

bool certificate_has_names(const std::string& path) {
  Owned<X509> certificate = first_certificate(path);
  Owned<GENERAL_NAMES> names(static_cast<GENERAL_NAMES*>(
      certificate ? X509_get_ext_d2i(certificate.get(), NID_subject_alt_name, nullptr, nullptr)
                  : nullptr));
  ERR_clear_error();
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    if (sk_GENERAL_NAME_value(names.get(), i)->type == GEN_DNS) return true;
  }
  return false;
}

std::string ocsp_fault(const std::string& certificate, const std::string& ocsp) {
  std::string fault = unreadable(ocsp);
  if (!fault.empty()) return fault;
  Owned<OCSP_BASICRESP> response = read_ocsp(ocsp);
  if (!response) return "`" + ocsp + "` holds no OCSP response in DER form that says anything";
  Owned<X509> about = first_certificate(certificate);
  ERR_clear_error();
  for (int i = 0; about && i < OCSP_resp_count(response.get()); ++i) {
    ASN1_INTEGER* serial = nullptr;
    auto* id = const_cast<OCSP_CERTID*>(OCSP_SINGLERESP_get0_id(OCSP_resp_get0(response.get(), i)));
    OCSP_id_get0_info(nullptr, nullptr, nullptr, &serial, id);
    if (ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(about.get())) == 0) return "";
  }
  return about ? "`" + ocsp + "` is not about `" + certificate + "`" : "";
}

bool ocsp_expired(const std::string& ocsp) {
  Owned<OCSP_BASICRESP> response = read_ocsp(ocsp);
  if (!response || OCSP_resp_count(response.get()) == 0) return false;
  ASN1_GENERALIZEDTIME* until = nullptr;
  OCSP_single_get0_status(OCSP_resp_get0(response.get(), 0), nullptr, nullptr, nullptr, &until);
  return until != nullptr && X509_cmp_current_time(until) < 0;
}

std::string key_fault(const std::string& certificate, const std::string& key) {
  std::string fault = unreadable(key);
  if (!fault.empty()) return fault;
  Owned<BIO> file = open_file(key);
  Owned<EVP_PKEY> read(PEM_read_bio_PrivateKey(file.get(), nullptr, no_passphrase, nullptr));
  Owned<X509> owner = first_certificate(certificate);
  const bool fits = read && owner && X509_check_private_key(owner.get(), read.get()) == 1;
  ERR_clear_error();
  if (!read) return "`" + key + "` holds no private key without a passphrase in PEM form";
  return fits || !owner ? "" : "`" + key + "` is not the key of `" + certificate + "`";
}

}  // namespace siding
