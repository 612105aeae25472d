// See reply.h.
#include "proxy/admin/reply.h"

#include <utility>

#include "base/text.h"

namespace siding {

void send_reply(Stream& stream, int status, std::string_view body, std::string_view content_type,
                std::string_view allow) {
  ResponseHead head;
  head.status = status;
  head.reason = reason_phrase(status);
  head.fields.add("Content-Type", content_type);
  head.fields.add("Cache-Control", "no-store");
  head.fields.add("X-Content-Type-Options", "nosniff");
  if (!allow.empty()) head.fields.add("Allow", allow);
  stream.send_head(std::move(head), BodyFraming::of_length(body.size()));
  if (stream.head.method != "HEAD") {
    Buffer data;
    data.append_copy(body);
    stream.send_data(std::move(data));
  }
  stream.send_end();
}

bool wants_json(const Fields& request) {
  bool json = false;
  for_each_item(request.joined("Accept"), [&](std::string_view item) {
    std::string_view type = trim_ows(item.substr(0, item.find(';')));
    if (equals_ignore_case(type, "application/json")) json = true;
  });
  return json;
}

}  // namespace siding
