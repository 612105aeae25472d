// What a proxy takes off a message before it passes it on, and what it adds: hop-by-hop fields, Via,
// Max-Forwards, Expect (RFC 9110 sections 7.6 and 10.1.1).
// Invariant: what `Connection` names can never remove a field that frames, routes, authenticates or
// describes the content, nor one that tells who the client is.
#pragma once

#include <cstdint>
#include <string_view>

#include "http/message.h"

namespace siding {

/// Whether the connection can be used again after this message, as far as its sender says (RFC 9112
/// 9.3). Ask before the hop-by-hop fields are removed.
bool keeps_alive(int minor_version, const Fields& fields);
/// Whether the message asks for (request) or makes (101) a switch to `protocol`, such as "websocket":
/// it is in Upgrade, and Connection says `upgrade`.
bool upgrades_to(const Fields& fields, std::string_view protocol);

enum class Direction : uint8_t {
  ingress,  ///< client to backend: also drops names with `_`, which CGI and WSGI fold into `-`
  egress,   ///< worker to upstream
};

/// Removes Connection and what it names, Keep-Alive, Proxy-Connection, TE, Trailer, Upgrade,
/// Transfer-Encoding, HTTP2-Settings, Proxy-Authorization, Proxy-Authenticate, Proxy (httpoxy),
/// Expect (whoever reads bodies whole has answered it) and Siding-*. Read what is needed of them
/// first.
void strip_request_fields(Fields& fields, Direction direction);
/// The same for an answer. `keep_trailer`: the trailers will be passed on, so the Trailer field is.
void strip_response_fields(Fields& fields, bool keep_trailer);

/// Appends this hop with the version of the message as received, "1.1 siding" (RFC 9110 7.6.3).
void add_via(RequestHead& head);
void add_via(ResponseHead& head);

/// TRACE and OPTIONS carry a count of hops (RFC 9110 7.6.2).
enum class MaxForwards : uint8_t {
  pass,         ///< no limit, or there was one and it is now decremented
  answer_here,  ///< it was 0: this is the final recipient
  malformed,
};
MaxForwards count_forward(RequestHead& head);

enum class Expectation : uint8_t {
  none,           ///< also `100-continue` by an HTTP/1.0 client, which must be ignored
  send_continue,  ///< tell the client to go on, unless a final answer comes first
  unsupported,    ///< 417
};
Expectation expectation(const RequestHead& head);

}  // namespace siding
