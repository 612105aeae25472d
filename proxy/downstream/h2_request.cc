// See h2_request.h.
#include "proxy/downstream/h2_request.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>

#include "http/h2_fields.h"
#include "http/h2_head.h"
#include "proxy/downstream/h2_connection.h"
#include "proxy/downstream/h2_frames.h"
#include "proxy/downstream/listener.h"

namespace siding {

namespace {
/// A slow body must bring this much per body_timeout, or it is a slow-loris; and so much of an answer
/// must be taken per send_timeout.
constexpr uint64_t kMinProgress = 1024;
/// Response bytes of all streams of a connection that are no frames yet, and of one beyond that.
constexpr size_t kMostUnsent = 1 << 20;
constexpr size_t kLeastUnsent = 16 * 1024;

using H2Fields = H2FieldList<nghttp2_nv>;
}  // namespace

H2Request::H2Request(H2Connection& connection, int32_t id) : connection_(connection), id_(id) {
  progress_ = connection.loop_.now();
}

H2Request::~H2Request() { connection_.unsent_ -= out_.size(); }

/// All streams of a connection share what it may have unsent. Beyond that each still has a little, so that
/// nobody waits for answers that are not taken; who has that much left is told when it gets less.
size_t H2Request::high_watermark() const {
  return connection_.unsent_ < kMostUnsent ? kHighWatermark : kLeastUnsent;
}

const SocketAddress& H2Request::peer() const { return connection_.peer_; }

void H2Request::run(Handler& handler) {
  task_ = handler.handle(*this);
  task_.start(&ended_);
  if (task_.done()) on_task_end();
}

void H2Request::on_task_end() {
  if (!finished) abort();
  if (tunnel && end_sent_ && !body_ended) stop_client();
  if (over()) connection_.request_ended(*this);
}

void H2Request::grant(size_t window) {
  // The time in which nobody wanted its bytes was not the client's.
  if (!waits_for_body()) progress_ = connection_.loop_.now();
  window_ = window;
  if (closed_) return;
  if (continue_wanted_ && window > 0 && !body_ended && !head_sent) {
    continue_wanted_ = false;
    ResponseHead go_on;
    go_on.status = 100;
    submit_head(go_on, BodyFraming::none(), false);
  }
  if (const size_t taken = held_ - std::min(held_, body.size()); taken > 0) {
    held_ -= taken;
    if (tunnel) {
      nghttp2_session_consume_stream(connection_.session_, id_, taken);
    } else {
      nghttp2_session_consume(connection_.session_, id_, taken);
    }
    connection_.loop_.wake(connection_.step_);
  }
  set_timer();
}

/// Bytes that have become frames.
void H2Request::count_sent(size_t size) {
  sent_bytes_ += size;
  if (out_.empty() || sent_bytes_ - sent_mark_ >= kMinProgress) {
    sent_mark_ = sent_bytes_;
    progress_ = connection_.loop_.now();
  }
  sent.notify();
}

/// Bytes that have come.
void H2Request::take_data(Buffer data) {
  continue_wanted_ = false;  // the client did not wait for it
  held_ += data.size();
  if (tunnel) nghttp2_session_consume_connection(connection_.session_, data.size());
  received_ += data.size();
  if (received_ - body_mark_ >= kMinProgress) {
    body_mark_ = received_;
    progress_ = connection_.loop_.now();
  }
  body.append(std::move(data));
  body_changed.notify();
}

void H2Request::send_interim(const ResponseHead& interim) {
  // 100 is ours to send, and the client has it already; 101 has no meaning here (RFC 9113 8.6).
  if (head_sent || closed_ || interim.status == 100 || interim.status == 101) return;
  submit_head(interim, BodyFraming::none(), false);
}

void H2Request::submit_head(const ResponseHead& response, BodyFraming shown, bool final) {
  H2Fields fields(response.fields.size());
  fields.add_status(response.status);
  fields.add_allowed(response.fields);
  if (shown.kind == BodyFraming::Kind::length && response.status >= 200 && response.status != 204) {
    fields.add_length(shown.length);
  }
  nghttp2_session* session = connection_.session_;
  if (!final) {
    nghttp2_submit_headers(session, NGHTTP2_FLAG_NONE, id_, nullptr, fields.data(), fields.size(),
                           nullptr);
  } else if (no_body_) {
    nghttp2_submit_response(session, id_, fields.data(), fields.size(), nullptr);
  } else {
    nghttp2_data_provider provider{};
    provider.source.ptr = this;
    provider.read_callback = &H2Callbacks::on_data_wanted;
    nghttp2_submit_response(session, id_, fields.data(), fields.size(), &provider);
  }
  connection_.loop_.wake(connection_.step_);
}

void H2Request::send_head(ResponseHead response, BodyFraming body_framing) {
  if (head_sent) return;
  head_sent = true;
  out_framing_ = body_framing;
  no_body_ = is_head_ || response.status == 204 || response.status == 304 || body_framing.empty();
  if (closed_) return;
  connection_.listener_.add_date(response);
  submit_head(response, body_framing, true);
}

void H2Request::send_data(Buffer data) {
  if (!head_sent || finished || no_body_ || closed_ || data.empty()) return;
  body_sent_ += data.size();
  connection_.unsent_ += data.size();
  if (out_.empty()) {
    sent_mark_ = sent_bytes_;
    progress_ = connection_.loop_.now();
  }
  out_.append(std::move(data));
  nghttp2_session_resume_data(connection_.session_, id_);
  connection_.loop_.wake(connection_.step_);
  set_timer();
}

void H2Request::send_end(const Fields* fields) {
  if (finished) return;
  const bool short_body = out_framing_.kind == BodyFraming::Kind::length && !no_body_ && !closed_ &&
                          body_sent_ != out_framing_.length;
  if (!head_sent || short_body) {
    abort();
    return;
  }
  finished = true;
  if (closed_ || no_body_) return;
  if (fields != nullptr) out_trailers_ = *fields;
  nghttp2_session_resume_data(connection_.session_, id_);
  connection_.loop_.wake(connection_.step_);
}

/// Behind the last of the body.
void H2Request::submit_trailers() {
  H2Fields fields(out_trailers_.size());
  fields.add_allowed(out_trailers_);
  nghttp2_submit_trailer(connection_.session_, id_, fields.data(), fields.size());
}

void H2Request::abort() {
  if (finished) return;
  finished = true;
  if (closed_ || connection_.closed_) return;
  // RFC 9113 8.5: the other end of a tunnel was reset.
  const uint32_t code = tunnel ? NGHTTP2_CONNECT_ERROR : NGHTTP2_INTERNAL_ERROR;
  nghttp2_submit_rst_stream(connection_.session_, NGHTTP2_FLAG_NONE, id_, code);
  connection_.loop_.wake(connection_.step_);
}

void H2Request::open_tunnel(ResponseHead response) {
  if (head_sent) return;
  tunnel = true;
  // It may be stalled for as long as it likes: that shall hold up no other stream.
  if (held_ > 0 && !closed_) nghttp2_session_consume_connection(connection_.session_, held_);
  if (response.status == 101) response.status = 200;
  send_head(std::move(response), BodyFraming::until_close());
}

/// What the client still sends is of no use to anybody (RFC 9113 8.1).
void H2Request::stop_client() {
  if (closed_ || connection_.closed_) return;
  nghttp2_submit_rst_stream(connection_.session_, NGHTTP2_FLAG_NONE, id_, NGHTTP2_NO_ERROR);
  connection_.loop_.wake(connection_.step_);
}

void H2Request::set_timer() {
  const ListenerOptions& options = connection_.listener_.options();
  TimePoint due = kNever;
  if (!out_.empty()) due = after(progress_, options.send_timeout);
  if (task_ && !tunnel && waits_for_body()) {
    due = std::min(due, after(progress_, options.body_timeout));
  }
  // Progress only puts it off: on_timer() looks again.
  if (due == kNever || (timer_.linked() && timer_.due() <= due)) return;
  connection_.loop_.arm(timer_, due);
}

void H2Request::on_timer() {
  if (closed_) return;
  const ListenerOptions& options = connection_.listener_.options();
  const TimePoint now = connection_.loop_.now();
  if (!out_.empty() && now >= after(progress_, options.send_timeout)) {
    nghttp2_session* session = connection_.session_;
    const bool shut = nghttp2_session_get_stream_remote_window_size(session, id_) <= 0 ||
                      nghttp2_session_get_remote_window_size(session) <= 0;
    if (shut) {
      // An answer that is not taken, while the connection is alive: its window stays shut.
      nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id_, NGHTTP2_CANCEL);
      connection_.spend(Abuse::read_stall);
      connection_.loop_.wake(connection_.step_);
      return;
    }
    // Others go first, by their priority; whether anything moves at all is the connection's to see.
    progress_ = now;
  }
  if (!tunnel && waits_for_body() && now >= after(progress_, options.body_timeout)) {
    body_fault = Outcome::body_timeout;
    body_changed.notify();
  }
  set_timer();
}

}  // namespace siding
