// See h2_upstream.h. step() moves everything on: it is woken by the socket and by what calls do.
#include "proxy/upstream/h2_upstream.h"

#include <algorithm>
#include <utility>

#include "proxy/net/h2_session.h"
#include "proxy/net/read_block.h"
#include "proxy/net/tls.h"
#include "proxy/upstream/h2_pool.h"
#include "proxy/upstream/h2_upstream_frames.h"

namespace siding {

namespace {
/// Streams at once, however many more the server would take: all their windows may be full.
constexpr size_t kMostStreams = 128;
}  // namespace

H2Upstream::H2Upstream(H2Pool& owner, Slot slot, std::unique_ptr<Socket> socket,
                       const SocketAddress& address)
    : owner_(owner),
      loop_(socket->loop()),
      slot_(std::move(slot)),
      socket_(std::move(socket)),
      address_(address),
      session_(H2UpstreamCallbacks::make_session(*this)),
      reader_(owner.options().head),
      guard_(loop_.now()),
      idle_since_(loop_.now()) {
  ++owner_.counts().open;
}

H2Upstream::~H2Upstream() {
  --owner_.counts().open;
  nghttp2_session_del(session_);
}

const void* H2Upstream::context() const {
  return socket_->tls() == nullptr ? nullptr : socket_->tls()->context();
}

std::string_view H2Upstream::scheme() const { return socket_->tls() == nullptr ? "http" : "https"; }

bool H2Upstream::has_room() const {
  if (!wanted()) return false;
  const size_t theirs =
      nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
  return call_count_ < std::min(theirs, kMostStreams) &&
         nghttp2_session_check_request_allowed(session_) != 0;
}

void H2Upstream::drain() {
  draining_ = true;
  wake();
}

void H2Upstream::say_goodbye() {
  if (closed_ || !fault_.empty() || !out_.empty()) return;
  nghttp2_session_terminate_session(session_, NGHTTP2_NO_ERROR);
  if (fill_with_frames(session_, out_)) socket_->write(out_);
}

// ---- calls

void H2Upstream::call_begins(H2Call& call) {
  calls_.push_back(call);
  ++call_count_;
  ++owner_.counts().calls;
}

void H2Upstream::call_ends(H2Call& call) {
  call.unlink();
  --call_count_;
  --owner_.counts().calls;
  if (call.id_ != 0 && !call.closed_) {
    nghttp2_session_set_stream_user_data(session_, call.id_, nullptr);
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, call.id_, NGHTTP2_CANCEL);
    // Given up, and not a byte has come since it went out: is anybody there?
    if (!call.ended_ && call.request_sent() && heard_ == call.heard_before_ && !doubtful_) {
      doubtful_ = true;
      nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
    }
  }
  if (call_count_ == 0) idle_since_ = loop_.now();
  owner_.changed().notify();
  wake();
}

void H2Upstream::give_credit(H2Call& call, size_t bytes) {
  if (call.closed_) return;
  nghttp2_session_consume_stream(session_, call.id_, bytes);
  wake();
}

/// For what the library tells by number only.
H2Call* H2Upstream::find(int32_t id) {
  for (H2Call* call = calls_.front(); call != nullptr; call = calls_.next(*call)) {
    if (call->id_ == id) return call;
  }
  return nullptr;
}

// ---- bytes

void H2Upstream::step() {
  if (closed_) return;
  // One read a turn: the socket is level-triggered.
  if (!on_readable_.linked() && !read_some()) return;
  if (!write_some()) return;
  if (!fault_.empty()) {
    end(Failure::malformed, fault_);
    return;
  }
  if (call_count_ == 0 && (draining_ || !owner_.options().keep)) {
    say_goodbye();
    end(Failure::closed, "no more calls");
    return;
  }
  on_readable_.listen(socket_->readable());
  set_timer();
}

/// False: the connection has ended.
bool H2Upstream::read_some() {
  ReadBlock& block = ReadBlock::here();
  const Io io = socket_->read(block.data(), block.capacity());
  switch (io.state) {
    case Io::State::again: return true;
    case Io::State::ok: return feed(block.take(io.bytes));
    case Io::State::eof: end(Failure::closed, "closed without a whole answer"); return false;
    case Io::State::error: break;
  }
  end(failure_of(io.error), socket_->fault_text(io));
  return false;
}

bool H2Upstream::feed(const Slice& bytes) {
  heard_ += bytes.size();
  if (std::exchange(doubtful_, false)) owner_.changed().notify();
  reading_ = bytes;
  const ssize_t used = nghttp2_session_mem_recv(
      session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  reading_ = Slice();
  if (used >= 0) return true;
  end(Failure::malformed,
      used == NGHTTP2_ERR_FLOODED ? "a flood of frames over HTTP/2" : "bytes that are not HTTP/2");
  return false;
}

/// False: the connection has ended.
bool H2Upstream::write_some() {
  while (true) {
    if (!fill_with_frames(session_, out_)) {
      end(Failure::internal, "no frames can be made");
      return false;
    }
    if (out_.empty()) return true;
    const Io io = socket_->write(out_);
    if (io.state == Io::State::again) {
      on_writable_.listen(socket_->writable());
      return true;
    }
    if (io.state != Io::State::ok) {
      // An answer may be waiting in front of the reset.
      uint64_t before = 0;
      do {
        before = heard_;
        if (!read_some()) return false;
      } while (heard_ != before);
      end(failure_of(io.error), socket_->fault_text(io));
      return false;
    }
  }
}

// ---- ends

/// Something that is bounded by a rate was done.
void H2Upstream::spend(Abuse kind) {
  if (!fault_.empty() || guard_.allows(kind, loop_.now())) return;
  nghttp2_session_terminate_session(session_, NGHTTP2_ENHANCE_YOUR_CALM);
  break_off("a flood of frames over HTTP/2");
}

/// Once what there is to say has been said.
void H2Upstream::break_off(std::string_view what) {
  if (!fault_.empty()) return;
  fault_ = what;
  ++owner_.counts().broken;
  wake();
}

void H2Upstream::end(Failure kind, std::string_view what) {
  if (std::exchange(closed_, true)) return;
  on_readable_.unlink();
  on_writable_.unlink();
  timer_.unlink();
  while (H2Call* call = calls_.pop_front()) {
    --owner_.counts().calls;
    call->connection_ = nullptr;
    call->fail(kind, what, call->request_sent());
  }
  call_count_ = 0;
  owner_.retire(*this);
}

void H2Upstream::set_timer() {
  if (call_count_ > 0) {
    timer_.unlink();
    return;
  }
  const TimePoint due = after(idle_since_, owner_.options().idle_timeout);
  if (!timer_.linked() || timer_.due() != due) loop_.arm(timer_, due);
}

void H2Upstream::on_timer() {
  if (closed_ || call_count_ > 0) return;
  say_goodbye();
  end(Failure::closed, "idle");
}

}  // namespace siding
