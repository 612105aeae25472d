// Tests of the first steps of an exchange: proxy/exchange/exchange_intake.cc.
#include <gtest/gtest.h>

#include "tests/harness/fake_stream.h"
#include "tests/harness/loop_world.h"

namespace siding {
namespace {

constexpr size_t kHalf = 400'000;
constexpr size_t kSlack = 100'000;  // blocks are not filled to their ends

/// A client that sends a body in two pieces.
struct Upload {
  explicit Upload(test::LoopWorld& world)
      : stream("POST"), task(Exchange::run(world.here, stream)) {
    stream.head.fields.add("Content-Length", std::to_string(2 * kHalf));
    stream.framing = {BodyFraming::Kind::length, 2 * kHalf};
    stream.body_ended = false;
    stream.receive(std::string(kHalf, 'x'), false);
    task.start();
  }
  void rest() { stream.receive(std::string(kHalf, 'y'), true); }

  FakeStream stream;
  Task<> task;
};

TEST(Intake, WhoIsRefusedMakesRoomForWhoeverIsNextInTheSameTurn) {
  test::LoopWorld world(
      "listen = \"127.0.0.1:1\"\n[limits]\nspill = \"1MiB\"\n"
      "[backend.shop]\nurl = \"http://127.0.0.1:BACKEND\"\nconcurrency = 1\n"
      "[[route]]\nbackend = \"shop\"\n");
  world.backend.script = [](test::LoopPeer& peer) {
    while (peer.take()) peer.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  };
  // Room for two bodies and a half, and for no file; four come, and each has its first half. The
  // first takes what is left, and the third what the second gives back.
  BodyBudgets& bodies = world.services->bodies;
  Reservation others(bodies.memory);
  Reservation files(bodies.spill);
  ASSERT_TRUE(others.add(bodies.memory.limit() - 5 * kHalf - kSlack));
  ASSERT_TRUE(files.add(bodies.spill.limit()));
  Upload uploads[] = {Upload(world), Upload(world), Upload(world), Upload(world)};
  ASSERT_TRUE(world.settle());
  for (Upload& u : uploads) u.rest();
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(200, uploads[0].stream.response.status);
  EXPECT_EQ(503, uploads[1].stream.response.status);
  EXPECT_EQ(200, uploads[2].stream.response.status);
  EXPECT_EQ(503, uploads[3].stream.response.status);
}

}  // namespace
}  // namespace siding
