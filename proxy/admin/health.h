// The [health] door: GET and HEAD of /healthz, /readyz and /metrics. Safe to show to a cluster: it
// changes nothing and tells no request.
// Invariant: /healthz says 200 as long as a loop turns; whether siding is of use is /readyz's part.
#pragma once

#include <functional>
#include <string>

#include "proxy/downstream/stream.h"
#include "proxy/observe/observer.h"

namespace siding {

class HealthDoor final : public Handler {
 public:
  /// "" when ready, else why not: "draining", "not listening yet". Called on any loop's thread.
  using NotReady = std::function<std::string()>;

  HealthDoor(const Observer& observer, NotReady not_ready);

  Task<> handle(Stream& stream) override;

 private:
  void answer(Stream& stream) const;

  const Observer& observer_;
  const NotReady not_ready_;
};

}  // namespace siding
