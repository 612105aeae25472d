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
  std::swap(full_, o.full_);
  return *this;
}

const SocketAddress& Endpoints::Turn::address(size_t i) const { return candidates_[i]->address; }

void Endpoints::Turn::missed(size_t i, TimePoint now) {
  std::lock_guard lock(owner_->mutex_);
  owner_->count(*candidates_[i], false, now);
}

void Endpoints::Turn::use(size_t i) {
  std::lock_guard lock(owner_->mutex_);
  if (at_ == candidates_[i]) return;
  owner_->leave(*at_);
  at_ = candidates_[i];
  owner_->enter(*at_);
}

void Endpoints::Turn::answered(bool well, TimePoint now) {
  if (at_ == nullptr) return;
  std::lock_guard lock(owner_->mutex_);
  if (well) at_->silent_since = kNever;
  owner_->count(*at_, well, now);
  // What is left of the answer may take for ever.
  if (std::exchange(probing_, false)) candidates_.front()->probed = false;
}

void Endpoints::Turn::gave_up(TimePoint now) {
  if (at_ == nullptr) return;
  std::lock_guard lock(owner_->mutex_);
  const TimePoint since = at_->silent_since;
  if (since != kNever && now >= after(since, kSilence)) owner_->count(*at_, false, now);
}

void Endpoints::Turn::end() {
  if (owner_ == nullptr) return;
  std::lock_guard lock(owner_->mutex_);
  if (at_ != nullptr) owner_->leave(*at_);
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

/// Under the mutex, as those below.
void Endpoints::enter(Endpoint& e) { ++e.under_way; }

void Endpoints::leave(Endpoint& e) {
  --e.under_way;
  if (RoomWaiter* waiter = waiters_.pop_front()) waiter->remote_.post();
}

Endpoints::RoomWaiter::RoomWaiter(Endpoints& owner, Loop& loop)
    : owner_(owner), remote_(loop, wake_) {
  std::lock_guard lock(owner_.mutex_);
  owner_.waiters_.push_back(*this);
}

void Endpoints::RoomWaiter::again() {
  std::lock_guard lock(owner_.mutex_);
  // Who was woken in vain keeps its place.
  if (!linked()) owner_.waiters_.push_front(*this);
}

Endpoints::RoomWaiter::~RoomWaiter() {
  std::lock_guard lock(owner_.mutex_);
  const bool woken = !linked();
  unlink();
  // It leaves the room that it was told of to the next one.
  if (!woken || content_) return;
  if (RoomWaiter* next = owner_.waiters_.pop_front()) next->remote_.post();
}

Endpoints::Turn Endpoints::turn(const Addresses& addresses, bool even_open, TimePoint now) {
  Turn turn;
  std::lock_guard lock(mutex_);
  turn.owner_ = this;
  PooledVector<Endpoint*>& order = turn.candidates_;
  Endpoint* probe = nullptr;
  for (const SocketAddress& address : addresses) {
    Endpoint& e = find(address);
    ++e.turns;  // so that it stays, whoever else is looked up
    const bool may_probe = probe == nullptr && !e.probed && now >= e.open_until && !e.down;
    const bool full = cap_ != 0 && e.under_way >= cap_;
    if (even_open || !(e.open || e.down || full)) {
      order.push_back(&e);
    } else if (e.open && may_probe && !full) {
      probe = &e;
    } else {
      --e.turns;
      turn.full_ |= full && !e.open && !e.down;
    }
  }
  // In turn between equals: the order begins somewhere else each time, and the sorting is stable.
  if (order.size() > 1) {
    std::rotate(order.begin(), order.begin() + static_cast<ptrdiff_t>(rotation_++ % order.size()),
                order.end());
  }
  std::stable_sort(order.begin(), order.end(), [](const Endpoint* a, const Endpoint* b) {
    return std::pair(a->open || a->down, a->under_way) <
           std::pair(b->open || b->down, b->under_way);
  });
  if (probe != nullptr) {
    probe->probed = turn.probing_ = true;
    order.insert(order.begin(), probe);
  }
  if (!order.empty()) {
    turn.at_ = order.front();
    enter(*turn.at_);
    if (turn.at_->silent_since == kNever) turn.at_->silent_since = now;
  }
  return turn;
}

/// Under the mutex, as trip().
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

bool Endpoints::probed(const SocketAddress& address, bool well, TimePoint now) {
  std::lock_guard lock(mutex_);
  Endpoint& e = find(address);
  const bool was_down = e.down;
  e.probes_failed = well ? 0 : e.probes_failed + 1;
  e.down = well ? false : e.down || e.probes_failed >= kProbes;
  if (well && e.open) count(e, true, now);
  return e.down != was_down;
}

std::vector<Endpoints::Snapshot> Endpoints::snapshot() const {
  std::lock_guard lock(mutex_);
  std::vector<Snapshot> out;
  for (const auto& e : endpoints_) out.push_back({e->address, e->under_way, e->open, e->down});
  return out;
}

}  // namespace siding
