// Two loops share a backend's slots and connections: the server never sees more than the cap, every
// visit is served, and no slot is lost.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "proxy/exchange/admission.h"
#include "proxy/upstream/pool.h"
#include "tests/harness/loop_bed.h"
#include "tests/harness/loop_peer.h"

namespace siding {
namespace {

using namespace std::chrono_literals;

/// Answers requests on its own thread and counts the connections that are open.
class CountingServer {
 public:
  CountingServer() : fd_(test::listen_on_loopback(&port_)) {
    EXPECT_EQ(pipe(stop_), 0);
    thread_ = std::thread([this] { serve(); });
  }
  ~CountingServer() {
    close(stop_[1]);
    thread_.join();
    close(stop_[0]);
    close(fd_);
  }
  uint16_t port() const { return port_; }
  size_t most_open() const { return most_; }
  int answered() const { return answered_; }

 private:
  void serve() {
    std::map<int, std::string> open;
    while (true) {
      std::vector<pollfd> fds{{stop_[0], POLLIN, 0}, {fd_, POLLIN, 0}};
      for (auto& [fd, in] : open) fds.push_back({fd, POLLIN, 0});
      poll(fds.data(), fds.size(), -1);
      if (fds[0].revents != 0) break;
      // A FIN that was sent before a SYN is here before it: read all ends, then accept.
      for (auto at = open.begin(); at != open.end();) {
        at = answer(at->first, at->second) ? std::next(at) : open.erase(at);
      }
      int fd = accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) continue;
      // Those that ended since count no more either.
      for (auto at = open.begin(); at != open.end();) {
        at = answer(at->first, at->second) ? std::next(at) : open.erase(at);
      }
      open[fd];
      most_ = std::max(most_.load(), open.size());
    }
    for (auto& [fd, in] : open) close(fd);
  }
  bool answer(int fd, std::string& in) {
    char buffer[4096];
    while (true) {
      ssize_t n = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
      if (n < 0 && errno == EAGAIN) return true;
      if (n <= 0) {
        close(fd);
        return false;
      }
      in.append(buffer, static_cast<size_t>(n));
      while (test::take_message(in)) {
        std::string_view ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        [[maybe_unused]] ssize_t sent = send(fd, ok.data(), ok.size(), MSG_NOSIGNAL);
        ++answered_;
      }
    }
  }
  uint16_t port_ = 0;
  int fd_;
  int stop_[2];
  std::atomic<size_t> most_{0};
  std::atomic<int> answered_{0};
  std::thread thread_;
};

struct PoolShared {
  Admission admission{{.concurrency = 2, .backlog = 1, .queue_size = 10'000}};
  Pool* pool = nullptr;
  uint16_t port = 0;
  std::atomic<int> served{0};
};

Task<> call_once(PoolShared& shared, uint64_t client, bool may_reuse) {
  Loop& loop = Loop::current();
  Ticket ticket(shared.admission, loop, client, 0);
  if (ticket.enter(0)) co_return;
  ticket.ready();
  while (!ticket.granted()) {
    co_await Wait(ticket.on_grant());
  }
  Permit permit = ticket.take();
  Lease lease;
  if (may_reuse) lease = shared.pool->take_idle(loop);
  if (!lease) {
    Slot slot = co_await shared.pool->reserve(loop);
    SocketAddress address = *SocketAddress::parse("127.0.0.1", shared.port);
    auto socket = co_await connect_socket(address, kNever);
    EXPECT_TRUE(socket.ok());
    if (!socket) co_return;
    lease = shared.pool->lease(std::move(slot), std::move(*socket));
  }
  Slice head = Slice::copy_of("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  Result<> sent = co_await lease.h1()->send(std::move(head), nullptr, kNever);
  if (!sent) co_return;
  Result<ResponseHead> answer = co_await lease->read_head("GET", kNever);
  if (!answer) co_return;
  while (true) {
    Result<Buffer> piece = co_await lease->read_body(kNever);
    if (!piece || piece->empty()) break;
  }
  lease.release();
  ++shared.served;
}

/// Calls on one loop; some are destroyed on their way.
void call_from_loop(PoolShared& shared, Loop& loop, unsigned seed, int calls,
                    std::atomic<int>& busy) {
  std::mt19937 random(seed);
  std::vector<Task<>> tasks;
  auto ended = [](const Task<>& t) { return t.done(); };
  loop.turn(false);
  for (int i = 0; i < calls; ++i) {
    tasks.push_back(call_once(shared, random() % 5, random() % 2 == 0));
    tasks.back().start();
    loop.turn(false);
    std::erase_if(tasks, ended);
    if (tasks.size() > 12 && random() % 2 == 0) {
      tasks.erase(tasks.begin() + static_cast<ptrdiff_t>(random() % tasks.size()));
    }
    while (tasks.size() > 20) {
      if (!test::run_until(loop, [&] { return std::erase_if(tasks, ended) > 0; })) break;
    }
  }
  EXPECT_TRUE(test::run_until(loop,
                              [&] {
                                std::erase_if(tasks, ended);
                                return tasks.empty();
                              }))
      << tasks.size() << " wait for ever";
  tasks.clear();
  // The other loop may want what is idle here.
  --busy;
  EXPECT_TRUE(test::run_until(loop, [&] { return busy == 0; }));
  shared.pool->close_idle(loop);
  EXPECT_EQ(frame_stats().frames, 0);
}

TEST(PoolThreads, NeverMoreThanTheCapAndNoneIsLost) {
  test::LeftoverCheck leftovers;
  SystemClock clock;
  CountingServer server;
  Loop first(clock, 0);
  Loop second(clock, 1);
  PoolShared shared;
  Pool pool({.max_connections = 3, .max_idle = 3}, {&first, &second});
  shared.pool = &pool;
  shared.port = server.port();
  std::atomic<int> busy{2};
  std::thread a([&] { call_from_loop(shared, first, 1, 1500, busy); });
  std::thread b([&] { call_from_loop(shared, second, 2, 1500, busy); });
  a.join();
  b.join();
  EXPECT_EQ(pool.open(), 0u);
  EXPECT_LE(server.most_open(), 3u);
  EXPECT_EQ(shared.admission.snapshot().inside, 0u);
  EXPECT_EQ(shared.admission.snapshot().queued, 0u);
  EXPECT_GT(shared.served.load(), 500);
}

// All slots are idle on one loop; the other one needs one.
TEST(PoolThreads, AnotherLoopsIdleConnectionMakesRoom) {
  test::LeftoverCheck leftovers;
  SystemClock clock;
  CountingServer server;
  Loop first(clock, 0);
  Loop second(clock, 1);
  PoolShared shared;
  Pool pool({.max_connections = 1, .max_idle = 3}, {&first, &second});
  shared.pool = &pool;
  shared.port = server.port();
  for (int round = 0; round < 20; ++round) {
    for (Loop* loop : {&first, &second}) {
      loop->turn(false);
      Task<> task = call_once(shared, 1, true);
      task.start();
      Loop* other = loop == &first ? &second : &first;
      // Both turn, on one thread: each is current while it turns.
      for (int i = 0; i < 100'000 && !task.done(); ++i) {
        other->turn(false);
        loop->turn(false);
      }
      ASSERT_TRUE(task.done());
    }
  }
  EXPECT_EQ(shared.served.load(), 40);
  EXPECT_LE(server.most_open(), 1u);
  pool.close_idle(first);
  pool.close_idle(second);
}

}  // namespace
}  // namespace siding
