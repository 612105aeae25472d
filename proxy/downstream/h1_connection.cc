// See h1_connection.h. step() is the whole state machine: it is woken by the socket, by the handler's
// calls on the stream and by its end, and moves everything on as far as it goes.
#include "proxy/downstream/h1_connection.h"

#include <algorithm>

#include "http/hop.h"
#include "proxy/downstream/goodbye.h"
#include "proxy/downstream/h1_request.h"
#include "proxy/downstream/h2_connection.h"
#include "proxy/downstream/listener.h"
#include "proxy/net/read_block.h"

namespace siding {

namespace {
/// Pipelined bytes that are held while a request is being served.
constexpr size_t kMaxPipelined = 16 * 1024;
/// Pipelined requests that are served before others of the loop get their turn, and the unsent bytes
/// above which no next one is begun.
constexpr int kRequestsPerStep = 8;
constexpr size_t kMaxUnsent = 256 * 1024;
/// A slow body must bring this much per body_timeout, or it is a slow-loris; and so much of an answer
/// must be taken per send_timeout.
constexpr uint64_t kMinBodyProgress = 1024;
/// In a drain: a client that has just come, or just had an answer which did not say that it is the last, may
/// have a request on its way.
constexpr Duration kNextRequest = std::chrono::seconds(1);
}  // namespace

H1Connection::H1Connection(Listener& listener, std::unique_ptr<Socket> socket,
                           const SocketAddress& peer)
    : listener_(listener),
      loop_(listener.loop()),
      socket_(std::move(socket)),
      peer_(peer),
      parser_(listener.options().head) {
  progress_ = loop_.now();
}

H1Connection::~H1Connection() {
  // The handler's task may still look at the rest.
  request_.reset();
}

void H1Connection::start() {
  listener_.rests(*this);
  loop_.wake(step_);
}

bool H1Connection::give_way() {
  if (closed_ || request_ || !input_.empty() || !out_.empty() || !socket_->quiet()) return false;
  close();
  return true;
}

void H1Connection::drain() {
  if (closed_) return;
  draining_ = true;
  keep_alive_ = false;
  await_request_since(requests_ == 0 ? loop_.now() : progress_);
  // A request may have come that was not read yet: step() looks before it closes.
  on_readable_.unlink();
  loop_.wake(step_);
}

void H1Connection::await_request_since(TimePoint since) {
  request_until_ = std::min(after(since, kNextRequest), listener_.drain_until());
}

/// In a drain.
bool H1Connection::awaits_request() const { return !request_ && loop_.now() < request_until_; }

bool H1Connection::wants_read() const {
  if (closed_ || fin_received_) return false;
  if (!request_) return head_incomplete_ || input_.size() < kMaxPipelined;
  // With the body whole we still read: FIN, RST, or a pipelined request.
  if (request_->body_ended) return input_.size() < kMaxPipelined;
  return !request_->body_fault && request_->body.size() < request_->window;
}

void H1Connection::step() {
  if (closed_) return;
  // A request that ends makes room for the next one, whose bytes may be here already.
  bool again = true;
  for (int served = 0; again && served < kRequestsPerStep; ++served) {
    try_head();
    // One read a turn: the socket is level-triggered.
    if (!closed_ && wants_read() && !on_readable_.linked() && read_some()) try_head();
    if (closed_) return;
    if (request_ && !input_.empty() && !request_->body_ended && !request_->body_fault) {
      take_input(Slice());
    }
    flush();
    if (closed_) return;
    if (request_ && request_->tunnel) move_tunnel();
    if (request_ && request_->task.done() && !request_->finished) request_->abort();
    again = false;
    if (request_ && request_->finished && request_->task.done()) {
      end_request();
      if (closed_) return;
      again = !request_ && !input_.empty();
    }
  }
  if (again) loop_.wake(step_);
  if (!request_ && out_.empty() && input_.empty() && !keep_alive_ && !awaits_request()) {
    close();
    return;
  }
  if (wants_read()) {
    on_readable_.listen(socket_->readable());
  } else {
    socket_->disarm_read();
  }
  set_timer();
}

bool H1Connection::read_some() {
  ReadBlock& block = ReadBlock::here();
  Io io = socket_->read(block.data(), block.capacity());
  switch (io.state) {
    case Io::State::again: return false;
    case Io::State::error: close(); return false;
    case Io::State::eof:
      fin_received_ = true;
      if (!request_) {
        keep_alive_ = false;
        input_.clear();
        if (out_.empty()) close();  // else the client still gets the rest of its answer
      } else if (request_->tunnel) {
        return false;  // see move_tunnel()
      } else if (!request_->body_ended) {
        close();  // the body will never be whole
      } else if (request_->fin_is_gone) {
        close();
      } else {
        keep_alive_ = false;
      }
      return false;
    case Io::State::ok: break;
  }
  take_input(block.take(io.bytes));
  return true;
}

/// Hands new bytes (or, if empty, those kept in input_) to whoever reads now.
void H1Connection::take_input(Slice bytes) {
  if (bytes.size() == 0) {
    bytes = Slice::copy_of(input_);
    input_.clear();
  }
  size_t used = 0;
  if (request_ && !request_->body_ended && !request_->body_fault && input_.empty()) {
    used = decode_body(bytes);
  }
  bytes.remove_prefix(used);
  bool begins = !request_ && input_.empty() && bytes.size() > 0;
  if (begins) head_since_ = loop_.now();
  if (begins && begins_http2(bytes.view())) return;
  if (begins && out_.size() <= kMaxUnsent) {
    // The usual head comes in one read and is parsed where it lies.
    switch (parser_.feed(bytes)) {
      case ParseStatus::incomplete: head_incomplete_ = true; break;
      case ParseStatus::fault: refuse(parser_.fault()); return;
      case ParseStatus::done:
        input_ = bytes.view().substr(parser_.consumed());
        begin_request();
        return;
    }
  }
  input_.append(bytes.view());
}

/// Returns how many of the bytes belong to the body.
size_t H1Connection::decode_body(const Slice& bytes) {
  Request& r = *request_;
  size_t before = r.body.size();
  size_t used = r.decoder.feed(bytes, r.body);
  if (r.decoder.received() - body_mark_ >= kMinBodyProgress) {
    body_mark_ = r.decoder.received();
    progress_ = loop_.now();
  }
  r.continue_wanted = false;  // the client did not wait for it
  if (r.decoder.failed()) {
    r.body_fault = Outcome::bad_request;  // the handler answers, and accounts for it
    keep_alive_ = false;
    r.body_changed.notify();
  } else if (r.decoder.ended()) {
    r.trailers = r.decoder.take_trailers();
    r.body_ended = true;
    r.body_changed.notify();
  } else if (r.body.size() > before) {
    r.body_changed.notify();
  }
  return used;
}

/// What came first, with `more` behind it, is the preface of HTTP/2, or may become it: it is taken care of.
bool H1Connection::begins_http2(std::string_view more) {
  const std::string_view so_far = input_.empty() ? more : std::string_view(input_);
  if (requests_ > 0 || so_far.front() != H2Connection::kPreface.front()) return false;
  const size_t size = std::min(so_far.size(), H2Connection::kPreface.size());
  if (so_far.substr(0, size) != H2Connection::kPreface.substr(0, size)) return false;
  if (size < H2Connection::kPreface.size()) {
    head_incomplete_ = true;
    input_.append(more);
    return true;
  }
  closed_ = true;
  on_readable_.unlink();
  listener_.replace(*this, std::make_unique<H2Connection>(listener_, std::move(socket_), peer_,
                                                          std::string(so_far)));
  return true;
}

void H1Connection::try_head() {
  if (closed_ || request_ || input_.empty() || out_.size() > kMaxUnsent) return;
  head_incomplete_ = false;
  if (begins_http2({})) return;
  switch (parser_.feed(input_)) {
    case ParseStatus::incomplete: head_incomplete_ = true; return;
    case ParseStatus::fault: refuse(parser_.fault()); return;
    case ParseStatus::done:
      if (parser_.consumed() == input_.size()) {
        input_ = std::string();  // an idle or parked connection holds no buffer
      } else {
        input_.erase(0, parser_.consumed());
      }
      begin_request();
      return;
  }
}

void H1Connection::begin_request() {
  request_ = std::make_unique<Request>(*this);
  Request& r = *request_;
  r.head = parser_.take();
  r.scheme = socket_->tls() != nullptr ? "https" : "http";
  r.client_certificate = socket_->client_certificate();
  if (r.head.form != TargetForm::absolute) r.head.scheme = r.scheme;
  r.started = head_since_;
  r.framing = request_framing(r.head).body;
  r.decoder = BodyDecoder(r.framing);
  r.body_ended = r.decoder.ended();
  r.is_head = r.head.method == "HEAD";
  r.http10 = r.head.minor_version == 0;
  r.continue_wanted = expectation(r.head) == Expectation::send_continue;
  r.sent_before = sent_total_;
  ++requests_;
  listener_.works(*this);
  keep_alive_ = keeps_alive(r.head.minor_version, r.head.fields) && !draining_ &&
                requests_ < listener_.options().max_requests;
  progress_ = loop_.now();
  body_mark_ = 0;
  r.task = listener_.options().handler->handle(r);
  r.task.start(&r.ended);
}

/// Each side of a tunnel ends by itself.
void H1Connection::move_tunnel() {
  Request& r = *request_;
  // The client's end may have come before the tunnel was one.
  if (fin_received_ && !r.body_ended && input_.empty()) {
    r.body_ended = true;
    r.body_changed.notify();
  }
  if (r.finished && !r.aborted && !r.half_closed && out_.empty()) {
    r.half_closed = true;
    socket_->shutdown_write();
  }
}

void H1Connection::end_request() {
  bool torn = request_->aborted;
  bool unread = !request_->body_ended;
  const bool more = request_->may_go_on && draining_ && !fin_received_ && !unread;
  if (!torn && !out_.empty() && !keep_alive_) return;  // flushed first
  if (torn) {
    flush();
    if (!out_.empty() && !closed_ && !reset_on_close_) return;
  }
  request_.reset();
  listener_.rests(*this);
  head_since_ = loop_.now();
  progress_ = loop_.now();
  request_until_ = {};
  if (more) await_request_since(loop_.now());
  if (torn) {
    close();
  } else if (!keep_alive_ && !more) {
    if (unread) {
      say_goodbye();
    } else {
      close();
    }
  }
}

void H1Connection::refuse(const ParseFault& fault) {
  listener_.options().on_refuse(peer_, fault.outcome, fault.reason);
  // A client of HTTP/2 would take an answer for frames.
  if (fault.reason == kNotHttp && requests_ == 0 && out_.empty()) {
    close();
    return;
  }
  out_.append(listener_.last_reply(fault.outcome, fault.reason));
  parser_.reset();
  input_.clear();
  keep_alive_ = false;
  say_goodbye();
}

void H1Connection::flush() {
  if (out_.empty()) return;
  const Io io = socket_->write(out_);
  sent_total_ += io.bytes;
  if (io.state == Io::State::error) {
    close();
    return;
  }
  const bool enough = io.state == Io::State::ok || sent_total_ - sent_mark_ >= kMinBodyProgress;
  if (enough || !stalled_) {
    sent_mark_ = sent_total_;
    progress_ = loop_.now();
  }
  stalled_ = io.state == Io::State::again;
  if (io.state == Io::State::again) on_writable_.listen(socket_->writable());
  if (io.bytes > 0 && request_) request_->sent.notify();
}

/// The last word has been said, though the client may still be sending.
void H1Connection::say_goodbye() {
  closed_ = true;
  request_.reset();
  on_readable_.unlink();
  on_writable_.unlink();
  auto goodbye = std::make_unique<Goodbye>(listener_, std::move(socket_), std::move(out_));
  listener_.replace(*this, std::move(goodbye));
}

void H1Connection::close() {
  if (closed_) return;
  closed_ = true;
  if (reset_on_close_) socket_->reset_on_close();
  // The task goes first: it may still be using the stream. It is not running: only the loop calls
  // step(), and never from inside a coroutine.
  request_.reset();
  listener_.remove(*this);
}

void H1Connection::set_timer() {
  const ListenerOptions& o = listener_.options();
  TimePoint due = kNever;
  if (!out_.empty()) {
    due = after(progress_, o.send_timeout);
  } else if (!request_) {
    due = input_.empty() ? after(progress_, o.idle_timeout) : after(head_since_, o.head_timeout);
    if (input_.empty() && awaits_request()) due = std::min(due, request_until_);
  } else if (!request_->body_ended && !request_->body_fault && !request_->tunnel && wants_read()) {
    due = after(progress_, o.body_timeout);
  }
  if (due != timer_.due() || (due != kNever && !timer_.linked())) loop_.arm(timer_, due);
}

void H1Connection::on_timer() {
  if (closed_) return;
  if (!out_.empty()) {
    if (listener_.options().on_abuse) listener_.options().on_abuse(peer_, Abuse::read_stall);
    reset_on_close_ = true;
    close();
    return;
  }
  if (!request_) {
    if (input_.empty()) {
      close();
    } else {
      refuse({Outcome::head_timeout, "the request head did not come in time"});
    }
    return;
  }
  if (!request_->body_ended && !request_->body_fault && !request_->tunnel) {
    request_->body_fault = Outcome::body_timeout;
    keep_alive_ = false;
    request_->body_changed.notify();
  }
}

}  // namespace siding
