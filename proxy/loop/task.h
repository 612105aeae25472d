// Task<T>: a lazy coroutine. Who holds the Task owns the frame, and destroying it is the one way to
// cancel what runs in it; everything a frame holds must therefore clean up in destructors.
// Rules (they are about g++ 12 too, see CONTRIBUTING.md): one co_await a statement, no ?:, lambda or
// brace initialiser beside it; no symmetric transfer; no exceptions.
// Invariant: a frame is resumed by its Loop only, or by start() up to its first suspension.
#pragma once

#include <cassert>
#include <coroutine>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <optional>
#include <utility>

#include "base/small_pool.h"
#include "proxy/loop/loop.h"

namespace siding {

/// Live coroutine frames of the calling thread: the tests' proof that nothing leaks.
struct FrameStats {
  int64_t frames = 0;
  int64_t bytes = 0;
};
inline FrameStats& frame_stats() {
  static thread_local FrameStats stats;
  return stats;
}

/// A Wake that resumes a coroutine.
class ResumeWake : public Wake {
 public:
  ResumeWake() : Wake(&ResumeWake::run) {}
  std::coroutine_handle<> handle;

 private:
  static void run(Wake& wake) { static_cast<ResumeWake&>(wake).handle.resume(); }
};

template <class T = void>
class Task;

namespace task_detail {

struct PromiseBase {
  Wake* done = nullptr;   // pushed at the end
  bool starting = false;  // ends inside its starter, who looks by itself

  // noinline, both: where one of them is inlined and the other is not, g++ 12 warns of a mismatch of
  // malloc() and operator delete, or of operator new and free().
  [[gnu::noinline]] static void* operator new(size_t size) {
    FrameStats& stats = frame_stats();
    ++stats.frames;
    stats.bytes += static_cast<int64_t>(size);
    return SmallPool::here().take(size);
  }
  [[gnu::noinline]] static void operator delete(void* memory, size_t size) {
    FrameStats& stats = frame_stats();
    --stats.frames;
    stats.bytes -= static_cast<int64_t>(size);
    SmallPool::here().give_back(memory, size);
  }

  std::suspend_always initial_suspend() noexcept { return {}; }
  struct Final {
    bool await_ready() noexcept { return false; }
    template <class P>
    void await_suspend(std::coroutine_handle<P> handle) noexcept {
      PromiseBase& promise = handle.promise();
      if (!promise.starting && promise.done != nullptr) Loop::current().wake(*promise.done);
    }
    void await_resume() noexcept {}
  };
  Final final_suspend() noexcept { return {}; }
  void unhandled_exception() noexcept { std::terminate(); }
};

template <class T>
struct Promise : PromiseBase {
  std::optional<T> value;
  Task<T> get_return_object() noexcept;
  template <class U>
  void return_value(U&& v) {
    value.emplace(std::forward<U>(v));
  }
  T take() { return std::move(*value); }
};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object() noexcept;
  void return_void() noexcept {}
  void take() {}
};

}  // namespace task_detail

template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = task_detail::Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  Task() = default;
  explicit Task(Handle handle) : handle_(handle) {}
  Task(Task&& o) noexcept : handle_(std::exchange(o.handle_, {})) {}
  Task& operator=(Task&& o) noexcept {
    reset();
    handle_ = std::exchange(o.handle_, {});
    return *this;
  }
  ~Task() { reset(); }

  /// Cancels: destroys the frame and all that it owns. Never from inside that frame.
  void reset() {
    if (Handle h = std::exchange(handle_, {})) h.destroy();
  }
  explicit operator bool() const { return static_cast<bool>(handle_); }
  bool done() const { return handle_ && handle_.done(); }

  /// Runs up to the first suspension. `done` is pushed when the task ends later; not if it has
  /// ended by the time this returns: look at done().
  void start(Wake* done = nullptr) {
    promise_type& promise = handle_.promise();
    promise.done = done;
    promise.starting = true;
    handle_.resume();
    promise.starting = false;
  }
  /// The result of a task that is done.
  T take() {
    assert(done());
    return handle_.promise().take();
  }

  class Awaiter {
   public:
    explicit Awaiter(Handle handle) : handle_(handle) {}
    Awaiter(const Awaiter&) = delete;
    Awaiter& operator=(const Awaiter&) = delete;
    bool await_ready() noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> parent) noexcept {
      wake_.handle = parent;
      promise_type& promise = handle_.promise();
      promise.done = &wake_;
      promise.starting = true;
      handle_.resume();
      promise.starting = false;
      return !handle_.done();
    }
    T await_resume() { return handle_.promise().take(); }

   private:
    Handle handle_;
    ResumeWake wake_;
  };
  Awaiter operator co_await() && noexcept { return Awaiter(handle_); }

 private:
  Handle handle_;
};

namespace task_detail {
template <class T>
Task<T> Promise<T>::get_return_object() noexcept {
  return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}
}  // namespace task_detail

}  // namespace siding
