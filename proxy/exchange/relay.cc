// See relay.h.
#include "proxy/exchange/relay.h"

#include "http/hop.h"

namespace siding {

void prepare_answer(ResponseHead& head, bool keep_trailer) {
  strip_response_fields(head.fields, keep_trailer);
  add_via(head);
}

BodyFraming client_framing(const Framing& framing) {
  return framing.body.kind == BodyFraming::Kind::none ? framing.declared : framing.body;
}

Task<bool> wait_for_room(Stream& stream, TimePoint deadline) {
  while (stream.unsent() > stream.high_watermark()) {
    bool moved = co_await Wait(stream.sent, deadline);
    if (!moved) co_return false;
  }
  co_return true;
}

}  // namespace siding
