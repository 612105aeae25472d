// See h1_client.h.
#include "proxy/upstream/h1_client.h"

#include <cstring>
#include <utility>

#include "http/h1_write.h"
#include "http/hop.h"
#include "proxy/loop/wait.h"
#include "proxy/net/read_block.h"

namespace siding {

namespace {
/// Of an answer that comes while we are still sending; then it waits in the socket.
constexpr size_t kMaxEarly = 256 * 1024;

/// Whether these bytes, after any interim heads, begin with a final head of status 400 or above. The
/// parser looks at them properly later; here it only matters whether the body is still wanted.
bool refuses(std::string_view bytes) {
  constexpr size_t kStatusAt = 9;  // "HTTP/1.1 4"
  while (bytes.size() > kStatusAt) {
    if (bytes[kStatusAt] != '1') return bytes[kStatusAt] >= '4';
    size_t end = bytes.find("\r\n\r\n");
    if (end == std::string_view::npos) return false;
    bytes.remove_prefix(end + 4);
  }
  return false;
}
}  // namespace

H1Client::H1Client(std::unique_ptr<Socket> socket, const HeadLimits& limits)
    : socket_(std::move(socket)), parser_(limits) {}

void H1Client::begin() {
  parser_.reset();
  head_text_.clear();
  early_.clear();
  decoder_ = BodyDecoder();
  framing_ = Framing();
  sent_bytes_ = received_bytes_ = 0;
  read_meanwhile_ = last_byte_sent_ = false;
  whole_request_ = keep_alive_ = true;
  more_waits_ = upgrade_asked_ = false;
}

bool H1Client::reusable() const {
  return whole_request_ && keep_alive_ && decoder_.ended() && pending_.size() == 0 &&
         head_text_.empty();
}

Error H1Client::broken(Failure kind, std::string_view what) const {
  // Safe to send again only if the peer cannot have read a whole request.
  return Error(kind, Side::upstream, sent_bytes_ == 0, std::string(what));
}

bool H1Client::read_early() {
  ReadBlock& block = ReadBlock::here();
  Io io = socket_->read(block.data(), block.capacity());
  if (io.state == Io::State::again) return true;
  if (io.state != Io::State::ok) return false;
  received_bytes_ += io.bytes;
  early_.append(block.data(), io.bytes);
  return !refuses(early_);
}

bool H1Client::try_send(Slice& head) {
  iovec part{const_cast<char*>(head.data()), head.size()};
  Io io = socket_->write(&part, 1);
  if (io.state == Io::State::ok) {
    sent_bytes_ += io.bytes;
    head.remove_prefix(io.bytes);
  }
  return head.size() == 0;
}

Task<Result<>> H1Client::write(Buffer out, TimePoint deadline, bool last) {
  while (!out.empty()) {
    const Io io = socket_->write(out);
    sent_bytes_ += io.bytes;
    if (io.state == Io::State::ok) break;
    if (io.state != Io::State::again) {
      // An answer may be waiting in front of the reset: let read_head() look for it.
      whole_request_ = false;
      co_return Result<>();
    }
    // What lies unread would wake us for ever.
    bool listening = !read_meanwhile_ && early_.size() < kMaxEarly;
    bool in_time = false;
    if (listening) {
      in_time = co_await Wait(socket_->writable(), socket_->readable(), deadline);
    } else {
      in_time = co_await Wait(socket_->writable(), deadline);
    }
    if (!in_time) co_return broken(Failure::timeout, "sending the request");
    if (listening && !read_early()) {
      whole_request_ = false;
      co_return Result<>();
    }
  }
  last_byte_sent_ = last;
  co_return Result<>();
}

Task<Result<>> H1Client::send(const OutRequest& request, BodySource* body, TimePoint deadline) {
  const bool chunked = request.framing.kind == BodyFraming::Kind::chunked;
  return send(write_request_head(*request.head, request.framing), body, deadline, chunked,
              request.trailers);
}

Task<Result<>> H1Client::send(Slice head, BodySource* body, TimePoint deadline, bool chunked,
                              const Fields* trailers) {
  Buffer out;
  out.append(std::move(head));
  while (body != nullptr && whole_request_) {
    Result<Buffer> piece = co_await body->next();
    if (!piece) {
      whole_request_ = false;
      co_return piece.error();
    }
    bool last = piece->empty() || body->at_end();
    if (!chunked) {
      out.append(std::move(*piece));
    } else if (!piece->empty()) {
      append_chunk(out, std::move(*piece));
    }
    if (last && chunked) append_last_chunk(out, trailers == nullptr ? Fields() : *trailers);
    if (last) break;
    Buffer now = std::exchange(out, Buffer());
    Result<> wrote = co_await write(std::move(now), deadline, false);
    if (!wrote) co_return wrote;
  }
  if (!whole_request_) co_return Result<>();
  Result<> wrote = co_await write(std::move(out), deadline, true);
  co_return wrote;
}

Task<Result<bool>> H1Client::read_more(TimePoint deadline) {
  while (true) {
    // An answer takes its time: to ask for it before the poll would nearly always be in vain.
    if (!std::exchange(more_waits_, false)) {
      bool in_time = co_await Wait(socket_->readable(), deadline);
      if (!in_time) co_return broken(Failure::timeout, "no byte in time");
    }
    ReadBlock& block = ReadBlock::here();
    Io io = socket_->read(block.data(), block.capacity());
    switch (io.state) {
      case Io::State::ok:
        received_bytes_ += io.bytes;
        more_waits_ = io.bytes == block.capacity();
        pending_ = block.take(io.bytes);
        co_return true;
      case Io::State::eof: keep_alive_ = false; co_return false;
      case Io::State::error:
        keep_alive_ = false;
        co_return broken(failure_of(io.error), socket_->fault_text(io));
      case Io::State::again: break;
    }
  }
}

Task<Result<ResponseHead>> H1Client::read_head(std::string_view method, TimePoint deadline) {
  ParseStatus status = ParseStatus::incomplete;
  if (!early_.empty()) pending_ = Slice::copy_of(std::exchange(early_, {}));
  while (true) {
    if (pending_.size() == 0) {
      Result<bool> more = co_await read_more(deadline);
      if (!more) co_return more.error();
      if (!*more) {
        co_return broken(Failure::closed, answer_begun() ? "closed inside its answer's head"
                                                         : "closed without an answer");
      }
    }
    // The usual head comes in one read and is parsed where it lies.
    if (head_text_.empty()) {
      status = parser_.feed(pending_);
      if (status == ParseStatus::done) pending_.remove_prefix(parser_.consumed());
    }
    if (status == ParseStatus::incomplete) {
      size_t before = head_text_.size();
      head_text_.append(pending_.view());
      if (before > 0) status = parser_.feed(head_text_);
      if (status == ParseStatus::done) pending_.remove_prefix(parser_.consumed() - before);
    }
    if (status != ParseStatus::incomplete) break;
    pending_ = Slice();
  }
  keep_alive_ = false;
  if (status == ParseStatus::fault) co_return broken(Failure::malformed, parser_.fault().reason);
  head_text_.clear();
  ResponseHead head = parser_.take();
  framing_ = response_framing(method, head);
  if (!framing_.ok()) co_return broken(Failure::malformed, framing_.fault.reason);
  if (head.status == 101 && !upgrade_asked_) {
    co_return broken(Failure::malformed, "101 that nobody asked for");
  }
  decoder_ = BodyDecoder(framing_.body);
  // One that may have switched, whatever its answer says, is not used again.
  keep_alive_ = keeps_alive(head.minor_version, head.fields) && !upgrade_asked_ &&
                framing_.body.kind != BodyFraming::Kind::until_close;
  co_return std::move(head);
}

Buffer H1Client::take_rest() {
  Buffer rest;
  if (pending_.size() > 0) rest.append(std::exchange(pending_, Slice()));
  return rest;
}

Task<Result<Buffer>> H1Client::read_body(TimePoint deadline) {
  Buffer out;
  while (true) {
    if (pending_.size() > 0 && !decoder_.ended()) {
      size_t used = decoder_.feed(pending_, out);
      pending_.remove_prefix(used);
      if (pending_.size() == 0) pending_ = Slice();
      if (decoder_.failed()) co_return broken(Failure::malformed, decoder_.reason());
    }
    if (!out.empty() || decoder_.ended()) co_return std::move(out);
    Result<bool> more = co_await read_more(deadline);
    if (!more) co_return more.error();
    if (!*more) {
      if (decoder_.finish_on_close()) co_return std::move(out);
      co_return broken(Failure::closed, "closed inside its answer's body");
    }
  }
}

}  // namespace siding
