// Where an HTTP/1 body ends (RFC 9112 section 6.3) and what is in it: fixed length, chunked
// (section 7.1) or until close. Strict: bare LF, white space and odd digits in chunk lines are faults.
// Invariants: payload is never copied but for small pieces, which are gathered; not one byte behind
// the body is consumed; the result does not depend on how the bytes were split.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/buffer.h"
#include "http/h1_head.h"
#include "http/message.h"

namespace siding {

struct Framing {
  BodyFraming body;  ///< what follows the head on this connection
  BodyFraming
      declared;      ///< the same, but for an answer to HEAD what GET's would be, if it is known
  ParseFault fault;  ///< if any, the connection cannot be used any further

  bool ok() const { return fault.reason.empty(); }
};

/// A head that came from RequestHeadParser has no fault here: the parser has asked already.
Framing request_framing(const RequestHead& head);
/// Asked for interim answers too, whose body is none.
Framing response_framing(std::string_view request_method, const ResponseHead& head);

/// Whether a trailer field may be passed on: nothing that frames, routes, authenticates, modifies
/// the request, describes the content or belongs to one hop (RFC 9110 6.5.1).
bool trailer_allowed(std::string_view name);

inline constexpr size_t kMaxChunkExtension = 256;  ///< bytes of one chunk's extensions
inline constexpr size_t kMaxTrailerBytes = 16 * 1024;
inline constexpr size_t kMaxTrailerFields = 64;

/// Incremental decoder of chunked bodies that does not touch the payload.
class ChunkDecoder {
 public:
  enum class Status : uint8_t { more, done, fault };
  struct Step {
    Status status = Status::more;
    size_t consumed = 0;     ///< bytes of `in` that are dealt with
    size_t data_offset = 0;  ///< payload among them; none if data_size is 0
    size_t data_size = 0;
  };

  /// Goes on to the end of `in`, of the body, or of the first run of payload. Call again with the
  /// rest of `in` while something is left and the status is `more`.
  Step decode(std::string_view in);

  /// After a fault.
  std::string_view reason() const { return reason_; }
  /// After done: the trailer fields that may be passed on.
  Fields take_trailers() { return std::move(trailers_); }

 private:
  enum class State : uint8_t;
  // Each takes one byte and returns what is wrong with it, or "".
  std::string_view step(char c);
  std::string_view step_size(char c);
  std::string_view step_extension(char c);
  std::string_view after_extension(char c);
  std::string_view step_trailer(char c);
  std::string_view end_of_trailer_line();

  State state_{};
  uint8_t digits_ = 0;          // of the chunk size
  uint16_t extension_ = 0;      // bytes of this chunk's extensions
  uint16_t trailer_bytes_ = 0;  // of all trailer lines
  uint16_t trailer_count_ = 0;
  uint64_t left_ = 0;         // size so far, then payload bytes to come
  std::string trailer_line_;  // the current one
  Fields trailers_;
  std::string_view reason_;  // of the fault, if there was one
};

/// Reads one body of any framing. Both sides use it.
class BodyDecoder {
 public:
  /// A body that is none.
  BodyDecoder() = default;
  explicit BodyDecoder(BodyFraming framing);

  /// Takes what belongs to the body off the front of `in` and appends the payload to `out`. Returns
  /// how many bytes of `in` were taken; what is left behind belongs to the next message (or follows
  /// a fault).
  size_t feed(const Slice& in, Buffer& out);
  /// The peer has closed: true if that ends the body well, or it had ended; else it is torn.
  bool finish_on_close();

  bool ended() const { return state_ == State::ended; }
  bool failed() const { return state_ == State::failed; }
  /// After a fault: static text.
  std::string_view reason() const;
  /// Payload bytes so far.
  uint64_t received() const { return received_; }
  /// After the end of a chunked body.
  Fields take_trailers();

 private:
  enum class State : uint8_t { open, ended, failed };
  size_t feed_chunks(const Slice& in, Buffer& out);

  BodyFraming framing_;
  State state_ = State::ended;
  uint64_t received_ = 0;
  std::unique_ptr<ChunkDecoder> chunks_;
};

}  // namespace siding
