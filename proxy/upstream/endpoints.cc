// See endpoints.h.
#include "proxy/upstream/endpoints.h"

#include <algorithm>
#include <cassert>
#include <climits>
#include <tuple>

namespace siding {

Endpoints::~Endpoints() {
  for (auto& e : endpoints_) assert(e->turns == 0);
}

// ---- Turn

Endpoints::Turn& Endpoints::Turn::operator=(Turn&& o) noexcept {
  std::swap(owner_, o.owner_);
  std::swap(candidates_, o.candidates_);
  std::swap(at_, o.at_);
  std::swap(began_, o.began_);
  std::swap(capped_, o.capped_);
  std::swap(probing_, o.probing_);
  std::swap(full_, o.full_);
  return *this;
}

const SocketAddress& Endpoints::Turn::address(size_t i) const {
  return candidates_[i].endpoint->address;
}

/// Under the mutex, as leave().
void Endpoints::Turn::enter(Candidate& c) {
  if (!std::exchange(c.inside, true)) ++c.endpoint->under_way;
}

void Endpoints::Turn::leave(Candidate& c) {
  if (!std::exchange(c.inside, false)) return;
  --c.endpoint->under_way;
  owner_->serve_line(*c.endpoint);
}

bool Endpoints::Turn::join(size_t i) {
  std::lock_guard lock(owner_->mutex_);
  Candidate& c = candidates_[i];
  if (!c.inside && capped_ && owner_->full(*c.endpoint)) return false;
  enter(c);
  return true;
}

void Endpoints::Turn::missed(size_t i, TimePoint now) {
  std::lock_guard lock(owner_->mutex_);
  owner_->count(*candidates_[i].endpoint, false, now);
  leave(candidates_[i]);
}

void Endpoints::Turn::use(size_t i) {
  std::lock_guard lock(owner_->mutex_);
  at_ = candidates_[i].endpoint;
  enter(candidates_[i]);
  for (Candidate& c : candidates_) {
    if (c.endpoint != at_) leave(c);
  }
}

void Endpoints::Turn::answered(bool well, TimePoint now) {
  if (at_ == nullptr) return;
  std::lock_guard lock(owner_->mutex_);
  if (well) {
    at_->silence = {};
    at_->silent_until = now;
  }
  owner_->count(*at_, well, now);
  // What is left of the answer may take for ever.
  if (std::exchange(probing_, false)) candidates_.front().endpoint->probed = false;
}

void Endpoints::Turn::gave_up(TimePoint now) {
  if (at_ == nullptr) return;
  std::lock_guard lock(owner_->mutex_);
  // Two calls at once are one silence; between calls nobody asks it anything.
  at_->silence += std::max(Duration(), now - std::max(began_, at_->silent_until));
  at_->silent_until = std::max(now, at_->silent_until);
  if (at_->silence >= kSilence) owner_->count(*at_, false, now);
}

void Endpoints::Turn::end() {
  if (owner_ == nullptr) return;
  std::lock_guard lock(owner_->mutex_);
  if (probing_) candidates_.front().endpoint->probed = false;
  for (Candidate& c : candidates_) leave(c);
  for (Candidate& c : candidates_) --c.endpoint->turns;
  owner_ = nullptr;
}

// ---- Endpoints

void Endpoints::set(const BreakerConfig& config, uint32_t cap, bool probed) {
  std::lock_guard lock(mutex_);
  config_ = config;
  cap_ = cap;
  std::vector<Endpoint*> all;
  for (const auto& e : endpoints_) {
    // What nobody would ever say again must not be said for ever.
    if (!probed) {
      e->down = false;
      e->probes_failed = 0;
    }
    if (config.failures == 0 && config.percent == 0) e->open = false;
    ++e->turns;  // so that it stays, whoever is looked up for those who wait
    all.push_back(e.get());
  }
  for (Endpoint* e : all) serve_line(*e);
  for (Endpoint* e : all) --e->turns;
}

Endpoints::Endpoint& Endpoints::find(const SocketAddress& address, TimePoint now) {
  named_ = std::max(named_, now);
  for (auto& e : endpoints_) {
    if (e->address != address) continue;
    e->named = named_;
    return *e;
  }
  if (endpoints_.size() >= kMaxKept) forget_unused();
  Endpoint& e = *endpoints_.emplace_back(std::make_unique<Endpoint>(address));
  e.named = named_;
  return e;
}

void Endpoints::forget_unused() {
  std::erase_if(endpoints_, [](const auto& e) { return e->turns == 0; });
}

Endpoints::RoomWaiter::RoomWaiter(Endpoints& owner, const Addresses& addresses, Loop& loop)
    : owner_(owner), addresses_(addresses), remote_(loop, wake_) {
  std::lock_guard lock(owner_.mutex_);
  turn_ = owner_.look(addresses_, false, loop.now());
  if (turn_.full()) owner_.line_.push_back(*this);
}

std::optional<Endpoints::Turn> Endpoints::RoomWaiter::take() {
  std::lock_guard lock(owner_.mutex_);
  if (linked()) return std::nullopt;
  return std::move(turn_);
}

Endpoints::RoomWaiter::~RoomWaiter() {
  std::lock_guard lock(owner_.mutex_);
  unlink();
}

/// Under the mutex, as those below: there may be room at this address, or none to wait for any more.
void Endpoints::serve_line(const Endpoint& changed) {
  if (line_.empty()) return;
  const TimePoint now = Loop::current().now();
  for (RoomWaiter* waiter = line_.front(); waiter != nullptr;) {
    if (full(changed) && !changed.open && !changed.down) return;  // its room is given away
    RoomWaiter* next = line_.next(*waiter);
    waiter->turn_ = look(waiter->addresses_, false, now);
    if (!waiter->turn_.full()) {
      waiter->unlink();
      waiter->remote_.post();
    }
    waiter = next;
  }
}

Endpoints::Turn Endpoints::turn(const Addresses& addresses, bool even_open, TimePoint now) {
  std::lock_guard lock(mutex_);
  return look(addresses, even_open, now);
}

Endpoints::Turn Endpoints::look(const Addresses& addresses, bool even_open, TimePoint now) {
  constexpr int kNone = INT_MAX;
  Turn turn;
  PooledVector<Turn::Candidate>& order = turn.candidates_;
  Turn::Candidate probe{nullptr, 0};
  int rank = kNone;  // the first one with an address that is well
  for (const SocketAddress& address : addresses) {
    Endpoint& e = find(address, now);
    ++e.turns;  // so that it stays, whoever else is looked up
    const bool well = !e.open && !e.down;
    const bool may_probe = e.open && !e.down && !e.probed && now >= e.open_until && !full(e);
    if (well) rank = std::min<int>(rank, address.rank());
    if (even_open || (well && !full(e))) {
      order.push_back({&e, address.rank()});
    } else if (may_probe && (probe.endpoint == nullptr || address.rank() < probe.rank)) {
      if (probe.endpoint != nullptr) --probe.endpoint->turns;
      probe = {&e, address.rank()};
    } else {
      --e.turns;
    }
  }
  if (probe.endpoint != nullptr && probe.rank > rank) {
    --probe.endpoint->turns;
    probe.endpoint = nullptr;
  }
  // In turn between equals: the order begins somewhere else each time, and the sorting is stable.
  if (order.size() > 1) {
    std::rotate(order.begin(), order.begin() + static_cast<ptrdiff_t>(rotation_++ % order.size()),
                order.end());
  }
  auto key = [](const Turn::Candidate& c) {
    return std::tuple(c.endpoint->open || c.endpoint->down, c.rank, c.endpoint->under_way);
  };
  std::stable_sort(order.begin(), order.end(),
                   [key](const auto& a, const auto& b) { return key(a) < key(b); });
  if (!even_open && !order.empty() && order.front().rank > rank) {
    // Those before are well and full: their room is waited for.
    for (Turn::Candidate& c : order) --c.endpoint->turns;
    order.clear();
  }
  if (probe.endpoint != nullptr) {
    probe.endpoint->probed = turn.probing_ = true;
    order.insert(order.begin(), probe);
  }
  turn.full_ = order.empty() && rank != kNone;
  if (order.empty()) return turn;
  turn.owner_ = this;
  turn.capped_ = !even_open;
  turn.enter(order.front());
  turn.at_ = order.front().endpoint;
  turn.began_ = now;
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
      serve_line(e);
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
  serve_line(e);
}

bool Endpoints::probed(const SocketAddress& address, bool well, TimePoint now) {
  std::lock_guard lock(mutex_);
  Endpoint& e = find(address, now);
  const bool was_down = e.down;
  e.probes_failed = well ? 0 : e.probes_failed + 1;
  e.down = well ? false : e.down || e.probes_failed >= kProbes;
  const bool changed = e.down != was_down;
  ++e.turns;
  if (well && e.open) count(e, true, now);
  if (changed) serve_line(e);
  --e.turns;
  return changed;
}

std::vector<Endpoints::Snapshot> Endpoints::snapshot() const {
  std::lock_guard lock(mutex_);
  std::vector<Snapshot> out;
  for (const auto& e : endpoints_) {
    if (e->turns == 0 && named_ > after(e->named, kLeft)) continue;
    out.push_back({e->address, e->under_way, e->open, e->down});
  }
  return out;
}

}  // namespace siding
