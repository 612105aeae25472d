// What a configuration amounts to on this machine: bytes, descriptors, threads; as comments behind the
// effective configuration that `siding check` prints.
// Invariant: pure but for read_machine().
#pragma once

#include <cstdint>
#include <string>

#include "config/config.h"

namespace siding {

/// What the machine gives to this configuration.
struct Machine {
  uint64_t memory = 0;        ///< bytes, [limits] memory or what "auto" makes of the cgroup
  uint32_t threads = 1;       ///< loops, likewise
  uint64_t descriptors = 0;   ///< the hard RLIMIT_NOFILE, to which `run` raises the soft one
  std::string spill_fault{};  ///< why no file can be written for bodies
};
Machine read_machine(const Config& config);

/// Lines that begin with "# ", so that the whole output can be loaded again.
std::string budget_comments(const Config& config, const Machine& machine);

}  // namespace siding
