// See tls_end.h.
#include "tests/harness/tls_end.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "tests/harness/loop_peer.h"
#include "tests/harness/wire.h"

namespace siding::test {

namespace {
X509* make_certificate(EVP_PKEY* key, const std::string& name, X509* issuer, EVP_PKEY* issuer_key,
                       long seconds = 3600) {
  X509* x = X509_new();
  X509_set_version(x, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(x), issuer == nullptr ? 1 : 2);
  X509_gmtime_adj(X509_getm_notBefore(x), -7200);
  X509_gmtime_adj(X509_getm_notAfter(x), seconds);
  X509_set_pubkey(x, key);
  X509_NAME* subject = X509_get_subject_name(x);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(x, issuer == nullptr ? subject : X509_get_subject_name(issuer));
  const std::string san = "DNS:" + name;
  X509_EXTENSION* extension =
      issuer == nullptr ? X509V3_EXT_conf_nid(nullptr, nullptr, NID_basic_constraints, "CA:TRUE")
                        : X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, san.c_str());
  X509_add_ext(x, extension, -1);
  X509_EXTENSION_free(extension);
  X509_sign(x, issuer_key, EVP_sha256());
  return x;
}
}  // namespace

TlsIdentity::TlsIdentity(const std::string& subject, const TlsIdentity* authority, long seconds) {
  if (authority != nullptr) {
    authority_key_ = authority->authority_key_;
    authority_ = authority->authority_;
    EVP_PKEY_up_ref(authority_key_);
    X509_up_ref(authority_);
  } else {
    authority_key_ = EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256");
    authority_ = make_certificate(authority_key_, "siding test authority", nullptr, authority_key_);
  }
  EVP_PKEY* key = EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256");
  X509* own = make_certificate(key, subject, authority_, authority_key_, seconds);
  context_ = SSL_CTX_new(TLS_server_method());
  EXPECT_EQ(SSL_CTX_use_certificate(context_, own), 1);
  EXPECT_EQ(SSL_CTX_use_PrivateKey(context_, key), 1);
  X509_free(own);
  EVP_PKEY_free(key);
}

TlsIdentity::~TlsIdentity() {
  SSL_CTX_free(context_);
  X509_free(authority_);
  EVP_PKEY_free(authority_key_);
}

namespace {
template <class Write>
std::string pem_of(Write write) {
  BIO* memory = BIO_new(BIO_s_mem());
  write(memory);
  char* data = nullptr;
  auto size = static_cast<size_t>(BIO_get_mem_data(memory, &data));
  std::string pem(data, size);
  BIO_free(memory);
  return pem;
}
}  // namespace

std::string TlsIdentity::authority_pem() const {
  return pem_of([this](BIO* to) { PEM_write_bio_X509(to, authority_); });
}
std::string TlsIdentity::certificate_pem() const {
  return pem_of([this](BIO* to) { PEM_write_bio_X509(to, SSL_CTX_get0_certificate(context_)); });
}
std::string TlsIdentity::key_pem() const {
  return pem_of([this](BIO* to) {
    EVP_PKEY* key = SSL_CTX_get0_privatekey(context_);
    PEM_write_bio_PrivateKey(to, key, nullptr, nullptr, 0, nullptr, nullptr);
  });
}

TlsEnd::TlsEnd(const TlsCaller& caller) : ssl_(nullptr) {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT);
  SSL_CTX_set_security_level(context, 0);  // what is too old is asked for too
  if (caller.trusts != nullptr) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), caller.trusts->authority());
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  }
  ssl_ = SSL_new(context);
  SSL_CTX_free(context);
  if (caller.own != nullptr) {
    SSL_use_certificate(ssl_, SSL_CTX_get0_certificate(caller.own->context()));
    SSL_use_PrivateKey(ssl_, SSL_CTX_get0_privatekey(caller.own->context()));
  }
  SSL_set_min_proto_version(ssl_, caller.version);
  SSL_set_max_proto_version(ssl_, caller.version);
  if (!caller.name.empty()) SSL_set_tlsext_host_name(ssl_, caller.name.c_str());
  if (!caller.protocols.empty()) {
    SSL_set_alpn_protos(ssl_, reinterpret_cast<const unsigned char*>(caller.protocols.data()),
                        static_cast<unsigned>(caller.protocols.size()));
  }
  if (caller.resumes != nullptr) SSL_set_session(ssl_, caller.resumes);
  SSL_set_bio(ssl_, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  SSL_set_connect_state(ssl_);
  go_on();
}

