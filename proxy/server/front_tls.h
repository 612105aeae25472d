// The certificates of the front, for all threads: read at the start and again when their files change.
// Invariants: files that cannot be used leave the last good ones in force; connections that stand keep what
// they were made with; the keys of tickets outlive the certificates, and the configuration.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "proxy/net/tls_files.h"
#include "proxy/net/tls_server_context.h"
#include "proxy/observe/gauges.h"

namespace siding {

class FrontTls {
 public:
  /// Reads the files of all addresses that have TLS: blocks. What `before` has for an address is taken over;
  /// where its options differ, the keys of its tickets. `clock` outlives it.
  FrontTls(const std::vector<ListenAddress>& addresses, const Clock& clock,
           const FrontTls* before = nullptr);

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
  struct Front {
    Front(const ListenAddress& address, std::shared_ptr<TicketKeys> keys, const Clock& clock);
    const std::string listen;
    const ListenTls tls;
    const std::shared_ptr<TicketKeys> tickets;
    TimePoint rotated;  // for look() alone
    OfTlsFiles<const TlsServerContext> context;
  };
  void warn_of_old_staples(const Front& front) const;

  const Clock& clock_;
  std::vector<std::shared_ptr<Front>> fronts_;
  std::vector<Front*> by_address_;  // null: no TLS there
};

}  // namespace siding
