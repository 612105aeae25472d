// The right to have one connection to an origin open: see pool.h, which gives it out.
// Invariant: it goes back with its last holder.
#pragma once

#include <utility>

namespace siding {

class Pool;

class Slot {
 public:
  Slot() = default;
  Slot(Slot&& o) noexcept : pool_(std::exchange(o.pool_, nullptr)) {}
  Slot& operator=(Slot&& o) noexcept;
  ~Slot();

 private:
  friend class Pool;
  explicit Slot(Pool* pool) : pool_(pool) {}
  Pool* pool_ = nullptr;
};

}  // namespace siding
