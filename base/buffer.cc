// See buffer.h.
#include "base/buffer.h"

#include <cstring>
#include <new>

namespace siding {

namespace {
// A slice that uses less than this share of its block is copied out of it.
constexpr size_t kShareAtLeast = 4;
}  // namespace

Block* Block::make(size_t capacity) {
  assert(capacity <= UINT32_MAX);
  return new (SmallPool::here().take(sizeof(Block) + capacity)) Block(capacity);
}

void Block::release() {
  if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    size_t size = sizeof(Block) + capacity_;
    this->~Block();
    SmallPool::here().give_back(this, size);
  }
}

BlockRef BlockRef::copy_of(std::string_view bytes) {
  BlockRef block = make(bytes.size());
  if (!bytes.empty()) std::memcpy(block->data(), bytes.data(), bytes.size());
  return block;
}

Slice Slice::copy_of(std::string_view bytes) {
  return Slice(BlockRef::copy_of(bytes), 0, bytes.size());
}

void Buffer::append(Slice slice) {
  if (slice.size() == 0) return;
  size_ += slice.size();
  if (slice.size() * kShareAtLeast < slice.block()->capacity()) {
    slices_.push_back(Slice::copy_of(slice.view()));
  } else {
    slices_.push_back(std::move(slice));
  }
}

void Buffer::append(Buffer&& other) {
  if (empty()) {
    *this = std::move(other);
    return;
  }
  size_ += other.size_;
  for (size_t i = other.first_; i < other.slices_.size(); ++i) {
    slices_.push_back(std::move(other.slices_[i]));
  }
  other.clear();
}

void Buffer::append_copy(std::string_view bytes) {
  if (bytes.empty()) return;
  size_ += bytes.size();
  slices_.push_back(Slice::copy_of(bytes));
}

void Buffer::consume(size_t n) {
  assert(n <= size_);
  size_ -= n;
  while (n > 0) {
    Slice& front = slices_[first_];
    if (n < front.size()) {
      front.remove_prefix(n);
      break;
    }
    n -= front.size();
    front = Slice();
    ++first_;
  }
  if (first_ == slices_.size()) {
    slices_.clear();
    first_ = 0;
  } else if (first_ >= 64 && first_ * 2 >= slices_.size()) {
    slices_.erase(slices_.begin(), slices_.begin() + static_cast<ptrdiff_t>(first_));
    first_ = 0;
  }
}

Buffer Buffer::take(size_t n) {
  assert(n <= size_);
  if (n == size_) return std::exchange(*this, Buffer());
  Buffer out;
  size_t left = n;
  for (size_t i = first_; left > 0; ++i) {
    const Slice& s = slices_[i];
    size_t part = s.size() < left ? s.size() : left;
    out.slices_.push_back(s.first(part));
    out.size_ += part;
    left -= part;
  }
  consume(n);
  return out;
}

void Buffer::clear() {
  slices_.clear();
  first_ = 0;
  size_ = 0;
}

Buffer Buffer::share() const {
  Buffer out;
  out.slices_.assign(slices_.begin() + static_cast<ptrdiff_t>(first_), slices_.end());
  out.size_ = size_;
  return out;
}

int Buffer::iovecs(struct iovec* out, int max) const {
  int n = 0;
  for (size_t i = first_; i < slices_.size() && n < max; ++i, ++n) {
    out[n].iov_base = const_cast<char*>(slices_[i].data());
    out[n].iov_len = slices_[i].size();
  }
  return n;
}

std::string Buffer::str() const {
  std::string out;
  out.reserve(size_);
  for (size_t i = first_; i < slices_.size(); ++i) out.append(slices_[i].view());
  return out;
}

size_t Buffer::footprint() const {
  size_t total = slices_.capacity() * sizeof(Slice);
  for (size_t i = first_; i < slices_.size(); ++i) total += slices_[i].block()->capacity();
  return total;
}

}  // namespace siding
