// Responses that siding itself makes: status, the named reason as Proxy-Status (RFC 9209) and in a short
// body, as text or as JSON where the client prefers it; no internals.
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
/// `Retry-After: retry_after_s` (RFC 9110 10.2.3). `as_json`: see prefers_json().
LocalReply make_local_reply(Outcome outcome, std::string_view detail, std::string_view request_id,
                            int retry_after_s = 1, bool as_json = false);

/// Whether Accept names JSON, and no text before it: a program asks, and no person with a browser or
/// curl.
bool prefers_json(const Fields& request);

/// Sends one whole response; for HEAD the body is left out. No effect if a head was sent already
/// (then the stream is aborted).
void send_local_reply(Stream& stream, Outcome outcome, std::string_view detail,
                      std::string_view request_id = {}, int retry_after_s = 1);

}  // namespace siding
