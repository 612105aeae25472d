// `siding health`: asks a running siding over its [health] door, for health checks that run a command.
#include <cstdio>

#include "proxy/admin/admin_client.h"
#include "proxy/tools/commands.h"
#include "proxy/tools/config_source.h"

namespace siding {

namespace {
/// Where a door is reached that listens on this address: on all of them means on this machine's own, too.
std::string reached_at(ListenAddress address) {
  if (address.host == "0.0.0.0") address.host = "127.0.0.1";
  if (address.host == "::") address.host = "::1";
  return address.text();
}
}  // namespace

int run_command(const HealthOptions& options) {
  HealthQuestion question;
  question.address = options.address;
  question.live = options.live;
  if (question.address.empty() && options.files.empty()) {
    std::fputs(
        "siding health: which siding? Name its configuration file, or its [health] listen: "
        "--address 127.0.0.1:9090\n",
        stderr);
    return kExitBadInput;
  }
  if (question.address.empty()) {
    const ConfigRef config = load_or_complain(options.files);
    if (config == nullptr) return kExitBadInput;
    if (config->health.listen.empty()) {
      std::fprintf(stderr,
                   "siding health: %s has no [health] door. Add this, and start siding anew:\n\n"
                   "[health]\nlisten = [\"127.0.0.1:9090\"]\n",
                   options.files.front().c_str());
      return kExitBadInput;
    }
    question.address = reached_at(config->health.listen.front());
  }
  const AdminAnswer answer = ask_health(question);
  std::fputs(answer.text.c_str(), answer.ok ? stdout : stderr);
  return answer.ok ? kExitOk : kExitFailed;
}

}  // namespace siding
