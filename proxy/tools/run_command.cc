// `siding run`: a Server, and the signals that drain it.
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdio>
#include <thread>

#include "proxy/observe/log.h"
#include "proxy/server/server.h"
#include "proxy/tools/commands.h"
#include "proxy/tools/config_source.h"
#include "proxy/tools/notify.h"
#include "proxy/tools/signals.h"
#include "proxy/tools/startup_lines.h"

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

// Waits for the server's end on a thread of its own, and for signals on this one.
int serve_until_drained(Server& server, StopSignals& signals) {
  const int ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  int code = kExitFailed;
  std::thread waiter([&] {
    code = server.wait();
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(ended, &one, sizeof(one));
  });
  bool draining = false;
  uint64_t rung = 0;
  while (read(ended, &rung, sizeof(rung)) < 0) {
    if (signals.wait(Duration::max(), ended) == 0) continue;
    std::fprintf(stderr, draining ? "siding: ending now\n"
                                  : "siding: draining; a second signal ends it at once\n");
    if (!draining) notify_supervisor("STOPPING=1\nSTATUS=draining\n");
    draining = true;
    server.drain();
  }
  waiter.join();
  close(ended);
  return code;
}

}  // namespace

int run_command(const RunOptions& options) {
  const ConfigRef config = options.files.empty() ? load_flags_or_complain(toml_from_flags(options))
                                                 : load_or_complain(options.files);
  if (config == nullptr) return kExitBadInput;
  if (options.print_config) return print_run_config(options, *config);

  StopSignals signals;
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
  return serve_until_drained(server, signals);
}

}  // namespace siding
