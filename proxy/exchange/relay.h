// Passing an answer on to a client: heads as a proxy may forward them, bodies at the client's pace.
#pragma once

#include "base/result.h"
#include "http/h1_body.h"
#include "proxy/downstream/stream.h"
#include "proxy/exchange/services.h"

namespace siding {

/// Removes what belongs to one hop and adds what a proxy adds (RFC 9110 7.6).
void prepare_answer(ResponseHead& head, bool keep_trailer);
/// How an answer's body is framed towards the client.
BodyFraming client_framing(const Framing& framing);
/// Waits until the client has room for more; false if the deadline comes first.
Task<bool> wait_for_room(Stream& stream, TimePoint deadline);

}  // namespace siding
