// See h2_frames.h.
#include "proxy/downstream/h2_frames.h"

#include <algorithm>
#include <cstdlib>

#include "http/h1_body.h"
#include "http/hop.h"
#include "proxy/downstream/h2_connection.h"
#include "proxy/downstream/listener.h"
#include "proxy/net/h2_session.h"

namespace siding {

namespace {
/// Streams at once, and what one of them and all of them may send ahead of the handlers.
constexpr uint32_t kMaxStreams = 128;
constexpr uint32_t kStreamWindow = 256 * 1024;
constexpr int32_t kConnectionWindow = 1 << 20;

H2Connection& of(void* connection) { return *static_cast<H2Connection*>(connection); }

H2Request* request_of(nghttp2_session* session, int32_t id) {
  return static_cast<H2Request*>(nghttp2_session_get_stream_user_data(session, id));
}

/// Codes that the library resets a stream with for what its client did.
bool is_clients_fault(uint32_t code) {
  return code == NGHTTP2_PROTOCOL_ERROR || code == NGHTTP2_FLOW_CONTROL_ERROR ||
         code == NGHTTP2_STREAM_CLOSED || code == NGHTTP2_FRAME_SIZE_ERROR ||
         code == NGHTTP2_COMPRESSION_ERROR;
}

nghttp2_option* make_options(bool extensible) {
  nghttp2_option* o = nullptr;
  if (nghttp2_option_new(&o) != 0) std::abort();
  nghttp2_option_set_no_auto_window_update(o, 1);
  if (extensible) nghttp2_option_set_builtin_recv_extension_type(o, NGHTTP2_PRIORITY_UPDATE);
  hear_of_all_frames(*o, extensible ? NGHTTP2_PRIORITY_UPDATE : 0);
  // H2Guard comes first, and says why.
  nghttp2_option_set_stream_reset_rate_limit(o, 10'000, 1000);
  return o;
}
}  // namespace

nghttp2_session* H2Callbacks::make_session(H2Connection& connection, bool extensible) {
  static nghttp2_session_callbacks* const callbacks = [] {
    nghttp2_session_callbacks* c = nullptr;
    if (nghttp2_session_callbacks_new(&c) != 0) std::abort();
    nghttp2_session_callbacks_set_on_begin_frame_callback(c, &on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(c, &on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(c, &on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(c, &on_bad_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(c, &on_frame);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(c, &on_bad_frame);
    skip_unknown_frames(*c);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, &on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(c, &on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(c, &on_frame_sent);
    nghttp2_session_callbacks_set_send_data_callback(c, &send_data);
    return c;
  }();
  static nghttp2_option* const options[] = {make_options(false), make_options(true)};
  nghttp2_session* session = nullptr;
  if (nghttp2_session_server_new2(&session, callbacks, &connection, options[extensible]) != 0) {
    std::abort();
  }
  const uint32_t max_head = static_cast<uint32_t>(connection.listener_.options().head.max_head);
  const uint32_t extended_connect = connection.listener_.options().extended_connect ? 1 : 0;
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kMaxStreams},
      {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, extended_connect},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, max_head},
      // Last: without it the library forgets at once which streams there were, and what comes for one
      // that has ended is no error any more.
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  };
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings,
                          std::size(settings) - (extensible ? 0 : 1));
  nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
  return session;
}

int H2Callbacks::on_begin_frame(nghttp2_session* session, const nghttp2_frame_hd* hd,
                                void* connection) {
  H2Connection& c = of(connection);
  // Nothing but its own CONTINUATION may follow a block that is not whole.
  if (hd->type == NGHTTP2_HEADERS) {
    c.block_since_ = c.loop_.now();
  } else if (hd->type != NGHTTP2_CONTINUATION) {
    c.block_since_ = kNever;
  }
  switch (hd->type) {
    case NGHTTP2_HEADERS: {
      // The library takes an id that was passed over for one whose stream it has forgotten (RFC 9113
      // 5.1.1). What comes for one that we reset a moment ago was on its way.
      const bool gone = hd->stream_id > 0 && hd->stream_id <= c.last_seen_ &&
                        nghttp2_session_find_stream(session, hd->stream_id) == nullptr;
      if (gone && std::find(c.resets_.begin(), c.resets_.end(), hd->stream_id) == c.resets_.end()) {
        nghttp2_session_terminate_session(session, NGHTTP2_PROTOCOL_ERROR);
        c.punish(Abuse::malformed);
      }
      break;
    }
    case NGHTTP2_DATA:
      if (hd->length == 0 && (hd->flags & NGHTTP2_FLAG_END_STREAM) == 0) c.spend(Abuse::empty_data);
      break;
    case NGHTTP2_PRIORITY:
    case NGHTTP2_PRIORITY_UPDATE: c.spend(Abuse::priorities); break;
    case NGHTTP2_SETTINGS: c.spend(Abuse::settings); break;
    case NGHTTP2_PING: c.spend(Abuse::pings); break;
    case NGHTTP2_WINDOW_UPDATE: c.spend(Abuse::window_updates); break;
    case NGHTTP2_RST_STREAM: c.spend(Abuse::resets); break;
    case NGHTTP2_GOAWAY:
    case NGHTTP2_CONTINUATION: break;
    default: c.spend(Abuse::unknown_frames); break;
  }
  return 0;
}

int H2Callbacks::on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* connection) {
  H2Connection& c = of(connection);
  c.block_fields_ = c.block_bytes_ = 0;
  if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
    c.last_seen_ = std::max(c.last_seen_, frame->hd.stream_id);
    c.reader_.begin();
  } else {
    c.trailers_.clear();
  }
  return 0;
}

int H2Callbacks::on_header(nghttp2_session* session, const nghttp2_frame* frame,
                           const uint8_t* name, size_t name_size, const uint8_t* value,
                           size_t value_size, uint8_t, void* connection) {
  H2Connection& c = of(connection);
  c.useful_ += name_size + value_size;
  c.block_bytes_ += name_size + value_size;
  if (far_beyond(c.listener_.options().head, ++c.block_fields_, c.block_bytes_)) {
    nghttp2_session_terminate_session(session, NGHTTP2_ENHANCE_YOUR_CALM);
    c.punish(Abuse::header_bomb);
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }
  if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
    c.reader_.add(h2_text(name, name_size), h2_text(value, value_size));
  } else {
    add_h2_trailer(c.trailers_, h2_text(name, name_size), h2_text(value, value_size));
  }
  return 0;
}

