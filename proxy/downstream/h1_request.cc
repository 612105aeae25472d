// See h1_request.h.
#include "proxy/downstream/h1_request.h"

#include <utility>

#include "http/h1_write.h"
#include "proxy/downstream/listener.h"

namespace siding {

void H1Connection::Request::grant(size_t bytes) {
  // The time in which nobody wanted its bytes was not the client's.
  if (!body_ended && !connection.wants_read()) connection.progress_ = connection.loop_.now();
  // The client's time begins when we are ready to read, not when the handler looked elsewhere.
  if (body.size() >= window) connection.progress_ = connection.loop_.now();
  window = bytes;
  if (continue_wanted && bytes > 0 && !body_ended && !head_sent) {
    continue_wanted = false;
    ResponseHead go_on;
    go_on.status = 100;
    write_interim(go_on);
  }
  connection.loop_.wake(connection.step_);
}

void H1Connection::Request::send_interim(const ResponseHead& interim) {
  // RFC 9110 15.2: never to HTTP/1.0; 100 is ours to send, and the client has it already.
  if (head_sent || head.minor_version == 0 || interim.status == 100) return;
  write_interim(interim);
  connection.loop_.wake(connection.step_);
}

void H1Connection::Request::write_interim(const ResponseHead& interim) {
  connection.out_.append(write_response_head(interim, BodyFraming::none()));
}

void H1Connection::Request::send_head(ResponseHead response, BodyFraming body_framing) {
  if (head_sent) return;
  head_sent = true;
  out_framing = body_framing;
  no_body = is_head || response.status == 204 || response.status == 304;
  if (out_framing.kind == BodyFraming::Kind::until_close ||
      out_framing.kind == BodyFraming::Kind::chunked) {
    // The length is not known: chunks, or for HTTP/1.0 the end of the connection.
    out_framing = http10 ? BodyFraming::until_close() : BodyFraming::chunked();
    if (http10 && !no_body) connection.keep_alive_ = false;
  }
  // A body that nobody is going to read makes the connection useless.
  if (!body_ended) connection.keep_alive_ = false;
  may_go_on = connection.keep_alive_;
  ConnectionField field = !connection.keep_alive_ ? ConnectionField::close
                          : http10                ? ConnectionField::keep_alive
                                                  : ConnectionField::none;
  BodyFraming shown = http10 && no_body && out_framing.kind == BodyFraming::Kind::until_close
                          ? BodyFraming::none()
                          : out_framing;
  connection.listener_.add_date(response);
  connection.out_.append(write_response_head(response, shown, field));
  connection.loop_.wake(connection.step_);
}

void H1Connection::Request::send_data(Buffer data) {
  if (!head_sent || finished || no_body || data.empty()) return;
  body_sent += data.size();
  if (out_framing.kind == BodyFraming::Kind::chunked) {
    append_chunk(connection.out_, std::move(data));
  } else {
    connection.out_.append(std::move(data));
  }
  connection.loop_.wake(connection.step_);
}

void H1Connection::Request::send_end(const Fields* fields) {
  if (finished) return;
  bool short_body =
      out_framing.kind == BodyFraming::Kind::length && !no_body && body_sent != out_framing.length;
  if (!head_sent || short_body) {
    abort();
    return;
  }
  finished = true;
  if (out_framing.kind == BodyFraming::Kind::chunked && !no_body) {
    append_last_chunk(connection.out_, fields == nullptr ? Fields() : *fields);
  }
  connection.loop_.wake(connection.step_);
}

void H1Connection::Request::abort() {
  if (finished) return;
  finished = true;
  aborted = true;
  connection.keep_alive_ = false;
  // A body that ends with the connection would look whole after a FIN.
  if (out_framing.kind == BodyFraming::Kind::until_close) connection.reset_on_close_ = true;
  connection.loop_.wake(connection.step_);
}

void H1Connection::Request::open_tunnel(ResponseHead response) {
  if (head_sent) return;
  head_sent = tunnel = true;
  body_ended = false;
  decoder = BodyDecoder(BodyFraming::until_close());
  out_framing = BodyFraming::until_close();
  connection.keep_alive_ = false;
  const bool switched = response.status == 101;
  if (!switched) connection.listener_.add_date(response);
  // RFC 9110 9.3.6: no length, no coding.
  connection.out_.append(write_response_head(
      response, BodyFraming::none(), switched ? ConnectionField::upgrade : ConnectionField::none));
  connection.loop_.wake(connection.step_);
}

}  // namespace siding
