// The worker's own outgoing calls: answered from a pin if the call was prefetched, else made like any
// other, without retries, time-outs or a breaker of siding's, unless the upstream says `guard_worker`.
// Invariants: what is connected to was named by the configuration or is allowed to pass, and its
// address is one that may be connected to; each request is routed, not each connection; a call that
// cannot be made closes the worker's connection, so that its own library raises its own error.
#pragma once

#include "proxy/downstream/stream.h"
#include "proxy/exchange/services.h"

namespace siding {

/// Serves the egress listener of one loop.
class EgressHandler final : public Handler {
 public:
  /// `now`: where those in force are found, for each new call.
  explicit EgressHandler(const LoopServicesRef& now) : now_(now) {}
  Task<> handle(Stream& stream) override;

 private:
  static Task<> run(LoopServicesRef services, Stream& stream);
  const LoopServicesRef& now_;
};

/// Where a worker's call goes.
struct EgressDestination {
  Upstream* upstream = nullptr;  ///< listed; null: `origin` is unlisted
  OriginUrl origin;
  std::string target;  ///< origin-form, with the upstream's base path
};
/// The three forms (DESIGN 3.4): absolute, Host of an upstream, path prefix "/NAME/...". nullopt if
/// the request names no destination.
std::optional<EgressDestination> egress_destination(const Snapshot& snapshot,
                                                    const RequestHead& head);

}  // namespace siding
