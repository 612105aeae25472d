// Sockets that go on, come and go from one configuration to the next.
#include "proxy/server/listening.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/harness/loop_bed.h"
#include "tests/harness/loop_peer.h"

namespace siding {
namespace {

ListenAddress at(const std::string& host, uint16_t port = 0) {
  ListenAddress address;
  address.host = host;
  address.port = port;
  return address;
}

/// Closes what a thread would have taken.
void take_all(ListeningSockets& sockets, uint32_t threads) {
  for (uint32_t i = 0; i < threads; ++i) {
    for (const ListeningSockets::Taken& socket : sockets.take(i)) close(socket.fd);
  }
}

TEST(ListeningSockets, WhatIsThereGoesOnByItsName) {
  test::LeftoverCheck leftovers;
  Inherited none;
  ListeningSockets first;
  ASSERT_EQ(first.open({at("127.0.0.1"), at("127.0.0.2"), at("127.0.0.2")}, 2, none), "");
  ListeningSockets next;
  ASSERT_EQ(next.open({at("127.0.0.2"), at("127.0.0.3")}, 2, none, &first), "");
  EXPECT_EQ(first.goes_on(0), std::nullopt) << "there was none before";
  EXPECT_EQ(next.goes_on(0), std::nullopt);
  EXPECT_EQ(next.goes_on(1), 0u);
  EXPECT_EQ(next.goes_on(2), std::nullopt) << "there are two of that name, and one is wanted";
  EXPECT_EQ(next.addresses()[0], first.addresses()[1]);
  const std::vector<ListeningSockets::Taken> fresh = next.take(0);
  ASSERT_EQ(fresh.size(), 1u);
  EXPECT_EQ(fresh[0].address, 1u);
  close(fresh[0].fd);
  EXPECT_EQ(next.descriptors().size(), 4u);
  take_all(next, 2);
  take_all(first, 2);
}

TEST(ListeningSockets, AFailureOpensNothing) {
  test::LeftoverCheck leftovers;
  uint16_t port = 0;
  const int taken = test::listen_on_loopback(&port);
  Inherited none;
  ListeningSockets sockets;
  const std::string fault = sockets.open({at("127.0.0.1"), at("127.0.0.1", port)}, 1, none);
  EXPECT_NE(fault.find("cannot listen on 127.0.0.1:" + std::to_string(port)), std::string::npos);
  close(taken);
}

// In each of them a client may be waiting.
TEST(ListeningSockets, AllThatArePassedOnAreUsedThoughThereAreFewerThreads) {
  test::LeftoverCheck leftovers;
  Inherited none;
  ListeningSockets before;
  ASSERT_EQ(before.open({at("127.0.0.1")}, 4, none), "");
  const uint16_t port = before.addresses()[0].port();
  const std::vector<int> fds = before.descriptors();
  ASSERT_EQ(fds.size(), 4u);
  const pid_t child = fork();
  if (child == 0) {
    std::vector<int> copies;
    for (int fd : fds) copies.push_back(fcntl(fd, F_DUPFD, 100));
    for (size_t i = 0; i < copies.size(); ++i) dup2(copies[i], 3 + static_cast<int>(i));
    setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
    setenv("LISTEN_FDS", "4", 1);
    Inherited inherited = Inherited::from_environment();
    ListeningSockets after;
    const bool opened = after.open({at("127.0.0.1", port)}, 3, inherited).empty();
    const bool shared = after.take(0).size() == 2 && after.take(1).size() == 1;
    _exit(opened && shared && inherited.left().empty() ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  take_all(before, 4);
}

}  // namespace
}  // namespace siding
