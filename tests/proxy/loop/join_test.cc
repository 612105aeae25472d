// Group and Background: who owns children, when they are told of ends, and what destroying does.
#include "proxy/loop/join.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "proxy/loop/background.h"
#include "tests/harness/loop_bed.h"

namespace siding {
namespace {

using namespace std::chrono_literals;
using test::LoopBed;

struct Life {
  explicit Life(int& a) : alive(a) { ++alive; }
  Life(const Life&) = delete;
  ~Life() { --alive; }
  int& alive;
};

Task<> live_until(Signal& signal, int& alive) {
  Life life(alive);
  co_await Wait(signal);
}
Task<> end_at_once(int& ran) {
  ++ran;
  co_return;
}
Task<bool> all_of(Group& group, TimePoint deadline) {
  bool all = co_await group.all(deadline);
  co_return all;
}
Task<bool> any_of(Group& group, TimePoint deadline) {
  bool any = co_await group.any(deadline);
  co_return any;
}

TEST(Group, OfNothingIsDone) {
  LoopBed bed;
  Group group;
  EXPECT_TRUE(bed.finish(all_of(group, kNever)));
  EXPECT_TRUE(bed.finish(any_of(group, kNever)));
}

TEST(Group, ChildrenThatEndAtOnceCount) {
  LoopBed bed;
  Group group;
  int ran = 0;
  group.start(end_at_once(ran));
  group.start(end_at_once(ran));
  EXPECT_EQ(ran, 2);
  EXPECT_EQ(group.size(), 2u);
  EXPECT_EQ(group.running(), 0u);
  EXPECT_TRUE(bed.finish(all_of(group, kNever)));
}

TEST(Group, WaitsForAll) {
  LoopBed bed;
  Signal a;
  Signal b;
  int alive = 0;
  Group group;
  group.start(live_until(a, alive));
  group.start(live_until(b, alive));
  EXPECT_EQ(alive, 2);
  Task<bool> all = all_of(group, kNever);
  all.start();
  b.notify();
  bed.settle();
  EXPECT_EQ(group.running(), 1u);
  EXPECT_FALSE(all.done());
  a.notify();
  bed.settle();
  ASSERT_TRUE(all.done());
  EXPECT_TRUE(all.take());
}

TEST(Group, WaitsForTheFirst) {
  LoopBed bed;
  Signal a;
  Signal b;
  Signal c;
  int alive = 0;
  Group group;
  group.start(live_until(a, alive));
  group.start(live_until(b, alive));
  group.start(live_until(c, alive));
  Task<bool> any = any_of(group, kNever);
  any.start();
  bed.settle();
  EXPECT_FALSE(any.done());
  b.notify();
  bed.settle();
  ASSERT_TRUE(any.done());
  EXPECT_TRUE(any.take());
  // Again: of those that run now.
  Task<bool> next = any_of(group, kNever);
  next.start();
  bed.settle();
  EXPECT_FALSE(next.done());
  a.notify();
  c.notify();
  bed.settle();
  EXPECT_TRUE(next.done());
}

TEST(Group, GivesUpAtTheDeadlineAndKeepsTheChildren) {
  LoopBed bed;
  Signal a;
  int alive = 0;
  Group group;
  group.start(live_until(a, alive));
  Task<bool> all = all_of(group, after(bed.loop.now(), 10ms));
  all.start();
  bed.advance(20ms);
  ASSERT_TRUE(all.done());
  EXPECT_FALSE(all.take());
  EXPECT_EQ(alive, 1);
  a.notify();
  bed.settle();
  EXPECT_EQ(alive, 0);
}

TEST(Group, DestroyingItCancelsItsChildren) {
  LoopBed bed;
  for (int notified = 0; notified < 2; ++notified) {
    Signal a;
    int alive = 0;
    {
      Group group;
      group.start(live_until(a, alive));
      group.start(live_until(a, alive));
      Task<bool> all = all_of(group, kNever);
      all.start();
      if (notified > 0) a.notify();
    }
    EXPECT_EQ(alive, 0);
    EXPECT_FALSE(a.has_waiters());
    bed.settle();
  }
}

/// A parent that starts a child while others end: the vector of children moves.
Task<> parent(Group& group, Signal& go, int& alive, int children) {
  for (int i = 0; i < children; ++i) {
    group.start(live_until(go, alive));
    co_await Wait(go);
  }
}

TEST(Group, GrowsWhileItsChildrenEnd) {
  LoopBed bed;
  Signal go;
  int alive = 0;
  Group group;
  group.start(parent(group, go, alive, 20));
  for (int i = 0; i < 25; ++i) {
    go.notify();
    bed.settle();
  }
  EXPECT_EQ(group.size(), 21u);
  EXPECT_EQ(group.running(), 0u);
  EXPECT_EQ(alive, 0);
}

TEST(Background, RunsATaskToItsEnd) {
  LoopBed bed;
  Signal a;
  int alive = 0;
  int ran = 0;
  Background background;
  background.run(end_at_once(ran));
  EXPECT_EQ(ran, 1);
  EXPECT_EQ(background.size(), 0u);
  background.run(live_until(a, alive));
  background.run(live_until(a, alive));
  EXPECT_EQ(background.size(), 2u);
  a.notify();
  bed.settle();
  EXPECT_EQ(background.size(), 0u);
  EXPECT_EQ(alive, 0);
  EXPECT_EQ(frame_stats().frames, 0);
}

TEST(Background, CancelsWhatIsLeftAtItsEnd) {
  LoopBed bed;
  Signal a;
  int alive = 0;
  {
    Background background;
    background.run(live_until(a, alive));
    background.run(live_until(a, alive));
    a.notify();  // their wakes are under way
  }
  EXPECT_EQ(alive, 0);
  bed.settle();
}

/// Something whose end starts more work, as a worker call's end lets a prefetch finish.
struct Successor {
  Successor(Background& b, Signal& s, int& a) : background(b), signal(s), alive(a) {}
  ~Successor() { background.run(live_until(signal, alive)); }
  Background& background;
  Signal& signal;
  int& alive;
};
Task<> hold(std::unique_ptr<Successor> successor, Signal& signal) {
  co_await Wait(signal);
  successor.reset();
}

TEST(Background, TasksMayStartOthersWhenTheyEnd) {
  LoopBed bed;
  Signal a;
  int alive = 0;
  {
    Background background;
    background.run(hold(std::make_unique<Successor>(background, a, alive), a));
    a.notify();
    bed.settle();
    EXPECT_EQ(background.size(), 1u);
    EXPECT_EQ(alive, 1);
    background.run(hold(std::make_unique<Successor>(background, a, alive), a));
  }
  EXPECT_EQ(alive, 0) << "also what was started while it was being destroyed";
}

}  // namespace
}  // namespace siding
