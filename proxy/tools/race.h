// Runs load plans, at the same time or one after the other, and shows how they get on.
// Invariant: when race() returns, all threads that it started have ended.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "proxy/tools/load_client.h"
#include "proxy/tools/progress.h"
#include "proxy/tools/signals.h"

namespace siding {

struct Contestant {
  std::string name;
  LoadPlan plan;
};

enum class RaceOrder {
  together,    ///< each against a server of its own
  one_by_one,  ///< they share a server, and would take each other's time
};

struct RaceResult {
  std::vector<LoadResult> results;  ///< in the order of the contestants
  bool interrupted = false;         ///< SIGINT or SIGTERM ended it; results are as far as they got
};

RaceResult race(const std::vector<Contestant>& contestants, RaceOrder order, const Clock& clock,
                StopSignals& signals, ProgressView& view);

}  // namespace siding
