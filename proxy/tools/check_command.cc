// `siding check`: the diagnostics, the effective configuration, and the budgets that this machine
// gives it.
#include <sys/resource.h>

#include <cstdio>

#include "proxy/server/limits.h"
#include "proxy/tools/commands.h"
#include "proxy/tools/config_source.h"

namespace siding {

int run_command(const CheckOptions& options) {
  const ConfigRef config = load_or_complain(options.files);
  if (config == nullptr) return kExitBadInput;
  std::fputs(print_config(*config).c_str(), stdout);
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  const uint64_t needed = descriptors_needed(*config);
  std::printf("\n# budgets on this machine\n# threads: %u\n# memory of bodies: %s\n",
              thread_count(*config), format_size(memory_budget(*config)).c_str());
  std::printf("# descriptors: at most %llu needed, %llu allowed (RLIMIT_NOFILE, hard)\n",
              static_cast<unsigned long long>(needed),
              static_cast<unsigned long long>(files.rlim_max));
  if (files.rlim_max < needed) {
    std::fprintf(stderr,
                 "warning: the limits add up to %llu descriptors, and RLIMIT_NOFILE allows %llu: "
                 "raise it (ulimit -n, LimitNOFILE=) or lower limits.max_connections\n",
                 static_cast<unsigned long long>(needed),
                 static_cast<unsigned long long>(files.rlim_max));
  }
  return kExitOk;
}

}  // namespace siding
