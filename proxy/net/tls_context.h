// What all TLS connections to one upstream share: whom we trust, who we are, and the sessions that can
// be resumed (a full handshake costs both sides most of a millisecond of CPU).
// Invariants: immutable but for the sessions, which are guarded; used by all threads; TLS 1.2 or
// later, ALPN, no renegotiation, no compression.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"

struct ssl_st;
struct ssl_ctx_st;
struct ssl_session_st;

namespace siding {

/// PEM files.
struct TlsFiles {
  std::string ca_file;      ///< empty: nobody is trusted
  std::string certificate;  ///< ours, with its chain; empty: none is shown
  std::string key;          ///< of the certificate
  bool http2 = false;       ///< h2 is offered by ALPN, before http/1.1
  bool operator==(const TlsFiles&) const = default;
};

class TlsContext {
 public:
  /// Reads the files: blocks. The error's detail names the one at fault.
  static Result<std::shared_ptr<TlsContext>> client(const TlsFiles& files);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

 private:
  friend class TlsClient;
  TlsContext();
  static int on_session(ssl_st* ssl, ssl_session_st* session);
  void keep(const std::string& name, ssl_session_st* session);
  /// For one connection; the caller frees it. Null if there is none.
  ssl_session_st* resume(const std::string& name);

  ssl_ctx_st* context_;
  std::mutex mutex_;
  std::map<std::string, std::vector<ssl_session_st*>> sessions_;  // by peer; the newest last
};

}  // namespace siding
