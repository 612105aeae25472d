// Memory of coroutine frames: kept by size for the next frame of the thread, because a request makes
// a score of them. Measured: without it malloc and free were a fifth of siding's own time.
// Invariant: bounded; what is above the bound goes back to malloc. Off under sanitizers, which could
// not see a use after the end of a frame otherwise.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace siding {

/// Live coroutine frames of the calling thread: the tests' proof that nothing leaks.
struct FrameStats {
  int64_t frames = 0;
  int64_t bytes = 0;
};

class FramePool {
 public:
  static FramePool& here() {
    static thread_local FramePool pool;
    return pool;
  }
  FramePool() = default;
  FramePool(const FramePool&) = delete;
  FramePool& operator=(const FramePool&) = delete;
  ~FramePool() {
    for (Class& c : classes_) {
      while (Free* f = c.first) {
        c.first = f->next;
        std::free(f);
      }
    }
  }

  void* take(size_t size) {
    ++stats.frames;
    stats.bytes += static_cast<int64_t>(size);
    size_t index = (size + kStep - 1) / kStep;
    if (kPooled && index < kClasses) {
      Class& c = classes_[index];
      if (Free* f = c.first) {
        c.first = f->next;
        --c.count;
        return f;
      }
      size = index * kStep;
    }
    void* memory = std::malloc(size);
    if (memory == nullptr) std::abort();
    return memory;
  }

  void give_back(void* memory, size_t size) {
    --stats.frames;
    stats.bytes -= static_cast<int64_t>(size);
    size_t index = (size + kStep - 1) / kStep;
    if (kPooled && index < kClasses && classes_[index].count < kKept) {
      Class& c = classes_[index];
      c.first = new (memory) Free{c.first};
      ++c.count;
      return;
    }
    std::free(memory);
  }

  FrameStats stats;

 private:
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  static constexpr bool kPooled = false;
#else
  static constexpr bool kPooled = true;
#endif
  static constexpr size_t kStep = 64;
  static constexpr size_t kClasses = 33;  // frames up to 2 KiB
  static constexpr uint32_t kKept = 64;   // of each class
  struct Free {
    Free* next;
  };
  struct Class {
    Free* first = nullptr;
    uint32_t count = 0;
  };
  std::array<Class, kClasses> classes_{};
};

inline FrameStats& frame_stats() { return FramePool::here().stats; }

}  // namespace siding
