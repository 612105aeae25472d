// See h2_call.h.
#include "proxy/upstream/h2_call.h"

#include <nghttp2/nghttp2.h>

#include <utility>

#include "http/h2_fields.h"
#include "proxy/upstream/h2_upstream.h"
#include "proxy/upstream/h2_upstream_frames.h"

namespace siding {

namespace {
/// Bytes of a request body that are taken from its source before the server takes them.
constexpr size_t kMostAhead = 128 * 1024;
/// More 1xx answers than that are an attack or a bug.
constexpr int kMostInterim = 100;
/// From this status on the rest of the request is not wanted.
constexpr int kRefusal = 400;
}  // namespace

H2Call::H2Call(H2Upstream& connection) : connection_(&connection) { connection.call_begins(*this); }

H2Call::~H2Call() {
  if (connection_ != nullptr) connection_->call_ends(*this);
}

/// Whether there is any use in sending more.
bool H2Call::sending() const {
  const bool refused = refuses_ && !read_meanwhile_;
  return connection_ != nullptr && !closed_ && !error_ && !out_stopped_ && !refused;
}

void H2Call::submit(const OutRequest& request, bool has_body) {
  const RequestHead& head = *request.head;
  H2FieldList<nghttp2_nv> fields(head.fields.size());
  fields.add(":method", head.method);
  fields.add(":scheme", connection_->scheme());
  if (!head.authority.empty()) fields.add(":authority", head.authority);
  fields.add(":path", head.target);
  for (const Field& f : head.fields) {
    if (h2_request_field_allowed(f.name)) fields.add(f.name, f.value);
  }
  if (request.framing.kind == BodyFraming::Kind::length) fields.add_length(request.framing.length);
  if (request.wants_trailers) fields.add("te", "trailers");
  nghttp2_data_provider provider{};
  provider.source.ptr = this;
  provider.read_callback = &H2UpstreamCallbacks::on_data_wanted;
  id_ = nghttp2_submit_request(connection_->session_, nullptr, fields.data(), fields.size(),
                               has_body ? &provider : nullptr, this);
  heard_before_ = connection_->heard_;
  if (id_ < 0) {
    id_ = 0;
    fail(Failure::closed, "its connection takes no more requests", false);
    return;
  }
  connection_->stream_opens();
}

Task<Result<>> H2Call::send(const OutRequest& request, BodySource* body, TimePoint deadline) {
  if (connection_ != nullptr && !error_) submit(request, body != nullptr);
  while (body != nullptr && sending()) {
    Result<Buffer> piece = co_await body->next();
    if (!piece) {
      abort();
      co_return piece.error();
    }
    if (!sending()) break;
    const bool last = piece->empty() || body->at_end();
    out_.append(std::move(*piece));
    if (last) {
      out_whole_ = true;
      if (request.trailers != nullptr) out_trailers_ = *request.trailers;
    }
    nghttp2_session_resume_data(connection_->session_, id_);
    connection_->wake();
    while (sending() && !out_gone_ && (last || out_.size() > kMostAhead)) {
      bool in_time = co_await Wait(moved_, deadline);
      if (!in_time) {
        co_return Error(Failure::timeout, Side::upstream, sent_bytes_ == 0, "sending the request");
      }
    }
    if (last) break;
  }
  if (body != nullptr && !out_gone_) stop_sending();
  // What the server says, or that it says nothing, read_head() tells.
  co_return Result<>();
}

void H2Call::stop_sending() {
  out_stopped_ = true;
  out_.clear();
}

void H2Call::abort() {
  reset(NGHTTP2_CANCEL);
  fail(Failure::internal, "the call was given up", true);
}

/// The stream, if there is one.
void H2Call::reset(uint32_t code) {
  if (connection_ == nullptr || closed_ || id_ == 0) return;
  nghttp2_submit_rst_stream(connection_->session_, NGHTTP2_FLAG_NONE, id_, code);
  connection_->wake();
}

Task<Result<ResponseHead>> H2Call::read_head(std::string_view method, TimePoint deadline) {
  while (heads_.empty()) {
    if (error_) co_return *error_;
    bool in_time = co_await Wait(changed_, deadline);
    if (!in_time && heads_.empty() && !error_) {
      co_return Error(Failure::timeout, Side::upstream, sent_bytes_ == 0, "no byte in time");
    }
  }
  Arrived first = std::move(heads_.front());
  heads_.erase(heads_.begin());
  if (first.head.interim()) co_return std::move(first.head);
  framing_ = H2ResponseReader::framing_of(method, first.head, first.ended);
  if (!framing_.ok()) {
    reset(NGHTTP2_PROTOCOL_ERROR);
    fail(Failure::malformed, framing_.fault.reason, true);
    co_return *error_;
  }
  co_return std::move(first.head);
}

Task<Result<Buffer>> H2Call::read_body(TimePoint deadline) {
  while (framing_.body.kind != BodyFraming::Kind::none) {
    if (!in_.empty()) {
      Buffer piece = std::exchange(in_, Buffer());
      if (connection_ != nullptr) connection_->give_credit(*this, piece.size());
      co_return std::move(piece);
    }
    if (ended_) break;
    if (error_) co_return *error_;
    bool in_time = co_await Wait(changed_, deadline);
    if (!in_time && in_.empty() && !ended_ && !error_) {
      co_return Error(Failure::timeout, Side::upstream, false, "no byte in time");
    }
  }
  co_return Buffer();
}

// ---- what H2Upstream tells

void H2Call::take_head(ResponseHead head, bool ended) {
  if (error_) return;
  if (head.interim()) {
    if (++interim_ > kMostInterim) {
      reset(NGHTTP2_ENHANCE_YOUR_CALM);
      fail(Failure::malformed, "too many interim answers", true);
      return;
    }
  } else {
    final_head_ = true;
    refuses_ = head.status >= kRefusal;
  }
  heads_.push_back({std::move(head), ended});
  changed_.notify();
  if (refuses_) moved_.notify();
}

void H2Call::take_data(Buffer data) {
  in_.append(std::move(data));
  changed_.notify();
}

void H2Call::take_end() {
  ended_ = true;
  changed_.notify();
  moved_.notify();
}

void H2Call::fail(Failure kind, std::string_view what, bool processed) {
  if (error_ || ended_) return;
  refused_ = !processed && !answer_begun();
  error_ = Error(kind, Side::upstream, refused_, std::string(what));
  out_.clear();
  changed_.notify();
  moved_.notify();
}

void H2Call::count_sent(size_t size) {
  sent_bytes_ += size;
  moved_.notify();
}

/// Behind the last of the body.
void H2Call::submit_trailers() {
  H2FieldList<nghttp2_nv> fields(out_trailers_.size());
  fields.add_allowed(out_trailers_);
  nghttp2_submit_trailer(connection_->session_, id_, fields.data(), fields.size());
}

}  // namespace siding
