// The leaf awaiters: everything that a coroutine waits for is a Signal, a point in time, or both.
// Invariants: a wait unlinks itself when its frame is destroyed; a Signal holds no state, so check
// the condition, then wait, then check again.
#pragma once

#include <coroutine>

#include "proxy/loop/loop.h"
#include "proxy/loop/task.h"

namespace siding {

/// A place to wait for "something changed". Belongs to one loop's thread.
class Signal {
 public:
  class Waiter : public Link<> {
   public:
    explicit Waiter(Wake& wake) : wake_(wake) {}
    /// For callers that are no coroutines: waits for the next notify().
    void listen(Signal& signal) {
      unlink();
      signal.waiters_.push_back(*this);
    }

   private:
    friend class Signal;
    Wake& wake_;
  };

  bool has_waiters() { return !waiters_.empty(); }
  /// Wakes all who wait now.
  void notify() {
    while (Waiter* waiter = waiters_.pop_front()) Loop::current().wake(waiter->wake_);
  }

 private:
  List<Waiter> waiters_;
};

/// `bool notified = co_await Wait(signal, deadline)`: false if the deadline came first. The second
/// form wakes on either signal.
class Wait {
 public:
  explicit Wait(Signal& signal, TimePoint deadline = kNever) : Wait(&signal, nullptr, deadline) {}
  Wait(Signal& a, Signal& b, TimePoint deadline = kNever) : Wait(&a, &b, deadline) {}
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> parent) noexcept {
    wake_.handle = parent;
    if (a_ != nullptr) on_a_.listen(*a_);
    if (b_ != nullptr) on_b_.listen(*b_);
    if (deadline_ != kNever) Loop::current().arm(timer_, deadline_);
  }
  bool await_resume() noexcept { return !timer_.fired; }

 protected:
  Wait(Signal* a, Signal* b, TimePoint deadline)
      : a_(a), b_(b), deadline_(deadline), timer_(*this) {}

 private:
  struct Deadline : Timer {
    explicit Deadline(Wait& w) : Timer(&Deadline::run), wait(w) {}
    static void run(Timer& timer) {
      auto& self = static_cast<Deadline&>(timer);
      if (self.wait.wake_.linked()) return;  // the signal came first
      self.fired = true;
      Loop::current().wake(self.wait.wake_);
    }
    Wait& wait;
    bool fired = false;
  };

  Signal* a_;
  Signal* b_;
  TimePoint deadline_;
  ResumeWake wake_;
  Signal::Waiter on_a_{wake_};
  Signal::Waiter on_b_{wake_};
  Deadline timer_;
};

/// `co_await NextBatch()`: goes on once everybody else who is ready now has had a turn.
class NextBatch {
 public:
  NextBatch() = default;
  NextBatch(const NextBatch&) = delete;
  NextBatch& operator=(const NextBatch&) = delete;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> parent) noexcept {
    wake_.handle = parent;
    Loop::current().wake(wake_);
  }
  void await_resume() const noexcept {}

 private:
  ResumeWake wake_;
};

/// `co_await SleepUntil(t)`.
class SleepUntil : public Wait {
 public:
  explicit SleepUntil(TimePoint t) : Wait(nullptr, nullptr, t) {}
};

}  // namespace siding
