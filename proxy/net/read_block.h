// Where a loop's sockets are read into: one block a thread, so that it stays in the processor's cache.
// Invariant: what was read is copied out of it if it is little, so that few bytes never keep a large
// block; if it is much, the block goes with it and the next read gets a new one.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/buffer.h"

namespace siding {

class ReadBlock {
 public:
  /// The calling thread's. To be used for one read at a time.
  static ReadBlock& here() {
    static thread_local ReadBlock block;
    return block;
  }
  char* data() { return block_->data(); }
  size_t capacity() const { return block_->capacity(); }

  /// The first `size` bytes. What data() holds is gone then.
  Slice take(size_t size) {
    if (size < kCopyBelow) return Slice::copy_of({data(), size});
    return Slice(std::exchange(block_, BlockRef::make(kSize)), 0, size);
  }

 private:
  static constexpr size_t kSize = 16 * 1024;
  static constexpr size_t kCopyBelow = kSize / 4;
  BlockRef block_ = BlockRef::make(kSize);
};

}  // namespace siding
