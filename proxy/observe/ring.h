// The exchanges that `siding explain` can tell about: the last ones, the slowest and the failed.
// Invariants: each set is bounded, and so are the strings of a record (its target and keys may be
// 16 KiB long on the wire), so that memory is a few MiB at worst; a record never changes once it is
// in.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "proxy/observe/record.h"

namespace siding {

class Ring {
 public:
  using Ref = std::shared_ptr<const ExchangeRecord>;
  /// The slowest of long ago say little about now: they give way after that time.
  static constexpr Duration kSlowFor = std::chrono::minutes(10);

  /// `size` last ones, and an eighth of it (at least 8) slowest, a quarter failed. 0 keeps nothing.
  explicit Ring(size_t size);
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  /// Any thread, as all below.
  void add(ExchangeRecord&& record);

  std::vector<Ref> last(size_t n) const;     ///< the newest first
  std::vector<Ref> slowest(size_t n) const;  ///< the slowest first
  /// Whose outcome is not ok, or whose status is 500 and more. The newest first.
  std::vector<Ref> failed(size_t n) const;
  /// The newest with that request id, or null.
  Ref find(std::string_view request_id) const;

  size_t size() const { return size_; }

 private:
  // With copies of what is compared, because each new exchange is held against all of them.
  struct Slow {
    Duration total;
    WallTime wall;
    Ref record;
  };
  Ref add_slow(const Ref& record);

  const size_t size_;
  const size_t slow_size_;
  const size_t failed_size_;
  mutable std::mutex mutex_;
  std::deque<Ref> last_;    // guarded by mutex_, as all below; the newest at the back
  std::deque<Ref> failed_;  // likewise
  std::vector<Slow> slow_;  // in no order
  // What a newcomer must beat, so that the usual one is held against two numbers and not all of them.
  Duration slow_least_{};   // no entry is faster
  WallTime slow_oldest_{};  // none is older
};

}  // namespace siding
