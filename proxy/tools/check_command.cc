// `siding check FILE...`: every fault at once, or what the configuration means here.
#include <cstdio>

#include "proxy/tools/budgets.h"
#include "proxy/tools/commands.h"
#include "proxy/tools/config_source.h"

namespace siding {

int run_command(const CheckOptions& options) {
  const ConfigRef config = load_or_complain(options.files);
  if (config == nullptr) return kExitBadInput;
  std::printf("%s%s", print_config(*config).c_str(),
              budget_comments(*config, read_machine(*config)).c_str());
  return kExitOk;
}

}  // namespace siding
