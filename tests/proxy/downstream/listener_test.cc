// Listeners: their bound, running out of descriptors, and draining without losing anyone.
#include "proxy/downstream/listener.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <string>

#include "tests/harness/folder.h"
#include "tests/proxy/downstream/h1_bed.h"

namespace siding::test {
namespace {

using namespace std::chrono_literals;

TEST(Listener, StopsAtItsBoundAndGoesOnBelowIt) {
  H1Bed bed;
  bed.options.max_connections = 2;
  int pauses = 0;
  bed.options.on_pause = [&] { ++pauses; };
  LoopPeer& a = bed.client_with(get("/hello"));
  LoopPeer& b = bed.client_with(get("/hello"));
  LoopPeer& c = bed.client_with(get("/hello"));
  EXPECT_TRUE(a.take());
  EXPECT_TRUE(b.take());
  EXPECT_FALSE(c.take()) << "it waits in the kernel's queue";
  EXPECT_EQ(bed.open, 2u);
  bed.pass(1s);
  EXPECT_EQ(bed.open, 2u);
  EXPECT_EQ(pauses, 1) << "one, however often it looks again";
  a.close();
  bed.go();
  bed.pass(100ms);
  EXPECT_TRUE(c.take());
}

TEST(Listener, CountsForAllOfItsKind) {
  H1Bed bed;
  bed.options.max_connections = 1;
  bed.open = 1;  // another thread's
  LoopPeer& a = bed.client_with(get("/hello"));
  EXPECT_FALSE(a.take());
  bed.open = 0;
  bed.pass(100ms);
  EXPECT_TRUE(a.take());
}

TEST(Listener, TellsOfEachConnection) {
  H1Bed bed;
  int began = 0;
  int ended = 0;
  bed.options.on_accept = [&] { ++began; };
  bed.options.on_close = [&] { ++ended; };
  bed.client_with(get("/hello")).close();
  bed.client_with(get("/wait"));
  bed.go();
  EXPECT_EQ(began, 2);
  EXPECT_EQ(ended, 1);
  bed.listener->close_all();
  EXPECT_EQ(ended, 2);
}

// In a child, since the limit is the process's.
TEST(Listener, OutOfDescriptorsItWaitsInsteadOfSpinning) {
  pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    H1Bed bed;
    LoopPeer& first = bed.client_with(get("/hello"));
    LoopPeer& second = bed.client();  // in the accept queue
    int last = dup(0);
    rlimit limit{static_cast<rlim_t>(last), static_cast<rlim_t>(last)};
    close(last);
    setrlimit(RLIMIT_NOFILE, &limit);
    second.send(get("/hello"));
    bed.go();
    bool held = bed.open == 1 && !second.take().has_value();
    bool rests = bed.settle(100);
    first.close();
    bed.go();
    bed.pass(100ms);
    bool served = second.take().has_value();
    _exit(held && rests && served ? 0 : 1 + (held ? 0 : 2) + (rests ? 0 : 4) + (served ? 0 : 8));
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(Drain, EndsIdleConnectionsAndFinishesTheOthers) {
  H1Bed bed;
  LoopPeer& idle = bed.client_with(get("/hello"));
  LoopPeer& busy = bed.client_with(get("/wait"));
  bed.listener->drain();
  bed.go();
  EXPECT_TRUE(idle.eof);
  EXPECT_FALSE(busy.eof);
  EXPECT_TRUE(bed.listener->draining());
  bed.handler.go.notify();
  bed.go();
  EXPECT_NE(busy.in.find("Connection: close"), std::string::npos);
  EXPECT_EQ(body_of(busy.in), "hello");
  EXPECT_TRUE(busy.eof);
  EXPECT_EQ(bed.open, 0u);
  EXPECT_FALSE(LoopPeer::connect(bed.port)->open()) << "refused from now on";
}

// What the kernel accepted for us is served: requests that were sent, and connections just made.
TEST(Drain, ServesWhatWaitsInTheAcceptQueue) {
  H1Bed bed;
  std::vector<LoopPeer*> waiting;
  for (int i = 0; i < 100; ++i) {
    waiting.push_back(&bed.client());
    waiting.back()->send(get("/hello"));
    waiting.back()->pump();
  }
  bed.listener->drain();
  bed.go();
  for (LoopPeer* c : waiting) {
    EXPECT_EQ(body_of(c->in), "hello");
    EXPECT_FALSE(c->broken);
  }
  EXPECT_EQ(bed.open, 0u);
}

TEST(Drain, ServesARequestThatHasComeOnAKeptConnection) {
  H1Bed bed;
  LoopPeer& c = bed.client_with(get("/hello"));
  c.in.clear();
  c.send(get("/hello"));
  c.pump();  // it is in the kernel, the loop has not looked
  bed.listener->drain();
  bed.go();
  EXPECT_EQ(body_of(c.in), "hello");
  EXPECT_TRUE(c.eof);
}

TEST(Drain, EmptiesTheQueueAboveTheBoundToo) {
  H1Bed bed;
  bed.options.max_connections = 1;
  bed.client_with(get("/wait"));
  LoopPeer& c = bed.client_with(get("/hello"));
  bed.listener->drain();
  bed.go();
  EXPECT_EQ(body_of(c.in), "hello");
  EXPECT_FALSE(c.broken);
}

TEST(Drain, LetsASlowReaderFinish) {
  H1Bed bed(16 * 1024);
  bed.handler.large = 3 << 20;
  LoopPeer& c = bed.client(16 * 1024);
  c.reading = false;
  c.send(get("/large"));
  bed.go();
  bed.listener->drain();
  bed.go();
  c.reading = true;
  // A window that was shut opens when the kernel gets to it.
  EXPECT_TRUE(run_until(bed.loop, [&] {
    c.pump();
    return c.eof;
  }));
  EXPECT_EQ(body_of(c.in).size(), 3u << 20);
  EXPECT_TRUE(c.eof);
}

TEST(OpenListener, SaysWhatIsWrong) {
  LeftoverCheck leftovers;
  uint16_t port = 0;
  int taken = listen_on_loopback(&port);
  std::string error;
  EXPECT_EQ(open_listener(*SocketAddress::parse("127.0.0.1", port), false, &error), -1);
  EXPECT_NE(error.find("127.0.0.1:" + std::to_string(port)), std::string::npos);
  EXPECT_NE(error.find("another"), std::string::npos);
  close(taken);
  EXPECT_EQ(open_listener(*SocketAddress::parse("192.0.2.1", 0), false, &error), -1);
  EXPECT_NE(error.find("no such address"), std::string::npos);
}

TEST(OpenListener, ReplacesAStaleUnixSocketOnly) {
  LeftoverCheck leftovers;
  std::string path = "/tmp/siding-listener-test." + std::to_string(getpid());
  SocketAddress address = *SocketAddress::unix_socket(path);
  std::string error;
  int first = open_listener(address, false, &error);
  ASSERT_GE(first, 0) << error;
  EXPECT_EQ(open_listener(address, false, &error), -1) << "somebody answers there";
  close(first);
  int second = open_listener(address, false, &error);
  EXPECT_GE(second, 0) << error;
  close(second);
  unlink(path.c_str());
}

TEST(Listener, SaysWhyItCannotListenAndWhatToDo) {
  auto error_of = [](const SocketAddress& address) {
    std::string error;
    EXPECT_LT(open_listener(address, false, &error), 0);
    return error;
  };
  EXPECT_EQ(
      error_of(*SocketAddress::parse("192.0.2.1", 1)),
      "cannot listen on 192.0.2.1:1: Cannot assign requested address; this machine has no such "
      "address");
  EXPECT_EQ(error_of(*SocketAddress::unix_socket("/no/such/s")),
            "cannot listen on unix:/no/such/s: No such file or directory; make the folder first");
  test::Folder folder;
  const std::string file = folder.write("s", "precious");
  EXPECT_EQ(
      error_of(*SocketAddress::unix_socket(file)),
      "cannot listen on unix:" + file +
          ": Address already in use; is another siding running there? What is no socket is not "
          "removed");
  EXPECT_TRUE(std::filesystem::exists(file));
}

}  // namespace
}  // namespace siding::test
