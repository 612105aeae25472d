// Writes log text to a descriptor from a thread of its own, so that a stalled reader of stdout or
// stderr stalls nobody else. Both logs use it.
// The choice: O_NONBLOCK belongs to the open file, which a shell, its other jobs and our parent may
// share, so siding does not set it; a thread that blocks in write(2) disturbs nobody.
// Invariants: write() never waits for the reader. At most `max_bytes` wait in the queue and as many
// are on their way: what does not fit is dropped, the newest first, and counted by the line. Lines
// stay whole even where other processes write to the same pipe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/clock.h"

namespace siding {

class LogWriter {
 public:
  static constexpr size_t kMaxBytes = 1 << 20;
  static constexpr Duration kLinger = std::chrono::seconds(1);

  /// Works on a duplicate of `fd`. `linger`: how long the destructor may wait for the reader.
  explicit LogWriter(int fd, size_t max_bytes = kMaxBytes, Duration linger = kLinger);
  /// Lets the thread write what is queued. If that takes longer than `linger` the thread is left
  /// behind, to end by itself with the reader or with the process; what is queued is lost.
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  /// Any thread. `text` is one or more whole lines. False if they were dropped.
  bool write(std::string_view text, size_t lines = 1);
  /// Lines that nobody will read: no room, or the descriptor refused them (disk full, pipe closed).
  uint64_t dropped() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace siding
