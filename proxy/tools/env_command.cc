// `siding env FILE --for python`: prints the lines of env.h.
#include <cstdio>

#include "proxy/tools/commands.h"
#include "proxy/tools/config_source.h"

namespace siding {

int run_command(const EnvOptions& options) {
  const ConfigRef config = load_or_complain(options.files);
  if (config == nullptr) return kExitBadInput;
  const auto lines = environment_lines(*config, options.application);
  if (!lines) {
    std::fprintf(stderr,
                 "siding env: %s has no [egress] listener on an IP address, and there the "
                 "application's calls come in. Add:\n\n[egress]\nlisten = [\"127.0.0.1:8081\"]\n",
                 options.files.front().c_str());
    return kExitBadInput;
  }
  std::fputs(lines->c_str(), stdout);
  return kExitOk;
}

}  // namespace siding
