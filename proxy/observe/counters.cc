// See counters.h.
#include "proxy/observe/counters.h"

#include <algorithm>

namespace siding {

namespace {

// A label is shown on a page of text lines: printable ASCII, and no longer than it helps.
std::string clean_label(std::string_view reason) {
  std::string label(reason.substr(0, Counters::kMissLabelBytes));
  for (char& c : label) {
    if (c < ' ' || c > '~') c = '?';
  }
  return label.empty() ? "unknown" : label;
}

}  // namespace

void ThreadCounters::missed(std::string_view reason) {
  count(PrefetchOutcome::missed);
  all_->count_miss(reason);
}

void ThreadCounters::observe(Times which, Duration d) {
  size_t base = CounterTotals::histogram(which);
  auto bound = std::lower_bound(kBuckets.begin(), kBuckets.end(), d);
  add(base + static_cast<size_t>(bound - kBuckets.begin()));
  add(base + counters_detail::kHistogram - 1, whole(d));
}

uint64_t CounterTotals::observations(Times which) const {
  uint64_t n = 0;
  for (size_t i = 0; i <= kBuckets.size(); ++i) n += bucket(which, i);
  return n;
}

Counters::Counters(uint32_t threads)
    : threads_(std::max(threads, 1u)), cells_(new ThreadCounters[threads_]) {
  for (uint32_t i = 0; i < threads_; ++i) cells_[i].all_ = this;
}

void Counters::count_miss(std::string_view reason) {
  std::string label = clean_label(reason);
  std::lock_guard lock(missed_mutex_);
  auto it = missed_.find(label);
  if (it == missed_.end()) {
    if (missed_.size() >= kMissLabels) label = "other";
    it = missed_.try_emplace(std::move(label), 0).first;
  }
  ++it->second;
}

CounterTotals Counters::totals() const {
  CounterTotals totals;
  for (uint32_t t = 0; t < threads_; ++t) {
    for (size_t i = 0; i < counters_detail::kCells; ++i) {
      totals.cells_[i] += cells_[t].cells_[i].load(std::memory_order_relaxed);
    }
  }
  std::lock_guard lock(missed_mutex_);
  totals.missed_ = missed_;
  return totals;
}

}  // namespace siding
