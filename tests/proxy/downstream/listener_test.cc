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
  LoopPeer& a = bed.client_with(get("/wait"));
  LoopPeer& b = bed.client_with(get("/wait"));
  LoopPeer& c = bed.client_with(get("/hello"));
  EXPECT_FALSE(c.take()) << "it waits in the kernel's queue";
  EXPECT_EQ(bed.open, 2u);
  bed.pass(1s);
  EXPECT_EQ(bed.open, 2u);
  EXPECT_EQ(pauses, 1) << "one, however often it looks again";
  a.close();
  bed.go();
  bed.pass(100ms);
  EXPECT_TRUE(c.take());
  EXPECT_FALSE(b.eof);
}

TEST(Listener, TheLongestIdleMakesRoomForWhoWaits) {
  H1Bed bed;
  bed.options.max_connections = 3;
  int displaced = 0;
  bed.options.on_displace = [&] { ++displaced; };
  LoopPeer& longest = bed.client_with(get("/hello"));
  bed.pass(1s);
  LoopPeer& idle = bed.client_with(get("/hello"));
  LoopPeer& busy = bed.client_with(get("/wait"));
  bed.pass(1s);
  longest.in.clear();
  longest.send(get("/hello"));  // now it is not the longest any more
  bed.go();
  EXPECT_TRUE(longest.take());
  LoopPeer& more = bed.client_with(get("/hello"));
  EXPECT_TRUE(more.take());
  EXPECT_TRUE(idle.eof);
  EXPECT_FALSE(idle.broken);
  EXPECT_FALSE(longest.eof);
  EXPECT_FALSE(busy.eof);
  EXPECT_EQ(displaced, 1) << "as many as wait";
  EXPECT_EQ(bed.open, 3u);
}

TEST(Listener, WhoIsAtWorkMakesNoRoom) {
  H1Bed bed;
  bed.options.max_connections = 4;
  std::vector<LoopPeer*> at_work;
  for (const std::string& begun :
       {get("/wait"), std::string("GET /hel"), std::string("PRI * HTTP"),
        std::string("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf")}) {
    at_work.push_back(&bed.client_with(begun));
  }
  LoopPeer& more = bed.client_with(get("/hello"));
  for (int i = 0; i < 90; ++i) bed.pass(100ms);
  for (LoopPeer* c : at_work) EXPECT_FALSE(c->eof);
  EXPECT_FALSE(more.take());
  at_work[1]->send("lo HTTP/1.1\r\nHost: a\r\n\r\n");
  bed.go();
  EXPECT_TRUE(at_work[1]->take());
  bed.pass(100ms);
  EXPECT_FALSE(at_work[1]->eof) << "it has a moment for the next request";
  bed.pass(150ms);
  EXPECT_TRUE(at_work[1]->eof);
  EXPECT_TRUE(more.take());
}

TEST(Listener, ARequestThatHasComeIsNoIdleness) {
  H1Bed bed;
  bed.options.max_connections = 1;
  LoopPeer& kept = bed.client_with(get("/hello"));
  kept.in.clear();
  bed.pass(1s);
  LoopPeer& more = bed.client();
  more.send(get("/hello"));
  more.pump();
  kept.send(get("/hello"));
  kept.pump();  // it is in the kernel, the loop has not looked
  bed.go();
  EXPECT_TRUE(kept.take());
  EXPECT_FALSE(more.take());
}

