// See listener.h.
#include "proxy/downstream/listener.h"

#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "http/h1_write.h"
#include "proxy/downstream/arrival.h"
#include "proxy/downstream/local_reply.h"

namespace siding {

namespace {
constexpr int kAcceptBatch = 64;
/// How soon a full listener looks again: connections of other threads count too, so there is nothing
/// to be woken by.
constexpr Duration kRetryAccept = std::chrono::milliseconds(50);
/// Who has just come, or just got an answer, has so long for the next request, whoever waits.
constexpr Duration kLeastIdle = std::chrono::milliseconds(200);
/// So many idle connections make room at most in the time of kRetryAccept; so many are looked at for one.
constexpr uint32_t kMostDisplaced = 32;
constexpr int kMostLookedAt = 64;
constexpr int kAcceptQueue = 4096;  // the kernel caps it at net.core.somaxconn
}  // namespace

Listener::Listener(Loop& loop, int fd, const ListenerOptions& options)
    : loop_(loop), socket_(std::make_unique<Socket>(loop, fd)), options_(options) {
  // Once for all: what is accepted inherits it. (A unix socket has no such option.)
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  resume();
}

Listener::~Listener() { close_all(); }

void Listener::resume() {
  if (socket_) on_acceptable_.listen(socket_->readable());
}

void Listener::pause() {
  if (!std::exchange(paused_, true) && options_.on_pause) options_.on_pause();
  socket_->disarm_read();
  if (make_room()) {
    loop_.wake(acceptable_);  // in the next batch: the descriptor is free then
  } else {
    loop_.arm(resume_, after(loop_.now(), kRetryAccept));
  }
}

bool Listener::somebody_waits() const {
  pollfd queue{socket_->fd(), POLLIN, 0};
  return poll(&queue, 1, 0) > 0;
}

/// A connection on which nothing happens makes room for who waits; one for each, and not many at once.
/// (Of this loop alone: the kernel gives each loop about as many.) A client whose request was on its way
/// sees a kept connection close, as it may at any time (RFC 9112 9.3.1, RFC 9113 9.1).
bool Listener::make_room() {
  if (loop_.now() >= after(room_since_, kRetryAccept)) {
    room_since_ = loop_.now();
    displaced_ = 0;
  }
  if (displaced_ == kMostDisplaced || !somebody_waits()) return false;
  for (int i = 0; i < kMostLookedAt; ++i) {
    Connection* longest = idle_.front();
    if (longest == nullptr || loop_.now() < after(longest->idle_since_, kLeastIdle)) return false;
    if (longest->give_way()) {
      ++displaced_;
      if (options_.on_displace) options_.on_displace();
      return true;
    }
    rests(*longest);
  }
  return false;
}

std::unique_ptr<Connection> Listener::make(std::unique_ptr<Socket> socket,
                                           const SocketAddress& peer) {
  if (options_.arrival == nullptr) return make_connection(*this, std::move(socket), peer, {});
  return std::make_unique<Arrival>(*this, options_.arrival, std::move(socket), peer);
}

Buffer Listener::last_reply(Outcome outcome, std::string_view detail) {
  LocalReply reply = make_local_reply(outcome, detail, {});
  add_date(reply.head);
  Buffer out;
  out.append(write_response_head(reply.head, BodyFraming::of_length(reply.body.size()),
                                 ConnectionField::close));
  out.append(std::move(reply.body));
  return out;
}

/// `over_limit`: in a drain what the kernel has accepted for us is ours, whatever the limit says.
void Listener::accept_some(bool over_limit) {
  for (int i = 0; i < kAcceptBatch; ++i) {
    if (!over_limit && options_.open->load(std::memory_order_relaxed) >= options_.max_connections) {
      pause();
      return;
    }
    sockaddr_storage from{};
    socklen_t length = sizeof(from);
    auto* address = reinterpret_cast<sockaddr*>(&from);
    int fd = accept4(socket_->fd(), address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno == EAGAIN) break;
      pause();  // EMFILE and its like
      return;
    }
    SocketAddress peer(address, length);
    paused_ = false;
    options_.open->fetch_add(1, std::memory_order_relaxed);
    if (options_.on_accept) options_.on_accept();
    Connection* connection = make(std::make_unique<Socket>(loop_, fd), peer).release();
    connections_.push_back(*connection);
    ++count_;
    connection->start();
  }
  resume();
}

void Listener::remove(Connection& connection) {
  connection.unlink();
  --count_;
  options_.open->fetch_sub(1, std::memory_order_relaxed);
  if (options_.on_close) options_.on_close();
  loop_.retire(std::unique_ptr<Connection>(&connection));
}

void Listener::rests(Connection& connection) {
  connection.idle_since_ = loop_.now();
  connection.unlink();
  idle_.push_back(connection);
}

void Listener::works(Connection& connection) {
  connection.unlink();
  connections_.push_back(connection);
}

void Listener::replace(Connection& connection, std::unique_ptr<Connection> next) {
  connection.unlink();
  loop_.retire(std::unique_ptr<Connection>(&connection));
  Connection* successor = next.release();
  connections_.push_back(*successor);
  successor->start();
  if (draining_) successor->drain();
}

void Listener::drain(TimePoint until) {
  if (draining_) return;
  draining_ = true;
  drain_until_ = until;
  int more = 1;
  while (socket_ && more > 0) {
    size_t before = count_;
    accept_some(true);
    more = count_ > before ? 1 : 0;
  }
  resume_.unlink();
  on_acceptable_.unlink();
  acceptable_.unlink();
  socket_.reset();
  end_connections();
}

void Listener::end_connections() {
  connections_.append_all(idle_);
  Connection* next = nullptr;
  for (Connection* c = connections_.front(); c != nullptr; c = next) {
    next = connections_.next(*c);
    c->drain();
  }
}

void Listener::close_all() {
  connections_.append_all(idle_);
  while (Connection* connection = connections_.pop_front()) {
    --count_;
    options_.open->fetch_sub(1, std::memory_order_relaxed);
    if (options_.on_close) options_.on_close();
    delete connection;
  }
}

namespace {
std::string listen_remedy(bool is_unix, int reason) {
  switch (reason) {
    case EADDRINUSE:
      return is_unix ? "; is another siding running there? What is no socket is not removed"
                     : "; is another siding or server running there?";
    case EACCES:
      return is_unix ? "; siding may not write into that folder"
                     : "; ports below 1024 need root or CAP_NET_BIND_SERVICE";
    case ENOENT: return "; make the folder first";
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT: return "; this machine has no such address";
    default: return "";
  }
}
}  // namespace

int open_listener(const SocketAddress& address, bool reuse_port, std::string* error) {
  int fd = socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd >= 0) {
    int on = 1;
    if (address.is_unix()) {
      // Only a socket that nobody answers on is removed.
      struct stat info {};
      const char* path = reinterpret_cast<const sockaddr_un*>(address.raw())->sun_path;
      int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
      bool stale = stat(path, &info) == 0 && S_ISSOCK(info.st_mode) &&
                   connect(probe, address.raw(), address.length()) != 0 && errno == ECONNREFUSED;
      if (probe >= 0) close(probe);
      if (stale) unlink(path);
    } else {
      setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
      if (reuse_port) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    }
    if (bind(fd, address.raw(), address.length()) == 0 && listen(fd, kAcceptQueue) == 0) return fd;
  }
  int reason = errno;
  *error = "cannot listen on " + address.text() + ": " + std::strerror(reason) +
           listen_remedy(address.is_unix(), reason);
  if (fd >= 0) close(fd);
  return -1;
}

}  // namespace siding
