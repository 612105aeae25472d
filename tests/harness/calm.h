// Waits until the kernel has delivered what was sent over loopback. Usually it does that before send()
// returns; on a busy machine a thread of its own does it some time later, and a test that looks meanwhile
// takes what is on its way for something that never comes.
// Invariant: as long as it lives its thread stays on one CPU, whose queue of packets is first in, first out.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

namespace siding::test {

class Calm {
 public:
  Calm() {
    sched_getaffinity(0, sizeof(before_), &before_);
    cpu_set_t here;
    CPU_ZERO(&here);
    CPU_SET(static_cast<size_t>(sched_getcpu()), &here);
    sched_setaffinity(0, sizeof(here), &here);
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(own);
    auto* address = reinterpret_cast<sockaddr*>(&own);
    if (bind(fd_, address, size) != 0 || getsockname(fd_, address, &size) != 0 ||
        connect(fd_, address, size) != 0) {
      std::abort();
    }
  }
  ~Calm() {
    close(fd_);
    sched_setaffinity(0, sizeof(before_), &before_);
  }
  Calm(const Calm&) = delete;
  Calm& operator=(const Calm&) = delete;

  /// What this thread has sent before, and what the kernel answered, is where it was sent to.
  void wait() {
    constexpr int kReplies = 3;  // SYN, its answer, the answer to that
    for (int i = 0; i < kReplies; ++i) {
      char byte = 0;
      if (send(fd_, &byte, 1, 0) != 1 || recv(fd_, &byte, 1, 0) != 1) std::abort();
    }
  }

 private:
  cpu_set_t before_{};
  const int fd_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
};

}  // namespace siding::test
