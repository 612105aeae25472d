// File reads and writes off the loop: regular files block, and a loop thread must not. One worker
// thread serves all loops in order.
// Invariants: a job owns its data and a reference to its file, so the waiting coroutine may be
// destroyed at any time; at most as many jobs exist as there are bodies being spilled, and one of run().
#pragma once

#include <atomic>
#include <condition_variable>
#include <coroutine>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "base/buffer.h"
#include "base/result.h"
#include "proxy/loop/task.h"

namespace siding {

/// An unlinked temporary file; it vanishes with its last reference.
class TemporaryFile {
 public:
  /// Opens one in `directory` (blocking, but only for the length of an open(2)).
  static Result<std::shared_ptr<TemporaryFile>> create(const std::string& directory);
  ~TemporaryFile();
  int fd() const { return fd_; }

 private:
  explicit TemporaryFile(int fd) : fd_(fd) {}
  int fd_;
};

class Disk {
 public:
  Disk();
  ~Disk();
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  Task<Result<>> write(std::shared_ptr<TemporaryFile> file, uint64_t offset, Buffer data);
  /// Exactly `size` bytes, which must have been written before.
  Task<Result<Buffer>> read(std::shared_ptr<TemporaryFile> file, uint64_t offset, size_t size);
  /// Other work with files. `work` owns, or shares, all that it uses.
  Task<> run(std::function<void()> work);
  /// Jobs that have not ended. Once it is 0, whoever waited has been posted.
  uint32_t pending() const { return pending_.load(); }

 private:
  struct Job;
  class Done;
  void submit(std::shared_ptr<Job> job);
  void work();

  std::mutex mutex_;
  std::condition_variable wanted_;
  std::deque<std::shared_ptr<Job>> jobs_;
  bool stopping_ = false;
  std::atomic<uint32_t> pending_{0};
  std::thread thread_;
};

}  // namespace siding
