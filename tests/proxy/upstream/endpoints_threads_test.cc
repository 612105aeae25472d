// Room at the addresses of an upstream over two loops: never more calls than the cap, and nobody waits for
// ever, while waiters are destroyed on one thread as the other hands them room.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "proxy/upstream/endpoints.h"
#include "tests/harness/loop_bed.h"

namespace siding {
namespace {

using namespace std::chrono_literals;

constexpr uint32_t kCap = 2;

struct RoomShared {
  Endpoints all{BreakerConfig{.failures = 3, .percent = 0, .pause = 1ms}, kCap};
  std::array<std::atomic<uint32_t>, 3> inside{};
  std::atomic<uint32_t> most{0};
  std::atomic<int> served{0};
};

struct InsideRoom {
  InsideRoom(RoomShared& s, size_t i) : shared(s), at(i) {
    uint32_t now = ++shared.inside[at];
    uint32_t most = shared.most.load();
    while (now > most && !shared.most.compare_exchange_weak(most, now)) {
    }
  }
  ~InsideRoom() { --shared.inside[at]; }
  RoomShared& shared;
  const size_t at;
};

/// A call to one of some of the addresses; now and then it fails.
Task<> room_call(RoomShared& shared, Signal& tick, uint32_t random) {
  Loop& loop = Loop::current();
  Addresses addresses;
  for (uint16_t i = 0; i < 3; ++i) {
    if (random % 4 != i) addresses.push_back(*SocketAddress::parse("10.0.0.1", 1 + i));
  }
  Endpoints::RoomWaiter room(shared.all, addresses, loop);
  std::optional<Endpoints::Turn> turn = room.take();
  while (!turn) {
    co_await Wait(room.woken());
    turn = room.take();
  }
  if (turn->size() == 0) co_return;
  turn->use(0);
  InsideRoom inside(shared, static_cast<size_t>(turn->used().port() - 1));
  for (uint32_t i = 0; i < random / 4 % 4; ++i) co_await Wait(tick);
  turn->answered(random / 16 % 4 != 0, loop.now());
  ++shared.served;
}

void call_and_cancel(RoomShared& shared, const Clock& clock, uint32_t index) {
  Loop loop(clock, index);
  Signal tick;
  std::mt19937 random(index + 1);
  std::vector<Task<>> calls;
  auto ended = [](const Task<>& t) { return t.done(); };
  loop.turn(false);
  for (int i = 0; i < 5000; ++i) {
    calls.push_back(room_call(shared, tick, static_cast<uint32_t>(random())));
    calls.back().start();
    loop.turn(false);
    tick.notify();
    if (random() % 64 == 0) {
      shared.all.probed(*SocketAddress::parse("10.0.0.1", 1), random() % 2 == 0, loop.now());
    }
    std::erase_if(calls, ended);
    while (calls.size() > 20 || (!calls.empty() && random() % 5 == 0)) {
      calls.erase(calls.begin() + static_cast<ptrdiff_t>(random() % calls.size()));
    }
  }
  const bool all = test::run_until(loop, [&] {
    tick.notify();
    std::erase_if(calls, ended);
    return calls.empty();
  });
  EXPECT_TRUE(all) << calls.size() << " wait for ever";
  calls.clear();
  EXPECT_EQ(frame_stats().frames, 0);
}

TEST(EndpointsThreads, RoomIsHandedOnAndNeverExceeded) {
  test::LeftoverCheck leftovers;
  SystemClock clock;
  RoomShared shared;
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < 2; ++i) {
    threads.emplace_back([&, i] { call_and_cancel(shared, clock, i); });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_LE(shared.most.load(), kCap);
  EXPECT_GT(shared.served.load(), 100);
  for (const Endpoints::Snapshot& e : shared.all.snapshot()) EXPECT_EQ(0u, e.under_way);
}

}  // namespace
}  // namespace siding
