// What the peer of an HTTP/2 connection may do that costs us more than it: a bucket for all of it, filled
// again at a slow rate, so that honest peers never meet its bottom. libnghttp2 1.52 bounds a part of
// it only, and ends the connection with other codes than the one that tells the peer why.
// Invariant: pure; no allocation.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/clock.h"
#include "base/outcome.h"

namespace siding {

class H2Guard {
 public:
  explicit H2Guard(TimePoint now) : filled_(now) {}

  /// Something of that kind was done. False: it is too much, and the connection is to be ended.
  bool allows(Abuse kind, TimePoint now) {
    if (kind == Abuse::window_updates && window_updates_ > 0) {
      --window_updates_;
      return true;
    }
    if (kind == Abuse::priorities && priorities_ > 0) {
      --priorities_;
      return true;
    }
    const auto earned = static_cast<uint64_t>((now - filled_) / kRefill);
    if (earned > 0) {
      left_ = std::min<uint64_t>(left_ + earned, kMost);
      filled_ = after(filled_, kRefill * static_cast<int64_t>(earned));
    }
    const uint32_t cost = kind == Abuse::header_bomb ? kBombCost : 1;
    if (left_ < cost) return false;
    left_ -= cost;
    return true;
  }

  /// What honest peers do because of what they asked for and got, is no abuse.
  void stream_opened() {
    window_updates_ = std::min(window_updates_ + kUpdatesOfStream, kMostCredit);
    priorities_ = std::min(priorities_ + kPrioritiesOfStream, kMostCredit);
  }
  void data_sent() { window_updates_ = std::min(window_updates_ + kUpdatesOfData, kMostCredit); }

 private:
  static constexpr uint64_t kMost = 500;
  static constexpr Duration kRefill = std::chrono::milliseconds(20);
  static constexpr uint32_t kBombCost = 10;
  /// One for the stream and one for the connection, and some that raise the window.
  static constexpr uint32_t kUpdatesOfStream = 4;
  static constexpr uint32_t kUpdatesOfData = 4;
  static constexpr uint32_t kPrioritiesOfStream = 4;
  static constexpr uint32_t kMostCredit = 100'000;

  TimePoint filled_;
  uint64_t left_ = kMost;
  uint32_t window_updates_ = 8;
  uint32_t priorities_ = 16;  // Firefox of old begins with five
};

}  // namespace siding
