// The last purges, for answers that were asked for before one and come after it: what was purged must
// not come back by them.
// Invariants: thread-safe; never says that no purge met an answer when one did: where too many came since
// to be remembered, each counts as one that did.
#pragma once

#include <atomic>
#include <deque>
#include <mutex>
#include <string_view>

#include "cache/purge.h"

namespace siding {

class PurgeLog {
 public:
  static constexpr size_t kRemembered = 256;

  /// A moment: how many purges there were.
  uint64_t now() const { return count_.load(); }
  /// To be called before anything is dropped: who stores afterwards sees it, and what was stored before is
  /// there to be dropped.
  void add(Purge purge);
  /// Whether a purge since that moment meant this answer.
  bool met(uint64_t since, std::string_view uri, const Entry& entry) const;

 private:
  mutable std::mutex mutex_;
  std::deque<Purge> last_;  // guarded by mutex_; the newest is the one with the number count_ - 1
  std::atomic<uint64_t> count_{0};
};

}  // namespace siding
