// See local_reply.h.
#include "proxy/downstream/local_reply.h"

#include "base/text.h"
#include "http/json_string.h"

namespace siding {

namespace {
std::string text_body(int status, std::string_view reason, Outcome outcome, std::string_view detail,
                      std::string_view request_id) {
  std::string text =
      std::to_string(status) + " " + std::string(reason) + "\n" + std::string(to_string(outcome));
  if (!detail.empty()) text += ": " + std::string(detail);
  text += "\n";
  if (!request_id.empty()) text += "request " + std::string(request_id) + "\n";
  return text;
}

std::string json_body(int status, Outcome outcome, std::string_view detail,
                      std::string_view request_id) {
  std::string text = "{\"status\":" + std::to_string(status) + ",\"error\":";
  append_json(text, to_string(outcome));
  if (!detail.empty()) append_json(text += ",\"detail\":", detail);
  if (!request_id.empty()) append_json(text += ",\"request\":", request_id);
  return text + "}\n";
}
}  // namespace

LocalReply make_local_reply(Outcome outcome, std::string_view detail, std::string_view request_id,
                            int retry_after_s, bool as_json) {
  LocalReply reply;
  int status = status_of(outcome);
  reply.head.status = status;
  reply.head.reason = reason_phrase(status);
  reply.body =
      Slice::copy_of(as_json ? json_body(status, outcome, detail, request_id)
                             : text_body(status, reply.head.reason, outcome, detail, request_id));
  Fields& f = reply.head.fields;
  f.add("Content-Type", as_json ? "application/json" : "text/plain; charset=utf-8");
  f.add("Cache-Control", "no-store");
  f.add("Proxy-Status", "siding; error=" + std::string(error_type(outcome)) + "; details=\"" +
                            std::string(to_string(outcome)) + "\"");
  if (status == 503) f.add("Retry-After", std::to_string(retry_after_s));
  if (status == 405) f.add("Allow", "GET, HEAD");
  return reply;
}

bool prefers_json(const Fields& request) {
  bool json = false;
  bool text_first = false;
  const std::string accept = request.joined("accept");
  for_each_item(accept, [&](std::string_view item) {
    std::string type = lower(trim_ows(item.substr(0, item.find(';'))));
    json = json || type == "application/json" || type == "application/problem+json";
    text_first = text_first || (!json && type.starts_with("text/"));
  });
  return json && !text_first;
}

void send_local_reply(Stream& stream, Outcome outcome, std::string_view detail,
                      std::string_view request_id, int retry_after_s) {
  if (stream.head_sent) {
    stream.abort();
    return;
  }
  LocalReply reply = make_local_reply(outcome, detail, request_id, retry_after_s,
                                      prefers_json(stream.head.fields));
  Buffer body;
  body.append(std::move(reply.body));
  stream.send_head(std::move(reply.head), BodyFraming::of_length(body.size()));
  stream.send_data(std::move(body));
  stream.send_end();
}

}  // namespace siding
