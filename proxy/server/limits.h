// What the machine, or the container, gives: memory, CPUs, descriptors.
#pragma once

#include <cstdint>
#include <string>

#include "config/config.h"

namespace siding {

/// Bytes for buffered bodies and pins: [limits] memory, or 80 % of the cgroup's limit (of the
/// machine's memory if it has none).
uint64_t memory_budget(const Config& config);
/// Of these, bytes for stored answers; the rest is for bodies.
uint64_t cache_budget(const Config& config);
/// `threads`, or for "auto" the CPU quota of the cgroup, else the CPUs that this process may use; at
/// most 4.
uint32_t thread_count(const Config& config);

/// Why no body can be put into a file of [limits] spill_dir; "" if it can, or shall not.
std::string spill_fault(const Config& config);

/// [limits] max_connections, less what RLIMIT_NOFILE leaves for: descriptors of the workers' calls, the
/// backends and the doors come first.
uint32_t front_limit(const Config& config);

/// Tunnels at once: each has a descriptor beside its client's, of those that are left; as many as clients
/// at most.
uint32_t tunnel_limit(const Config& config);

}  // namespace siding
