// What TLS makes of files, kept for all threads: made again when they change, and where they cannot be used
// the last good one stays in force.
// Invariants: any thread may ask; look() blocks on files.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "config/secret_file.h"
#include "proxy/observe/log.h"

namespace siding {

template <class T>
class OfTlsFiles {
 public:
  using Make = std::function<Result<std::shared_ptr<T>>()>;
  /// Reads them: blocks. `name`: for the log. Empty names of files are none. What is wrong with the first
  /// read is the caller's to tell.
  OfTlsFiles(std::string name, std::vector<std::string> files, Make make)
      : name_(std::move(name)), files_(std::move(files)), make_(std::move(make)) {
    std::erase(files_, std::string());
    read();
  }

  /// Null: there has been none yet; see failure().
  std::shared_ptr<T> get() const {
    std::lock_guard lock(mutex_);
    return made_;
  }
  /// Of the last read; empty: it was good.
  std::string failure() const {
    std::lock_guard lock(mutex_);
    return failure_;
  }
  uint64_t failures() const { return failures_; }

  void look() {
    std::lock_guard one_at_a_time(look_mutex_);
    // Two files of one folder may be replaced between two looks: a key that does not fit yet is no reason
    // to wait for another change.
    const std::string before = failure();
    if (before.empty() && stamps() == read_) return;
    const bool had_one = get() != nullptr;
    read();
    const std::string now = failure();
    if (now.empty()) {
      log_info(name_ + ": the files of its TLS were read again");
    } else if (now != before) {
      log_warning(name_ + ": TLS: " + now + (had_one ? "; what was read before stays in use" : ""));
    }
  }

 private:
  using Stamps = std::vector<std::optional<FileStamp>>;
  Stamps stamps() const {
    Stamps out;
    for (const std::string& file : files_) out.push_back(stamp_of(file));
    return out;
  }
  void read() {
    read_ = stamps();
    Result<std::shared_ptr<T>> made = make_();
    if (!made) ++failures_;
    std::lock_guard lock(mutex_);
    if (made) made_ = std::move(*made);
    failure_ = made ? std::string() : made.error().detail;
  }

  const std::string name_;
  std::vector<std::string> files_;
  const Make make_;
  std::mutex look_mutex_;
  Stamps read_;  // of the files when they were read last; guarded by look_mutex_
  std::atomic<uint64_t> failures_{0};
  mutable std::mutex mutex_;
  std::shared_ptr<T> made_;  // guarded by mutex_
  std::string failure_;      // likewise
};

}  // namespace siding
