// The certificates of the front, for all threads: read at the start and again when their files change.
// Invariants: files that cannot be used leave the last good ones in force; connections that stand keep what
// they were made with; the keys of tickets outlive the certificates.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "config/secret_file.h"
#include "proxy/net/tls_server_context.h"
#include "proxy/observe/gauges.h"

namespace siding {

class FrontTls {
 public:
  /// Reads the files of all addresses that have TLS: blocks. `clock` outlives it.
  FrontTls(const std::vector<ListenAddress>& addresses, const Clock& clock);

  /// Why an address has nothing to serve with; empty: all have.
  std::string fault() const;
  /// Whether there is anything to look at.
  bool any() const { return !fronts_.empty(); }
  /// Any thread. Of an address that has TLS, by its place in the list.
  std::shared_ptr<const TlsServerContext> of(size_t address) const;
  /// Reads what has changed, and rotates the keys of tickets when it is time. Blocks on files; for one
  /// thread at a time.
  void look();
  void collect(MetricSink& sink) const;

 private:
  using Stamps = std::vector<std::optional<FileStamp>>;
  struct Front {
    explicit Front(const ListenAddress& address) : listen(address.text()), config(*address.tls) {}
    Stamps stamps() const;
    const std::string listen;
    const ListenTls config;
    const std::shared_ptr<TicketKeys> tickets = std::make_shared<TicketKeys>();
    Stamps read;                                      // of the files when they were read last
    std::shared_ptr<const TlsServerContext> context;  // guarded by mutex_
    std::string failure;                              // likewise; of the last try
    std::atomic<uint64_t> failures{0};
  };
  void read(Front& front);
  void warn_of_old_staples(const Front& front) const;

  const Clock& clock_;
  std::vector<std::unique_ptr<Front>> fronts_;
  std::vector<Front*> by_address_;  // null: no TLS there
  TimePoint rotated_;
  mutable std::mutex mutex_;
};

}  // namespace siding
