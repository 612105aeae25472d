// The values of secrets that come from files, read again when the files change: Kubernetes and Vault
// replace them under a running process. What the configuration holds is their value at the start.
// Invariants: a file that cannot be used leaves the last good value in force; values are published
// together, so that a name and a key which were replaced together are never mixed.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "config/secret_file.h"
#include "proxy/observe/gauges.h"

namespace siding {

/// Immutable: what was in force when it was taken.
class SecretValues {
 public:
  /// The value of an option that came from `file`, or, where that is "" or not watched, `configured`.
  const std::string& of(const std::string& configured, const std::string& file) const {
    const auto found = by_file.find(file);
    return found == by_file.end() ? configured : found->second;
  }
  std::map<std::string, std::string> by_file;
};

class Secrets {
 public:
  /// `before`: of the configuration that this one replaces; null: there is none.
  explicit Secrets(const Config& config, const Secrets* before = nullptr);

  /// Whether there is any file to look at.
  bool any() const { return !watched_.empty(); }
  /// Any thread.
  std::shared_ptr<const SecretValues> values() const;
  /// Looks whether the files have changed. Blocks on them; for one thread at a time.
  void look();
  void collect(MetricSink& sink) const;

 private:
  struct Watched {
    explicit Watched(std::string f) : file(std::move(f)) {}
    const std::string file;
    std::optional<FileStamp> stamp;  // of the value in force
    bool failing = false;
    std::atomic<uint64_t> failures{0};
  };
  bool look_at(Watched& watched, SecretValues& values);

  std::vector<std::unique_ptr<Watched>> watched_;
  mutable std::mutex mutex_;
  std::shared_ptr<const SecretValues> values_;  // guarded by mutex_
};

}  // namespace siding
