// Tasks: lazy, in order, with results; destroyed wherever they stand; no stack for those that end at
// once.
#include "proxy/loop/task.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "proxy/loop/wait.h"
#include "tests/harness/loop_bed.h"

namespace siding {
namespace {

using test::LoopBed;
using Journal = std::vector<std::string>;

Task<> note(Journal& journal, std::string text) {
  journal.push_back(std::move(text));
  co_return;
}

Task<int> add_later(Signal& signal, int a, int b) {
  co_await Wait(signal);
  co_return a + b;
}

TEST(Task, IsLazy) {
  LoopBed bed;
  Journal journal;
  Task<> task = note(journal, "ran");
  EXPECT_TRUE(journal.empty());
  EXPECT_FALSE(task.done());
  task.start();
  EXPECT_TRUE(task.done());
  EXPECT_EQ(journal, Journal{"ran"});
}

TEST(Task, OneThatIsNeverStartedLeavesNothing) {
  LoopBed bed;
  Journal journal;
  {
    Task<> task = note(journal, std::string(1000, 'x'));
    EXPECT_EQ(frame_stats().frames, 1);
    EXPECT_GT(frame_stats().bytes, 0);
  }
  EXPECT_EQ(frame_stats().frames, 0);
  EXPECT_EQ(frame_stats().bytes, 0);
}

TEST(Task, GivesItsResultWhenItEndsLater) {
  LoopBed bed;
  Signal signal;
  Task<int> task = add_later(signal, 2, 3);
  task.start();
  bed.turns(3);
  EXPECT_FALSE(task.done());
  signal.notify();
  EXPECT_FALSE(task.done()) << "nothing completes inside its waker";
  bed.turns(1);
  ASSERT_TRUE(task.done());
  EXPECT_EQ(task.take(), 5);
}

Task<std::unique_ptr<int>> make_owned(int value) { co_return std::make_unique<int>(value); }

Task<int> unwrap(int value) {
  std::unique_ptr<int> owned = co_await make_owned(value);
  co_return *owned;
}

TEST(Task, PassesMoveOnlyResultsOn) {
  LoopBed bed;
  EXPECT_EQ(bed.finish(unwrap(9)), 9);
}

Task<> nested(Journal& journal, Signal& signal) {
  co_await note(journal, "first");
  int sum = co_await add_later(signal, 1, 1);
  journal.push_back(std::to_string(sum));
  co_await note(journal, "last");
}

TEST(Task, RunsInOrder) {
  LoopBed bed;
  Journal journal;
  Signal signal;
  Task<> task = nested(journal, signal);
  task.start();
  journal.push_back("waiting");
  signal.notify();
  journal.push_back("notified");
  bed.settle();
  EXPECT_TRUE(task.done());
  EXPECT_EQ(journal, (Journal{"first", "waiting", "notified", "2", "last"}));
}

/// Notes when its scope is left.
struct Witness {
  Witness(Journal& j, std::string t) : journal(j), text(std::move(t)) {}
  ~Witness() { journal.push_back(text); }
  Journal& journal;
  std::string text;
};

Task<int> leaf(Journal& journal, Signal& signal) {
  Witness witness(journal, "leaf");
  co_await Wait(signal);
  co_await Wait(signal);
  co_return 1;
}
Task<int> branch(Journal& journal, Signal& signal) {
  Witness witness(journal, "branch");
  int once = co_await leaf(journal, signal);
  int twice = co_await leaf(journal, signal);
  co_return once + twice;
}
Task<> trunk(Journal& journal, Signal& signal) {
  Witness witness(journal, "trunk");
  co_await branch(journal, signal);
  co_await Wait(signal);
}

// The first half of each turn is a notify() whose wake has not run yet: both must be safe to cut.
TEST(Task, MayBeDestroyedAtEveryPoint) {
  LoopBed bed;
  for (int steps = 0;; ++steps) {
    Journal journal;
    Signal signal;
    bool done = false;
    {
      Task<> task = trunk(journal, signal);
      task.start();
      for (int i = 0; i < steps; ++i) {
        if (i % 2 == 0) {
          signal.notify();
        } else {
          bed.turns(1);
        }
      }
      done = task.done();
    }
    EXPECT_FALSE(signal.has_waiters());
    EXPECT_EQ(frame_stats().frames, 0);
    // Inner scopes end before outer ones.
    ASSERT_FALSE(journal.empty());
    EXPECT_EQ(journal.back(), "trunk");
    bed.settle();
    if (done) break;
    ASSERT_LT(steps, 100);
  }
}

TEST(Task, ResetCancelsAndAssignmentReplaces) {
  LoopBed bed;
  Journal journal;
  Signal signal;
  Task<> task = trunk(journal, signal);
  task.start();
  signal.notify();
  task = note(journal, "second");
  EXPECT_EQ(journal, (Journal{"leaf", "branch", "trunk"}));
  bed.settle();
  EXPECT_FALSE(task.done());
  task.start();
  EXPECT_TRUE(task.done());
  task.reset();
  task.reset();
  EXPECT_FALSE(task);
  EXPECT_FALSE(task.done());
}

struct CountingWake : Wake {
  CountingWake() : Wake(&CountingWake::run) {}
  static void run(Wake& w) { ++static_cast<CountingWake&>(w).count; }
  int count = 0;
};

TEST(Task, PushesItsStarterOnlyWhenItEndsLater) {
  LoopBed bed;
  Journal journal;
  Signal signal;
  CountingWake wake;
  Task<> at_once = note(journal, "x");
  at_once.start(&wake);
  EXPECT_TRUE(at_once.done());
  bed.turns(3);
  EXPECT_EQ(wake.count, 0);
  Task<int> later = add_later(signal, 1, 1);
  later.start(&wake);
  signal.notify();
  bed.settle();
  EXPECT_EQ(wake.count, 1);
}

Task<int> one() { co_return 1; }

Task<int64_t> sum_of_many(int n) {
  int64_t sum = 0;
  for (int i = 0; i < n; ++i) {
    int more = co_await one();
    sum += more;
  }
  co_return sum;
}

// With symmetric transfer g++ 12 would grow the stack here (experiments/coroutines).
TEST(Task, AMillionThatEndAtOnceNeedNoStack) {
  LoopBed bed;
  EXPECT_EQ(bed.finish(sum_of_many(1'000'000)), 1'000'000);
}

Task<int> depth(int levels, Signal& signal) {
  if (levels == 0) {
    co_await Wait(signal);
    co_return 0;
  }
  int below = co_await depth(levels - 1, signal);
  co_return below + 1;
}

TEST(Task, ADeepChainUnwindsThroughTheLoop) {
  LoopBed bed;
  Signal signal;
  Task<int> task = depth(500, signal);
  task.start();
  EXPECT_EQ(frame_stats().frames, 501);
  signal.notify();
  bed.settle();
  ASSERT_TRUE(task.done());
  EXPECT_EQ(task.take(), 500);
}

Task<> ping(Signal& mine, Signal& other, int& left) {
  while (left > 0) {
    --left;
    other.notify();
    co_await Wait(mine);
  }
  other.notify();
}

TEST(Task, WakingEachOtherNeedsNoStackEither) {
  LoopBed bed;
  Signal a;
  Signal b;
  int left = 100'000;
  Task<> first = ping(a, b, left);
  Task<> second = ping(b, a, left);
  first.start();
  second.start();
  EXPECT_TRUE(bed.settle(300'000));
  EXPECT_EQ(left, 0);
  EXPECT_TRUE(first.done());
  EXPECT_TRUE(second.done());
}

}  // namespace
}  // namespace siding
