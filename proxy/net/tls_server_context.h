// What all TLS connections of one listening address share: our certificates, one of which is chosen by the
// name that a client asks for, and what is asked of clients.
// Invariants: immutable, used by all threads, replaced as a whole when its files have changed; TLS 1.2 or
// later, in 1.2 with forward secrecy and AEAD only, no renegotiation, no compression, no early data;
// sessions are resumed by tickets alone, and never across another rule for clients' certificates.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "config/config.h"
#include "proxy/net/tls_tickets.h"

struct ssl_st;
struct ssl_ctx_st;
struct evp_cipher_ctx_st;
struct evp_mac_ctx_st;

namespace siding {

/// Seconds since 1970, as certificates count.
inline int64_t unix_seconds(const Clock& clock) {
  return std::chrono::duration_cast<std::chrono::seconds>(clock.wall().time_since_epoch()).count();
}

class TlsServerContext {
 public:
  /// Reads the files: blocks. The error's detail names the one at fault. `protocols`: what is spoken
  /// inside, as ALPN names it, the best first. `clock` outlives it.
  static Result<std::shared_ptr<const TlsServerContext>> make(
      const ListenTls& config, std::shared_ptr<TicketKeys> keys,
      const std::vector<std::string_view>& protocols, const Clock& clock);
  ~TlsServerContext();
  TlsServerContext(const TlsServerContext&) = delete;
  TlsServerContext& operator=(const TlsServerContext&) = delete;

  /// One of ours.
  struct Certificate {
    std::string file;
    int64_t expires = 0;       ///< seconds since 1970
    std::string ocsp;          ///< DER; empty: none
    int64_t ocsp_expires = 0;  ///< from then on it is not shown; 0: it does not say
    bool ocsp_old(const Clock& clock) const {
      return ocsp_expires != 0 && unix_seconds(clock) >= ocsp_expires;
    }
  };
  size_t certificates() const { return certificates_.size(); }
  const Certificate& certificate(size_t i) const { return *certificates_[i]; }

 private:
  friend class TlsServer;
  struct Loaded : Certificate {
    TlsServerContext* owner = nullptr;
    ssl_ctx_st* context = nullptr;
  };
  TlsServerContext(std::shared_ptr<TicketKeys> keys, const Clock& clock)
      : keys_(std::move(keys)), clock_(clock) {}
  ssl_ctx_st* first() const { return certificates_.front()->context; }
  Result<> add(const CertificateFiles& files, const ListenTls& config);
  Result<> ask_clients(ssl_ctx_st* context, const ListenTls& config);
  void learn_names(Loaded& certificate);
  Loaded* by_name(std::string_view name) const;

  static int on_name(ssl_st* ssl, int* alert, void* self);
  static int on_status(ssl_st* ssl, void* self);
  static int on_protocols(ssl_st* ssl, const unsigned char** out, unsigned char* out_size,
                          const unsigned char* in, unsigned int in_size, void* self);
  static int on_ticket(ssl_st* ssl, unsigned char* name, unsigned char* iv,
                       evp_cipher_ctx_st* cipher, evp_mac_ctx_st* mac, int sealing);

  const std::shared_ptr<TicketKeys> keys_;
  const Clock& clock_;
  std::vector<unsigned char> protocols_;  // as ALPN writes them
  std::vector<std::unique_ptr<Loaded>> certificates_;
  std::map<std::string, Loaded*, std::less<>> names_;  // "shop.example", "*.shop.example"
};

}  // namespace siding
