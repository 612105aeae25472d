// The [health] door: GET and HEAD of /healthz, /readyz and /metrics; GET /wait-for-drain, which is answered
// when nobody is inside any more, for the preStop hook of an application. Safe to show to a cluster: it
// tells no request, and changes nothing unless the file says that it may drain.
// Invariants: /healthz says 200 as long as a loop turns; whether siding is of use is /readyz's part. Who
// waits holds a bounded part of the door's connections.
#pragma once

#include <functional>
#include <string>

#include "proxy/downstream/stream.h"
#include "proxy/observe/observer.h"

namespace siding {

class HealthDoor final : public Handler {
 public:
  struct Options {
    /// "" when ready, else why not: "draining", "not listening yet".
    std::function<std::string()> not_ready;
    /// Asked for a drain; empty: nobody may ask here.
    std::function<void()> begin_drain;
    /// Whether all clients have gone.
    std::function<bool()> drained;
  };
  /// They are called on the door's thread.
  HealthDoor(const Observer& observer, Options options);

  Task<> handle(Stream& stream) override;

 private:
  void answer(Stream& stream) const;
  Task<> wait_for_drain(Stream& stream);

  const Observer& observer_;
  const Options options_;
  int waiting_ = 0;
};

}  // namespace siding
