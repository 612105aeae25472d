// See signals.h.
#include "proxy/tools/signals.h"

#include <poll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <climits>

namespace siding {
namespace {

constexpr size_t kMostDescriptors = 8;

}  // namespace

StopSignals::StopSignals(std::initializer_list<int> more) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  for (int signal : more) sigaddset(&set, signal);
  pthread_sigmask(SIG_BLOCK, &set, &before_);
  struct sigaction hangup {};
  sigaction(SIGHUP, nullptr, &hangup);
  bears_hangup_ = hangup.sa_handler == SIG_IGN;
  signal(SIGPIPE, SIG_IGN);
  fd_ = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  assert(fd_ >= 0);
}

StopSignals::~StopSignals() {
  while (wait(Duration::zero()) != 0) continue;
  close(fd_);
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

int StopSignals::wait(Duration most, std::initializer_list<int> also) {
  assert(also.size() < kMostDescriptors);
  pollfd fds[kMostDescriptors] = {{fd_, POLLIN, 0}};
  nfds_t count = 1;
  for (int fd : also) fds[count++] = {fd, POLLIN, 0};  // poll passes over a negative one
  // Rounded up, or the last millisecond would be spent spinning.
  const int64_t ms = most == Duration::max() ? -1 : std::min<int64_t>(to_ms(most) + 1, INT_MAX);
  poll(fds, count, most <= Duration::zero() ? 0 : static_cast<int>(ms));
  signalfd_siginfo info;
  if (read(fd_, &info, sizeof(info)) != sizeof(info)) return 0;
  const bool by_kernel = info.ssi_code == SI_KERNEL;
  if (info.ssi_signo != SIGHUP || !by_kernel) return static_cast<int>(info.ssi_signo);
  return bears_hangup_ ? 0 : SIGTERM;
}

uint64_t raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  if (limit.rlim_cur < limit.rlim_max) {
    rlimit raised = limit;
    raised.rlim_cur = raised.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  return limit.rlim_cur;
}

}  // namespace siding
