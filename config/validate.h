// What no single value can tell: names that point nowhere, options that contradict each other.
#pragma once

#include "config/config.h"
#include "config/node.h"

namespace siding {

/// Reports faults and warnings of `config`, which was read from `root` (and so has its places).
void validate(const Config& config, const Node& root, Faults& faults);

/// The part of it that concerns TLS and PROXY headers of clients.
void validate_clients(const Config& config, const Node& root, Faults& faults);

/// The part of it that concerns routes and their prefetch.
void validate_routes(const Config& config, const Node& root, Faults& faults);

}  // namespace siding
