// See local_reply.h.
#include "proxy/downstream/local_reply.h"

namespace siding {

LocalReply make_local_reply(Outcome outcome, std::string_view detail, std::string_view request_id,
                            int retry_after_s) {
  LocalReply reply;
  int status = status_of(outcome);
  reply.head.status = status;
  reply.head.reason = reason_phrase(status);
  std::string text = std::to_string(status) + " " + std::string(reply.head.reason) + "\n" +
                     std::string(to_string(outcome));
  if (!detail.empty()) text += ": " + std::string(detail);
  text += "\n";
  if (!request_id.empty()) text += "request " + std::string(request_id) + "\n";
  reply.body = Slice::copy_of(text);
  Fields& f = reply.head.fields;
  f.add("Content-Type", "text/plain; charset=utf-8");
  f.add("Cache-Control", "no-store");
  if (status == 503) f.add("Retry-After", std::to_string(retry_after_s));
  if (status == 405) f.add("Allow", "GET, HEAD");
  return reply;
}

void send_local_reply(Stream& stream, Outcome outcome, std::string_view detail,
                      std::string_view request_id, int retry_after_s) {
  if (stream.head_sent) {
    stream.abort();
    return;
  }
  LocalReply reply = make_local_reply(outcome, detail, request_id, retry_after_s);
  Buffer body;
  body.append(std::move(reply.body));
  stream.send_head(std::move(reply.head), BodyFraming::of_length(body.size()));
  stream.send_data(std::move(body));
  stream.send_end();
}

}  // namespace siding
