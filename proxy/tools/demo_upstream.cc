// See demo_upstream.h.
#include "proxy/tools/demo_upstream.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "http/uri.h"
#include "proxy/tools/demo_words.h"

namespace siding {
namespace {

constexpr uint64_t kStopId = 0;
constexpr uint64_t kListenerId = 1;
constexpr uint64_t kFirstConnection = 2;

}  // namespace

struct DemoUpstream::Connection {
  Connection(uint64_t i, int f, const HeadLimits& limits) : id(i), fd(f), parser(limits) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { close(fd); }

  const uint64_t id;
  const int fd;
  RequestHeadParser parser;
  std::string in;
  std::string out;
  std::string word;
  bool waiting = false;  // a call is inside
  bool last = false;     // the client wants no other answer
};

DemoUpstream::DemoUpstream(Duration delay, const Clock& clock)
    : delay_(delay),
      clock_(clock),
      listener_(4096, false),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      stop_(eventfd(0, EFD_CLOEXEC)),
      next_id_(kFirstConnection) {
  for (const auto& [fd, id] : {std::pair(stop_, kStopId), std::pair(listener_.fd(), kListenerId)}) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = id;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }
  thread_ = std::thread([this] { serve(); });
}

DemoUpstream::~DemoUpstream() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(stop_, &one, sizeof(one));
  thread_.join();
  connections_.clear();
  close(stop_);
  close(epoll_);
}

DemoUpstream::Counts DemoUpstream::counts() const {
  std::lock_guard lock(mutex_);
  Counts out = counts_;
  out.distinct_words = words_.size();
  return out;
}

void DemoUpstream::reset_counts() {
  std::lock_guard lock(mutex_);
  counts_ = {};
  words_.clear();
}

void DemoUpstream::serve() {
  for (;;) {
    int timeout = -1;
    if (!due_.empty()) {
      const Duration left = std::max(due_.front().first - clock_.now(), Duration::zero());
      timeout =
          static_cast<int>((left + std::chrono::microseconds(999)) / std::chrono::milliseconds(1));
    }
    epoll_event events[128];
    const int n = epoll_wait(epoll_, events, 128, timeout);
    for (int i = 0; i < n; ++i) {
      const uint64_t id = events[i].data.u64;
      if (id == kStopId) return;
      if (id == kListenerId) {
        accept_all();
      } else {
        on_event(id, events[i].events);
      }
    }
    answer_due();
  }
}

void DemoUpstream::watch(Connection& connection, uint32_t events, bool add) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = connection.id;
  epoll_ctl(epoll_, add ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, connection.fd, &event);
}

void DemoUpstream::accept_all() {
  for (;;) {
    const int fd = accept4(listener_.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    const uint64_t id = next_id_++;
    connections_[id] = std::make_unique<Connection>(id, fd, limits_);
    watch(*connections_[id], EPOLLIN, true);
  }
}

void DemoUpstream::on_event(uint64_t id, uint32_t events) {
  auto it = connections_.find(id);
  if (it == connections_.end()) return;
  Connection& connection = *it->second;
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
    drop(connection);
  } else if ((events & EPOLLOUT) != 0) {
    send(connection);
  } else if (!connection.waiting) {
    receive(connection);
  }
}

void DemoUpstream::receive(Connection& connection) {
  char bytes[16 * 1024];
  const ssize_t n = recv(connection.fd, bytes, sizeof(bytes), 0);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) return drop(connection);
  connection.in.append(bytes, static_cast<size_t>(n));
  take_request(connection);
}

// Begins the next call if its head is whole; the answer comes when it is due.
void DemoUpstream::take_request(Connection& connection) {
  const ParseStatus parsed = connection.parser.feed(connection.in);
  if (parsed == ParseStatus::incomplete) return;
  if (parsed == ParseStatus::fault) return drop(connection);
  const size_t consumed = connection.parser.consumed();
  const RequestHead head = connection.parser.take();
  connection.in.erase(0, consumed);
  connection.word = last_parameter(head.query(), "word").value_or("");
  // A body is not expected here: what follows it could not be told from the next head.
  connection.last = head.fields.has_token("Connection", "close") || head.minor_version == 0 ||
                    head.fields.has("Content-Length") || head.fields.has("Transfer-Encoding");
  connection.waiting = true;
  due_.emplace_back(after(clock_.now(), delay_), connection.id);
  watch(connection, 0);

  std::lock_guard lock(mutex_);
  ++counts_.calls;
  words_.insert(connection.word);
  counts_.most_at_once = std::max(counts_.most_at_once, ++inside_);
}

void DemoUpstream::answer_due() {
  const TimePoint now = clock_.now();
  while (!due_.empty() && due_.front().first <= now) {
    auto it = connections_.find(due_.front().second);
    due_.pop_front();
    if (it == connections_.end()) continue;
    Connection& connection = *it->second;
    const std::string body = demo_song(connection.word);
    connection.out = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
                     std::to_string(body.size()) +
                     (connection.last ? "\r\nConnection: close" : "") + "\r\n\r\n" + body;
    connection.waiting = false;
    {
      std::lock_guard lock(mutex_);
      --inside_;
    }
    send(connection);
  }
}

void DemoUpstream::send(Connection& connection) {
  const ssize_t n =
      ::send(connection.fd, connection.out.data(), connection.out.size(), MSG_NOSIGNAL);
  if (n < 0 && errno != EAGAIN) return drop(connection);
  if (n > 0) connection.out.erase(0, static_cast<size_t>(n));
  if (!connection.out.empty()) return watch(connection, EPOLLOUT);
  if (connection.last) return drop(connection);
  watch(connection, EPOLLIN);
  if (!connection.in.empty()) take_request(connection);
}

void DemoUpstream::drop(Connection& connection) {
  if (connection.waiting) {
    std::lock_guard lock(mutex_);
    --inside_;
  }
  connections_.erase(connection.id);
}

}  // namespace siding
