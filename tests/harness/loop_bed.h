// A loop under a clock that stands still, for tests that share its thread; at the end it looks whether
// a coroutine frame or a descriptor was left behind.
#pragma once

#include <dirent.h>
#include <gtest/gtest.h>

#include <utility>

#include "proxy/loop/loop.h"
#include "proxy/loop/task.h"
#include "tests/harness/calm.h"
#include "tests/harness/run_until.h"

namespace siding::test {

/// Open descriptors of this process.
inline int count_descriptors() {
  DIR* dir = opendir("/proc/self/fd");
  int count = -1;  // the one of the directory itself
  while (readdir(dir) != nullptr) ++count;
  closedir(dir);
  return count - 2;  // "." and ".."
}

/// Base of the beds: notices what was not given back when all the rest has gone.
class LeftoverCheck {
 public:
  LeftoverCheck() : frames_(frame_stats().frames), descriptors_(count_descriptors()) {}
  ~LeftoverCheck() {
    EXPECT_EQ(frame_stats().frames, frames_) << "coroutine frames left";
    EXPECT_EQ(count_descriptors(), descriptors_) << "descriptors left";
  }
  LeftoverCheck(const LeftoverCheck&) = delete;
  LeftoverCheck& operator=(const LeftoverCheck&) = delete;

 private:
  int64_t frames_;
  int descriptors_;
};

struct LoopBed {
  LeftoverCheck leftovers;
  Calm calm;
  ManualClock clock;
  Loop loop{clock};

  void turns(int n) {
    for (int i = 0; i < n; ++i) loop.turn(false);
  }
  /// Until nothing is left to do now; false if that does not come about.
  bool settle(int most = 1000) {
    int quiet = 0;  // a second one destroys what the timers of the first have retired
    for (int i = 0; i < most && quiet < 2; ++i) {
      quiet = loop.turn(false) ? 0 : quiet + 1;
      if (quiet == 1) calm.wait();
    }
    return quiet == 2;
  }
  void advance(Duration d) {
    clock.advance(d);
    settle();
  }
  template <class Condition>
  bool until(Condition done) {
    return run_until(loop, std::move(done));
  }
  /// Runs a task to its end.
  template <class T>
  T finish(Task<T> task) {
    task.start();
    EXPECT_TRUE(until([&] { return task.done(); }));
    return task.take();
  }
};

}  // namespace siding::test
