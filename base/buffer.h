// Bodies and heads as counted slices of refcounted blocks: passing bytes on is moving a slice, and
// several readers can hold the same bytes.
// Invariant: bytes of a block never change once a Slice covers them. Reference counts are atomic;
// a Buffer itself belongs to one thread.
#pragma once

#include <sys/uio.h>

#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/small_pool.h"

namespace siding {

/// Refcounted memory of a fixed capacity.
class Block {
 public:
  static Block* make(size_t capacity);

  char* data() { return reinterpret_cast<char*>(this + 1); }
  size_t capacity() const { return capacity_; }
  bool unique() const { return refs_.load(std::memory_order_acquire) == 1; }

 private:
  friend class BlockRef;
  explicit Block(size_t capacity) : capacity_(static_cast<uint32_t>(capacity)) {}
  void release();

  std::atomic<uint32_t> refs_{1};
  uint32_t capacity_;
};

/// Owning reference to a Block, or empty.
class BlockRef {
 public:
  BlockRef() = default;
  /// Takes over the reference that Block::make() returned.
  explicit BlockRef(Block* block) : block_(block) {}
  BlockRef(const BlockRef& o) : block_(o.block_) {
    if (block_ != nullptr) block_->refs_.fetch_add(1, std::memory_order_relaxed);
  }
  BlockRef(BlockRef&& o) noexcept : block_(std::exchange(o.block_, nullptr)) {}
  BlockRef& operator=(BlockRef o) noexcept {
    std::swap(block_, o.block_);
    return *this;
  }
  ~BlockRef() {
    if (block_ != nullptr) block_->release();
  }

  static BlockRef make(size_t capacity) { return BlockRef(Block::make(capacity)); }
  static BlockRef copy_of(std::string_view bytes);

  Block* operator->() const { return block_; }
  Block& operator*() const { return *block_; }
  explicit operator bool() const { return block_ != nullptr; }

 private:
  Block* block_ = nullptr;
};

/// A range of a block that is kept alive by it.
class Slice {
 public:
  Slice() = default;
  Slice(BlockRef block, size_t offset, size_t size)
      : block_(std::move(block)), data_(block_->data() + offset), size_(size) {
    assert(offset + size <= block_->capacity());
  }
  static Slice copy_of(std::string_view bytes);

  const char* data() const { return data_; }
  size_t size() const { return size_; }
  std::string_view view() const { return {data_, size_}; }
  const BlockRef& block() const { return block_; }

  void remove_prefix(size_t n) {
    assert(n <= size_);
    data_ += n;
    size_ -= n;
  }
  Slice first(size_t n) const {
    assert(n <= size_);
    Slice s = *this;
    s.size_ = n;
    return s;
  }

 private:
  BlockRef block_;
  const char* data_ = nullptr;
  size_t size_ = 0;
};

/// A queue of bytes: appended at the end, consumed from the front. Move-only, so that a body is
/// never copied by accident; share() is the explicit copy (of references).
class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& o) noexcept
      : slices_(std::move(o.slices_)),
        first_(std::exchange(o.first_, 0)),
        size_(std::exchange(o.size_, 0)) {
    o.slices_.clear();
  }
  Buffer& operator=(Buffer&& o) noexcept {
    slices_ = std::move(o.slices_);
    o.slices_.clear();
    first_ = std::exchange(o.first_, 0);
    size_ = std::exchange(o.size_, 0);
    return *this;
  }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  /// Small slices of large blocks are copied, so that few bytes never pin much memory.
  void append(Slice slice);
  void append(Buffer&& other);
  void append_copy(std::string_view bytes);

  /// Drops `n` <= size() bytes from the front.
  void consume(size_t n);
  /// Moves the first `n` <= size() bytes out.
  Buffer take(size_t n);
  void clear();
  /// The same bytes for another reader.
  Buffer share() const;

  /// Fills at most `max` iovecs from the front; returns how many. For writev(2).
  int iovecs(struct iovec* out, int max) const;
  size_t slice_count() const { return slices_.size() - first_; }
  const Slice& slice(size_t i) const { return slices_[first_ + i]; }

  /// All bytes in one string (a copy). For small bodies and tests.
  std::string str() const;
  /// Heap bytes kept alive by this buffer, for budgets.
  size_t footprint() const;

 private:
  PooledVector<Slice> slices_;
  size_t first_ = 0;  // slices before it are spent; compacted now and then
  size_t size_ = 0;
};

}  // namespace siding
