// See h2_upstream_frames.h.
#include "proxy/upstream/h2_upstream_frames.h"

#include <algorithm>
#include <cstdlib>
#include <string>

#include "http/h1_body.h"
#include "proxy/net/h2_session.h"
#include "proxy/upstream/h2_pool.h"
#include "proxy/upstream/h2_upstream.h"

namespace siding {

namespace {
/// What a server may send ahead of who reads: in one stream, and in all of them between two turns. Credit
/// for the connection goes back at once, so that an answer that is not read holds up no other.
constexpr uint32_t kWindowOfStream = 256 * 1024;
constexpr int32_t kWindowOfConnection = 1 << 20;
/// Enough for the largest head that is let through, in frames of the usual 16 KiB.
constexpr size_t kMostContinuations = 24;

H2Upstream& upstream_of(void* connection) { return *static_cast<H2Upstream*>(connection); }

H2Call* call_of(nghttp2_session* session, int32_t id) {
  return static_cast<H2Call*>(nghttp2_session_get_stream_user_data(session, id));
}
}  // namespace

nghttp2_session* H2UpstreamCallbacks::make_session(H2Upstream& connection) {
  static nghttp2_session_callbacks* const callbacks = [] {
    nghttp2_session_callbacks* c = nullptr;
    if (nghttp2_session_callbacks_new(&c) != 0) std::abort();
    nghttp2_session_callbacks_set_on_begin_frame_callback(c, &on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(c, &on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(c, &on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(c, &on_bad_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(c, &on_frame);
    skip_unknown_frames(*c);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, &on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(c, &on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(c, &on_frame_sent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(c, &on_frame_not_sent);
    nghttp2_session_callbacks_set_send_data_callback(c, &send_data);
    return c;
  }();
  static nghttp2_option* const options = [] {
    nghttp2_option* o = nullptr;
    if (nghttp2_option_new(&o) != 0) std::abort();
    nghttp2_option_set_no_auto_window_update(o, 1);
    nghttp2_option_set_max_continuations(o, kMostContinuations);
    hear_of_all_frames(*o);
    // Servers do send it, and it is taken off, as in HTTP/1.
    nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation(o, 1);
    return o;
  }();
  nghttp2_session* session = nullptr;
  if (nghttp2_session_client_new2(&session, callbacks, &connection, options) != 0) std::abort();
  const auto max_head = static_cast<uint32_t>(connection.owner_.options().head.max_head);
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kWindowOfStream},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, max_head},
  };
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, std::size(settings));
  nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, kWindowOfConnection);
  return session;
}

// ---- what comes

int H2UpstreamCallbacks::on_begin_frame(nghttp2_session*, const nghttp2_frame_hd* hd,
                                        void* connection) {
  H2Upstream& c = upstream_of(connection);
  switch (hd->type) {
    case NGHTTP2_DATA:
      if (hd->length == 0 && (hd->flags & NGHTTP2_FLAG_END_STREAM) == 0) c.spend(Abuse::empty_data);
      break;
    case NGHTTP2_SETTINGS: c.spend(Abuse::settings); break;
    case NGHTTP2_PING: c.spend(Abuse::pings); break;
    case NGHTTP2_WINDOW_UPDATE: c.spend(Abuse::window_updates); break;
    case NGHTTP2_PRIORITY: c.spend(Abuse::priorities); break;
    case NGHTTP2_HEADERS:
    case NGHTTP2_RST_STREAM:
    case NGHTTP2_GOAWAY:
    case NGHTTP2_PUSH_PROMISE:
    case NGHTTP2_CONTINUATION: break;
    default: c.spend(Abuse::unknown_frames); break;
  }
  return 0;
}

int H2UpstreamCallbacks::on_begin_headers(nghttp2_session*, const nghttp2_frame*,
                                          void* connection) {
  H2Upstream& c = upstream_of(connection);
  c.block_fields_ = c.block_bytes_ = 0;
  c.reader_.begin();
  c.trailers_ = Fields();
  return 0;
}

int H2UpstreamCallbacks::on_header(nghttp2_session* session, const nghttp2_frame* frame,
                                   const uint8_t* name, size_t name_size, const uint8_t* value,
                                   size_t value_size, uint8_t, void* connection) {
  H2Upstream& c = upstream_of(connection);
  c.block_bytes_ += name_size + value_size;
  if (far_beyond(c.owner_.options().head, ++c.block_fields_, c.block_bytes_)) {
    nghttp2_session_terminate_session(session, NGHTTP2_ENHANCE_YOUR_CALM);
    c.break_off("a head over HTTP/2 that is far beyond all limits");
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }
  const H2Call* call = call_of(session, frame->hd.stream_id);
  if (call == nullptr) return 0;
  if (call->final_head_) {
    add_h2_trailer(c.trailers_, h2_text(name, name_size), h2_text(value, value_size));
  } else {
    c.reader_.add(h2_text(name, name_size), h2_text(value, value_size));
  }
  return 0;
}

/// The library would leave such a field out, and the answer would be another one.
int H2UpstreamCallbacks::on_bad_header(nghttp2_session* session, const nghttp2_frame* frame,
                                       const uint8_t*, size_t, const uint8_t*, size_t, uint8_t,
                                       void*) {
  if (H2Call* call = call_of(session, frame->hd.stream_id)) {
    call->fail(Failure::malformed, "a field that HTTP/2 does not allow", true);
  }
  return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

int H2UpstreamCallbacks::on_frame(nghttp2_session* session, const nghttp2_frame* frame,
                                  void* connection) {
  H2Upstream& c = upstream_of(connection);
  H2Call* call = call_of(session, frame->hd.stream_id);
  const bool last = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  switch (frame->hd.type) {
    case NGHTTP2_HEADERS: on_fields(c, *frame); break;
    case NGHTTP2_DATA:
      if (frame->data.padlen > 0 && frame->data.padlen == frame->hd.length && !last) {
        c.spend(Abuse::empty_data);
      }
      break;
    case NGHTTP2_RST_STREAM:
      if (call != nullptr) call->reset_by_peer_ = true;
      return 0;
    case NGHTTP2_GOAWAY:
      // The calls that it does not serve any more the library closes, as if they were refused.
      if (!std::exchange(c.draining_, true)) ++c.owner_.counts().goaways;
      c.owner_.changed().notify();
      return 0;
    case NGHTTP2_SETTINGS: c.owner_.changed().notify(); return 0;
    default: return 0;
  }
  if (last && call != nullptr && !call->error_) call->take_end();
  return 0;
}

void H2UpstreamCallbacks::on_fields(H2Upstream& c, const nghttp2_frame& frame) {
  H2Call* call = call_of(c.session_, frame.hd.stream_id);
  if (call == nullptr) return;
  call->received_bytes_ += frame.hd.length + kH2FrameHead;
  if (call->final_head_) {
    call->trailers_ = std::move(c.trailers_);
    c.trailers_ = Fields();
    return;
  }
  ResponseHead head = c.reader_.take();
  if (const std::string_view wrong = c.reader_.fault().reason; !wrong.empty()) {
    call->reset(NGHTTP2_PROTOCOL_ERROR);
    call->fail(Failure::malformed, wrong, true);
    return;
  }
  call->take_head(std::move(head), (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0);
}

int H2UpstreamCallbacks::on_data(nghttp2_session* session, uint8_t, int32_t id, const uint8_t* data,
                                 size_t size, void* connection) {
  H2Upstream& c = upstream_of(connection);
  nghttp2_session_consume_connection(session, size);
  H2Call* call = call_of(session, id);
  if (call == nullptr || call->error_) return 0;
  Slice piece = c.reading_;
  piece.remove_prefix(static_cast<size_t>(reinterpret_cast<const char*>(data) - piece.data()));
  Buffer body;
  body.append(piece.first(size));
  call->received_bytes_ += size;
  call->take_data(std::move(body));
  return 0;
}

int H2UpstreamCallbacks::on_stream_close(nghttp2_session* session, int32_t id, uint32_t code,
                                         void*) {
  H2Call* call = call_of(session, id);
  if (call == nullptr) return 0;
  call->closed_ = true;
  if (code == NGHTTP2_REFUSED_STREAM && !call->answer_begun()) {
    call->fail(Failure::closed, "the server refused the stream", false);
  } else if (call->reset_by_peer_) {
    const std::string why =
        std::string("the server reset the stream: ") + nghttp2_http2_strerror(code);
    call->fail(Failure::reset, why, true);
  } else if (call->sent_bytes_ == 0) {
    call->fail(Failure::closed, "its connection takes no more requests", false);
  } else {
    call->fail(Failure::malformed, "an answer that breaks the rules of HTTP/2", true);
  }
  call->moved_.notify();
  return 0;
}

// ---- what goes

int H2UpstreamCallbacks::on_frame_sent(nghttp2_session* session, const nghttp2_frame* frame,
                                       void* connection) {
  H2Upstream& c = upstream_of(connection);
  if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR) {
    c.break_off("an answer that breaks the rules of HTTP/2");
  }
  if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
  H2Call* call = call_of(session, frame->hd.stream_id);
  if (call == nullptr) return 0;
  if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) call->out_gone_ = true;
  if (frame->hd.type == NGHTTP2_HEADERS) call->count_sent(frame->hd.length + kH2FrameHead);
  if (call->out_gone_) call->moved_.notify();
  return 0;
}

/// A request that the library holds back, because no streams may be opened any more.
int H2UpstreamCallbacks::on_frame_not_sent(nghttp2_session*, const nghttp2_frame* frame, int,
                                           void* connection) {
  if (frame->hd.type != NGHTTP2_HEADERS) return 0;
  H2Call* call = upstream_of(connection).find(frame->hd.stream_id);
  if (call == nullptr || call->request_sent()) return 0;
  call->closed_ = true;
  call->fail(Failure::closed, "its connection takes no more requests", false);
  return 0;
}

ssize_t H2UpstreamCallbacks::on_data_wanted(nghttp2_session* session, int32_t id, uint8_t*,
                                            size_t most, uint32_t* flags, nghttp2_data_source*,
                                            void*) {
  H2Call* call = call_of(session, id);
  if (call == nullptr || call->out_stopped_ || (call->out_.empty() && !call->out_whole_)) {
    return NGHTTP2_ERR_DEFERRED;
  }
  const size_t size = std::min(most, call->out_.size());
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (size < call->out_.size() || !call->out_whole_) return static_cast<ssize_t>(size);
  *flags |= NGHTTP2_DATA_FLAG_EOF;
  if (!call->out_trailers_.empty()) {
    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    call->submit_trailers();
  }
  return static_cast<ssize_t>(size);
}

int H2UpstreamCallbacks::send_data(nghttp2_session* session, nghttp2_frame* frame,
                                   const uint8_t* head, size_t size, nghttp2_data_source*,
                                   void* connection) {
  H2Upstream& c = upstream_of(connection);
  H2Call* call = call_of(session, frame->hd.stream_id);
  if (call == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  c.out_.append_copy(h2_text(head, kH2FrameHead));
  c.out_.append(call->out_.take(size));
  // A window that lets out a few bytes at a time explains no updates of it.
  if (size >= kH2LeastPiece || call->out_.empty()) c.guard_.data_sent();
  call->count_sent(size + kH2FrameHead);
  return 0;
}

}  // namespace siding
