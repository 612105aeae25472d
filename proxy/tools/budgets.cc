// See budgets.h.
#include "proxy/tools/budgets.h"

#include <sys/resource.h>

#include "config/load.h"
#include "proxy/server/limits.h"

namespace siding {
namespace {

// With one digit behind the point: format_size() is exact, which is for files.
std::string about(uint64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  uint64_t tenths = bytes * 10;
  size_t unit = 0;
  while (tenths >= 10'240 && unit < 4) {
    tenths /= 1024;
    ++unit;
  }
  const std::string fraction =
      unit > 0 && tenths % 10 != 0 ? "." + std::to_string(tenths % 10) : "";
  return std::to_string(tenths / 10) + fraction + " " + kUnits[unit];
}

std::string descriptor_line(const Config& config, const Machine& machine) {
  const uint64_t needed = descriptors_needed(config);
  const bool unlimited = machine.descriptors == RLIM_INFINITY;
  const std::string text = "descriptors  " + std::to_string(needed) +
                           " at most, RLIMIT_NOFILE allows " +
                           (unlimited ? "any number" : std::to_string(machine.descriptors));
  if (needed <= machine.descriptors) return "# " + text + "\n";
  const uint64_t others = needed - config.limits.max_connections;
  const std::string lower =
      others < machine.descriptors
          ? "lower [limits] max_connections to " + std::to_string(machine.descriptors - others)
          : "lower [egress] max_connections and each `concurrency`: without clients they need " +
                std::to_string(others);
  return "# " + text +
         ": TOO FEW\n#              raise it (ulimit -Hn, LimitNOFILE=" + std::to_string(needed) +
         "), or " + lower + "\n";
}

}  // namespace

Machine read_machine(const Config& config) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  return {memory_budget(config), thread_count(config), limit.rlim_max, spill_fault(config)};
}

std::string budget_comments(const Config& config, const Machine& machine) {
  const LimitsConfig& limits = config.limits;
  std::string out = "\n# What this amounts to here:\n";
  out += "# memory       " + about(machine.memory) + " for buffered bodies (" +
         (limits.memory == 0 ? "80 % of the cgroup's limit or the machine's memory"
                             : "[limits] memory") +
         "), then files of " + about(limits.spill) + " in all\n";
  if (!machine.spill_fault.empty()) {
    out += "#              BUT NO FILES: " + machine.spill_fault +
           "\n#              make the folder writable, or name another with [limits] spill_dir\n";
  }
  out += "# pins         " + about(config.pins.max_bytes) + " of prefetched answers\n";
  for (const BackendConfig& backend : config.backends) {
    // A queue without a bound of its own may fill what bodies have in all.
    const uint64_t bytes =
        backend.queue.bytes != 0 ? backend.queue.bytes : machine.memory + limits.spill;
    out += "# queue        " + std::to_string(backend.queue.size) + " requests and " +
           about(bytes) + " of bodies before " + backend.name + "\n";
  }
  out += "# threads      " + std::to_string(machine.threads) + "\n";
  return out + descriptor_line(config, machine);
}

}  // namespace siding
