// Writes HTTP/1.1 heads, chunks and trailers (RFC 9112). One allocation a head.
// Invariants: Host, Content-Length, Transfer-Encoding and Connection come from the arguments and
// never from `fields`, so that what frames a message on one side never frames it on the other; no
// value can end a line (a CR, LF or NUL in it is written as SP, RFC 9110 5.5).
#pragma once

#include <cstdint>
#include <span>

#include "base/buffer.h"
#include "http/message.h"

namespace siding {

/// The Connection field of a head.
enum class ConnectionField : uint8_t {
  none,
  close,
  keep_alive,  ///< for a client that spoke HTTP/1.0 and asked for it
  upgrade,     ///< beside an Upgrade field: asks for another protocol, or is a 101
};

/// The version is always HTTP/1.1, the target `head.target`, Host `head.authority` (an empty one is
/// sent as such). `extra` fields come last; of them Host and framing are ignored too.
/// BodyFraming::none writes no framing field.
Slice write_request_head(const RequestHead& head, BodyFraming framing,
                         ConnectionField connection = ConnectionField::none,
                         std::span<const Field> extra = {});

/// Without a reason the registered phrase is written. until_close forces `Connection: close`. For an
/// answer to HEAD, `framing` is what GET's would be (Framing::declared). Interim answers and 204
/// never get a framing field.
Slice write_response_head(const ResponseHead& head, BodyFraming framing,
                          ConnectionField connection = ConnectionField::none,
                          std::span<const Field> extra = {});

/// Appends `payload` as one chunk. An empty one writes nothing: it would end the body.
void append_chunk(Buffer& out, Buffer payload);
/// Ends a chunked body. The trailers are those that a decoder let pass.
void append_last_chunk(Buffer& out, const Fields& trailers = {});

}  // namespace siding
