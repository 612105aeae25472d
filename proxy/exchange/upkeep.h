// What siding does for its upstreams while nobody calls them: it asks each address whether it serves,
// and keeps connections open.
// Invariants: never for a backend (a blocking server would hang on a connection that says nothing); each
// round is bounded in time, and in number by the addresses.
#pragma once

#include "proxy/exchange/services.h"

namespace siding {

/// Runs for ever; one a loop. Probes are the first loop's business, connections that of each.
Task<> keep_upstreams(LoopServices& services);

}  // namespace siding
