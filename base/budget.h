// Byte budgets shared by all threads: memory of buffered bodies, spilled files, pins.
// Invariants: used() never grows beyond limit(); every Reservation gives back what it took.
#pragma once

#include <atomic>
#include <cassert>
#include <cstdint>
#include <utility>

namespace siding {

class Budget {
 public:
  explicit Budget(uint64_t limit) : limit_(limit) {}

  bool try_take(uint64_t bytes) {
    uint64_t used = used_.load(std::memory_order_relaxed);
    do {
      const uint64_t limit = limit_.load(std::memory_order_relaxed);
      if (used > limit || bytes > limit - used) return false;
    } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
    return true;
  }
  void give_back(uint64_t bytes) {
    [[maybe_unused]] uint64_t before = used_.fetch_sub(bytes, std::memory_order_relaxed);
    assert(before >= bytes);
  }
  uint64_t used() const { return used_.load(std::memory_order_relaxed); }
  uint64_t limit() const { return limit_.load(std::memory_order_relaxed); }
  /// Where less than what is used: nothing is given until that has come back.
  void set_limit(uint64_t limit) { limit_.store(limit, std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> limit_;
  std::atomic<uint64_t> used_{0};
};

/// Bytes taken from a budget, given back on destruction. The budget outlives it.
class Reservation {
 public:
  explicit Reservation(Budget& budget) : budget_(&budget) {}
  Reservation(Reservation&& o) noexcept : budget_(o.budget_), bytes_(std::exchange(o.bytes_, 0)) {}
  Reservation& operator=(Reservation&& o) noexcept {
    if (this != &o) {
      resize(0);
      budget_ = o.budget_;
      bytes_ = std::exchange(o.bytes_, 0);
    }
    return *this;
  }
  ~Reservation() { resize(0); }

  uint64_t bytes() const { return bytes_; }
  /// Grows or shrinks to `bytes`; false, changing nothing, if the budget has no room.
  bool resize(uint64_t bytes) {
    if (bytes > bytes_ && !budget_->try_take(bytes - bytes_)) return false;
    if (bytes < bytes_) budget_->give_back(bytes_ - bytes);
    bytes_ = bytes;
    return true;
  }
  bool add(uint64_t bytes) { return resize(bytes_ + bytes); }

 private:
  Budget* budget_;
  uint64_t bytes_ = 0;
};

}  // namespace siding
