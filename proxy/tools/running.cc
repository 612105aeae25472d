// See running.h.
#include "proxy/tools/running.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "proxy/observe/log.h"
#include "proxy/tools/config_source.h"
#include "proxy/tools/notify.h"
#include "proxy/tools/startup_lines.h"

namespace siding {

namespace {
constexpr Duration kWatch = std::chrono::seconds(1);
/// A configuration that was refused may name files that come a moment later: it is tried again.
constexpr uint32_t kLooksUntilRetry = 10;

/// What `ended` has that `begun` has not.
std::vector<std::string> more_in(const std::vector<std::string>& begun,
                                 const std::vector<std::string>& ended) {
  std::vector<std::string> more;
  for (const std::string& line : ended) {
    if (std::find(begun.begin(), begun.end(), line) == begun.end()) more.push_back(line);
  }
  return more;
}
}  // namespace

Running::Running(Options options, ConfigWatch changes, Server& server, StopSignals& signals,
                 const Clock& clock)
    : options_(std::move(options)),
      changes_(std::move(changes)),
      server_(server),
      signals_(signals),
      clock_(clock),
      ended_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      waiter_([this] {
        code_ = server_.wait();
        const uint64_t one = 1;
        [[maybe_unused]] const ssize_t written = write(ended_, &one, sizeof(one));
      }) {}

Running::~Running() {
  waiter_.join();
  close(ended_);
}

int Running::until_ended() {
  uint64_t rung = 0;
  while (read(ended_, &rung, sizeof(rung)) < 0) {
    const int signal = signals_.wait(patience(), {ended_, ending_ ? -1 : upgrade_.fd()});
    if (signal != 0) {
      on_signal(signal);
    } else {
      on_time();
    }
  }
  return code_;
}

Duration Running::patience() const {
  if (ending_) return Duration::max();
  if (upgrade_.under_way()) return std::max(Duration(), upgrade_.patience() - clock_.now());
  return options_.watch && !options_.files.empty() ? kWatch : Duration::max();
}

void Running::on_signal(int signal) {
  if (signal == SIGTERM || signal == SIGINT) {
    stop();
  } else if (ending_ || !server_.serving()) {
    log_warning("siding is about to end: nothing is loaded any more");
  } else if (upgrade_.under_way()) {
    log_info("a new process is starting: it loads the configuration as it is");
    reload_later_ = true;
  } else if (signal == SIGHUP) {
    reload("SIGHUP");
  } else {
    upgrade();
  }
}

void Running::on_time() {
  if (ending_) return;
  if (upgrade_.under_way()) {
    hear_successor();
    return;
  }
  if (!options_.watch || !server_.serving()) return;
  if (changes_.look()) {
    reload("its files have changed");
  } else if (!refused_.empty() && ++looks_ % kLooksUntilRetry == 0) {
    reload("");
  }
}

void Running::stop() {
  std::fprintf(stderr, ending_ ? "siding: ending now\n"
                               : "siding: draining; a second signal ends it at once\n");
  if (!ending_) notify_supervisor("STOPPING=1\nSTATUS=draining\n");
  ending_ = true;
  upgrade_.stop();
  server_.drain();
}

// ---- the configuration

/// Returns why it is not in force, or nothing.
std::string Running::load_and_replace() {
  LoadedConfig loaded = load_config_files(options_.files, process_environment());
  if (loaded.ok()) {
    for (const Diagnostic& d : loaded.diagnostics) log_warning("reload: " + d.text());
    return server_.reload(loaded.config);
  }
  std::string faults;
  for (const Diagnostic& d : loaded.diagnostics) faults += (faults.empty() ? "" : "\n") + d.text();
  return faults;
}

/// `why`: empty: it is only tried once more what was refused.
void Running::reload(const std::string& why) {
  if (options_.files.empty()) {
    log_warning("there is no file to be loaded again: siding was started by flags");
    return;
  }
  looks_ = 0;
  changes_.note();
  notify_supervisor("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(monotonic_us()) + "\n");
  const std::vector<std::string> before = listening();
  const std::string fault = load_and_replace();
  if (!fault.empty()) {
    // Each fault is a line of its own.
    if (fault != refused_ || !why.empty()) {
      server_.reload_refused();
      for (size_t at = 0; at < fault.size();) {
        const size_t end = std::min(fault.find('\n', at), fault.size());
        log_error("reload: " + fault.substr(at, end - at));
        at = end + 1;
      }
      log_error("reload: the configuration that was there stays in force");
    }
  } else {
    log_info("reload: the configuration is in force" + (why.empty() ? "" : " (" + why + ")"));
    const std::vector<std::string> now = listening();
    for (const std::string& line : more_in(now, before)) log_info("no longer " + line);
    for (const std::string& line : more_in(before, now)) log_info(line);
  }
  refused_ = fault;
  notify_supervisor(fault.empty()
                        ? "READY=1\nSTATUS=serving\n"
                        : "READY=1\nSTATUS=serving; the last configuration was refused\n");
}

std::vector<std::string> Running::listening() const {
  return listening_lines({server_.front_addresses(), server_.egress_addresses(),
                          server_.health_addresses(), server_.admin_addresses()});
}

// ---- the binary

void Running::upgrade() {
  const std::string fault =
      upgrade_.start(server_.listening_descriptors(), signals_.mask_before(), clock_.now());
  if (!fault.empty()) {
    log_error("upgrade: no new process: " + fault);
    return;
  }
  log_info("upgrade: process " + std::to_string(upgrade_.successor()) + " is to take over");
}

void Running::hear_successor() {
  switch (upgrade_.look(clock_.now())) {
    case Upgrade::News::none: return;
    case Upgrade::News::failed:
      log_error("upgrade: process " + std::to_string(upgrade_.successor()) +
                " does not take over: " + upgrade_.fault() + ". This one serves on");
      if (std::exchange(reload_later_, false)) reload("SIGHUP");
      return;
    case Upgrade::News::serves: break;
  }
  const std::string pid = std::to_string(upgrade_.successor());
  log_info("upgrade: process " + pid +
           " serves; this one ends when all that is inside is answered");
  notify_supervisor("MAINPID=" + pid + "\nREADY=1\nSTATUS=serving\n");
  ending_ = true;
  server_.hand_over();
}

}  // namespace siding
