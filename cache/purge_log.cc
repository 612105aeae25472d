// See purge_log.h.
#include "cache/purge_log.h"

#include <algorithm>

namespace siding {

void PurgeLog::add(Purge purge) {
  std::lock_guard lock(mutex_);
  last_.push_back(std::move(purge));
  if (last_.size() > kRemembered) last_.pop_front();
  ++count_;
}

bool PurgeLog::met(uint64_t since, std::string_view uri, const Entry& entry) const {
  if (count_ == since) return false;
  std::lock_guard lock(mutex_);
  const uint64_t came = count_ - since;
  if (came > last_.size()) return true;
  return std::any_of(last_.end() - static_cast<ptrdiff_t>(came), last_.end(),
                     [&](const Purge& purge) { return matches(purge, uri, entry); });
}

}  // namespace siding
