// See admission.h.
#include "proxy/exchange/admission.h"

#include <algorithm>
#include <cassert>

namespace siding {

namespace {
// How often the door of a dead backend is tried: soon at first, since most outages are restarts.
constexpr Duration kFirstBackoff = std::chrono::milliseconds(50);
constexpr Duration kMaxBackoff = std::chrono::seconds(1);
// Who would wait for much longer than he can is told at once. Not before the pace is known, and not if
// it is a near thing: a request that would have been served must not be refused. Workers may all end at
// the same time, and siding itself may be busy for a moment: the pace is a mean over so many returns of
// each permit, and so long.
constexpr uint64_t kSureAfter = 8;
constexpr Duration kSureFor = std::chrono::seconds(1);
constexpr int kMuchLonger = 2;
}  // namespace

// ---- Permit

void Permit::reset() {
  if (Admission* a = std::exchange(admission_, nullptr)) {
    a->give_back(std::exchange(probe_, 0), std::exchange(paces_, true));
  }
}

std::optional<TimePoint> Permit::failed(Failed how, TimePoint now) {
  std::lock_guard lock(admission_->mutex_);
  Admission& a = *admission_;
  a.down_ = true;
  if (a.probe_ != 0 && a.probe_ != probe_) return std::nullopt;
  if (a.probe_ == 0) a.probe_ = probe_ = a.next_probe_++;
  a.failed_ = how;
  a.backoff_ =
      a.backoff_ == Duration::zero() ? kFirstBackoff : std::min(a.backoff_ * 2, kMaxBackoff);
  a.retry_at_ = now + a.backoff_;
  return a.retry_at_;
}

void Permit::connected() {
  if (!admission_->down_) return;
  std::lock_guard lock(admission_->mutex_);
  if (admission_->failed_ != Failed::to_connect) return;
  admission_->back();
  probe_ = 0;
}

void Permit::answered(TimePoint now) {
  if (!admission_->down_) return;
  std::lock_guard lock(admission_->mutex_);
  // What comes sooner may have been on its way when the backend died.
  if (now < admission_->retry_at_) return;
  admission_->back();
  probe_ = 0;
}

void Permit::lasts() {
  std::lock_guard lock(admission_->mutex_);
  if (probe_ == 0 || probe_ != admission_->probe_) return;
  admission_->back();
  probe_ = 0;
}

TimePoint Permit::not_before() const {
  if (probe_ == 0) return {};
  std::lock_guard lock(admission_->mutex_);
  return admission_->retry_at_;
}

// ---- Ticket

Ticket::Ticket(Admission& admission, Loop& loop, uint64_t client, int priority)
    : admission_(admission), loop_(loop), client_(client), priority_(priority) {}

Ticket::~Ticket() {
  if (!entered_) return;
  std::lock_guard lock(admission_.mutex_);
  if (state_ == State::waiting || state_ == State::ready) {
    if (state_ == State::ready) admission_.leave_line(*this);
    --admission_.queued_;
    admission_.queued_bytes_ -= bytes_;
  } else if (state_ == State::granted) {
    --admission_.out_;
    admission_.end_probe(probe_);
    admission_.grant_waiting();
  }
}

std::optional<Outcome> Ticket::enter(uint64_t bytes, Duration patience) {
  std::lock_guard lock(admission_.mutex_);
  assert(state_ == State::outside);
  if (admission_.queued_ >= admission_.limits_.queue_size) return Outcome::queue_full;
  if (admission_.queued_ > 0 && admission_.queued_bytes_ + bytes > admission_.limits_.queue_bytes) {
    return Outcome::queue_bytes;
  }
  if (admission_.wait_of(*this) / kMuchLonger > patience) return Outcome::queue_too_slow;
  entered_ = true;
  state_ = State::waiting;
  bytes_ = bytes;
  sequence_ = admission_.next_sequence_++;
  ahead_ = admission_.queued_;
  ++admission_.queued_;
  admission_.queued_bytes_ += bytes;
  return std::nullopt;
}

bool Ticket::ready() {
  std::lock_guard lock(admission_.mutex_);
  if (state_ != State::waiting) return state_ == State::granted;
  state_ = State::ready;
  // Nobody can be waiting in line while a permit is free, so this overtakes no one.
  if (admission_.may_grant() && admission_.levels_.empty()) {
    admission_.grant(*this);
  } else {
    admission_.line_up(*this);
    admission_.grant_waiting();
  }
  return state_ == State::granted;
}

void Ticket::requeue() {
  std::lock_guard lock(admission_.mutex_);
  assert(state_ == State::outside);
  entered_ = true;
  // It had a place before, so the bounds do not apply again.
  ++admission_.queued_;
  admission_.queued_bytes_ += bytes_;
  state_ = State::ready;
  admission_.line_up(*this);
  admission_.grant_waiting();
}

bool Ticket::granted() const {
  std::lock_guard lock(admission_.mutex_);
  return state_ == State::granted;
}

Permit Ticket::take() {
  std::lock_guard lock(admission_.mutex_);
  assert(state_ == State::granted);
  state_ = State::outside;
  entered_ = false;
  return Permit(&admission_, std::exchange(probe_, 0));
}

// ---- Admission

Admission::Admission(Limits limits) : limits_(limits) {}

Admission::~Admission() { assert(queued_ == 0 && out_ == 0); }

void Admission::set_limits(const Limits& limits, bool moved) {
  std::lock_guard lock(mutex_);
  if (moved || limits.permits() != limits_.permits()) {  // it will be another pace
    pace_.reset();
    measured_ = 0;
    measured_time_ = {};
  }
  limits_ = limits;
  if (moved) back();
  grant_waiting();
}

void Admission::back() {
  if (!down_) return;
  down_ = false;
  probe_ = 0;
  backoff_ = {};
  grant_waiting();
}

bool Admission::may_grant() const {
  if (down_ && probe_ != 0) return false;
  return out_ < limits_.permits();
}

void Admission::grant(Ticket& ticket) {
  ticket.state_ = Ticket::State::granted;
  --queued_;
  queued_bytes_ -= ticket.bytes_;
  ++out_;
  if (down_) {
    probe_ = ticket.probe_ = next_probe_++;
  }
  if (&Loop::current() == &ticket.loop_) {
    ticket.loop_.wake(ticket.wake_);
  } else {
    ticket.remote_.post();
  }
}

void Admission::line_up(Ticket& ticket) {
  Level& level = levels_[ticket.priority_];
  Client& client = level.clients[ticket.client_];
  if (client.tickets.empty()) level.ring.push_back(client);
  ++client.count;
  // Tickets become ready nearly in arrival order: look from the end.
  Ticket* before = client.tickets.back();
  while (before != nullptr && before->sequence_ > ticket.sequence_)
    before = client.tickets.prev(*before);
  if (before == nullptr) {
    client.tickets.push_front(ticket);
  } else if (Ticket* next = client.tickets.next(*before)) {
    client.tickets.insert_before(*next, ticket);
  } else {
    client.tickets.push_back(ticket);
  }
}

void Admission::leave_line(Ticket& ticket) {
  ticket.unlink();
  auto level = levels_.find(ticket.priority_);
  auto client = level->second.clients.find(ticket.client_);
  --client->second.count;
  if (!client->second.tickets.empty()) return;
  level->second.clients.erase(client);
  if (level->second.clients.empty()) levels_.erase(level);
}

void Admission::grant_waiting() {
  while (may_grant() && !levels_.empty()) {
    auto level = levels_.begin();
    Client* client = level->second.ring.pop_front();
    Ticket& ticket = *client->tickets.front();
    if (client->tickets.next(ticket) != nullptr) level->second.ring.push_back(*client);
    leave_line(ticket);
    grant(ticket);
  }
}

void Admission::end_probe(uint64_t probe) {
  if (probe != 0 && probe == probe_) probe_ = 0;
}

void Admission::give_back(uint64_t probe, bool paces) {
  std::lock_guard lock(mutex_);
  assert(out_ > 0);
  --out_;
  measure(paces);
  end_probe(probe);
  grant_waiting();
}

/// Follows a queue that gets faster at once, one that gets slower when that is certain.
void Admission::measure(bool paces) {
  TimePoint now = Loop::current().now();
  if (pacing_ && paces && now >= last_back_) {  // each loop has a clock of its own
    measured_time_ += now - last_back_;
    ++measured_;
    if (measured_ >= kSureAfter * limits_.permits()) {
      const Duration mean = measured_time_ / static_cast<int64_t>(measured_);
      if (measured_time_ >= kSureFor) {
        pace_ = mean;
        measured_ = 0;
        measured_time_ = {};
      } else if (pace_) {
        pace_ = std::min(*pace_, mean);
      }
    }
  }
  pacing_ = !levels_.empty() && !down_;
  last_back_ = now;
}

/// Clients take turns: who comes with few requests overtakes those who wait with many.
Duration Admission::wait_of(const Ticket& newcomer) const {
  if (!pace_ || down_) return {};
  uint64_t before = queued_;
  auto level = levels_.begin();
  if (level != levels_.end() && level->first < newcomer.priority_) return {};  // not to be foretold
  if (level != levels_.end() && level->first == newcomer.priority_) {
    const auto& clients = level->second.clients;
    auto own = clients.find(newcomer.client_);
    uint64_t turns = own == clients.end() ? 1 : own->second.count + 1;
    before = std::min(before, turns * clients.size());
  } else {
    before = 0;
  }
  return *pace_ * static_cast<int64_t>(before);
}

Duration Admission::expected_wait() const {
  std::lock_guard lock(mutex_);
  return pace_.value_or(Duration::zero()) * static_cast<int64_t>(queued_);
}

std::optional<Permit> Admission::try_now() {
  std::lock_guard lock(mutex_);
  if (down_ || out_ >= limits_.concurrency || !levels_.empty()) return std::nullopt;
  ++out_;
  return Permit(this, 0);
}

Admission::Snapshot Admission::snapshot() const {
  std::lock_guard lock(mutex_);
  return {queued_, queued_bytes_, out_, down_};
}

bool Admission::down() const {
  std::lock_guard lock(mutex_);
  return down_;
}

}  // namespace siding
