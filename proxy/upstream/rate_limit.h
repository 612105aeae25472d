// How many calls an upstream gets in a time, as a third party's quota has it: evenly, with a small burst.
// Invariant: exact over all threads; a slot that was given is used or lost, never given twice.
#pragma once

#include <algorithm>
#include <mutex>
#include <optional>

#include "base/clock.h"
#include "config/config.h"

namespace siding {

class RateLimit {
 public:
  /// How much of a second's worth may come at once.
  static constexpr int kBurstPart = 10;

  explicit RateLimit(const RateConfig& rate)
      : interval_(rate.calls == 0 ? Duration{} : rate.per / rate.calls),
        burst_(Duration(std::chrono::seconds(1)) / kBurstPart) {}

  /// When the next call may go out; nothing if that would not be before `deadline`.
  std::optional<TimePoint> take(TimePoint now, TimePoint deadline) {
    if (interval_ == Duration{}) return now;
    std::lock_guard lock(mutex_);
    const TimePoint due = std::max(next_, now);  // at an even pace
    const TimePoint when = std::max(now, due - burst_);
    if (when >= deadline) return std::nullopt;
    next_ = due + interval_;
    return when;
  }

 private:
  const Duration interval_;
  const Duration burst_;
  std::mutex mutex_;
  TimePoint next_{};
};

}  // namespace siding
