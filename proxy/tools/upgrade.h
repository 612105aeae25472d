// Replaces the binary under a running siding: the same command is started once more, with all listening
// sockets in its hands (sd_listen_fds(3) has the form). When it says that it serves, the one before drains;
// until then, and if it never says so, that one goes on as if nothing had been.
// Invariants: a socket is open in one of both at any time, so no client is refused; the successor is waited
// for, and for kPatience at most.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <string>
#include <vector>

#include "base/clock.h"

namespace siding {

/// In the process that was there before.
class Upgrade {
 public:
  static constexpr Duration kPatience = std::chrono::seconds(60);

  Upgrade() = default;
  ~Upgrade();
  Upgrade(const Upgrade&) = delete;
  Upgrade& operator=(const Upgrade&) = delete;

  /// Starts the successor. `mask`: of signals, that it begins with. Returns why it could not, or nothing.
  std::string start(const std::vector<int>& listening, const sigset_t& mask, TimePoint now);
  bool under_way() const { return ready_ >= 0; }
  /// Readable when there is news; -1: nothing is under way.
  int fd() const { return ready_; }
  TimePoint patience() const { return until_; }
  enum class News { none, serves, failed };
  News look(TimePoint now);
  /// Both are to end.
  void stop();
  pid_t successor() const { return successor_; }
  /// After News::failed.
  const std::string& fault() const { return fault_; }

 private:
  void give_up(std::string why);

  pid_t successor_ = -1;
  int ready_ = -1;  // the successor's word comes here
  TimePoint until_{};
  std::string fault_;
};

/// In the successor: knows whether there is one before it.
class Predecessor {
 public:
  /// Reads and clears the environment: before there are threads.
  Predecessor();
  ~Predecessor();
  Predecessor(const Predecessor&) = delete;
  Predecessor& operator=(const Predecessor&) = delete;
  /// This one serves now.
  void tell();

 private:
  int fd_ = -1;
};

}  // namespace siding
