// Responses that siding itself makes: status, a short text with the named reason and the request id,
// no internals.
#pragma once

#include <string>
#include <string_view>

#include "base/outcome.h"
#include "http/message.h"
#include "proxy/downstream/stream.h"

namespace siding {

struct LocalReply {
  ResponseHead head;
  Slice body;
};

/// `detail` is a short sentence for people; `request_id` may be empty. Shedding outcomes carry
/// `Retry-After: retry_after_s` (RFC 9110 10.2.3).
LocalReply make_local_reply(Outcome outcome, std::string_view detail, std::string_view request_id,
                            int retry_after_s = 1);

/// Sends one whole response; for HEAD the body is left out. No effect if a head was sent already
/// (then the stream is aborted).
void send_local_reply(Stream& stream, Outcome outcome, std::string_view detail,
                      std::string_view request_id = {}, int retry_after_s = 1);

}  // namespace siding
