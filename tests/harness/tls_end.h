// The far end of siding's TLS connections: an authority of the test's own, whom it vouches for, and TLS as a
// filter between bytes and bytes, without a socket.
// Invariant: nothing here is shared between connections but a TlsIdentity, which is immutable.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

struct ssl_ctx_st;
struct ssl_st;
struct ssl_session_st;
struct x509_st;
struct evp_pkey_st;

namespace siding::test {

/// A certificate, signed by an authority that was made for it, or by another's.
class TlsIdentity {
 public:
  /// `subject`: a DNS name. `seconds`: until it expires.
  explicit TlsIdentity(const std::string& subject = "localhost",
                       const TlsIdentity* authority = nullptr, long seconds = 3600);
  ~TlsIdentity();
  TlsIdentity(const TlsIdentity&) = delete;
  TlsIdentity& operator=(const TlsIdentity&) = delete;

  /// The authority's certificate, for tls.ca_file.
  std::string authority_pem() const;
  std::string certificate_pem() const;
  std::string key_pem() const;
  x509_st* authority() const { return authority_; }
  /// Of a server.
  ssl_ctx_st* context() const { return context_; }

 private:
  x509_st* authority_ = nullptr;
  evp_pkey_st* authority_key_ = nullptr;
  ssl_ctx_st* context_ = nullptr;
};

/// How a client begins.
struct TlsCaller {
  std::string name{};                   ///< SNI
  const TlsIdentity* trusts = nullptr;  ///< whose authority; null: everybody
  const TlsIdentity* own = nullptr;     ///< what it shows
  int version = 0;                      ///< such as TLS1_2_VERSION; 0: any
  std::string protocols{};              ///< ALPN, as it is written: "\x02h2"
  ssl_session_st* resumes = nullptr;
};

/// One side of a connection.
class TlsEnd {
 public:
  explicit TlsEnd(const TlsIdentity& identity);
  explicit TlsEnd(const TlsCaller& caller);
  ~TlsEnd();
  TlsEnd(const TlsEnd&) = delete;
  TlsEnd& operator=(const TlsEnd&) = delete;

  /// `raw` came from the peer: takes it, and adds what it says to `plain`.
  void receive(std::string_view raw, std::string& plain);
  /// Says `plain` as soon as the handshake is done; in records of at most `record` bytes.
  void send(std::string_view plain, size_t record = 16384);
  /// Says that no more comes.
  void close_notify();
  /// What is to go to the peer now.
  std::string take_raw();
  bool established() const;
  bool failed() const { return failed_; }
  bool peer_closed() const { return peer_closed_; }
  ssl_st* ssl() const { return ssl_; }

 private:
  void go_on();
  ssl_st* ssl_;
  std::string waiting_;
  size_t record_ = 16384;
  bool failed_ = false;
  bool peer_closed_ = false;
};

/// A port that speaks TLS, in front of a server that does not: a thread for each connection.
class TlsDoor {
 public:
  /// `behind`: a port of 127.0.0.1. `ip`: another one of this machine's.
  TlsDoor(const TlsIdentity& identity, uint16_t behind, const char* ip = "127.0.0.1",
          uint16_t port = 0);
  ~TlsDoor();
  TlsDoor(const TlsDoor&) = delete;
  TlsDoor& operator=(const TlsDoor&) = delete;

  uint16_t port() const { return port_; }
  std::string url(const std::string& host = "localhost") const {
    return "https://" + host + ":" + std::to_string(port_);
  }
  size_t record = 16384;   ///< set before the first connection, as what follows
  bool cut_short = false;  ///< an end of the server is no close_notify
  /// Half of the session tickets comes with the handshake's end, the rest only after the request.
  bool split_tickets = false;

 private:
  void accept_all();
  void serve(int fd) const;

  const TlsIdentity& identity_;
  const uint16_t behind_;
  uint16_t port_ = 0;
  int listener_;
  int stop_;  // an eventfd
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace siding::test
