// One thread's event loop: the only thing that resumes coroutines. Callbacks of libevent, timers and
// other threads record facts and push a Wake; turn() runs the wakes, destroys what was retired and
// polls.
// Invariants: wake(), retire() and timers are for the loop's own thread, post() and stop() for any;
// no Wake runs inside its waker.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/clock.h"
#include "base/list.h"
#include "proxy/loop/timer_wheel.h"

struct event_base;
struct event;

namespace siding {

class Loop;

/// Something to run in the loop's next batch. Destroying it takes it back.
class Wake : public Link<> {
 public:
  using Fn = void (*)(Wake&);
  explicit Wake(Fn fn) : fn_(fn) {}

 private:
  friend class Loop;
  Fn fn_;
};

/// A Wake that calls a member function of its owner.
template <class T, void (T::*method)()>
class MemberWake : public Wake {
 public:
  explicit MemberWake(T& owner) : Wake(&MemberWake::run), owner_(owner) {}

 private:
  static void run(Wake& wake) { (static_cast<MemberWake&>(wake).owner_.*method)(); }
  T& owner_;
};

/// A Timer that calls a member function of its owner.
template <class T, void (T::*method)()>
class MemberTimer : public Timer {
 public:
  explicit MemberTimer(T& owner) : Timer(&MemberTimer::run), owner_(owner) {}

 private:
  static void run(Timer& timer) { (static_cast<MemberTimer&>(timer).owner_.*method)(); }
  T& owner_;
};

/// A wake that other threads may push to the loop that owns it. It is created and destroyed on that
/// loop's thread; destruction waits for a poster that is just linking it (mailbox lock).
class RemoteWake {
 public:
  RemoteWake(Loop& loop, Wake& target) : loop_(loop), target_(target) {}
  ~RemoteWake();
  RemoteWake(const RemoteWake&) = delete;
  RemoteWake& operator=(const RemoteWake&) = delete;

  /// Any thread. Several posts before the loop comes round are one.
  void post();
  Loop& loop() const { return loop_; }

 private:
  friend class Loop;
  struct Node : Link<> {
    RemoteWake* owner = nullptr;
  };
  Loop& loop_;
  Wake& target_;
  Node node_;  // guarded by the mailbox lock
};

class Loop {
 public:
  /// `index` is the loop's number in the process, for per-thread counters.
  explicit Loop(const Clock& clock, uint32_t index = 0);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// The loop of the calling thread; asserts that there is one.
  static Loop& current();

  uint32_t index() const { return index_; }
  event_base* base() const { return base_; }
  /// Counts polls: what was true before one of them may have been seen to change since.
  uint64_t polls() const { return polls_; }
  /// Time of this turn; cheap.
  TimePoint now() const { return now_; }
  const Clock& clock() const { return clock_; }

  /// Runs `wake` in the next batch. No effect if it is already waiting for that.
  void wake(Wake& wake) {
    if (!wake.linked()) ready_.push_back(wake);
  }
  void arm(Timer& timer, TimePoint due) { timers_.arm(timer, due); }

  /// Destroys `object` after the current batch: the way to be rid of something that may be running.
  template <class T>
  void retire(std::unique_ptr<T> object) {
    if (object) retired_.push_back({object.release(), [](void* p) { delete static_cast<T*>(p); }});
  }

  /// One batch, the retired, one poll. `block`: whether the poll may wait for something to happen.
  /// Returns whether anything ran.
  bool turn(bool block);
  /// Makes this the calling thread's loop: for what starts before run().
  void adopt_thread();
  /// Turns until stop() was called.
  void run();
  /// Any thread, and signal handlers.
  void stop();

  /// Coroutine frames of this thread, as published at the end of each turn.
  int64_t frames() const { return frames_.load(std::memory_order_relaxed); }
  int64_t frame_bytes() const { return frame_bytes_.load(std::memory_order_relaxed); }

 private:
  friend class RemoteWake;
  struct Retired {
    void* object;
    void (*destroy)(void*);
  };
  bool run_batch();
  void destroy_retired();
  void poll(bool block);
  void open_mailbox();
  static void on_mailbox(int fd, short what, void* self);

  const Clock& clock_;
  const uint32_t index_;
  event_base* base_;
  event* mailbox_event_ = nullptr;
  event* timer_event_ = nullptr;
  TimePoint now_;
  uint64_t polls_ = 0;
  TimePoint timer_armed_ = kNever;
  TimerWheel timers_;
  List<Wake> ready_;
  std::vector<Retired> retired_;
  std::atomic<bool> stopping_{false};
  std::atomic<int64_t> frames_{0};
  std::atomic<int64_t> frame_bytes_{0};

  int mailbox_fd_;
  std::mutex mailbox_mutex_;
  List<RemoteWake::Node> mailbox_;  // guarded by mailbox_mutex_
};

}  // namespace siding
