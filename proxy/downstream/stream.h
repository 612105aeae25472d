// One request and its response as a handler sees them, whatever the HTTP version and however many of
// them share a connection.
// Invariants: belongs to one loop; the connection owns the Stream and destroys the handler's task
// (which is how a client's leaving cancels it) before the Stream.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "base/buffer.h"
#include "base/outcome.h"
#include "http/client_certificate.h"
#include "http/message.h"
#include "proxy/loop/wait.h"
#include "proxy/net/address.h"

namespace siding {

/// Bytes of an answer that may pile up in a connection before its client has taken them.
inline constexpr size_t kHighWatermark = 256 * 1024;

class Stream {
 public:
  virtual ~Stream() = default;

  // ---- request
  RequestHead head;                  ///< a handler may take it apart
  TimePoint started{};               ///< when the first byte of the head came
  std::string_view scheme = "http";  ///< by which the client came here, whatever its target says
  virtual const SocketAddress& peer() const = 0;
  /// That the client showed on this connection, by TLS; null: none.
  const ClientCertificate* client_certificate = nullptr;

  // ---- request body: bytes that have come and were not taken yet
  BodyFraming framing;  ///< as the client declared it
  Buffer body;
  bool body_ended = false;            ///< all of it has come; `trailers` are whole
  std::optional<Outcome> body_fault;  ///< it will never be whole, and how to answer
  Fields trailers;
  Signal body_changed;  ///< more of it, its end, or a fault
  /// Lets up to `window` bytes pile up in `body`; 0 stops reading. Sends `100 Continue` first where
  /// the client waits for it. To be called again after taking bytes.
  virtual void grant(size_t window) = 0;

  // ---- response, in this order; calls after the client has gone do nothing
  virtual void send_interim(const ResponseHead& head) = 0;
  /// `framing` chunked or until_close: length not known. For HEAD, 204 and 304 no data may follow.
  virtual void send_head(ResponseHead head, BodyFraming framing) = 0;
  virtual void send_data(Buffer data) = 0;
  virtual void send_end(const Fields* trailers = nullptr) = 0;
  /// Ends the response in a way that the client cannot take for a whole one.
  virtual void abort() = 0;
  /// Instead of send_head(), to a request without a body: what both sides send from now on is theirs
  /// alone, and passed on as it comes. `body` is what the client sends, and ends when it closes its half;
  /// send_end() closes ours. The status is 101, which HTTP/2 says as 200 (RFC 8441 5), or for CONNECT 200.
  virtual void open_tunnel(ResponseHead head) = 0;

  bool head_sent = false;
  bool finished = false;  ///< send_end() or abort() was called
  bool tunnel = false;    ///< open_tunnel() was called
  /// Response bytes that the client has not taken yet; `sent` is notified when they get fewer.
  virtual size_t unsent() const = 0;
  Signal sent;
  /// As long as more than this is unsent, nothing is to be added; nor more than this at once.
  virtual size_t high_watermark() const { return kHighWatermark; }
  virtual uint64_t bytes_sent() const = 0;

  /// While true (the default) a FIN of the client means that it has gone; once a worker is at it,
  /// the client may have closed its half only, and gets its answer.
  bool fin_is_gone = true;
};

/// What runs for each request: the exchange, egress, a door.
class Handler {
 public:
  virtual ~Handler() = default;
  /// Runs on the stream's loop. A task that ends without a finished response aborts it.
  virtual Task<> handle(Stream& stream) = 0;
};

}  // namespace siding
