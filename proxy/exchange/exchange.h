// The life of one request of the front listener: routed, its body taken whole, admitted, its upstream
// calls made ahead, given to a worker, its answer relayed.
// Invariants: destroying the task at any suspension leaves nothing behind but a worker's answer that
// is being read out (Background); whatever happens the client gets one honest answer, or sees that
// the one it was getting is torn.
#pragma once

#include "proxy/downstream/stream.h"
#include "proxy/exchange/services.h"

namespace siding {

/// Serves the front listener of one loop.
class FrontHandler final : public Handler {
 public:
  explicit FrontHandler(LoopServices& services) : services_(services) {}
  Task<> handle(Stream& stream) override;

 private:
  LoopServices& services_;
};

}  // namespace siding
