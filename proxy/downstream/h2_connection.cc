// See h2_connection.h. step() moves everything on: it is woken by the socket, by what handlers do with
// their streams and by their end.
#include "proxy/downstream/h2_connection.h"

#include <algorithm>
#include <utility>

#include "proxy/downstream/goodbye.h"
#include "proxy/downstream/h2_frames.h"
#include "proxy/downstream/listener.h"
#include "proxy/downstream/local_reply.h"
#include "proxy/net/h2_session.h"
#include "proxy/net/read_block.h"

namespace siding {

namespace {
constexpr size_t kSetting = 6;
/// Of the first frame; a larger one is looked at by the library alone.
constexpr size_t kMostSettings = kH2FrameHead + 64 * kSetting;
/// Of what we have to say a client must take so much per send_timeout.
constexpr uint64_t kMinTaken = 1024;
/// A client may send so many times the bytes that are of use, and so much more.
constexpr uint64_t kMostUselessShare = 8;
constexpr uint64_t kUselessAllowed = 1 << 20;
/// In a drain: how long new requests that were on their way are taken, if the client does not answer.
constexpr Duration kDrainGrace = std::chrono::seconds(1);
}  // namespace

H2Connection::H2Connection(Listener& listener, std::unique_ptr<Socket> socket,
                           const SocketAddress& peer, std::string first)
    : listener_(listener),
      loop_(listener.loop()),
      socket_(std::move(socket)),
      peer_(peer),
      opening_(std::move(first)),
      reader_(listener.options().head),
      guard_(loop_.now()),
      progress_(loop_.now()) {}

H2Connection::~H2Connection() {
  while (H2Request* request = requests_.pop_front()) delete request;
  nghttp2_session_del(session_);  // null too
}

void H2Connection::start() {
  listener_.rests(*this);
  loop_.wake(step_);
}

bool H2Connection::give_way() {
  if (closed_ || !idle() || !out_.empty() || !socket_->quiet()) return false;
  if (session_ != nullptr) {
    nghttp2_session_terminate_session(session_, NGHTTP2_NO_ERROR);
    if (fill_with_frames(session_, out_)) socket_->write(out_);
  }
  close();
  return true;
}

void H2Connection::drain() {
  if (closed_ || draining_) return;
  draining_ = true;
  drain_until_ = after(loop_.now(), kDrainGrace);
  if (session_ != nullptr) begin_drain();
  loop_.wake(step_);
}

void H2Connection::begin_drain() {
  nghttp2_submit_shutdown_notice(session_);
  // Its answer says that the client knows, and that what it sent before has come.
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
}

void H2Connection::finish_drain() {
  if (std::exchange(drained_, true)) return;
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_), NGHTTP2_NO_ERROR,
                        nullptr, 0);
  loop_.wake(step_);
}

void H2Connection::step() {
  if (closed_) return;
  if (session_ == nullptr && !open_session()) return;
  // One read a turn: the socket is level-triggered.
  if (!on_readable_.linked() && !read_some()) return;
  if (session_ == nullptr) {
    on_readable_.listen(socket_->readable());
    set_timer();
    return;
  }
  begin_requests();
  reap();
  write_some();
  if (closed_) return;
  reap();
  if (!draining_ && opened_ >= listener_.options().max_requests) drain();
  const bool done =
      nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0;
  if (done && out_.empty()) {
    end();
    return;
  }
  on_readable_.listen(socket_->readable());
  set_timer();
}

/// False: the connection has ended.
bool H2Connection::read_some() {
  ReadBlock& block = ReadBlock::here();
  const Io io = socket_->read(block.data(), block.capacity());
  if (io.state == Io::State::again) return true;
  if (io.state != Io::State::ok) {
    close();
    return false;
  }
  return take_input(block.take(io.bytes));
}

bool H2Connection::take_input(Slice bytes) {
  if (session_ != nullptr) return feed(bytes);
  opening_ += bytes.view();
  return open_session();
}

/// RFC 9113 3.4: behind the preface comes a frame of SETTINGS. It tells which kind of priorities the
/// client uses (RFC 9218 2.1), and ours, which go first, answer that. False: the connection has ended.
bool H2Connection::open_session() {
  const size_t so_far = std::min(opening_.size(), kPreface.size());
  if (opening_.compare(0, so_far, kPreface, 0, so_far) != 0) {
    punish(Abuse::malformed);
    close();
    return false;
  }
  if (opening_.size() < kPreface.size() + kH2FrameHead) return true;
  const std::string_view frame = std::string_view(opening_).substr(kPreface.size());
  auto number = [&](size_t at, size_t size) {
    uint32_t n = 0;
    for (size_t i = 0; i < size; ++i) n = n << 8 | static_cast<unsigned char>(frame[at + i]);
    return n;
  };
  const size_t end = kH2FrameHead + number(0, 3);
  bool extensible = false;
  if (frame[3] == NGHTTP2_SETTINGS && end <= kMostSettings) {
    if (frame.size() < end) return true;
    for (size_t at = kH2FrameHead; at + kSetting <= end; at += kSetting) {
      extensible = extensible || (number(at, 2) == NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES &&
                                  number(at + 2, 4) == 1);
    }
  }
  session_ = H2Callbacks::make_session(*this, extensible);
  if (draining_) begin_drain();
  return feed(Slice::copy_of(std::exchange(opening_, {})));
}

