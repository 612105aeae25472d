// Memory for what every request makes anew (coroutine frames, blocks of bytes): kept by size for the
// next one of the thread. Measured: without it malloc and free were a fifth of siding's own time.
// Invariant: bounded; what is above the bound goes back to malloc. Off under sanitizers, which could
// not see a use after the end of a frame otherwise.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <vector>

namespace siding {

class SmallPool {
 public:
  /// The calling thread's. What one thread took another may give back.
  static SmallPool& here() {
    static thread_local SmallPool pool;
    return pool;
  }
  SmallPool() = default;
  SmallPool(const SmallPool&) = delete;
  SmallPool& operator=(const SmallPool&) = delete;
  ~SmallPool() {
    for (Class& c : classes_) {
      while (Free* f = c.first) {
        c.first = f->next;
        std::free(f);
      }
    }
  }

  void* take(size_t size) {
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
    // Budgets keep siding away from here; without memory there is nothing sensible left to do.
    if (memory == nullptr) std::abort();
    return memory;
  }

  void give_back(void* memory, size_t size) {
    size_t index = (size + kStep - 1) / kStep;
    if (kPooled && index < kClasses && classes_[index].count < kKept) {
      Class& c = classes_[index];
      c.first = new (memory) Free{c.first};
      ++c.count;
      return;
    }
    std::free(memory);
  }

 private:
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)  // as g++ says it
  static constexpr bool kPooled = false;
#elif defined(__has_feature)  // as clang does
  static constexpr bool kPooled =
      !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer);
#else
  static constexpr bool kPooled = true;
#endif
  static constexpr size_t kStep = 16;      // as malloc rounds
  static constexpr size_t kClasses = 129;  // up to 2 KiB
  static constexpr uint32_t kKept = 64;    // of each class
  struct Free {
    Free* next;
  };
  struct Class {
    Free* first = nullptr;
    uint32_t count = 0;
  };
  std::array<Class, kClasses> classes_{};
};

/// Base of a class whose objects come and go with every request.
struct Pooled {
  static void* operator new(size_t size) { return SmallPool::here().take(size); }
  static void operator delete(void* memory, size_t size) {
    SmallPool::here().give_back(memory, size);
  }
};

/// The same for a container's or a shared object's memory.
template <class T>
struct PoolAllocator {
  using value_type = T;
  PoolAllocator() = default;
  template <class U>
  PoolAllocator(const PoolAllocator<U>&) {}
  T* allocate(size_t n) { return static_cast<T*>(SmallPool::here().take(n * sizeof(T))); }
  void deallocate(T* memory, size_t n) { SmallPool::here().give_back(memory, n * sizeof(T)); }
  template <class U>
  bool operator==(const PoolAllocator<U>&) const {
    return true;
  }
};

/// A vector that comes and goes with every request.
template <class T>
using PooledVector = std::vector<T, PoolAllocator<T>>;

}  // namespace siding
