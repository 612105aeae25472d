// Clients that leave, are slow, or say nothing: whose request ends with them, and when.
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "tests/proxy/downstream/h1_bed.h"

namespace siding::test {
namespace {

using namespace std::chrono_literals;

TEST(H1Leaving, AFinWhileQueuedCancels) {
  H1Bed bed;
  LoopPeer& c = bed.client_with(get("/wait"));
  EXPECT_EQ(bed.handler.running, 1);
  c.shutdown_write();
  bed.go();
  EXPECT_EQ(bed.handler.cancelled, 1);
  EXPECT_EQ(bed.open, 0u);
}

TEST(H1Leaving, AFinWhileInsideStillGetsItsAnswer) {
  H1Bed bed;
  LoopPeer& c = bed.client_with(get("/inside"));
  c.shutdown_write();
  bed.go();
  EXPECT_EQ(bed.handler.running, 1);
  bed.handler.go.notify();
  bed.go();
  EXPECT_EQ(body_of(c.take().value_or("")), "hello");
  EXPECT_TRUE(c.eof);
  EXPECT_EQ(bed.open, 0u);
}

TEST(H1Leaving, AResetCancelsAlways) {
  H1Bed bed;
  for (std::string_view path : {"/wait", "/inside", "/stream"}) {
    LoopPeer& c = bed.client_with(get(path));
    int before = bed.handler.cancelled;
    c.reset();
    bed.go();
    EXPECT_EQ(bed.handler.cancelled, before + 1) << path;
    EXPECT_EQ(bed.open, 0u);
  }
}

TEST(H1Leaving, AFinInsideTheBodyCancels) {
  H1Bed bed;
  LoopPeer& c = bed.client_with("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
  EXPECT_EQ(bed.handler.running, 1);
  c.shutdown_write();
  bed.go();
  EXPECT_EQ(bed.handler.cancelled, 1);
  EXPECT_EQ(bed.open, 0u);
}

TEST(H1Leaving, AFinInsideTheHeadIsNoRequest) {
  H1Bed bed;
  LoopPeer& c = bed.client_with("GET / HTTP/1.1\r\nHo");
  c.shutdown_write();
  bed.go();
  EXPECT_EQ(bed.open, 0u);
  EXPECT_TRUE(c.eof);
}

// A large answer to who closed its half early: all of it.
TEST(H1Leaving, AFinBehindAServedRequestDoesNotCutItsAnswer) {
  H1Bed bed(16 * 1024);
  bed.handler.large = 3 << 20;
  LoopPeer& c = bed.client(16 * 1024);
  c.reading = false;
  c.send(get("/large"));
  bed.go();
  EXPECT_EQ(bed.handler.ended, 1);
  c.shutdown_write();
  bed.go();
  c.reading = true;
  bed.go();
  EXPECT_EQ(body_of(c.in).size(), 3u << 20);
  EXPECT_TRUE(c.eof);
  EXPECT_FALSE(c.broken);
  EXPECT_EQ(bed.open, 0u);
}

TEST(H1Leaving, DestroyingTheListenerCancelsAll) {
  H1Bed bed;
  bed.client_with(get("/wait"));
  bed.client_with(get("/inside"));
  bed.client_with("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
  bed.client_with(get("/stream"));
  bed.client_with("GE");
  EXPECT_EQ(bed.open, 5u);
  bed.listener.reset();
  EXPECT_EQ(bed.handler.cancelled, 4);
  EXPECT_EQ(bed.open, 0u);
  bed.go();
}

TEST(H1Timeouts, AnIdleConnectionIsClosedWithoutAWord) {
  H1Bed bed;
  LoopPeer& fresh = bed.client();
  LoopPeer& used = bed.client_with(get("/hello"));
  used.in.clear();
  bed.pass(70s);
  EXPECT_EQ(bed.open, 2u);
  bed.pass(10s);
  EXPECT_EQ(bed.open, 0u);
  EXPECT_EQ(fresh.in + used.in, "");
  EXPECT_TRUE(fresh.eof && used.eof);
}

TEST(H1Timeouts, ASlowHeadIs408) {
  H1Bed bed;
  LoopPeer& c = bed.client_with(get("/hello"));
  c.in.clear();
  for (int i = 0; i < 9; ++i) {  // a byte a second does not help
    c.send("G");
    bed.pass(1s);
  }
  EXPECT_EQ(c.in, "");
  bed.pass(2s);
  EXPECT_TRUE(c.in.starts_with("HTTP/1.1 408")) << c.in;
  EXPECT_TRUE(c.eof);
  EXPECT_EQ(bed.refused, std::vector<Outcome>{Outcome::head_timeout});
}

TEST(H1Timeouts, ASlowBodyIs408) {
  H1Bed bed;
  LoopPeer& c = bed.client_with("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\n\r\n");
  for (int i = 0; i < 29; ++i) {
    c.send("x");
    bed.pass(1s);
  }
  EXPECT_EQ(c.in, "");
  bed.pass(2s);
  EXPECT_TRUE(c.in.starts_with("HTTP/1.1 408")) << c.in;
  EXPECT_TRUE(c.eof);
}

TEST(H1Timeouts, ABodyThatMovesOnHasTime) {
  H1Bed bed;
  LoopPeer& c = bed.client_with("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 18000\r\n\r\n");
  for (int i = 0; i < 9; ++i) {
    bed.pass(20s);
    c.send(std::string(2000, 'x'));
    bed.go();
  }
  EXPECT_EQ(body_of(c.take().value_or("")).size(), 18'000u) << c.in;
}

// The time in which the handler does not want bytes is not the client's.
TEST(H1Timeouts, AHandlerThatPausesTakesNoTimeFromTheClient) {
  H1Bed bed;
  LoopPeer& c = bed.client_with("POST /pause HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\n\r\n" +
                                std::string(1000, 'x'));
  bed.pass(100s);
  bed.handler.go.notify();
  bed.go();
  bed.pass(5s);
  c.send(std::string(8000, 'x'));
  bed.go();
  EXPECT_EQ(body_of(c.take().value_or("")).size(), 9000u) << c.in;
}

TEST(H1Timeouts, AClientThatTakesNothingIsReset) {
  H1Bed bed(16 * 1024);
  bed.handler.large = 8 << 20;
  LoopPeer& c = bed.client(16 * 1024);
  c.reading = false;
  c.send(get("/large"));
  bed.go();
  bed.pass(50s);
  EXPECT_EQ(bed.open, 1u);
  bed.pass(20s);
  EXPECT_EQ(bed.open, 0u);
  c.reading = true;
  bed.go();
  EXPECT_TRUE(c.broken);
}

TEST(H1Timeouts, AClientThatTakesALittleIsNot) {
  H1Bed bed(16 * 1024);
  bed.handler.large = 2 << 20;
  LoopPeer& c = bed.client(16 * 1024);
  c.reading = false;
  c.send(get("/large"));
  bed.go();
  for (int i = 0; i < 5; ++i) {
    bed.pass(50s);
    c.reading = true;
    c.pump();
    c.reading = false;
    bed.go();
  }
  EXPECT_FALSE(c.broken);
  c.reading = true;
  bed.go();
  EXPECT_EQ(body_of(c.in).size(), 2u << 20);
}

TEST(H1Timeouts, AnswersMayTakeTheirTime) {
  H1Bed bed;
  LoopPeer& c = bed.client_with(get("/wait"));
  bed.pass(10h);
  EXPECT_EQ(bed.open, 1u);
  bed.handler.go.notify();
  bed.go();
  EXPECT_EQ(body_of(c.take().value_or("")), "hello");
}

}  // namespace
}  // namespace siding::test