bool H2Connection::feed(const Slice& bytes) {
  reading_ = bytes;
  const ssize_t used = nghttp2_session_mem_recv(
      session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  reading_ = Slice();
  // What the library drops by itself, such as bodies of streams that are over, it tells nobody of.
  fed_ += bytes.size();
  if (fed_ / kMostUselessShare > useful_ + kUselessAllowed && !ending_) {
    nghttp2_session_terminate_session(session_, NGHTTP2_ENHANCE_YOUR_CALM);
    punish(Abuse::useless_bytes);
  }
  if (used >= 0) return true;
  if (used == NGHTTP2_ERR_FLOODED) punish(Abuse::pings);
  if (used == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS) punish(Abuse::header_stall);
  if (used == NGHTTP2_ERR_BAD_CLIENT_MAGIC) punish(Abuse::malformed);
  close();
  return false;
}

void H2Connection::begin_requests() {
  // A handler may not open streams, so nothing is added meanwhile.
  for (H2Request* request : begun_) {
    if (request->closed_ || ending_) continue;
    if (request->refused_) {
      refuse(*request);
    } else {
      request->run(*listener_.options().handler);
    }
  }
  begun_.clear();
}

/// What no handler shall see is answered here.
void H2Connection::refuse(H2Request& request) {
  const ParseFault& fault = request.fault_;
  listener_.options().on_refuse(peer_, fault.outcome, fault.reason);
  if (fault.outcome == Outcome::head_too_large) spend(Abuse::header_bomb);
  send_local_reply(request, fault.outcome, fault.reason);
}

/// Requests whose streams have ended: those that are whole end by themselves, the others are cancelled.
void H2Connection::reap() {
  for (H2Request* request : std::exchange(closed_requests_, {})) {
    const bool whole = request->finished && request->end_sent_;
    if (!whole || request->over()) request_ended(*request);
  }
}

void H2Connection::request_ended(H2Request& request) {
  request.unlink();
  progress_ = loop_.now();
  delete &request;
  if (!requests_.empty()) return;
  listener_.rests(*this);
  loop_.wake(step_);  // it may be time to end, and from now on it is idle
}

void H2Connection::write_some() {
  while (true) {
    if (!fill_with_frames(session_, out_)) {
      close();
      return;
    }
    if (out_.empty()) return;
    const Io io = socket_->write(out_);
    written_ += io.bytes;
    if (out_.empty() || written_ >= kMinTaken || !stalled_) {
      written_ = 0;
      progress_ = loop_.now();
    }
    stalled_ = io.state == Io::State::again;
    if (io.state == Io::State::again) {
      on_writable_.listen(socket_->writable());
      return;
    }
    if (io.state != Io::State::ok) {
      close();
      return;
    }
  }
}

/// Something that is bounded by a rate was done.
void H2Connection::spend(Abuse kind) {
  if (ending_ || guard_.allows(kind, loop_.now())) return;
  nghttp2_session_terminate_session(session_, NGHTTP2_ENHANCE_YOUR_CALM);
  punish(kind);
}

/// The connection is being ended for that.
void H2Connection::punish(Abuse kind) {
  if (std::exchange(ending_, true)) return;
  if (listener_.options().on_abuse) listener_.options().on_abuse(peer_, kind);
}

/// All has been said.
void H2Connection::end() {
  closed_ = true;
  on_readable_.unlink();
  on_writable_.unlink();
  while (H2Request* request = requests_.pop_front()) delete request;
  listener_.replace(*this, std::make_unique<Goodbye>(listener_, std::move(socket_), Buffer()));
}

void H2Connection::close() {
  if (std::exchange(closed_, true)) return;
  // Their tasks may still be using the session. None is running: only the loop calls step().
  while (H2Request* request = requests_.pop_front()) delete request;
  listener_.remove(*this);
}

void H2Connection::set_timer() {
  const ListenerOptions& o = listener_.options();
  TimePoint due = kNever;
  if (!out_.empty()) due = after(progress_, o.send_timeout);
  if (block_since_ != kNever) due = std::min(due, after(block_since_, o.head_timeout));
  if (idle()) {
    due = std::min(due, after(progress_, opened_ == 0 ? o.head_timeout : o.idle_timeout));
  }
  if (draining_ && !drained_) due = std::min(due, drain_until_);
  if (due != timer_.due() || (due != kNever && !timer_.linked())) loop_.arm(timer_, due);
}

void H2Connection::on_timer() {
  if (closed_) return;
  if (session_ == nullptr) {
    close();
    return;
  }
  const ListenerOptions& o = listener_.options();
  const TimePoint now = loop_.now();
  if (!out_.empty() && now >= after(progress_, o.send_timeout)) {
    punish(Abuse::read_stall);
    socket_->reset_on_close();
    close();
    return;
  }
  if (block_since_ != kNever && now >= after(block_since_, o.head_timeout)) {
    nghttp2_session_terminate_session(session_, NGHTTP2_ENHANCE_YOUR_CALM);
    punish(Abuse::header_stall);
  } else if (draining_ && !drained_ && now >= drain_until_) {
    finish_drain();
  } else if (idle()) {
    nghttp2_session_terminate_session(session_, NGHTTP2_NO_ERROR);
  }
  loop_.wake(step_);
}

}  // namespace siding
