// See dns_cache.h.
#include "proxy/net/dns_cache.h"

#include <algorithm>

namespace siding {

void DnsEntry::set_good(Addresses addresses, Duration ttl, TimePoint now) {
  addresses_ = std::move(addresses);
  asked_at_ = now;
  expires_ = fresh_until_ = after(now, ttl);
  refresh_at_ = std::max(after(now, kBetweenLookups), after(now, ttl - ttl / 10));
  failure_.reset();
  gone_ = false;
  failures_ = 0;
  retry_at_ = {};
}

void DnsEntry::set_failed(Error failure, bool gone, TimePoint now, double spread) {
  failure_ = std::move(failure);
  gone_ = gone;
  Duration wait = std::min(kMaxBackOff, kBetweenLookups * (1 << std::min(failures_, 16u)));
  ++failures_;
  auto more = static_cast<Duration::rep>(static_cast<double>(wait.count()) * spread / 4);
  retry_at_ = after(now, wait + Duration(more));
}

void DnsEntry::forget(TimePoint now) {
  fresh_until_ = std::min(fresh_until_, std::max(now, after(asked_at_, kBetweenLookups)));
}

DnsCache::DnsCache(size_t max_names, DnsTtl ttl)
    : max_names_(max_names), ttl_{std::max(ttl.min, DnsEntry::kBetweenLookups), ttl.max} {}

Duration DnsCache::clamp(uint32_t ttl_seconds) const {
  Duration ttl = std::chrono::seconds(ttl_seconds);
  return std::max(ttl_.min, std::min(ttl_.max, ttl));
}

DnsCache::Ref DnsCache::find(std::string_view key) {
  auto found = entries_.find(key);
  if (found == entries_.end()) return {};
  DnsEntry& entry = *found->second;
  entry.unlink();
  by_use_.push_back(entry);
  return Ref(entry);
}

DnsCache::Ref DnsCache::get(const std::string& key) {
  Ref known = find(key);
  if (known) return known;
  if (entries_.size() >= max_names_ && !drop_oldest()) return {};
  auto made = std::make_unique<DnsEntry>(key);
  DnsEntry& entry = *made;
  entries_.emplace(entry.key_, std::move(made));
  by_use_.push_back(entry);
  return Ref(entry);
}

bool DnsCache::drop_oldest() {
  DnsEntry* entry = by_use_.front();
  while (entry != nullptr && entry->users_ > 0) entry = by_use_.next(*entry);
  if (entry == nullptr) return false;
  entries_.erase(entries_.find(entry->key_));
  return true;
}

}  // namespace siding
