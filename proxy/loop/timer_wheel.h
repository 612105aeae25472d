// Timers of one loop: a hierarchical wheel with 1 ms ticks, so that arming, re-arming and dropping a
// timer are a few instructions however many there are.
// Invariant: a linked Timer fires at or after its due time, never before; it unlinks itself when
// destroyed. Belongs to the loop's thread.
#pragma once

#include <array>
#include <cstdint>

#include "base/clock.h"
#include "base/list.h"

namespace siding {

/// Something that happens later. Embedded in its owner; destroying it cancels it.
class Timer : public Link<> {
 public:
  using Fn = void (*)(Timer&);
  explicit Timer(Fn fn) : fn_(fn) {}
  TimePoint due() const { return due_; }

 private:
  friend class TimerWheel;
  Fn fn_;
  TimePoint due_{};
  uint64_t tick_ = 0;
};

class TimerWheel {
 public:
  explicit TimerWheel(TimePoint start);

  /// Arms or re-arms. A `due` of kNever disarms.
  void arm(Timer& timer, TimePoint due);
  /// Fires everything that is due. A timer may re-arm or destroy itself and others meanwhile.
  void advance(TimePoint now);
  /// When advance() has something to do next; kNever if nothing is armed. May be early.
  TimePoint next() const;

 private:
  static constexpr int kLevels = 7;
  static constexpr int kBits = 6;
  static constexpr uint64_t kSlots = 1u << kBits;

  void insert(Timer& timer);
  /// The tick of the first occupied slot; UINT64_MAX if there is none.
  uint64_t next_slot(int* level, int* slot) const;

  TimePoint start_;
  uint64_t tick_ = 0;                         // all slots up to here have been emptied
  std::array<uint64_t, kLevels> occupied_{};  // a bit may outlive its timers, never the reverse
  std::array<std::array<List<Timer>, kSlots>, kLevels> slots_;
};

}  // namespace siding
