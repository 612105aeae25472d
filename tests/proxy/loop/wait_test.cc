// Signals, waits with deadlines, and the batches of the loop itself.
#include "proxy/loop/wait.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <vector>

#include "tests/harness/loop_bed.h"

namespace siding {
namespace {

using namespace std::chrono_literals;
using test::LoopBed;

Task<bool> wait_once(Signal& signal, TimePoint deadline) {
  bool notified = co_await Wait(signal, deadline);
  co_return notified;
}
Task<bool> wait_either(Signal& a, Signal& b, TimePoint deadline) {
  bool notified = co_await Wait(a, b, deadline);
  co_return notified;
}
Task<> sleep_until_task(TimePoint t) { co_await SleepUntil(t); }

Task<> in_two_steps(std::vector<int>& order, int step) {
  order.push_back(step);
  co_await NextBatch();
  order.push_back(step + 10);
}

TEST(Wait, TheNextBatchComesAfterAllOfThisOne) {
  LoopBed bed;
  std::vector<int> order;
  Task<> first = in_two_steps(order, 1);
  Task<> second = in_two_steps(order, 2);
  Task<> gone = in_two_steps(order, 3);
  first.start();
  second.start();
  gone.start();
  gone.reset();  // what is cancelled is not resumed
  bed.settle();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3, 11, 12}));
}

TEST(Wait, WakesAllWhoWaitNow) {
  LoopBed bed;
  Signal signal;
  Task<bool> first = wait_once(signal, kNever);
  Task<bool> second = wait_once(signal, kNever);
  first.start();
  EXPECT_TRUE(signal.has_waiters());
  signal.notify();
  second.start();
  bed.settle();
  EXPECT_TRUE(first.done());
  EXPECT_FALSE(second.done()) << "a signal has no memory";
}

TEST(Wait, EndsAtItsDeadlineAndNotBefore) {
  LoopBed bed;
  Signal signal;
  Task<bool> task = wait_once(signal, after(bed.loop.now(), 10ms));
  task.start();
  bed.advance(9ms);
  EXPECT_FALSE(task.done());
  bed.advance(2ms);
  ASSERT_TRUE(task.done());
  EXPECT_FALSE(task.take());
  EXPECT_FALSE(signal.has_waiters());
}

TEST(Wait, TellsThatTheSignalCameFirst) {
  LoopBed bed;
  Signal signal;
  Task<bool> task = wait_once(signal, after(bed.loop.now(), 10ms));
  task.start();
  signal.notify();
  bed.clock.advance(1h);  // the deadline passes before the batch runs
  bed.settle();
  ASSERT_TRUE(task.done());
  EXPECT_TRUE(task.take());
}

// The event and the deadline in one poll: what came first is told.
TEST(Wait, TellsThatTheSignalCameFirstInOnePoll) {
  LoopBed bed;
  Signal signal;
  struct NotifyTimer : Timer {
    explicit NotifyTimer(Signal& s) : Timer(&NotifyTimer::run), signal(s) {}
    static void run(Timer& t) { static_cast<NotifyTimer&>(t).signal.notify(); }
    Signal& signal;
  };
  NotifyTimer timer(signal);
  bed.loop.arm(timer, after(bed.loop.now(), 5ms));
  Task<bool> task = wait_once(signal, after(bed.loop.now(), 10ms));
  task.start();
  bed.advance(1h);
  ASSERT_TRUE(task.done());
  EXPECT_TRUE(task.take());
}

TEST(Wait, EitherOfTwoSignalsIsEnough) {
  LoopBed bed;
  for (int which = 0; which < 3; ++which) {
    Signal a;
    Signal b;
    Task<bool> task = wait_either(a, b, after(bed.loop.now(), 10ms));
    task.start();
    if (which == 0) a.notify();
    if (which == 1) b.notify();
    if (which == 2) bed.advance(11ms);
    bed.settle();
    ASSERT_TRUE(task.done());
    EXPECT_EQ(task.take(), which != 2);
    EXPECT_FALSE(a.has_waiters());
    EXPECT_FALSE(b.has_waiters());
  }
}

TEST(Wait, ASignalMayGoWhileSomebodyWaits) {
  LoopBed bed;
  auto signal = std::make_unique<Signal>();
  Task<bool> task = wait_once(*signal, after(bed.loop.now(), 10ms));
  task.start();
  signal.reset();
  bed.advance(20ms);
  ASSERT_TRUE(task.done());
  EXPECT_FALSE(task.take());
}

TEST(Wait, ADestroyedOneIsWokenByNothing) {
  LoopBed bed;
  Signal signal;
  {
    Task<bool> task = wait_once(signal, after(bed.loop.now(), 10ms));
    task.start();
    signal.notify();
  }
  bed.settle();
  {
    Task<bool> task = wait_once(signal, after(bed.loop.now(), 10ms));
    task.start();
    bed.clock.advance(20ms);
    bed.loop.turn(false);  // the timer has fired, the wake has not run
  }
  bed.settle();
  EXPECT_FALSE(signal.has_waiters());
}

