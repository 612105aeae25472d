// One call to a server, from our side, whichever version of HTTP it is made by: sends a request, reads its
// answer. H1Client has a connection for it, H2Call a stream of one.
// Invariant: an answer is whole or an Error; destroying the client cancels the call.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/buffer.h"
#include "base/result.h"
#include "http/h1_body.h"
#include "http/message.h"
#include "proxy/loop/task.h"

namespace siding {

/// Where a request body comes from, piece by piece.
class BodySource {
 public:
  virtual ~BodySource() = default;
  /// The next piece; empty at the end.
  virtual Task<Result<Buffer>> next() = 0;
  /// Whether it is known already that nothing comes after the last piece.
  virtual bool at_end() const { return false; }
};

/// A request as either version sends it.
struct OutRequest {
  const RequestHead* head = nullptr;  ///< outlives the sending
  BodyFraming framing{};              ///< chunked: its length is not known, or it has trailers
  const Fields* trailers = nullptr;   ///< of a chunked one; likewise
  bool wants_trailers = false;        ///< `TE: trailers`, of which servers of HTTP/1 are not told
};

class HttpClient {
 public:
  virtual ~HttpClient() = default;

  /// Sends head and body, which may be null. Stops early, without an error, if the peer refuses (a final
  /// status of 400 or above) or closes before it has taken everything: read_head() tells what it said.
  virtual Task<Result<>> send(const OutRequest& request, BodySource* body, TimePoint deadline) = 0;
  /// From now on another coroutine reads the answer while send() only writes: a server that stops
  /// reading until its answer is taken stops nobody. Who reads sees for itself whether the peer refuses.
  virtual void read_meanwhile() = 0;
  /// What is left of the request is not sent: its send() is destroyed.
  virtual void stop_sending() = 0;
  /// The call cannot go on: whoever waits for its answer is woken, and gets an error.
  virtual void abort() = 0;

  /// The next head; interim ones (1xx) too, after which it is to be called again.
  virtual Task<Result<ResponseHead>> read_head(std::string_view method, TimePoint deadline) = 0;
  /// How the body of the head just read ends, and what GET's would be for an answer to HEAD.
  virtual const Framing& framing() const = 0;
  /// The next piece of the body; empty at its end.
  virtual Task<Result<Buffer>> read_body(TimePoint deadline) = 0;
  virtual Fields take_trailers() = 0;

  /// Whether a byte of the request has gone out.
  bool request_sent() const { return sent_bytes() > 0; }
  virtual uint64_t sent_bytes() const = 0;
  /// Whether a byte of its answer has come.
  bool answer_begun() const { return received_bytes() > 0; }
  virtual uint64_t received_bytes() const = 0;
  /// The server has said, or it is certain, that it did not look at the request: whatever it asks for, it
  /// may be sent again.
  virtual bool refused() const { return false; }
};

}  // namespace siding
