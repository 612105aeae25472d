// See timer_wheel.h. A timer stands on the level of the highest 6-bit group in which its tick differs
// from the current one; so every occupied slot lies ahead of the current tick within its level, and
// the lowest occupied level holds the earliest timers.
#include "proxy/loop/timer_wheel.h"

#include <bit>

namespace siding {

namespace {
constexpr int64_t kTickNs = 1'000'000;
}  // namespace

TimerWheel::TimerWheel(TimePoint start) : start_(start) {}

void TimerWheel::arm(Timer& timer, TimePoint due) {
  timer.unlink();
  timer.due_ = due;
  if (due == kNever) return;
  int64_t ns = (due - start_).count();
  uint64_t tick = ns <= 0 ? 0 : static_cast<uint64_t>((ns - 1) / kTickNs) + 1;
  timer.tick_ = tick > tick_ ? tick : tick_ + 1;
  insert(timer);
}

void TimerWheel::insert(Timer& timer) {
  uint64_t differing = timer.tick_ ^ tick_;
  int level = (63 - std::countl_zero(differing)) / kBits;
  if (level >= kLevels) {  // 139 years ahead: as good as the last slot of the last level
    level = kLevels - 1;
    timer.tick_ = tick_ | ((uint64_t{1} << (kBits * kLevels)) - 1);
  }
  auto slot = static_cast<size_t>((timer.tick_ >> (kBits * level)) & (kSlots - 1));
  auto lvl = static_cast<size_t>(level);
  slots_[lvl][slot].push_back(timer);
  occupied_[lvl] |= uint64_t{1} << slot;
}

uint64_t TimerWheel::next_slot(int* level, int* slot) const {
  for (int l = 0; l < kLevels; ++l) {
    uint64_t bits = occupied_[static_cast<size_t>(l)];
    if (bits == 0) continue;
    *level = l;
    *slot = std::countr_zero(bits);
    int above = kBits * (l + 1);
    return (tick_ >> above << above) | (static_cast<uint64_t>(*slot) << (kBits * l));
  }
  return UINT64_MAX;
}

void TimerWheel::advance(TimePoint now) {
  int64_t ns = (now - start_).count();
  if (ns < 0) return;
  auto target = static_cast<uint64_t>(ns / kTickNs);
  int level = 0;
  int slot = 0;
  for (uint64_t at = next_slot(&level, &slot); at <= target; at = next_slot(&level, &slot)) {
    tick_ = at;
    auto lvl = static_cast<size_t>(level);
    auto index = static_cast<size_t>(slot);
    occupied_[lvl] &= ~(uint64_t{1} << slot);
    List<Timer> taken;
    taken.append_all(slots_[lvl][index]);
    while (Timer* timer = taken.pop_front()) {
      if (timer->tick_ > tick_) {
        insert(*timer);
      } else {
        timer->fn_(*timer);
      }
    }
  }
  if (target > tick_) tick_ = target;
}

TimePoint TimerWheel::next() const {
  int level = 0;
  int slot = 0;
  uint64_t at = next_slot(&level, &slot);
  if (at == UINT64_MAX) return kNever;
  return start_ + Duration(static_cast<int64_t>(at) * kTickNs);
}

}  // namespace siding
