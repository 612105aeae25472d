// How long the last calls to an upstream took: what a slow call is measured by.
// Invariant: of the last kKept calls only; shared by all threads.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <mutex>
#include <optional>

#include "base/clock.h"

namespace siding {

class Latency {
 public:
  static constexpr size_t kKept = 128;
  static constexpr size_t kLeast = 20;

  void add(Duration took) {
    std::lock_guard lock(mutex_);
    last_[count_++ % kKept] = took;
  }
  /// Nineteen of twenty calls took no longer; nothing before there were twenty.
  std::optional<Duration> p95() const {
    std::array<Duration, kKept> copy{};
    size_t size = 0;
    {
      std::lock_guard lock(mutex_);
      size = std::min(count_, kKept);
      copy = last_;
    }
    if (size < kLeast) return std::nullopt;
    auto at = copy.begin() + static_cast<std::ptrdiff_t>(size * 95 / 100);
    std::nth_element(copy.begin(), at, copy.begin() + static_cast<std::ptrdiff_t>(size));
    return *at;
  }

 private:
  mutable std::mutex mutex_;
  std::array<Duration, kKept> last_{};
  size_t count_ = 0;
};

}  // namespace siding
