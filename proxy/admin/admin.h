// The [admin] door, by path: `siding explain` and `siding purge` ask here.
// Invariant: on loopback or a unix socket only, and for those whom guard.h lets in.
#pragma once

#include "proxy/admin/explain.h"
#include "proxy/admin/purge.h"

namespace siding {

class AdminDoor final : public Handler {
 public:
  /// `others`: who tells other replicas of a purge; null: there are none.
  AdminDoor(const Ring& ring, Caches& caches, PurgeTeller* others = nullptr)
      : explain_(ring), purge_(caches, others) {}

  Task<> handle(Stream& stream) override;

 private:
  const ExplainDoor explain_;
  PurgeDoor purge_;
};

}  // namespace siding
