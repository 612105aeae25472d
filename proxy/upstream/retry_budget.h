// How many calls may be made again: a fifth of all calls of the last seconds, but at least three, so
// that repeating never becomes the load that keeps an upstream down.
// Invariant: exact over all threads.
#pragma once

#include <algorithm>
#include <cstdint>
#include <mutex>

#include "base/clock.h"

namespace siding {

class RetryBudget {
 public:
  static constexpr uint64_t kPercent = 20;
  static constexpr uint64_t kFloor = 3;
  static constexpr Duration kWindow = std::chrono::seconds(10);

  /// A first try is made.
  void call(TimePoint now) {
    std::lock_guard lock(mutex_);
    move_on(now);
    ++now_.calls;
  }
  /// Whether one may be made again; if so, it is counted.
  bool take(TimePoint now) {
    std::lock_guard lock(mutex_);
    move_on(now);
    const uint64_t calls = now_.calls + before_.calls;
    if (now_.retries + before_.retries >= std::max(kFloor, calls * kPercent / 100)) return false;
    ++now_.retries;
    return true;
  }

 private:
  struct Window {
    uint64_t calls = 0;
    uint64_t retries = 0;
  };
  void move_on(TimePoint now) {
    if (now < after(begin_, kWindow)) return;
    before_ = now < after(begin_, 2 * kWindow) ? now_ : Window();
    now_ = {};
    begin_ = now;
  }

  std::mutex mutex_;
  TimePoint begin_{};
  Window now_;
  Window before_;
};

}  // namespace siding
