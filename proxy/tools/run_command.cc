// `siding run`: a Server, and what comes to it while it runs.
#include <cstdio>

#include "proxy/observe/log.h"
#include "proxy/server/server.h"
#include "proxy/tools/commands.h"
#include "proxy/tools/config_source.h"
#include "proxy/tools/notify.h"
#include "proxy/tools/running.h"
#include "proxy/tools/signals.h"
#include "proxy/tools/startup_lines.h"
#include "proxy/tools/upgrade.h"

namespace siding {
namespace {

std::string toml_from_flags(const RunOptions& options) {
  if (options.listen.empty()) return config_from_flags(options.backend, options.concurrency);
  return config_from_flags(options.backend, options.concurrency, options.listen);
}

int print_run_config(const RunOptions& options, const Config& config) {
  if (options.files.empty()) {
    std::printf("# what the flags stand for; `siding check FILE` shows every default\n%s",
                toml_from_flags(options).c_str());
  } else {
    std::fputs(print_config(config).c_str(), stdout);
  }
  return kExitOk;
}

}  // namespace

int run_command(const RunOptions& options) {
  ConfigWatch changes(options.files);
  const ConfigRef config = options.files.empty() ? load_flags_or_complain(toml_from_flags(options))
                                                 : load_or_complain(options.files);
  if (config == nullptr) return kExitBadInput;
  if (options.print_config) return print_run_config(options, *config);

  Predecessor predecessor;
  StopSignals signals({SIGHUP, SIGUSR2});
  raise_descriptor_limit();
  const Log log(config->log.level);
  SystemClock clock;
  Server server(config, clock);
  const std::string failure = server.start();
  if (!failure.empty()) {
    std::fprintf(stderr, "siding: %s\n", failure.c_str());
    return kExitFailed;
  }
  const ListeningOn listening{server.front_addresses(), server.egress_addresses(),
                              server.health_addresses(), server.admin_addresses()};
  for (const std::string& line : startup_lines(*config, listening)) {
    std::fprintf(stderr, "siding: %s\n", line.c_str());
  }
  notify_supervisor("READY=1\nSTATUS=serving\n");
  predecessor.tell();
  Running running({options.files, options.watch}, std::move(changes), server, signals, clock);
  return running.until_ended();
}

}  // namespace siding
