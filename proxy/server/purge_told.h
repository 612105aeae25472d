// How a purge at the [admin] door becomes known to the other replicas: by the Redis that they share.
// Invariant: what is purged is not taken from the Redis here, from before the others are told.
#pragma once

#include "proxy/admin/purge.h"
#include "proxy/exchange/services.h"

namespace siding {

/// Purges go to the other replicas by the Redis that they share.
class PurgeTold final : public PurgeTeller {
 public:
  explicit PurgeTold(const LoopServicesRef& now) : now_(now) {}
  Task<Result<>> tell(const Purge& purge) override { return run(now_, purge); }

 private:
  static Task<Result<>> run(LoopServicesRef services, Purge purge) {
    if (!services->redis) co_return Result<>();  // nothing is shared
    Services& shared = services->shared;
    for (const Purge& form : shared.caches->forms_of(purge)) {
      services->snapshot.purge_news->add(form, services->loop.clock().wall());
    }
    Result<> told = co_await services->redis->publish(purge.to_text());
    co_return told;
  }
  const LoopServicesRef& now_;
};

}  // namespace siding