/// The library would leave such a field out, and the request would be another one.
int H2Callbacks::on_bad_header(nghttp2_session*, const nghttp2_frame*, const uint8_t*, size_t,
                               const uint8_t*, size_t, uint8_t, void* connection) {
  of(connection).block_since_ = kNever;
  return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

int H2Callbacks::on_frame(nghttp2_session* session, const nghttp2_frame* frame, void* connection) {
  H2Connection& c = of(connection);
  const bool last = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  H2Request* request = request_of(session, frame->hd.stream_id);
  switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
      if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) on_request(c, *frame);
      c.block_since_ = kNever;
      if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) return 0;
      if (request != nullptr) request->trailers = std::move(c.trailers_);
      c.trailers_ = Fields();
      break;
    case NGHTTP2_DATA:
      // Nothing but padding.
      if (frame->data.padlen > 0 && frame->data.padlen == frame->hd.length && !last) {
        c.spend(Abuse::empty_data);
      }
      break;
    case NGHTTP2_PING:
      if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0 && c.draining_) c.finish_drain();
      return 0;
    default: return 0;
  }
  if (last && request != nullptr && !request->body_ended) {
    request->body_ended = true;
    request->body_changed.notify();
  }
  return 0;
}

void H2Callbacks::on_request(H2Connection& c, const nghttp2_frame& frame) {
  auto* request = new H2Request(c, frame.hd.stream_id);
  if (c.requests_.empty()) c.listener_.works(c);
  c.requests_.push_back(*request);
  ++c.opened_;
  c.guard_.stream_opened();
  nghttp2_session_set_stream_user_data(c.session_, frame.hd.stream_id, request);
  request->is_head_ = c.reader_.method() == "HEAD";
  request->head = c.reader_.take();
  request->scheme = c.socket_->tls() != nullptr ? "https" : "http";
  request->client_certificate = c.socket_->client_certificate();
  request->head.scheme = request->scheme;
  request->started = c.block_since_;
  request->body_ended = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  request->refused_ = !c.reader_.fault().reason.empty();
  if (!request->refused_ && !request->body_ended) {
    // Without Content-Length the end is told by a frame, as the last chunk tells it in HTTP/1.
    request->framing = request_framing(request->head).body;
    if (request->framing.kind == BodyFraming::Kind::none) request->framing = BodyFraming::chunked();
    request->continue_wanted_ = expectation(request->head) == Expectation::send_continue;
  }
  request->fault_ = c.reader_.fault();
  c.begun_.push_back(request);
}