TEST(Listener, AnIdleConnectionOfHttp2IsToldToGo) {
  H1Bed bed;
  bed.options.max_connections = 1;
  LoopPeer& idle =
      bed.client_with("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + std::string("\0\0\0\4\0\0\0\0\0", 9));
  bed.pass(1s);
  EXPECT_FALSE(idle.eof);
  idle.in.clear();
  LoopPeer& more = bed.client_with(get("/hello"));
  EXPECT_TRUE(more.take());
  EXPECT_TRUE(idle.eof);
  EXPECT_FALSE(idle.broken);
  // GOAWAY: no stream, no error.
  EXPECT_EQ(idle.in, std::string("\0\0\10\7\0\0\0\0\0\0\0\0\0\0\0\0\0", 17));
}

// A flood of connections that do nothing: each has its moment, and none is looked at again and again.
TEST(Listener, MakesRoomForManyInBatches) {
  H1Bed bed;
  bed.options.max_connections = 100;
  int displaced = 0;
  bed.options.on_displace = [&] { ++displaced; };
  for (int i = 0; i < 200; ++i) bed.client();
  bed.go();
  EXPECT_EQ(displaced, 0);
  bed.pass(250ms);
  EXPECT_EQ(displaced, 32);
  EXPECT_TRUE(bed.settle(100)) << "it spins";
  bed.pass(50ms);
  EXPECT_EQ(displaced, 64);
  for (int i = 0; i < 10; ++i) bed.pass(50ms);
  EXPECT_EQ(displaced, 100);
  EXPECT_EQ(bed.open, 100u);
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
    LoopPeer& first = bed.client_with(get("/wait"));
    LoopPeer& second = bed.client();  // in the accept queue
    LoopPeer& third = bed.client();
    int last = dup(0);
    rlimit limit{static_cast<rlim_t>(last), static_cast<rlim_t>(last)};
    close(last);
    setrlimit(RLIMIT_NOFILE, &limit);
    second.send(get("/hello"));
    bed.go();
    bool held = bed.open == 1 && !second.take().has_value();
    bool rests = bed.settle(100);
    first.close();
    bool filled = dup(0) >= 0;  // only the listener's own descriptor gets free
    bed.go();
    bed.pass(100ms);
    bool served = filled && second.take().has_value();
    third.send(get("/hello"));
    bed.go();
    served = served && !third.take();
    bed.pass(250ms);  // now the second one is idle
    bool displaced = third.take().has_value() && second.eof;
    _exit(held && rests && served && displaced
              ? 0
              : 1 + (held ? 0 : 2) + (rests ? 0 : 4) + (served ? 0 : 8) + (displaced ? 0 : 16));
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(Drain, EndsIdleConnectionsAndFinishesTheOthers) {
  H1Bed bed;
  LoopPeer& idle = bed.client_with(get("/hello"));
  bed.pass(1s);
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

// Its next request may be on its way: nobody has told it yet.
TEST(Drain, WaitsForTheNextRequestOfWhoJustHadAnAnswer) {
  H1Bed bed;
  LoopPeer& asks = bed.client_with(get("/hello"));
  LoopPeer& leaves = bed.client_with(get("/hello"));
  bed.listener->drain();
  bed.pass(900ms);
  EXPECT_FALSE(asks.eof);
  asks.in.clear();
  asks.send(get("/hello"));
  bed.go();
  EXPECT_EQ(body_of(asks.in), "hello");
  EXPECT_NE(asks.in.find("Connection: close"), std::string::npos);
  EXPECT_TRUE(asks.eof);
  bed.pass(100ms);
  EXPECT_TRUE(leaves.eof);
  EXPECT_EQ(bed.open, 0u);
}

// The head of its answer went out before the drain began.
TEST(Drain, WaitsForTheNextRequestOfWhoWasToldNothing) {
  H1Bed bed;
  LoopPeer& c = bed.client_with(get("/stream"));
  ASSERT_NE(c.in.find("200"), std::string::npos);
  ASSERT_EQ(c.in.find("Connection: close"), std::string::npos);
  bed.listener->drain();
  for (int i = 0; i < 2; ++i) {  // its second piece, and its end
    bed.handler.go.notify();
    bed.go();
  }
  EXPECT_TRUE(c.in.ends_with("0\r\n\r\n")) << c.in;
  EXPECT_FALSE(c.eof);
  c.in.clear();
  c.send(get("/hello"));
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
    return body_of(c.in).size() == 3u << 20;
  }));
  bed.pass(1s);  // nothing had told it that this was the last one
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
