// The end of siding, as far as all threads have come with it. It has two halves, in this order: its clients
// go, then the workers' calls, for nobody inside may lose his way out. Usually a signal asks for both; where
// siding is stopped after its application (a native sidecar), the application's preStop hook asks for the
// first.
// Invariant: no stage is ever gone back to.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include "proxy/loop/loop.h"

namespace siding {

class Drain {
 public:
  enum class Stage : uint8_t {
    serving,
    clients,  ///< nobody new is to come in, and who is inside finishes
    all,      ///< then the workers' calls
    now,      ///< whatever is still inside is cut off
  };
  explicit Drain(uint32_t threads) : threads_(threads), working_(threads) {}

  Stage stage() const { return stage_; }
  /// Any thread: clients are to go.
  void begin() { raise(Stage::clients); }
  /// Any thread: all is to go; the second time at once.
  void stop() { raise(stage_ < Stage::all ? Stage::all : Stage::now); }
  /// The same, while another process serves the same sockets already.
  void hand_over() {
    handed_over_ = true;
    stop();
  }
  bool handed_over() const { return handed_over_; }

  /// Of one thread each: its clients have gone; it has nothing to do any more.
  void clients_have_gone() { ++clientless_; }
  void has_ended() { --working_; }
  /// Of all.
  bool no_clients() const { return clientless_ == threads_; }
  bool nobody_works() const { return working_ == 0; }

  /// Posted whenever the stage rises.
  void tell(RemoteWake& teller) {
    std::lock_guard lock(mutex_);
    tellers_.push_back(&teller);
  }
  void forget(RemoteWake& teller) {
    std::lock_guard lock(mutex_);
    std::erase(tellers_, &teller);
  }

 private:
  void raise(Stage to) {
    Stage from = stage_;
    while (from < to && !stage_.compare_exchange_weak(from, to)) {
    }
    std::lock_guard lock(mutex_);
    for (RemoteWake* teller : tellers_) teller->post();
  }

  const uint32_t threads_;
  std::atomic<Stage> stage_{Stage::serving};
  std::atomic<bool> handed_over_{false};
  std::atomic<uint32_t> clientless_{0};
  std::atomic<uint32_t> working_;
  std::mutex mutex_;
  std::vector<RemoteWake*> tellers_;  // one a thread; guarded by mutex_
};

}  // namespace siding
