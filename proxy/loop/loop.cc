// See loop.h.
#include "proxy/loop/loop.h"

#include <event2/event.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cassert>
#include <cstdlib>

#include "proxy/loop/task.h"

namespace siding {

namespace {
thread_local Loop* t_current = nullptr;

// Work that wakes more work is run without a poll between, but not for ever: sockets need a turn.
constexpr int kBatchesPerPoll = 16;
}  // namespace

RemoteWake::~RemoteWake() {
  std::lock_guard lock(loop_.mailbox_mutex_);
  node_.unlink();
}

void RemoteWake::post() {
  Loop& loop = loop_;  // once the lock is free, this object may be gone
  bool first = false;
  {
    std::lock_guard lock(loop.mailbox_mutex_);
    if (node_.linked()) return;
    node_.owner = this;
    first = loop.mailbox_.empty();
    loop.mailbox_.push_back(node_);
  }
  // Only the first post of a batch costs a system call. The loop outlives every RemoteWake.
  if (first) eventfd_write(loop.mailbox_fd_, 1);
}

Loop::Loop(const Clock& clock, uint32_t index)
    : clock_(clock), index_(index), now_(clock.now()), timers_(now_) {
  event_config* config = event_config_new();
  event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
  base_ = event_base_new_with_config(config);
  event_config_free(config);
  mailbox_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (base_ == nullptr || mailbox_fd_ < 0) std::abort();
  mailbox_event_ = event_new(base_, mailbox_fd_, EV_READ | EV_PERSIST, &Loop::on_mailbox, this);
  event_add(mailbox_event_, nullptr);
  // libevent's clock is coarse, so it may fire this before its time: the next poll has to arm it anew.
  auto disarmed = [](int, short, void* armed) { *static_cast<TimePoint*>(armed) = kNever; };
  timer_event_ = event_new(base_, -1, 0, disarmed, &timer_armed_);
  if (t_current == nullptr) t_current = this;
}

Loop::~Loop() {
  destroy_retired();
  event_free(timer_event_);
  event_free(mailbox_event_);
  event_base_free(base_);
  close(mailbox_fd_);
  if (t_current == this) t_current = nullptr;
}

Loop& Loop::current() {
  assert(t_current != nullptr);
  return *t_current;
}

bool Loop::run_batch() {
  if (ready_.empty()) return false;
  List<Wake> batch;
  batch.append_all(ready_);
  // A wake may destroy others of the batch: they unlink themselves from it.
  while (Wake* wake = batch.pop_front()) wake->fn_(*wake);
  return true;
}

void Loop::destroy_retired() {
  while (!retired_.empty()) {
    std::vector<Retired> taken;
    taken.swap(retired_);
    for (Retired& r : taken) r.destroy(r.object);
  }
}

void Loop::poll(bool block) {
  if (block && !clock_.manual()) {
    TimePoint next = timers_.next();
    if (next != kNever && (next < timer_armed_ || timer_armed_ <= now_)) {
      int64_t us = next > now_ ? to_us(next - now_) + 1 : 0;
      timeval tv{us / 1'000'000, us % 1'000'000};
      event_add(timer_event_, &tv);
      timer_armed_ = next;
    }
  }
  event_base_loop(base_, EVLOOP_ONCE | (block ? 0 : EVLOOP_NONBLOCK));
  ++polls_;
  now_ = clock_.now();
  timers_.advance(now_);
}

bool Loop::turn(bool block) {
  t_current = this;
  bool ran = run_batch();
  destroy_retired();
  poll(block && ready_.empty() && !stopping_.load(std::memory_order_relaxed));
  frames_.store(frame_stats().frames, std::memory_order_relaxed);
  frame_bytes_.store(frame_stats().bytes, std::memory_order_relaxed);
  return ran || !ready_.empty();
}

void Loop::adopt_thread() { t_current = this; }

void Loop::run() {
  adopt_thread();
  now_ = clock_.now();
  while (!stopping_.load(std::memory_order_relaxed)) {
    for (int i = 0; i < kBatchesPerPoll && run_batch(); ++i) destroy_retired();
    turn(true);
  }
  destroy_retired();
}

void Loop::stop() {
  stopping_.store(true);
  eventfd_write(mailbox_fd_, 1);
}

void Loop::on_mailbox(int fd, short, void* self) {
  eventfd_t ignored = 0;
  eventfd_read(fd, &ignored);
  Loop& loop = *static_cast<Loop*>(self);
  std::lock_guard lock(loop.mailbox_mutex_);
  while (RemoteWake::Node* node = loop.mailbox_.pop_front()) loop.wake(node->owner->target_);
}

}  // namespace siding
