// The right to have one connection to an origin open: see pool.h, which gives it out.
// Invariant: it goes back with its last holder. Where its Pool is shared, that lives as long as its slots:
// a connection may be closed after all that knew of its origin has gone.
#pragma once

#include <memory>
#include <utility>

namespace siding {

class Pool;

class Slot {
 public:
  Slot() = default;
  Slot(Slot&& o) noexcept : pool_(std::exchange(o.pool_, nullptr)), kept_(std::move(o.kept_)) {}
  Slot& operator=(Slot&& o) noexcept;
  ~Slot();

 private:
  friend class Pool;
  explicit Slot(Pool& pool);
  Pool* pool_ = nullptr;
  std::shared_ptr<Pool> kept_;  // null: it outlives the slot anyhow
};

}  // namespace siding
