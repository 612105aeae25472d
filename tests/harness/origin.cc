// See origin.h.
#include "tests/harness/origin.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

namespace siding::test {

namespace {
constexpr int kAcceptQueue = 1024;

void reset_fd(int fd) {
  linger on{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &on, sizeof(on));
  // Ends a read of its thread, which then closes it: with the linger above, by a RST.
  shutdown(fd, SHUT_RD);
}
}  // namespace

void Origin::Call::respond(std::string_view body, std::string_view fields, int status) {
  std::string out = "HTTP/1.1 " + std::to_string(status) + " Whatever\r\n";
  out += fields;
  out += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  if (request.method() != "HEAD") out += body;
  // Whoever has the whole answer may send the next request at once.
  if (before_answer) std::exchange(before_answer, nullptr)();
  wire.send(out);
}

void Origin::Call::close() {
  done = true;
  wire.half_close();
}

void Origin::Call::reset() {
  done = true;
  linger on{1, 0};
  setsockopt(wire.fd(), SOL_SOCKET, SO_LINGER, &on, sizeof(on));
}

Origin::Origin(Script script) : Origin(Down()) {
  script_ = std::move(script);
  start();
}

Origin::Origin(Down, const char* ip, uint16_t port) : ip_(ip) {
  listener_ = bind_local(port, ip);
  port_ = local_port(listener_);
}

Origin::~Origin() {
  release();
  stop();
  {
    std::lock_guard lock(mutex_);
    close(listener_);
  }
  for (std::thread& t : threads_) t.join();
}

std::string Origin::host() const { return ip_ + ":" + std::to_string(port_); }

void Origin::on_request(Script script) {
  std::lock_guard lock(mutex_);
  script_ = std::move(script);
}

void Origin::on_head(Script script) {
  std::lock_guard lock(mutex_);
  head_script_ = std::move(script);
}

void Origin::start() {
  std::lock_guard lock(mutex_);
  stopping_ = false;
  listen(listener_, kAcceptQueue);
  acceptor_ = std::thread([this, fd = listener_] { accept_all(fd); });
}

void Origin::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    shutdown(listener_, SHUT_RDWR);
    for (auto [number, fd] : fds_) reset_fd(fd);
    changed_.notify_all();
  }
  if (acceptor_.joinable()) acceptor_.join();
  wait([this] { return open_ == 0; });
  std::lock_guard lock(mutex_);
  close(listener_);
  listener_ = bind_local(port_, ip_.c_str());
}

void Origin::hold() {
  std::lock_guard lock(mutex_);
  holding_ = true;
  passes_ = 0;
}

void Origin::release() {
  std::lock_guard lock(mutex_);
  holding_ = false;
  changed_.notify_all();
}

void Origin::release(int n) {
  std::lock_guard lock(mutex_);
  passes_ += n;
  changed_.notify_all();
}

void Origin::accept_all(int listener) {
  while (true) {
    int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    std::lock_guard lock(mutex_);
    if (stopping_) {
      if (fd >= 0) close(fd);
      return;
    }
    if (fd < 0) continue;
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    int number = ++opened_;
    ++open_;
    fds_[number] = fd;
    most_open_ = std::max(most_open_, live());
    threads_.emplace_back([this, fd, number] { serve(fd, number); });
    changed_.notify_all();
  }
}

/// A connection's thread may not have run since the peer closed it; the kernel knows.
int Origin::live() const {
  int n = 0;
  for (auto [number, fd] : fds_) {
    pollfd p{fd, POLLRDHUP, 0};
    n += poll(&p, 1, 0) == 0 ? 1 : 0;
  }
  return n;
}

void Origin::serve(int fd, int number) {
  Wire wire(fd);
  bool first = true;
  while (serve_one(wire, number, first)) first = false;
  std::lock_guard lock(mutex_);
  fds_.erase(number);
  wire.close();
  --open_;
  changed_.notify_all();
}

bool Origin::serve_one(Wire& wire, int connection, bool first) {
  // Between two requests a kept connection waits as long as it likes.
  pollfd idle{wire.fd(), POLLIN, 0};
  if (!wire.readable_now()) poll(&idle, 1, -1);
  Message head = wire.read_request_head();
  Script script;
  bool at_head = false;
  {
    std::lock_guard lock(mutex_);
    if (!head.whole()) {
      if (first && head.start.empty()) ++silent_;
      return false;
    }
    at_head = static_cast<bool>(head_script_);
  }
  if (!at_head) wire.read_request_body(head);
  std::unique_lock lock(mutex_);
  log_.push_back(head);
  int number = static_cast<int>(log_.size());
  most_busy_ = std::max(most_busy_, ++busy_);
  changed_.notify_all();
  changed_.wait(lock, [this] { return !holding_ || passes_ > 0 || stopping_; });
  if (holding_ && passes_ > 0) --passes_;
  bool stop = stopping_;
  script = at_head ? head_script_ : script_;
  lock.unlock();
  Call call(std::move(head), connection, number, wire);
  call.before_answer = [this] {
    std::lock_guard guard(mutex_);
    --busy_;
  };
  if (stop || !call.request.whole()) {
    call.done = true;
  } else if (script) {
    script(call);
  } else {
    call.respond(call.request.target());
  }
  lock.lock();
  if (call.before_answer) --busy_;
  changed_.notify_all();
  return !call.done && !stopping_;
}

template <class Condition>
bool Origin::wait(Condition condition) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, kPatient, condition);
}

bool Origin::wait_for(int n) {
  return wait([&] { return static_cast<int>(log_.size()) >= n; });
}
bool Origin::wait_for_connections(int n) {
  return wait([&] { return opened_ >= n; });
}
bool Origin::wait_for_open(int n) {
  return wait([&] { return open_ <= n; });
}

int Origin::requests() const {
  std::lock_guard lock(mutex_);
  return static_cast<int>(log_.size());
}
int Origin::opened() const {
  std::lock_guard lock(mutex_);
  return opened_;
}
int Origin::open() const {
  std::lock_guard lock(mutex_);
  return open_;
}
int Origin::most_open() const {
  std::lock_guard lock(mutex_);
  return most_open_;
}
int Origin::most_busy() const {
  std::lock_guard lock(mutex_);
  return most_busy_;
}
int Origin::silent() const {
  std::lock_guard lock(mutex_);
  return silent_;
}
std::vector<Message> Origin::log() const {
  std::lock_guard lock(mutex_);
  return log_;
}
std::vector<std::string> Origin::targets() const {
  std::vector<std::string> out;
  for (const Message& m : log()) out.push_back(m.target());
  return out;
}
Message Origin::request(int n) const {
  std::lock_guard lock(mutex_);
  return n <= static_cast<int>(log_.size()) ? log_[static_cast<size_t>(n) - 1] : Message();
}

BlackHole::BlackHole(const char* ip, uint16_t port) : fd_(bind_local(port, ip)) {
  listen(fd_, 0);
  sockaddr_in address{};
  socklen_t length = sizeof(address);
  getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length);
  // The kernel drops a SYN once the queue is full; the first that is not answered at once shows it.
  for (int i = 0; i < 16; ++i) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    connect(fd, reinterpret_cast<sockaddr*>(&address), length);
    fillers_.push_back(fd);
    pollfd p{fd, POLLOUT, 0};
    if (poll(&p, 1, 50) == 0) return;
  }
}

BlackHole::~BlackHole() {
  for (int fd : fillers_) close(fd);
  close(fd_);
}

}  // namespace siding::test
