// See arrival.h. step() goes on as far as it can; each phase says whether there is more to do now.
#include "proxy/downstream/arrival.h"

#include <algorithm>
#include <utility>

#include "proxy/downstream/goodbye.h"
#include "proxy/downstream/h1_connection.h"
#include "proxy/downstream/h2_connection.h"
#include "proxy/downstream/listener.h"
#include "proxy/observe/log.h"

namespace siding {

namespace {
/// In a drain: how long a new connection has to arrive.
constexpr Duration kArrivalInDrain = std::chrono::seconds(1);
constexpr unsigned char kTlsHandshakeRecord = 0x16;
}  // namespace

std::unique_ptr<Connection> make_connection(Listener& listener, std::unique_ptr<Socket> socket,
                                            const SocketAddress& peer, std::string_view protocol) {
  if (protocol == "h2") {
    return std::make_unique<H2Connection>(listener, std::move(socket), peer, std::string());
  }
  return std::make_unique<H1Connection>(listener, std::move(socket), peer);
}

Arrival::Arrival(Listener& listener, std::shared_ptr<const ArrivalOptions> options,
                 std::unique_ptr<Socket> socket, const SocketAddress& peer)
    : listener_(listener),
      kept_options_(std::move(options)),
      loop_(listener.loop()),
      socket_(std::move(socket)),
      peer_(peer),
      phase_(options_.proxy_protocol ? Phase::header : Phase::first_byte) {}

void Arrival::start() {
  until_ = after(loop_.now(), kArrivalTime);
  loop_.arm(timer_, until_);
  loop_.wake(step_);
}

void Arrival::drain() {
  draining_ = true;
  until_ = std::min(until_, after(loop_.now(), kArrivalInDrain));
  if (phase_ != Phase::closed) loop_.arm(timer_, until_);
}

void Arrival::step() {
  bool more = true;
  while (more) {
    switch (phase_) {
      case Phase::header: more = read_header(); break;
      case Phase::first_byte: more = look_at_first_byte(); break;
      case Phase::handshake: more = shake_hands(); break;
      case Phase::closed: return;
    }
  }
}

bool Arrival::read_header() {
  if (!options_.trusts(peer_)) {
    const std::string ip = peer_.ip();
    // Once an address, not once a peer: strangers must not use up the warnings.
    warn_once("proxy-untrusted:" + options_.listen,
              "connections of " + ip + " to " + options_.listen +
                  " are closed: it may send no PROXY header; if it is your balancer, add " +
                  "trusted_proxies = [\"" + ip + "\"]");
    end(ProxyHeader::untrusted, "not in trusted_proxies");
    return false;
  }
  // Looked at first: what stands behind the header is not ours.
  char bytes[512];
  Io io = socket_->peek(bytes, sizeof(bytes));
  if (io.state == Io::State::again) {
    on_ready_.listen(socket_->readable());
    return false;
  }
  if (io.state != Io::State::ok) {
    end(ProxyHeader::left, "the connection ended");
    return false;
  }
  const ProxyHeaderParser::Status status = header_.feed({bytes, io.bytes});
  if (status == ProxyHeaderParser::Status::fault) {
    warn_once("proxy-malformed:" + options_.listen,
              "a PROXY header is wanted at " + options_.listen + ", and " + peer_.ip() +
                  " sent none that can be used: " + std::string(header_.fault()));
    end(ProxyHeader::malformed, header_.fault());
    return false;
  }
  socket_->read(bytes, header_.consumed());
  if (status == ProxyHeaderParser::Status::incomplete) return true;
  options_.on_header(header_.source() ? ProxyHeader::taken : ProxyHeader::local);
  if (header_.source()) peer_ = *header_.source();
  phase_ = Phase::first_byte;
  if (options_.tls) return true;
  go_on();
  return false;
}

/// Who speaks HTTP in clear gets an answer that can be read. OpenSSL would know some methods only.
bool Arrival::look_at_first_byte() {
  char byte = 0;
  Io io = socket_->peek(&byte, 1);
  if (io.state == Io::State::again) {
    on_ready_.listen(socket_->readable());
    return false;
  }
  if (io.state != Io::State::ok) {
    end(Handshake::left, "the connection ended before a byte of it");
    return false;
  }
  if (static_cast<unsigned char>(byte) == kTlsHandshakeRecord) {
    session_ = std::make_unique<TlsServer>(options_.tls(), socket_->fd());
    phase_ = Phase::handshake;
    return true;
  }
  if (byte >= 'A' && byte <= 'Z') {
    refuse_plain_http();
  } else {
    end(Handshake::not_tls, "its first byte is of no TLS");
  }
  return false;
}

bool Arrival::shake_hands() {
  switch (session_->handshake()) {
    case TlsSession::Step::wants_read: on_ready_.listen(socket_->readable()); return false;
    case TlsSession::Step::wants_write: on_ready_.listen(socket_->writable()); return false;
    case TlsSession::Step::failed: end(session_->result(), session_->fault()); return false;
    case TlsSession::Step::done: break;
  }
  options_.on_handshake(session_->result());
  go_on();
  return false;
}

/// Its successor has the socket, and whatever it may hold already.
void Arrival::go_on() {
  const std::string protocol(session_ ? session_->protocol() : std::string_view());
  phase_ = Phase::closed;
  timer_.unlink();
  if (session_) socket_->secure(std::move(session_));
  listener_.replace(*this, make_connection(listener_, std::move(socket_), peer_, protocol));
}

void Arrival::refuse_plain_http() {
  options_.on_handshake(Handshake::plain_http);
  Buffer out = listener_.last_reply(Outcome::bad_request,
                                    "this port speaks TLS: the URL begins with https://");
  phase_ = Phase::closed;
  timer_.unlink();
  listener_.replace(*this,
                    std::make_unique<Goodbye>(listener_, std::move(socket_), std::move(out)));
}

void Arrival::end(ProxyHeader how, std::string_view why) {
  options_.on_header(how);
  if (log_enabled(LogConfig::Level::debug)) {
    log_debug(peer_.text() + " at " + options_.listen + ": PROXY header " +
              std::string(to_string(how)) + ": " + std::string(why));
  }
  close();
}

void Arrival::end(Handshake how, std::string_view why) {
  options_.on_handshake(how);
  if (log_enabled(LogConfig::Level::debug)) {
    log_debug(peer_.text() + " at " + options_.listen + ": TLS handshake " +
              std::string(to_string(how)) + ": " + std::string(why));
  }
  close();
}

void Arrival::on_timer() {
  switch (phase_) {
    case Phase::header:
      end(draining_ ? ProxyHeader::drained : ProxyHeader::timeout, "it did not come in time");
      return;
    case Phase::first_byte:
    case Phase::handshake:
      end(draining_ ? Handshake::drained : Handshake::timeout, "it did not end in time");
      return;
    case Phase::closed: return;
  }
}

void Arrival::close() {
  phase_ = Phase::closed;
  timer_.unlink();
  listener_.remove(*this);
}

}  // namespace siding
