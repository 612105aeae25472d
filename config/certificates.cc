// See certificates.h.
#include "config/certificates.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
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
