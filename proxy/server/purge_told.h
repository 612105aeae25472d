// How a purge at the [admin] door becomes known to the other replicas: by the Redis that they share.
// Invariant: what is purged is not taken from the Redis here, from before the others are told.
#pragma once

#include "proxy/admin/purge.h"
#include "proxy/exchange/services.h"

namespace siding {

/// Purges go to the other replicas by the Redis that they share.
class PurgeTold final : public PurgeTeller {
 public:
  explicit PurgeTold(LoopServices& services) : services_(services) {}
  Task<Result<>> tell(const Purge& purge) override {
    Services& shared = services_.shared;
    for (const Purge& form : shared.caches->forms_of(purge)) {
      shared.purge_news.add(form, services_.loop.clock().wall());
    }
    return services_.redis->publish(purge.to_text());
  }

 private:
  LoopServices& services_;
};

}  // namespace siding
