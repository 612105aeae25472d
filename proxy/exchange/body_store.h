// Where bodies lie while they wait: in memory, then in an unlinked temporary file, within budgets.
// BodyStore keeps a request body, which may have to be sent again; Spool queues a response between a
// quick worker and a slow client.
// Invariants: single loop; every byte held is reserved in a budget; no file access on the loop thread
// but open(2).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/budget.h"
#include "base/buffer.h"
#include "base/result.h"
#include "proxy/loop/disk.h"
#include "proxy/loop/task.h"
#include "proxy/loop/wait.h"

namespace siding {

/// What all bodies of the process share.
struct BodyBudgets {
  BodyBudgets(uint64_t memory_limit, uint64_t spill_limit, std::string directory, Disk& worker)
      : memory(memory_limit), spill(spill_limit), spill_dir(std::move(directory)), disk(worker) {}
  Budget memory;
  Budget spill;
  std::string spill_dir;
  Disk& disk;
  /// A body larger than this goes to a file even where memory is plenty.
  uint64_t in_memory = 1 << 20;
};

/// The part of a body that lies in a file. Grows at the end only.
class SpillFile {
 public:
  explicit SpillFile(BodyBudgets& budgets) : budgets_(budgets), reserved_(budgets.spill) {}
  /// Makes room for `bytes` more; Failure::no_buffer if the budget has none.
  Result<> reserve(uint64_t bytes);
  Task<Result<>> append(Buffer data);
  Task<Result<Buffer>> read(uint64_t offset, size_t size) const;
  uint64_t size() const { return size_; }
  /// Forgets the content; the next append starts a new file.
  void reset();

 private:
  BodyBudgets& budgets_;
  Reservation reserved_;
  std::shared_ptr<TemporaryFile> file_;
  uint64_t size_ = 0;
};

class BodyStore {
 public:
  explicit BodyStore(BodyBudgets& budgets)
      : budgets_(budgets), reserved_(budgets.memory), file_(budgets) {}

  /// Failure::no_buffer if neither memory nor the spill budget has room.
  Task<Result<>> append(Buffer data);
  uint64_t size() const { return memory_.size() + file_.size(); }
  bool spilled() const { return file_.size() > 0; }
  /// At most `max` bytes from `offset` < size().
  Task<Result<Buffer>> read(uint64_t offset, size_t max) const;
  /// The whole body as one string, if it is in memory.
  std::optional<std::string> text() const;

 private:
  BodyBudgets& budgets_;
  Buffer memory_;  // the first bytes; the rest is in file_
  Reservation reserved_;
  SpillFile file_;
};

class Spool {
 public:
  /// `may_spill`: false for responses that shall go at the client's speed.
  Spool(BodyBudgets& budgets, bool may_spill)
      : budgets_(budgets), may_spill_(may_spill), reserved_(budgets.memory), file_(budgets) {}

  /// Takes bytes in at once, if they may lie in memory; else leaves `data` alone.
  bool try_put(Buffer& data);
  /// From now on at the client's speed.
  void stream() { may_spill_ = false; }
  /// Takes bytes in; waits while there is room nowhere (then the client's speed rules).
  Task<> put(Buffer data);
  /// The next bytes if they lie in memory, at most `max`; else empty.
  Buffer try_get(size_t max);
  /// The next bytes, at most `max`; empty if there are none now.
  Task<Result<Buffer>> get(size_t max);
  bool empty() const { return memory_.empty() && file_.size() == file_read_; }

  void finish() { end(std::nullopt); }
  void fail(Error error) { end(std::move(error)); }
  bool ended() const { return ended_; }
  const std::optional<Error>& error() const { return error_; }
  /// Drops what is held and all that follows.
  void discard();
  bool spilled() const { return spilled_; }
  /// How often a put() had to wait for the client because there was room nowhere.
  uint32_t throttled() const { return throttled_; }

  /// Bytes came, or the end.
  Signal& filled() { return filled_; }

 private:
  void end(std::optional<Error> error);

  BodyBudgets& budgets_;
  bool may_spill_;
  bool discarding_ = false;
  bool ended_ = false;
  bool spilled_ = false;
  uint32_t throttled_ = 0;
  std::optional<Error> error_;
  Buffer memory_;  // before what is in file_
  Reservation reserved_;
  SpillFile file_;
  uint64_t file_read_ = 0;
  Signal filled_;
  Signal drained_;
};

}  // namespace siding