int H2Callbacks::on_bad_frame(nghttp2_session*, const nghttp2_frame* frame, int error,
                              void* connection) {
  H2Connection& c = of(connection);
  if (frame->hd.type == NGHTTP2_HEADERS) c.block_since_ = kNever;
  // Here, and not when the RST goes out: who does not read pays too.
  if (error == NGHTTP2_ERR_REFUSED_STREAM) c.spend(Abuse::refused_streams);
  return 0;
}

int H2Callbacks::on_data(nghttp2_session* session, uint8_t, int32_t id, const uint8_t* data,
                         size_t size, void* connection) {
  H2Connection& c = of(connection);
  H2Request* request = request_of(session, id);
  if (request == nullptr || request->refused_) {
    nghttp2_session_consume(session, id, size);
    return 0;
  }
  c.useful_ += size;
  Slice piece = c.reading_;
  piece.remove_prefix(static_cast<size_t>(reinterpret_cast<const char*>(data) - piece.data()));
  Buffer body;
  body.append(piece.first(size));
  request->take_data(std::move(body));
  return 0;
}

int H2Callbacks::on_stream_close(nghttp2_session* session, int32_t id, uint32_t, void* connection) {
  H2Connection& c = of(connection);
  H2Request* request = request_of(session, id);
  if (request == nullptr || request->closed_) return 0;
  request->closed_ = true;
  if (request->held_ > 0 && !request->tunnel) {
    nghttp2_session_consume_connection(session, request->held_);
  }
  c.closed_requests_.push_back(request);
  return 0;
}

int H2Callbacks::on_frame_sent(nghttp2_session* session, const nghttp2_frame* frame,
                               void* connection) {
  H2Connection& c = of(connection);
  const int32_t id = frame->hd.stream_id;
  if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR) {
    // The library's own: this code is for a frame of too many settings alone.
    const bool calm = frame->goaway.error_code == NGHTTP2_ENHANCE_YOUR_CALM;
    c.punish(calm ? Abuse::settings : Abuse::malformed);
  }
  if (frame->hd.type == NGHTTP2_RST_STREAM) {
    if (id == c.last_seen_) c.block_since_ = kNever;
    c.resets_[c.reset_count_++ % c.resets_.size()] = id;
    if (is_clients_fault(frame->rst_stream.error_code)) c.spend(Abuse::stream_faults);
    return 0;
  }
  if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
  H2Request* request = request_of(session, id);
  if (request == nullptr) return 0;
  if (frame->hd.type == NGHTTP2_HEADERS) request->sent_bytes_ += frame->hd.length + kH2FrameHead;
  if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
  request->end_sent_ = true;
  // The other half of a tunnel may still be in use.
  if (!request->body_ended && (!request->tunnel || request->task_.done())) request->stop_client();
  return 0;
}

ssize_t H2Callbacks::on_data_wanted(nghttp2_session*, int32_t, uint8_t*, size_t most,
                                    uint32_t* flags, nghttp2_data_source* source, void*) {
  H2Request& request = *static_cast<H2Request*>(source->ptr);
  if (request.out_.empty() && !request.finished) return NGHTTP2_ERR_DEFERRED;
  const size_t size = std::min(most, request.out_.size());
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (size < request.out_.size() || !request.finished) return static_cast<ssize_t>(size);
  *flags |= NGHTTP2_DATA_FLAG_EOF;
  if (!request.out_trailers_.empty()) {
    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    request.submit_trailers();
  }
  return static_cast<ssize_t>(size);
}

int H2Callbacks::send_data(nghttp2_session*, nghttp2_frame*, const uint8_t* head, size_t size,
                           nghttp2_data_source* source, void* connection) {
  H2Connection& c = of(connection);
  H2Request& request = *static_cast<H2Request*>(source->ptr);
  c.out_.append_copy(h2_text(head, kH2FrameHead));
  c.out_.append(request.out_.take(size));
  // A window that lets out a few bytes at a time explains no updates of it.
  if (size >= kH2LeastPiece || request.out_.empty()) c.guard_.data_sent();
  c.unsent_ -= size;
  request.count_sent(size + kH2FrameHead);
  return 0;
}

}  // namespace siding
