// The TLS contexts of the upstreams, made again when their files change: certificates are replaced under
// a running process. One more, for hosts that are no [upstream], is made when it is first wanted.
// Invariant: files that cannot be used leave the last good context in force.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "config/config.h"
#include "proxy/net/tls_context.h"
#include "proxy/net/tls_files.h"
#include "proxy/observe/gauges.h"

namespace siding {

class TlsContexts {
 public:
  /// The name of the Redis here, which no upstream can have.
  static constexpr std::string_view kRedis = "[cache] redis";
  /// Reads the files of all https upstreams, and of the Redis: blocks. Those that `before` has are taken
  /// over, with their sessions.
  explicit TlsContexts(const Config& config, const TlsContexts* before = nullptr);

  /// Whether there is anything to look at.
  bool any() const { return !known_.empty(); }
  /// Any thread. `upstream`: "" is for hosts that are none. A failure says why there is no context.
  Result<std::shared_ptr<TlsContext>> of(const std::string& upstream) const;
  /// Whether of("") can be asked; else make_unlisted() is to be called first.
  bool has_unlisted() const;
  /// Reads the system's authorities: blocks. For the thread that calls look().
  void make_unlisted();
  /// Looks whether the files have changed. Blocks on them; for one thread at a time.
  void look();
  void collect(MetricSink& sink) const;

 private:
  using Context = OfTlsFiles<TlsContext>;
  struct Known {
    TlsFiles files;
    std::shared_ptr<Context> context;
  };
  void add(const std::string& name, TlsFiles files, const TlsContexts* before);

  std::map<std::string, Known> known_;  // by upstream; the map itself is constant
  mutable std::mutex mutex_;
  std::shared_ptr<Context> unlisted_;  // guarded by mutex_; null until it is wanted
};

}  // namespace siding
