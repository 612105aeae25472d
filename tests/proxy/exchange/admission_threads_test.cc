// Permits over two loops: exact at every moment, none lost, while tickets and permits are destroyed on
// one thread as the other grants them.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include "proxy/exchange/admission.h"
#include "tests/harness/loop_bed.h"

namespace siding {
namespace {

using namespace std::chrono_literals;

struct Shared {
  Admission admission{{.concurrency = 2, .backlog = 1, .queue_size = 1000}};
  std::atomic<int> inside{0};
  std::atomic<int> served{0};
  std::atomic<int> most{0};
};

struct Inside {
  explicit Inside(Shared& s) : shared(s) {
    int now = ++shared.inside;
    int most = shared.most.load();
    while (now > most && !shared.most.compare_exchange_weak(most, now)) {
    }
  }
  ~Inside() { --shared.inside; }
  Shared& shared;
};

/// A request: queues, is inside for a few turns, and goes.
Task<> visit(Shared& shared, Signal& turn, uint64_t client, int turns) {
  Ticket ticket(shared.admission, Loop::current(), client, static_cast<int>(client % 2));
  if (ticket.enter(10)) co_return;
  if (turns % 2 == 0) co_await Wait(turn);
  ticket.ready();
  while (!ticket.granted()) {
    co_await Wait(ticket.on_grant());
  }
  Permit permit = ticket.take();
  Inside inside(shared);
  for (int i = 0; i < turns; ++i) {
    if (i == 1 && client % 7 == 0) permit.failed(Permit::Failed::to_connect, Loop::current().now());
    co_await Wait(turn);
  }
  permit.connected();
  ++shared.served;
}

/// Starts visits, lets them run, and destroys some of them wherever they are.
void visit_and_cancel(Shared& shared, const Clock& clock, uint32_t index, int rounds) {
  Loop loop(clock, index);
  Signal turn;
  std::mt19937 random(index + 1);
  std::vector<Task<>> visits;
  for (int i = 0; i < rounds; ++i) {
    visits.push_back(visit(shared, turn, random() % 10, static_cast<int>(random() % 4)));
    visits.back().start();
    loop.turn(false);
    turn.notify();
    std::erase_if(visits, [](const Task<>& t) { return t.done(); });
    while (visits.size() > 20 || (!visits.empty() && random() % 3 == 0)) {
      visits.erase(visits.begin() + static_cast<ptrdiff_t>(random() % visits.size()));
    }
  }
  // The rest is served to its end: a permit that was lost would stop it.
  bool all = test::run_until(loop, [&] {
    turn.notify();
    std::erase_if(visits, [](const Task<>& t) { return t.done(); });
    return visits.empty();
  });
  EXPECT_TRUE(all) << visits.size() << " wait for ever";
  visits.clear();
  EXPECT_EQ(frame_stats().frames, 0);
}

TEST(AdmissionThreads, TicketsMayGoWhileTheyAreGranted) {
  test::LeftoverCheck leftovers;
  SystemClock clock;
  Shared shared;
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < 2; ++i) {
    threads.emplace_back([&, i] { visit_and_cancel(shared, clock, i, 5000); });
  }
  for (std::thread& t : threads) t.join();
  Admission::Snapshot now = shared.admission.snapshot();
  EXPECT_EQ(now.inside, 0u);
  EXPECT_EQ(now.queued, 0u);
  EXPECT_EQ(now.queued_bytes, 0u);
  EXPECT_LE(shared.most.load(), 3);
  EXPECT_GT(shared.served.load(), 100);
}

}  // namespace
}  // namespace siding
