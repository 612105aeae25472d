// Time, injected: monotonic for timers and deadlines, wall time for dates and log lines.
// Invariant: nothing else in siding asks the system for the time, so tests own it by ManualClock.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace siding {

using Duration = std::chrono::nanoseconds;
/// A point on the monotonic clock. TimePoint::max() is "never".
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;
/// A point on the wall clock (UTC).
using WallTime = std::chrono::time_point<std::chrono::system_clock, Duration>;

inline constexpr TimePoint kNever = TimePoint::max();

/// `from + d` that does not overflow: "never" and huge durations stay "never".
inline TimePoint after(TimePoint from, Duration d) {
  if (d < Duration::zero()) return from;
  return d >= kNever - from ? kNever : from + d;
}

inline int64_t to_ms(Duration d) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(d).count();
}
inline int64_t to_us(Duration d) {
  return std::chrono::duration_cast<std::chrono::microseconds>(d).count();
}

/// Thread-safe source of both times.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() const = 0;
  virtual WallTime wall() const = 0;
  /// True where time moves only when told to: a loop then polls and never sleeps until a timer.
  virtual bool manual() const { return false; }
};

class SystemClock final : public Clock {
 public:
  TimePoint now() const override { return std::chrono::steady_clock::now(); }
  WallTime wall() const override { return std::chrono::system_clock::now(); }
};

/// Stands still until advance() is called. For tests.
class ManualClock final : public Clock {
 public:
  TimePoint now() const override { return TimePoint(Duration(ns_.load())); }
  WallTime wall() const override { return WallTime(Duration(ns_.load() + kEpoch)); }
  bool manual() const override { return true; }
  void advance(Duration d) { ns_.fetch_add(d.count()); }

 private:
  static constexpr int64_t kEpoch = 1'700'000'000'000'000'000;  // some day in 2023
  std::atomic<int64_t> ns_{1'000'000'000};
};

}  // namespace siding