TEST(Wait, SleepsUntilThen) {
  LoopBed bed;
  TimePoint start = bed.loop.now();
  Task<> task = sleep_until_task(after(start, 100ms));
  task.start();
  for (int i = 0; i < 99; ++i) bed.advance(1ms);
  EXPECT_FALSE(task.done());
  bed.advance(2ms);
  EXPECT_TRUE(task.done());
  Task<> for_ever = sleep_until_task(kNever);
  for_ever.start();
  bed.advance(10'000h);
  EXPECT_FALSE(for_ever.done());
}

struct Chain : Wake {
  Chain(Loop& l, std::vector<int>& o, int i) : Wake(&Chain::run), loop(l), order(o), id(i) {}
  static void run(Wake& w) {
    auto& self = static_cast<Chain&>(w);
    self.order.push_back(self.id);
    if (self.next != nullptr) self.loop.wake(*self.next);
    if (self.victim) self.victim->reset();
  }
  Loop& loop;
  std::vector<int>& order;
  int id;
  Chain* next = nullptr;
  std::unique_ptr<Chain>* victim = nullptr;
};

TEST(Loop, RunsWakesInOrderOncePerBatch) {
  LoopBed bed;
  std::vector<int> order;
  Chain a(bed.loop, order, 1);
  Chain b(bed.loop, order, 2);
  a.next = &a;  // wakes itself: runs in the next batch, not in this one
  bed.loop.wake(a);
  bed.loop.wake(b);
  bed.loop.wake(a);
  EXPECT_TRUE(bed.loop.turn(false));
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
  bed.loop.turn(false);
  EXPECT_EQ(order, (std::vector<int>{1, 2, 1}));
  a.next = nullptr;
  EXPECT_TRUE(bed.settle());
  EXPECT_FALSE(bed.loop.turn(false));
}

TEST(Loop, AWakeMayDestroyAnotherOfItsBatch) {
  LoopBed bed;
  std::vector<int> order;
  Chain a(bed.loop, order, 1);
  auto b = std::make_unique<Chain>(bed.loop, order, 2);
  Chain c(bed.loop, order, 3);
  a.victim = &b;
  bed.loop.wake(a);
  bed.loop.wake(*b);
  bed.loop.wake(c);
  bed.settle();
  EXPECT_EQ(order, (std::vector<int>{1, 3}));
}

struct Retiree {
  Retiree(Loop& l, int& d, int t) : loop(l), destroyed(d), times(t) {}
  ~Retiree() {
    ++destroyed;
    // Destructors may retire more.
    if (times > 0) loop.retire(std::make_unique<Retiree>(loop, destroyed, times - 1));
  }
  Loop& loop;
  int& destroyed;
  int times;
};

TEST(Loop, RetiresAfterTheBatch) {
  LoopBed bed;
  int destroyed = 0;
  bed.loop.retire(std::make_unique<Retiree>(bed.loop, destroyed, 3));
  bed.loop.retire(std::unique_ptr<Retiree>());
  EXPECT_EQ(destroyed, 0);
  bed.loop.turn(false);
  EXPECT_EQ(destroyed, 4);
}

TEST(Loop, DestroysTheRetiredWithItself) {
  ManualClock clock;
  int destroyed = 0;
  {
    Loop loop(clock);
    loop.retire(std::make_unique<Retiree>(loop, destroyed, 2));
  }
  EXPECT_EQ(destroyed, 3);
}

TEST(Loop, StopsFromInside) {
  SystemClock clock;
  Loop loop(clock);
  Task<> task = sleep_until_task(after(clock.now(), 2ms));
  struct Stop : Wake {
    explicit Stop(Loop& l) : Wake(&Stop::run), loop(l) {}
    static void run(Wake& w) { static_cast<Stop&>(w).loop.stop(); }
    Loop& loop;
  };
  Stop stop(loop);
  task.start(&stop);
  loop.run();
  EXPECT_TRUE(task.done());
  EXPECT_GE(clock.now().time_since_epoch().count(), 0);
}

// libevent's clock is coarser than ours: a timer that it wakes us too early for must be armed again.
TEST(Loop, RealTimersComeInOrderAndNotEarly) {
  SystemClock clock;
  Loop loop(clock);
  std::vector<TimePoint> due;
  std::vector<TimePoint> fired;
  struct Note : Timer {
    explicit Note(std::vector<TimePoint>& f, const Clock& c)
        : Timer(&Note::run), fired(f), clock(c) {}
    static void run(Timer& t) {
      auto& self = static_cast<Note&>(t);
      self.fired.push_back(self.clock.now());
    }
    std::vector<TimePoint>& fired;
    const Clock& clock;
  };
  std::vector<std::unique_ptr<Note>> timers;
  TimePoint start = clock.now();
  for (int i = 0; i < 20; ++i) {
    due.push_back(after(start, 3ms * (i + 1) + 137us * i));
    timers.push_back(std::make_unique<Note>(fired, clock));
    loop.arm(*timers.back(), due.back());
  }
  EXPECT_TRUE(test::run_until(loop, [&] { return fired.size() == due.size(); }));
  for (size_t i = 0; i < fired.size(); ++i) EXPECT_GE(fired[i], due[i]) << i;
}

}  // namespace
}  // namespace siding
