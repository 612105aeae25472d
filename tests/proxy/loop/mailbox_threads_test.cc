// Wakes from other threads: none is lost, none comes after its target has gone.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "proxy/loop/wait.h"
#include "tests/harness/loop_bed.h"

namespace siding {
namespace {

using test::LeftoverCheck;
using test::run_until;

struct Counter {
  explicit Counter(Loop& loop) : remote(loop, wake) {}
  void on_wake() { ++count; }
  int count = 0;
  MemberWake<Counter, &Counter::on_wake> wake{*this};
  RemoteWake remote;
};

TEST(MailboxThreads, SeveralPostsAreOne) {
  LeftoverCheck leftovers;
  ManualClock clock;
  Loop loop(clock);
  Counter counter(loop);
  for (int i = 0; i < 10; ++i) counter.remote.post();
  while (loop.turn(false) || counter.count == 0) {
  }
  EXPECT_EQ(counter.count, 1);
  counter.remote.post();
  for (int i = 0; i < 3; ++i) loop.turn(false);
  EXPECT_EQ(counter.count, 2);
}

TEST(MailboxThreads, ADestroyedOneIsTakenBack) {
  LeftoverCheck leftovers;
  ManualClock clock;
  Loop loop(clock);
  for (int turns = 0; turns < 3; ++turns) {
    auto counter = std::make_unique<Counter>(loop);
    counter->remote.post();
    for (int i = 0; i < turns; ++i) loop.turn(false);
    counter.reset();
    for (int i = 0; i < 3; ++i) loop.turn(false);
  }
}

TEST(MailboxThreads, WakesABlockedLoop) {
  LeftoverCheck leftovers;
  SystemClock clock;
  Loop loop(clock);
  Counter counter(loop);
  std::thread poster([&] { counter.remote.post(); });
  EXPECT_TRUE(run_until(loop, [&] { return counter.count > 0; }));
  poster.join();
}

// What a poster wrote before it posted is seen by the woken one.
TEST(MailboxThreads, NoPostIsLost) {
  LeftoverCheck leftovers;
  constexpr int kPosters = 4;
  constexpr int kPosts = 3000;
  SystemClock clock;
  Loop loop(clock);
  struct Box {
    explicit Box(Loop& loop) : remote(loop, wake) {}
    void on_wake() { seen = sent.load(); }
    std::atomic<int> sent{0};
    int seen = 0;
    MemberWake<Box, &Box::on_wake> wake{*this};
    RemoteWake remote;
  };
  std::vector<std::unique_ptr<Box>> boxes;
  for (int i = 0; i < kPosters; ++i) boxes.push_back(std::make_unique<Box>(loop));
  std::vector<std::thread> posters;
  for (auto& box : boxes) {
    posters.emplace_back([b = box.get()] {
      for (int i = 0; i < kPosts; ++i) {
        ++b->sent;
        b->remote.post();
      }
    });
  }
  for (auto& box : boxes) {
    EXPECT_TRUE(run_until(loop, [&] { return box->seen >= kPosts; }));
  }
  for (std::thread& t : posters) t.join();
}

// As admission does it: posters find their target under a mutex, and the target leaves under it.
TEST(MailboxThreads, TargetsMayGoWhileTheyArePosted) {
  LeftoverCheck leftovers;
  SystemClock clock;
  Loop loop(clock);
  std::mutex mutex;
  std::vector<Counter*> present;
  std::atomic<bool> stop{false};
  std::vector<std::thread> posters;
  for (unsigned t = 0; t < 3; ++t) {
    posters.emplace_back([&, t] {
      std::mt19937 random(t);
      while (!stop) {
        std::lock_guard lock(mutex);
        if (!present.empty()) present[random() % present.size()]->remote.post();
      }
    });
  }
  std::mt19937 random(9);
  std::vector<std::unique_ptr<Counter>> owned;
  for (int i = 0; i < 20'000; ++i) {
    if (owned.size() < 8 && random() % 2 == 0) {
      owned.push_back(std::make_unique<Counter>(loop));
      std::lock_guard lock(mutex);
      present.push_back(owned.back().get());
    } else if (!owned.empty()) {
      size_t at = random() % owned.size();
      {
        std::lock_guard lock(mutex);
        std::erase(present, owned[at].get());
      }
      owned.erase(owned.begin() + static_cast<ptrdiff_t>(at));
    }
    if (i % 4 == 0) loop.turn(false);
  }
  stop = true;
  for (std::thread& t : posters) t.join();
}

Task<> wait_for(Signal& signal, int& woken) {
  while (true) {
    co_await Wait(signal);
    ++woken;
  }
}

TEST(MailboxThreads, LoopsWakeEachOtherBackAndForth) {
  LeftoverCheck leftovers;
  constexpr int kRounds = 2000;
  SystemClock clock;
  struct Side {
    Side(const Clock& c, uint32_t i) : loop(c, i) {}
    void on_wake() {
      ++rounds;
      signal.notify();
      other->remote.post();
      if (rounds >= kRounds) loop.stop();
    }
    Loop loop;
    Signal signal;
    int rounds = 0;
    int woken = 0;
    Side* other = nullptr;
    MemberWake<Side, &Side::on_wake> wake{*this};
    RemoteWake remote{loop, wake};
  };
  Side a(clock, 0);
  Side b(clock, 1);
  a.other = &b;
  b.other = &a;
  auto drive = [](Side& side) {
    Task<> waiting = wait_for(side.signal, side.woken);
    waiting.start();
    side.loop.run();
    waiting.reset();
    EXPECT_EQ(frame_stats().frames, 0);
  };
  std::thread first([&] { drive(a); });
  std::thread second([&] { drive(b); });
  a.remote.post();
  first.join();
  second.join();
  EXPECT_GE(a.rounds, kRounds);
  EXPECT_GE(b.rounds, kRounds);
  EXPECT_GT(a.woken, 0);
}

TEST(LoopThreads, StopsFromAnotherThread) {
  LeftoverCheck leftovers;
  SystemClock clock;
  for (int i = 0; i < 50; ++i) {
    Loop loop(clock);
    std::thread runner([&] { loop.run(); });
    loop.stop();
    runner.join();
  }
}

}  // namespace
}  // namespace siding
