// A loopback connection of which one end is a product Socket's descriptor and the other a pumped peer.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>

#include "tests/harness/loop_peer.h"

namespace siding::test {

struct LoopPair {
  /// `peer_buffer`: see LoopPeer::connect().
  explicit LoopPair(int peer_buffer = 0) {
    uint16_t port = 0;
    int listening = listen_on_loopback(&port);
    peer = LoopPeer::connect(port, peer_buffer);
    fd = accept4(listening, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    EXPECT_GE(fd, 0);
    ::close(listening);
  }
  /// Keeps what the kernel takes for the product's end small.
  LoopPair& small_send_buffer() {
    int bytes = 16 * 1024;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    return *this;
  }
  int fd = -1;  ///< for whoever takes it over
  std::unique_ptr<LoopPeer> peer;
};

}  // namespace siding::test
