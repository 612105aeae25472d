// A server that runs, and what may come to it: signals, changed files, a successor.
//   SIGTERM, SIGINT  it drains; the second time it ends at once
//   SIGHUP           the configuration is loaded again, as when its files change
//   SIGUSR2          a new process of the same command takes over (upgrade.h)
// Invariants: all of it on the thread that calls until_ended(); what cannot be done is said, and changes
// nothing.
#pragma once

#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "proxy/server/server.h"
#include "proxy/tools/config_watch.h"
#include "proxy/tools/signals.h"
#include "proxy/tools/upgrade.h"

namespace siding {

class Running {
 public:
  struct Options {
    std::vector<std::string> files;  ///< of the configuration; none: it came by flags
    bool watch = true;               ///< changed files are loaded by themselves
  };
  /// `changes`: of the files, from before they were loaded.
  Running(Options options, ConfigWatch changes, Server& server, StopSignals& signals,
          const Clock& clock);
  ~Running();
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  /// The exit code.
  int until_ended();

 private:
  void on_signal(int signal);
  void on_time();
  void stop();
  void reload(const std::string& why);
  std::string load_and_replace();
  void upgrade();
  void hear_successor();
  Duration patience() const;
  std::vector<std::string> listening() const;

  const Options options_;
  ConfigWatch changes_;
  Server& server_;
  StopSignals& signals_;
  const Clock& clock_;
  Upgrade upgrade_;
  bool ending_ = false;
  bool reload_later_ = false;  // it was asked for while a successor was starting
  std::string refused_;        // why the newest configuration is not in force; empty: it is
  uint32_t looks_ = 0;         // since it was refused
  int code_ = 0;
  int ended_;  // readable when the server has ended
  std::thread waiter_;
};

}  // namespace siding
