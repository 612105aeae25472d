// See ring.h.
#include "proxy/observe/ring.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/small_pool.h"
#include "proxy/observe/format.h"

namespace siding {

namespace {

constexpr size_t kMaxText = 2048;

void cut(std::string& text) {
  if (text.size() > kMaxText) text = bounded(text, kMaxText);
}

void cut(ExchangeRecord& r) {
  for (std::string* s : {&r.request_id, &r.method, &r.host, &r.target, &r.detail}) cut(*s);
  for (PrefetchRecord& p : r.prefetches) {
    for (std::string* s : {&p.call, &p.expected, &p.actual, &p.difference, &p.reason}) cut(*s);
  }
}

// Returns the one that fell out, for its destruction outside of the lock.
Ring::Ref push(std::deque<Ring::Ref>& to, const Ring::Ref& record, size_t max) {
  Ring::Ref out;
  if (to.size() >= max) {
    out = std::move(to.front());
    to.pop_front();
  }
  to.push_back(record);
  return out;
}

std::vector<Ring::Ref> newest(const std::deque<Ring::Ref>& from, size_t n) {
  n = std::min(n, from.size());
  return {from.rbegin(), from.rbegin() + static_cast<std::ptrdiff_t>(n)};
}

}  // namespace

Ring::Ring(size_t size)
    : size_(size),
      slow_size_(std::max<size_t>(size / 8, 8)),
      failed_size_(std::max<size_t>(size / 4, 8)) {}

void Ring::add(ExchangeRecord&& record) {
  if (size_ == 0) return;
  cut(record);
  auto kept = std::allocate_shared<const ExchangeRecord>(PoolAllocator<ExchangeRecord>(),
                                                         std::move(record));
  bool failed = kept->outcome != Outcome::ok || kept->status >= 500;
  Ref out_of_last, out_of_failed, out_of_slow;
  std::lock_guard lock(mutex_);
  out_of_last = push(last_, kept, size_);
  if (failed) out_of_failed = push(failed_, kept, failed_size_);
  out_of_slow = add_slow(kept);
}

// The newcomer takes the place of one that is too old, else of the fastest if it is slower.
Ring::Ref Ring::add_slow(const Ref& record) {
  bool full = slow_.size() == slow_size_;
  if (full && record->total <= slow_least_ && record->wall - slow_oldest_ <= kSlowFor) return {};
  Slow newcomer{record->total, record->wall, record};
  if (full) {
    auto too_old = [&](const Slow& s) { return newcomer.wall - s.wall > kSlowFor; };
    auto victim = std::find_if(slow_.begin(), slow_.end(), too_old);
    if (victim == slow_.end()) {
      victim = std::min_element(slow_.begin(), slow_.end(),
                                [](auto& a, auto& b) { return a.total < b.total; });
    }
    std::swap(*victim, newcomer);
  } else {
    slow_.push_back(std::move(newcomer));
  }
  slow_least_ = slow_.front().total;
  slow_oldest_ = slow_.front().wall;
  for (const Slow& s : slow_) {
    slow_least_ = std::min(slow_least_, s.total);
    slow_oldest_ = std::min(slow_oldest_, s.wall);
  }
  return std::move(newcomer.record);
}

std::vector<Ring::Ref> Ring::last(size_t n) const {
  std::lock_guard lock(mutex_);
  return newest(last_, n);
}

std::vector<Ring::Ref> Ring::failed(size_t n) const {
  std::lock_guard lock(mutex_);
  return newest(failed_, n);
}

std::vector<Ring::Ref> Ring::slowest(size_t n) const {
  std::vector<Ref> out;
  {
    std::lock_guard lock(mutex_);
    for (const Slow& s : slow_) out.push_back(s.record);
  }
  std::sort(out.begin(), out.end(), [](auto& a, auto& b) {
    return a->total != b->total ? a->total > b->total : a->wall > b->wall;
  });
  if (out.size() > n) out.resize(n);
  return out;
}

Ring::Ref Ring::find(std::string_view request_id) const {
  std::lock_guard lock(mutex_);
  auto same = [&](const Ref& r) { return r->request_id == request_id; };
  for (auto* from : {&last_, &failed_}) {
    auto it = std::find_if(from->rbegin(), from->rend(), same);
    if (it != from->rend()) return *it;
  }
  for (const Slow& s : slow_) {
    if (same(s.record)) return s.record;
  }
  return nullptr;
}

}  // namespace siding
