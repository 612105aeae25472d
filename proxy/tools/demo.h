// The scenery of `siding demo`: a slow upstream and a really blocking one-worker backend, either
// alone or with a whole siding in front, configured by TOML as any user does it.
// Invariant: the two ways share nothing but the process: each has its own upstream, backend and
// counts, so that neither takes the other's worker or answers.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "proxy/server/server.h"
#include "proxy/tools/demo_backend.h"
#include "proxy/tools/demo_upstream.h"
#include "proxy/tools/load_client.h"
#include "proxy/tools/load_report.h"

namespace siding {

/// The file that a user would write, with the demo's ports in it. `calls` is the upstream's
/// concurrency: as many as there are requests, or siding's own bound would be measured.
std::string demo_toml(const SocketAddress& backend, const SocketAddress& upstream, size_t calls);

class DemoSide {
 public:
  DemoSide(Duration upstream_delay, const Clock& clock);
  ~DemoSide();

  /// The backend calls its upstream directly.
  void start_alone();
  /// Puts siding in front; the backend's calls go through its egress. Empty on success, else what
  /// went wrong.
  std::string start_behind_siding(size_t calls);

  /// Where clients connect to.
  SocketAddress front() const;
  /// Null without siding.
  const Server* server() const { return server_.get(); }
  const std::string& toml() const { return toml_; }

  LoadPlan plan(size_t requests, Duration timeout) const;
  void reset_counts();
  /// The run and what upstream and backend counted meanwhile.
  LoadColumn column(const std::string& head, const LoadResult& result) const;

 private:
  const Clock& clock_;
  DemoUpstream upstream_;
  DemoBackend backend_;
  std::string toml_;
  std::unique_ptr<Server> server_;  // last: stops first, while what it talks to still answers
};

}  // namespace siding
