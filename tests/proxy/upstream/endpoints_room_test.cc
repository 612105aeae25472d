// Who waits for room at an address, who gets it, and when there is nothing left to wait for.
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "proxy/upstream/endpoints.h"
#include "tests/harness/loop_bed.h"

namespace siding {
namespace {

using namespace std::chrono_literals;

SocketAddress room_address(int i) {
  return *SocketAddress::parse("10.0.0." + std::to_string(i), 80);
}

/// Two addresses with room for one call each, both taken.
struct RoomBed : test::LoopBed {
  using Waiter = Endpoints::RoomWaiter;
  RoomBed() {
    one = all.turn(first, false, loop.now());
    two = all.turn(second, false, loop.now());
  }
  std::unique_ptr<Waiter> wait(const Addresses& addresses) {
    return std::make_unique<Waiter>(all, addresses, loop);
  }
  const Addresses first{room_address(1)};
  const Addresses second{room_address(2)};
  const Addresses both{room_address(1), room_address(2)};
  Endpoints all{BreakerConfig{.failures = 1, .percent = 0, .pause = 1min}, 1};
  Endpoints::Turn one;
  Endpoints::Turn two;
};

TEST(EndpointsRoom, IsHandedToTheFirstInLineAndNobodyOvertakes) {
  RoomBed bed;
  auto a = bed.wait(bed.both);
  auto b = bed.wait(bed.both);
  EXPECT_FALSE(a->take());
  bed.one = Endpoints::Turn();
  EXPECT_TRUE(bed.all.turn(bed.both, false, bed.loop.now()).full()) << "who comes now";
  EXPECT_FALSE(b->take());
  auto got = a->take();
  ASSERT_TRUE(got);
  EXPECT_EQ("10.0.0.1", got->address(0).ip());
}

TEST(EndpointsRoom, WakesTheOneThatGetsIt) {
  RoomBed bed;
  auto a = bed.wait(bed.both);
  auto woken = [](Endpoints::RoomWaiter& waiter) -> Task<bool> {
    bool in_time = co_await Wait(waiter.woken(), kNever);
    co_return in_time;
  };
  Task<bool> task = woken(*a);
  task.start();
  bed.one = Endpoints::Turn();
  EXPECT_TRUE(bed.until([&] { return task.done(); }));
}

TEST(EndpointsRoom, PassesByThoseWhoCannotUseIt) {
  RoomBed bed;
  auto a = bed.wait(bed.first);
  auto b = bed.wait(bed.both);
  bed.two = Endpoints::Turn();
  EXPECT_FALSE(a->take());
  ASSERT_TRUE(b->take());
}

TEST(EndpointsRoom, OfOneThatGoesAwayGoesToTheNext) {
  RoomBed bed;
  auto a = bed.wait(bed.both);
  auto b = bed.wait(bed.both);
  bed.one = Endpoints::Turn();
  a.reset();
  ASSERT_TRUE(b->take());
}

TEST(EndpointsRoom, IsNotWaitedForWhereABreakerOpens) {
  RoomBed bed;
  auto a = bed.wait(bed.first);
  auto b = bed.wait(bed.first);
  auto c = bed.wait(bed.both);
  bed.one.answered(false, bed.loop.now());
  for (auto* waiter : {&a, &b}) {
    auto got = (*waiter)->take();
    ASSERT_TRUE(got);
    EXPECT_EQ(0u, got->size());
  }
  EXPECT_FALSE(c->take()) << "the other address will have room";
}

TEST(EndpointsRoom, IsNotWaitedForWhereAProbeFails) {
  RoomBed bed;
  auto a = bed.wait(bed.first);
  auto b = bed.wait(bed.first);
  for (uint32_t i = 0; i < Endpoints::kProbes; ++i) {
    bed.all.probed(bed.first[0], false, bed.loop.now());
  }
  for (auto* waiter : {&a, &b}) {
    auto got = (*waiter)->take();
    ASSERT_TRUE(got);
    EXPECT_EQ(0u, got->size());
  }
}

TEST(EndpointsRoom, OfAnAddressThatIsBackIsHandedOver) {
  for (const bool by_probe : {false, true}) {
    RoomBed bed;
    bed.one.answered(false, bed.loop.now());
    bed.one = Endpoints::Turn();
    auto a = bed.wait(bed.both);
    auto b = bed.wait(bed.both);
    if (by_probe) {
      bed.all.probed(bed.first[0], true, bed.loop.now());
    } else {
      Endpoints::Turn workers = bed.all.turn(bed.first, true, bed.loop.now());
      workers.answered(true, bed.loop.now());
      EXPECT_FALSE(a->take()) << "it has the only place";
    }
    auto got = a->take();
    EXPECT_TRUE(got);
    EXPECT_FALSE(b->take());
  }
}

// A call that tries several addresses at once has a place at each.
TEST(EndpointsRoom, IsTakenByEachTryOfACall) {
  RoomBed bed;
  bed.one = Endpoints::Turn();
  bed.two = Endpoints::Turn();
  Endpoints::Turn turn = bed.all.turn(bed.both, false, bed.loop.now());
  ASSERT_EQ(2u, turn.size());
  EXPECT_TRUE(turn.join(0)) << "it is there already";
  Endpoints::Turn other = bed.all.turn({turn.address(1)}, false, bed.loop.now());
  ASSERT_EQ(1u, other.size());
  EXPECT_FALSE(turn.join(1)) << "it filled up meanwhile";
  other = Endpoints::Turn();
  EXPECT_TRUE(turn.join(1));
  EXPECT_TRUE(bed.all.turn(bed.both, false, bed.loop.now()).full());
  turn.missed(0, bed.loop.now());
  turn.use(1);
  EXPECT_EQ(1u, bed.all.snapshot()[0].under_way + bed.all.snapshot()[1].under_way);
}

}  // namespace
}  // namespace siding
