// How many tunnels there are, over all threads: each holds a connection of its own on the far side, and one
// client may open many on one connection of HTTP/2. Clients' and workers' are counted apart: who is inside
// may not lose his way out.
// Invariant: a Place is counted from the moment that it is taken until it is destroyed.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <utility>

#include "proxy/loop/wait.h"

namespace siding {

class Tunnels {
 public:
  class Place {
   public:
    explicit Place(Tunnels& all) : all_(&all) {}
    Place(Place&& o) noexcept : all_(std::exchange(o.all_, nullptr)) {}
    Place& operator=(Place&& o) noexcept {
      std::swap(all_, o.all_);
      return *this;
    }
    ~Place() {
      if (all_ != nullptr) --all_->open_;
    }
    /// There is a tunnel now.
    void opened() { ++all_->opened_; }

   private:
    Tunnels* all_;
  };
  explicit Tunnels(uint32_t most) : most_(most) {}

  void set_most(uint32_t most) { most_ = most; }
  /// None if there are as many as there may be.
  std::optional<Place> enter() {
    if (++open_ <= most_) return Place(*this);
    --open_;
    return std::nullopt;
  }
  uint32_t open() const { return open_; }
  uint64_t opened() const { return opened_; }

 private:
  std::atomic<uint32_t> most_;
  std::atomic<uint32_t> open_{0};
  std::atomic<uint64_t> opened_{0};
};

/// Of one loop: siding ends, and these are not to go on.
struct TunnelsEnd {
  bool clients = false;
  bool workers = false;
  Signal told;
};

}  // namespace siding
