// See body_store.h.
#include "proxy/exchange/body_store.h"

#include <algorithm>

namespace siding {

// ---- SpillFile

Result<> SpillFile::reserve(uint64_t bytes) {
  if (!reserved_.add(bytes)) {
    return Error(Failure::no_buffer, Side::local, false, "the spill budget is used up");
  }
  return {};
}

Task<Result<>> SpillFile::append(Buffer data) {
  Result<> room = reserve(data.size());
  if (!room) co_return room;
  uint64_t at = size_;
  uint64_t bytes = data.size();
  if (!file_) {
    auto created = TemporaryFile::create(budgets_.spill_dir);
    if (!created) {
      reserved_.resize(size_);
      co_return created.error();
    }
    file_ = std::move(*created);
  }
  Result<> written = co_await budgets_.disk.write(file_, at, std::move(data));
  if (written) {
    size_ = at + bytes;
  } else {
    reserved_.resize(size_);
  }
  co_return written;
}

Task<Result<Buffer>> SpillFile::read(uint64_t offset, size_t size) const {
  return budgets_.disk.read(file_, offset, size);
}

void SpillFile::reset() {
  file_.reset();
  size_ = 0;
  reserved_.resize(0);
}

// ---- BodyStore

Task<Result<>> BodyStore::append(Buffer data) {
  bool fits = !spilled() && memory_.size() + data.size() <= budgets_.in_memory;
  if (fits && reserved_.add(data.footprint())) {
    memory_.append(std::move(data));
    co_return Result<>();
  }
  Result<> written = co_await file_.append(std::move(data));
  co_return written;
}

Task<Result<Buffer>> BodyStore::read(uint64_t offset, size_t max) const {
  if (offset < memory_.size()) {
    Buffer shared = memory_.share();
    shared.consume(offset);
    co_return shared.take(std::min(max, shared.size()));
  }
  uint64_t in_file = offset - memory_.size();
  size_t size = static_cast<size_t>(std::min<uint64_t>(max, file_.size() - in_file));
  Result<Buffer> got = co_await file_.read(in_file, size);
  co_return got;
}

std::optional<std::string> BodyStore::text() const {
  if (spilled()) return std::nullopt;
  return memory_.str();
}

// ---- Spool

bool Spool::try_put(Buffer& data) {
  if (discarding_) {
    data.clear();
    return true;
  }
  bool in_order = file_.size() == file_read_;
  if (in_order && file_.size() > 0) {
    file_.reset();
    file_read_ = 0;
  }
  if (!in_order) return false;
  // Into an empty spool a read always fits, budget or not: otherwise nothing would move.
  bool small = memory_.size() + data.size() <= budgets_.in_memory;
  if (!memory_.empty() && !(small && reserved_.add(data.footprint()))) return false;
  memory_.append(std::move(data));
  filled_.notify();
  return true;
}

Task<> Spool::put(Buffer data) {
  while (!try_put(data)) {
    if (may_spill_) {
      Buffer copy = data.share();
      Result<> written = co_await file_.append(std::move(copy));
      if (discarding_) {
        file_.reset();
        break;
      }
      if (written) {
        spilled_ = true;
        filled_.notify();
        co_return;
      }
    }
    // While the disk was asked the reader may have emptied the spool, and nobody would wake us.
    if (memory_.empty() && file_.size() == file_read_) continue;
    ++throttled_;
    co_await Wait(drained_);
  }
}

Buffer Spool::try_get(size_t max) {
  if (memory_.empty()) return {};
  Buffer out = memory_.take(std::min(max, memory_.size()));
  // What has passed is given back, even where a rest always stands.
  reserved_.resize(memory_.empty() ? 0 : std::min(reserved_.bytes(), memory_.footprint()));
  drained_.notify();
  return out;
}

Task<Result<Buffer>> Spool::get(size_t max) {
  if (!memory_.empty()) co_return try_get(max);
  uint64_t left = file_.size() - file_read_;
  if (left == 0) co_return Buffer();
  auto size = static_cast<size_t>(std::min<uint64_t>(max, left));
  Result<Buffer> out = co_await file_.read(file_read_, size);
  if (!out) co_return out.error();
  file_read_ += size;
  drained_.notify();
  co_return std::move(*out);
}

void Spool::end(std::optional<Error> error) {
  ended_ = true;
  error_ = std::move(error);
  filled_.notify();
}

void Spool::discard() {
  discarding_ = true;
  memory_.clear();
  reserved_.resize(0);
  file_.reset();  // a put() that is being written does so again
  file_read_ = 0;
  drained_.notify();
}

}  // namespace siding
