// See flight.h. All state is guarded by mutex_.
#include "proxy/exchange/flight.h"

#include <algorithm>

namespace siding {

// ---- what readers see

bool Flight::alone() const {
  std::lock_guard lock(mutex_);
  return alone_;
}
bool Flight::momentary() const {
  std::lock_guard lock(mutex_);
  return momentary_;
}
StoreReason Flight::reason() const {
  std::lock_guard lock(mutex_);
  return reason_;
}
bool Flight::revalidated() const {
  std::lock_guard lock(mutex_);
  return revalidated_;
}
bool Flight::complete() const {
  std::lock_guard lock(mutex_);
  return entry_ != nullptr;
}
bool Flight::found() const {
  std::lock_guard lock(mutex_);
  return found_;
}
bool Flight::reusable() const {
  std::lock_guard lock(mutex_);
  return reusable_;
}
int Flight::origin_status() const {
  std::lock_guard lock(mutex_);
  return origin_status_;
}
ResponseHead Flight::head() const {
  std::lock_guard lock(mutex_);
  return head_;
}
BodyFraming Flight::framing() const {
  std::lock_guard lock(mutex_);
  return framing_;
}
EntryRef Flight::entry() const {
  std::lock_guard lock(mutex_);
  return entry_ ? entry_ : EntryRef(draft_);
}

EntryRef Flight::own_entry() const {
  std::unique_lock lock(mutex_);
  if (own_) return own_;
  lock.unlock();
  return entry();
}
Outcome Flight::outcome() const {
  std::lock_guard lock(mutex_);
  return outcome_;
}
std::string Flight::detail() const {
  std::lock_guard lock(mutex_);
  return detail_;
}
int Flight::retry_after() const {
  std::lock_guard lock(mutex_);
  return retry_after_;
}
std::optional<Error> Flight::error() const {
  std::lock_guard lock(mutex_);
  return error_;
}
std::vector<ResponseHead> Flight::take_interim() {
  std::lock_guard lock(mutex_);
  return std::exchange(interim_, {});
}
bool Flight::inside() const {
  std::lock_guard lock(mutex_);
  return inside_;
}

// ---- the fetch

void Flight::fetched_by(RemoteWake* wake) {
  std::lock_guard lock(mutex_);
  fetch_ = wake;
}

void Flight::went_inside(bool finish) {
  std::lock_guard lock(mutex_);
  inside_ = true;
  finish_ = finish;
  notify();
}

void Flight::interim(ResponseHead head) {
  std::lock_guard lock(mutex_);
  interim_.push_back(std::move(head));
  notify();
}

void Flight::begin_shared(ResponseHead head, BodyFraming framing, std::shared_ptr<Entry> draft,
                          bool reusable) {
  std::lock_guard lock(mutex_);
  origin_status_ = head.status;
  head_ = std::move(head);
  framing_ = framing;
  draft_ = std::move(draft);
  reusable_ = reusable;
  change(State::open);
}

void Flight::begin_alone(ResponseHead head, BodyFraming framing, StoreReason reason,
                         bool momentary) {
  std::lock_guard lock(mutex_);
  momentary_ = momentary;
  origin_status_ = head.status;
  head_ = std::move(head);
  framing_ = framing;
  alone_ = true;
  reusable_ = false;
  reason_ = reason;
  change(State::open);
}

bool Flight::append(Buffer& data) {
  std::lock_guard lock(mutex_);
  if (in_file_) return false;
  const bool fits = size_ + data.size() <= limit_;
  if (!alone_ && (!fits || !held_.add(data.footprint()))) {
    leave_shared();
    if (in_file_) return false;
  }
  for (size_t i = 0; i < data.slice_count(); ++i) body_.push_back(data.slice(i));
  size_ += data.size();
  data.clear();
  notify();
  return true;
}

/// It is too large to be kept. One reader goes on at its own pace, and what it has read is dropped;
/// several get the rest by way of a file.
void Flight::leave_shared() {
  reason_ = StoreReason::too_large;
  too_large_ = true;
  Reader* first = readers_.front();
  if (first != nullptr && readers_.next(*first) != nullptr) {
    in_file_ = true;
  } else {
    alone_ = true;
  }
}

void Flight::file_grew(uint64_t bytes) {
  std::lock_guard lock(mutex_);
  file_size_ += bytes;
  notify();
}

EntryRef Flight::finish(Fields trailers) {
  std::lock_guard lock(mutex_);
  trailers_ = std::move(trailers);
  if (draft_ && !too_large_) {
    Buffer body;
    for (const Slice& s : body_) body.append(s);
    draft_->body = compact(std::move(body));
    entry_ = std::move(draft_);
  }
  change(State::whole);
  return entry_;
}

void Flight::renewed(EntryRef entry, EntryRef own, int origin_status, bool reusable) {
  std::lock_guard lock(mutex_);
  reusable_ = reusable;
  entry_ = std::move(entry);
  own_ = std::move(own);
  origin_status_ = origin_status;
  revalidated_ = true;
  change(State::whole);
}

void Flight::find(EntryRef entry) {
  std::lock_guard lock(mutex_);
  entry_ = std::move(entry);
  found_ = true;
  change(State::whole);
}

void Flight::fail(Outcome outcome, std::string_view detail, int retry_after,
                  std::optional<Error> error) {
  std::lock_guard lock(mutex_);
  error_ = std::move(error);
  outcome_ = outcome;
  detail_ = detail;
  retry_after_ = retry_after;
  change(State::failed);
}

void Flight::ask_again() {
  std::lock_guard lock(mutex_);
  change(State::again);
}

void Flight::tear() {
  std::lock_guard lock(mutex_);
  if (state_ == State::pending) {
    change(State::failed);
  } else if (state_ == State::open) {
    change(State::torn);
  }
}

size_t Flight::backlog() const {
  std::lock_guard lock(mutex_);
  return alone_ ? size_ : 0;
}

bool Flight::has_readers() const {
  std::lock_guard lock(mutex_);
  return !readers_.empty();
}

bool Flight::worth_keeping() const {
  std::lock_guard lock(mutex_);
  if (too_large_ || alone_) return false;
  if (state_ == State::pending) return keep_ || finish_;
  return keep_ || store_;
}

void Flight::keep_anyway() {
  std::lock_guard lock(mutex_);
  keep_ = true;
}

bool Flight::stands_back() const {
  std::lock_guard lock(mutex_);
  return keep_ && !inside_ && state_ == State::pending;
}

void Flight::do_not_store() {
  std::lock_guard lock(mutex_);
  store_ = false;
}

bool Flight::may_be_stored() const {
  std::lock_guard lock(mutex_);
  return store_;
}

void Flight::record(ExchangeRecord record) {
  std::lock_guard lock(mutex_);
  record_ = std::move(record);
}

std::optional<ExchangeRecord> Flight::take_record() {
  std::lock_guard lock(mutex_);
  return std::exchange(record_, std::nullopt);
}

void Flight::change(State state) {
  state_ = state;
  notify();
}

void Flight::notify() {
  for (Reader* r = readers_.front(); r != nullptr; r = readers_.next(*r)) r->remote_.post();
}

// ---- Reader

Flight::Reader::Reader(FlightRef flight, Loop& loop, bool leads)
    : flight_(std::move(flight)), leads_(leads), remote_(loop, wake_) {
  ++flight_->counts_.readers;
  std::lock_guard lock(flight_->mutex_);
  flight_->readers_.push_back(*this);
}

Flight::Reader::~Reader() {
  --flight_->counts_.readers;
  std::lock_guard lock(flight_->mutex_);
  unlink();
  if (flight_->fetch_ != nullptr) flight_->fetch_->post();
}

Flight::State Flight::Reader::state() const {
  std::lock_guard lock(flight_->mutex_);
  return flight_->state_;
}

Buffer Flight::Reader::read_memory(size_t max) {
  std::lock_guard lock(flight_->mutex_);
  Buffer out;
  Flight& f = *flight_;
  while (next_ < f.body_.size() && out.size() < max) out.append(f.body_[next_++]);
  if (f.alone_ && !out.empty()) {
    // The only one who reads: what it has taken is not needed any more.
    for (size_t i = 0; i < next_; ++i) f.size_ -= f.body_[i].size();
    f.body_.erase(f.body_.begin(), f.body_.begin() + static_cast<ptrdiff_t>(next_));
    next_ = 0;
    if (f.fetch_ != nullptr) f.fetch_->post();
  }
  return out;
}

Task<Result<Buffer>> Flight::Reader::read(size_t max) {
  Buffer out = read_memory(max);
  if (!out.empty()) co_return std::move(out);
  uint64_t there = 0;
  {
    std::lock_guard lock(flight_->mutex_);
    there = flight_->file_size_ - file_offset_;
  }
  if (there == 0) co_return std::move(out);
  const auto size = static_cast<size_t>(std::min<uint64_t>(there, max));
  const uint64_t offset = file_offset_;
  file_offset_ += size;
  Result<Buffer> got = co_await flight_->file_.read(offset, size);
  co_return std::move(got);
}

Fields Flight::Reader::take_trailers() {
  std::lock_guard lock(flight_->mutex_);
  return flight_->trailers_;
}

}  // namespace siding
