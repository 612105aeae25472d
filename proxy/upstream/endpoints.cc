// See endpoints.h.
#include "proxy/upstream/endpoints.h"

#include <algorithm>
#include <cassert>

namespace siding {

Endpoints::~Endpoints() {
  for (auto& e : endpoints_) assert(e->turns == 0);
}

// ---- Turn

Endpoints::Turn& Endpoints::Turn::operator=(Turn&& o) noexcept {
  std::swap(owner_, o.owner_);
  std::swap(candidates_, o.candidates_);
  std::swap(at_, o.at_);
  std::swap(probing_, o.probing_);
  return *this;
}

const SocketAddress& Endpoints::Turn::address(size_t i) const { return candidates_[i]->address; }

void Endpoints::Turn::missed(size_t i, TimePoint now) {
  std::lock_guard lock(owner_->mutex_);
  owner_->count(*candidates_[i], false, now);
}

void Endpoints::Turn::use(size_t i) {
  std::lock_guard lock(owner_->mutex_);
  assert(at_ == nullptr);
  at_ = candidates_[i];
  ++at_->under_way;
}

void Endpoints::Turn::answered(bool well, TimePoint now) {
  if (at_ == nullptr) return;
  std::lock_guard lock(owner_->mutex_);
  owner_->count(*at_, well, now);
  // What is left of the answer may take for ever.
  if (std::exchange(probing_, false)) candidates_.front()->probed = false;
}

void Endpoints::Turn::end() {
  if (owner_ == nullptr) return;
  std::lock_guard lock(owner_->mutex_);
  if (at_ != nullptr) --at_->under_way;
  if (probing_) candidates_.front()->probed = false;
  for (Endpoint* e : candidates_) --e->turns;
  owner_ = nullptr;
}

// ---- Endpoints

Endpoints::Endpoint& Endpoints::find(const SocketAddress& address) {
  for (auto& e : endpoints_) {
    if (e->address == address) return *e;
  }
  if (endpoints_.size() >= kMaxKept) forget_unused();
  return *endpoints_.emplace_back(std::make_unique<Endpoint>(address));
}

void Endpoints::forget_unused() {
  std::erase_if(endpoints_, [](const auto& e) { return e->turns == 0; });
}

Endpoints::Turn Endpoints::turn(const Addresses& addresses, bool even_open, TimePoint now) {
  Turn turn;
  std::lock_guard lock(mutex_);
  turn.owner_ = this;
  PooledVector<Endpoint*>& order = turn.candidates_;
  Endpoint* probe = nullptr;
  // In turn between equals: the list begins somewhere else each time, and the sorting is stable.
  const size_t first = addresses.size() > 1 ? rotation_++ % addresses.size() : 0;
  for (size_t i = 0; i < addresses.size(); ++i) {
    Endpoint& e = find(addresses[(first + i) % addresses.size()]);
    ++e.turns;  // so that it stays, whoever else is looked up
    if (e.open && !even_open && probe == nullptr && !e.probed && now >= e.open_until) {
      probe = &e;
    } else if (e.open && !even_open) {
      --e.turns;
    } else {
      order.push_back(&e);
    }
  }
  std::stable_sort(order.begin(), order.end(), [](const Endpoint* a, const Endpoint* b) {
    return std::pair(a->open, a->under_way) < std::pair(b->open, b->under_way);
  });
  if (probe != nullptr) {
    probe->probed = turn.probing_ = true;
    order.insert(order.begin(), probe);
  }
  return turn;
}

/// Under the mutex, as all below.
void Endpoints::count(Endpoint& e, bool well, TimePoint now) {
  if (now >= after(e.window_begin, kWindow)) {
    e.window_begin = now;
    e.calls = e.failed = 0;
  }
  ++e.calls;
  if (well) {
    e.failures = 0;
    if (e.open) {
      e.open = false;
      e.pauses = 0;
      e.calls = e.failed = 0;
    }
    return;
  }
  ++e.failed;
  ++e.failures;
  const bool row = config_.failures != 0 && e.failures >= config_.failures;
  const bool share = config_.percent != 0 && e.calls >= kLeastCalls &&
                     uint64_t{e.failed} * 100 >= uint64_t{e.calls} * config_.percent;
  if (e.open ? now >= e.open_until : row || share) trip(e, now);
}

void Endpoints::trip(Endpoint& e, TimePoint now) {
  e.open = true;
  e.open_until = after(now, std::min(kMaxPause, config_.pause * (1 << std::min(e.pauses, 8u))));
  ++e.pauses;
  e.calls = e.failed = 0;
}

std::vector<Endpoints::Snapshot> Endpoints::snapshot() const {
  std::lock_guard lock(mutex_);
  std::vector<Snapshot> out;
  for (const auto& e : endpoints_) out.push_back({e->address, e->under_way, e->open});
  return out;
}

}  // namespace siding