TlsEnd::TlsEnd(const TlsIdentity& identity) : ssl_(SSL_new(identity.context())) {
  SSL_set_bio(ssl_, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  SSL_set_accept_state(ssl_);
}

TlsEnd::~TlsEnd() { SSL_free(ssl_); }

void TlsEnd::go_on() {
  ERR_clear_error();
  if (!SSL_is_init_finished(ssl_)) {
    int result = SSL_do_handshake(ssl_);
    if (result != 1) {
      failed_ = failed_ || SSL_get_error(ssl_, result) != SSL_ERROR_WANT_READ;
      return;
    }
  }
  for (size_t at = 0; at < waiting_.size(); at += record_) {
    size_t size = std::min(record_, waiting_.size() - at);
    SSL_write(ssl_, waiting_.data() + at, static_cast<int>(size));
  }
  waiting_.clear();
}

void TlsEnd::receive(std::string_view raw, std::string& plain) {
  if (!raw.empty()) BIO_write(SSL_get_rbio(ssl_), raw.data(), static_cast<int>(raw.size()));
  go_on();
  if (!SSL_is_init_finished(ssl_)) return;
  char buffer[16384];
  int n = 0;
  while ((n = SSL_read(ssl_, buffer, sizeof(buffer))) > 0) {
    plain.append(buffer, static_cast<size_t>(n));
  }
  peer_closed_ = (SSL_get_shutdown(ssl_) & SSL_RECEIVED_SHUTDOWN) != 0;
}

void TlsEnd::send(std::string_view plain, size_t record) {
  waiting_ += plain;
  record_ = record;
  go_on();
}

void TlsEnd::close_notify() {
  ERR_clear_error();
  if (SSL_is_init_finished(ssl_)) SSL_shutdown(ssl_);
}

std::string TlsEnd::take_raw() {
  BIO* out = SSL_get_wbio(ssl_);
  std::string raw(BIO_ctrl_pending(out), '\0');
  if (!raw.empty()) BIO_read(out, raw.data(), static_cast<int>(raw.size()));
  return raw;
}

bool TlsEnd::established() const { return SSL_is_init_finished(ssl_) == 1; }

TlsDoor::TlsDoor(const TlsIdentity& identity, uint16_t behind, const char* ip, uint16_t port)
    : identity_(identity),
      behind_(behind),
      listener_(bind_local(port, ip)),
      stop_(eventfd(0, EFD_CLOEXEC)),
      acceptor_() {
  ::listen(listener_, 1024);
  port_ = local_port(listener_);
  acceptor_ = std::thread([this] { accept_all(); });
}

TlsDoor::~TlsDoor() {
  eventfd_write(stop_, 1);  // stays readable: all threads see it
  acceptor_.join();
  for (std::thread& t : threads_) t.join();
  ::close(listener_);
  ::close(stop_);
}

void TlsDoor::accept_all() {
  while (true) {
    pollfd both[2] = {{listener_, POLLIN, 0}, {stop_, POLLIN, 0}};
    poll(both, 2, -1);
    if (both[1].revents != 0) return;
    int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0) threads_.emplace_back([this, fd] { serve(fd); });
  }
}

void TlsDoor::serve(int fd) const {
  TlsEnd end(identity_);
  Wire behind = connect_local(behind_);
  int plain_fd = behind.fd();
  bool split = split_tickets;
  std::string rest;
  auto flush = [&] {
    std::string raw = std::exchange(rest, "") + end.take_raw();
    if (split && end.established()) {
      rest = raw.substr(raw.size() / 2);
      raw.resize(raw.size() / 2);
      split = false;
    }
    return ::send(fd, raw.data(), raw.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(raw.size());
  };
  std::vector<char> buffer(64 * 1024);
  while (true) {
    pollfd all[3] = {{fd, POLLIN, 0}, {plain_fd, POLLIN, 0}, {stop_, POLLIN, 0}};
    poll(all, 3, -1);
    if (all[2].revents != 0) break;
    if (all[0].revents != 0) {
      ssize_t n = recv(fd, buffer.data(), buffer.size(), 0);
      if (n <= 0) break;
      std::string plain;
      end.receive({buffer.data(), static_cast<size_t>(n)}, plain);
      if (!plain.empty()) ::send(plain_fd, plain.data(), plain.size(), MSG_NOSIGNAL);
    }
    bool over = end.failed() || end.peer_closed();
    if (all[1].revents != 0) {
      ssize_t n = recv(plain_fd, buffer.data(), buffer.size(), 0);
      if (n > 0) end.send({buffer.data(), static_cast<size_t>(n)}, record);
      if (n <= 0 && !cut_short) end.close_notify();
      over = over || n <= 0;
    }
    if (!flush() || over) break;
  }
  ::close(fd);
}

}  // namespace siding::test
