// Signals as something that the main thread waits for, instead of handlers that interrupt whatever runs:
// SIGTERM and SIGINT, and what else a command has a use for. SIGPIPE is ignored: a write to a closed peer
// is an error to look at, not an end.
// Invariant: made before any other thread, which all inherit the mask, so that no thread but the one
// that asks is ever given these signals.
#pragma once

#include <signal.h>

#include <initializer_list>

#include "base/clock.h"

namespace siding {

class StopSignals {
 public:
  explicit StopSignals(std::initializer_list<int> more = {});
  /// Gives the signals back their former effect (pending ones are dropped first).
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  /// Waits until a signal comes (its number), one of `also` can be read (0), or `most` has passed (0).
  /// SIGHUP is told as SIGTERM where it says that the terminal is gone; not to who was started by nohup.
  int wait(Duration most, std::initializer_list<int> also = {});
  /// For a descriptor of one's own poll: readable when wait() would return at once.
  int fd() const { return fd_; }
  /// What was blocked before: for a process that is started.
  const sigset_t& mask_before() const { return before_; }

 private:
  sigset_t before_;
  int fd_;
  bool bears_hangup_ = false;
};

/// Raises the soft limit of open descriptors to the hard one, as a proxy needs it. Returns the limit
/// now in force.
uint64_t raise_descriptor_limit();

}  // namespace siding
