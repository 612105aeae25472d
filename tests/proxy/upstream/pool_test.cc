// Kept connections: which one is taken, when one is closed, and how slots go round on one loop.
#include "proxy/upstream/pool.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <vector>

#include "tests/harness/loop_bed.h"
#include "tests/harness/loop_pair.h"

namespace siding {
namespace {

using namespace std::chrono_literals;
using test::LoopPair;
using test::LoopPeer;

struct PoolBed : test::LoopBed {
  explicit PoolBed(Pool::Options options) : pool(options, {&loop}) {}
  PoolBed() : PoolBed(Pool::Options{.max_connections = 2}) {}
  ~PoolBed() {
    pool.close_idle(loop);
    EXPECT_EQ(pool.open(), 0u) << "slots";
  }
  Slot slot() {
    auto task = pool.reserve(loop);
    task.start();
    settle();
    EXPECT_TRUE(task.done());
    return task.take();
  }
  Lease connected() {
    LoopPair pair;
    peers.push_back(std::move(pair.peer));
    return pool.lease(slot(), std::make_unique<Socket>(loop, pair.fd));
  }
  bool peer_sees_end(size_t i) {
    peers[i]->pump();
    return peers[i]->eof;
  }
  Pool pool;
  std::vector<std::unique_ptr<LoopPeer>> peers;
};

TEST(Pool, KeepsWhatIsReleasedClean) {
  PoolBed bed;
  EXPECT_FALSE(bed.pool.take_idle(bed.loop));
  Lease lease = bed.connected();
  EXPECT_FALSE(lease.reused());
  EXPECT_EQ(bed.pool.open(), 1u);
  lease.release();
  EXPECT_FALSE(lease);
  EXPECT_EQ(bed.pool.open(), 1u);
  Lease again = bed.pool.take_idle(bed.loop);
  ASSERT_TRUE(again);
  EXPECT_TRUE(again.reused());
  EXPECT_FALSE(bed.pool.take_idle(bed.loop));
}

TEST(Pool, ClosesWhatIsNotReleased) {
  PoolBed bed;
  { Lease lease = bed.connected(); }
  EXPECT_EQ(bed.pool.open(), 0u);
  EXPECT_TRUE(bed.peer_sees_end(0));
}

TEST(Pool, TakesTheOneThatWasUsedLast) {
  PoolBed bed;
  Lease a = bed.connected();
  Lease b = bed.connected();
  int fd_a = a.h1()->socket().fd();
  b.release();
  a.release();
  Lease taken = bed.pool.take_idle(bed.loop);
  EXPECT_EQ(taken.h1()->socket().fd(), fd_a);
}

TEST(Pool, AnIdleOneOnWhichSomethingHappensIsClosed) {
  for (const char* what : {"fin", "bytes", "rst"}) {
    SCOPED_TRACE(what);
    PoolBed bed;
    bed.connected().release();
    std::string_view happens = what;
    if (happens == "fin") bed.peers[0]->shutdown_write();
    if (happens == "bytes") bed.peers[0]->send("HTTP/1.1 408 Timeout\r\n\r\n");
    if (happens == "rst") bed.peers[0]->reset();
    bed.peers[0]->pump();
    bed.settle();
    EXPECT_EQ(bed.pool.open(), 0u);
    EXPECT_FALSE(bed.pool.take_idle(bed.loop));
  }
}

// The FIN is here, but the loop has not looked: such a connection must not be given out.
TEST(Pool, AFinThatTheLoopHasNotSeenCountsToo) {
  PoolBed bed;
  bed.connected().release();
  bed.turns(2);
  bed.peers[0]->shutdown_write();
  bed.loop.turn(false);
  Lease lease = bed.pool.take_idle(bed.loop);
  EXPECT_FALSE(lease);
}

TEST(Pool, AnIdleOneIsClosedAfterItsTime) {
  PoolBed bed({.max_connections = 2, .idle_timeout = 4s});
  bed.connected().release();
  bed.advance(3s);
  EXPECT_EQ(bed.pool.open(), 1u);
  bed.advance(2s);
  EXPECT_EQ(bed.pool.open(), 0u);
  EXPECT_TRUE(bed.peer_sees_end(0));
}

// Its end and its time-out in one poll: it is dropped once.
TEST(Pool, TwoReasonsToCloseAreOne) {
  PoolBed bed({.max_connections = 2, .idle_timeout = 4s});
  bed.connected().release();
  bed.turns(2);
  bed.peers[0]->shutdown_write();
  bed.advance(5s);
  EXPECT_EQ(bed.pool.open(), 0u);
}

TEST(Pool, ItsTimeOutEndsWithItsUse) {
  PoolBed bed({.max_connections = 2, .idle_timeout = 4s});
  bed.connected().release();
  Lease lease = bed.pool.take_idle(bed.loop);
  bed.peers[0]->send("an answer");
  bed.peers[0]->pump();
  bed.advance(10s);
  EXPECT_TRUE(lease);
  EXPECT_EQ(bed.pool.open(), 1u);
}

TEST(Pool, KeepsNoMoreThanItMay) {
  PoolBed bed({.max_connections = 0, .max_idle = 1});
  Lease a = bed.connected();
  Lease b = bed.connected();
  a.release();
  b.release();
  EXPECT_EQ(bed.pool.open(), 1u);
  EXPECT_TRUE(bed.peer_sees_end(1));
}

TEST(Pool, AtTheCapAnIdleOneMakesRoom) {
  PoolBed bed;
  Lease a = bed.connected();
  bed.connected().release();
  Lease c = bed.connected();
  EXPECT_TRUE(c);
  EXPECT_EQ(bed.pool.open(), 2u);
  EXPECT_TRUE(bed.peer_sees_end(1));
}

TEST(Pool, AtTheCapSomebodyWaitsForTheNextSlot) {
  PoolBed bed;
  Lease a = bed.connected();
  Lease b = bed.connected();
  auto waiting = bed.pool.reserve(bed.loop);
  waiting.start();
  auto second = bed.pool.reserve(bed.loop);
  second.start();
  bed.settle();
  EXPECT_FALSE(waiting.done());
  a.release();  // not kept: it is wanted
  bed.settle();
  ASSERT_TRUE(waiting.done());
  EXPECT_FALSE(second.done());
  EXPECT_TRUE(bed.peer_sees_end(0));
  {
    Slot got = waiting.take();
    EXPECT_EQ(bed.pool.open(), 2u);
  }
  bed.settle();
  ASSERT_TRUE(second.done()) << "a slot that is given up goes on";
  second.reset();
  b.release();
}

// Cancelled at each moment: before, at and after the grant.
TEST(Pool, AHigherCapServesWhoWaits) {
  PoolBed bed({.max_connections = 1});
  Lease only = bed.connected();
  auto next = bed.pool.reserve(bed.loop), last = bed.pool.reserve(bed.loop);
  next.start();
  last.start();
  bed.settle();
  EXPECT_FALSE(next.done());
  bed.pool.set_bounds(2, 0, 64);
  bed.settle();
  EXPECT_TRUE(next.done());
  EXPECT_FALSE(last.done());
  bed.pool.set_bounds(0, 0, 64);
  bed.settle();
  EXPECT_TRUE(last.done());
}

TEST(Pool, ALowerCapTakesEffectAsConnectionsEnd) {
  PoolBed bed({.max_connections = 2});
  Lease first = bed.connected(), second = bed.connected();
  bed.pool.set_bounds(1, 0, 64);
  auto next = bed.pool.reserve(bed.loop);
  next.start();
  first = Lease();
  bed.settle();
  EXPECT_FALSE(next.done());
  second = Lease();
  bed.settle();
  EXPECT_TRUE(next.done());
}

TEST(Pool, ALowerCapClosesWhatIsIdleBeyondIt) {
  PoolBed bed({.max_connections = 3});
  {
    std::vector<Lease> all;
    for (int i = 0; i < 3; ++i) all.push_back(bed.connected());
    for (Lease& lease : all) lease.release();
  }
  bed.pool.set_bounds(1, 0, 64);
  bed.settle();
  EXPECT_EQ(bed.pool.open(), 1u);
}

TEST(Pool, ARetiredOneKeepsNothing) {
  PoolBed bed;
  Lease busy = bed.connected();
  bed.connected().release();
  bed.pool.retire(bed.loop);
  EXPECT_TRUE(bed.peer_sees_end(1));
  EXPECT_FALSE(bed.peer_sees_end(0));
  busy.release();
  EXPECT_TRUE(bed.peer_sees_end(0));
  EXPECT_EQ(bed.pool.open(), 0u);
}

// A connection may be closed after all that knew of its origin has gone.
TEST(Pool, ASharedOneLivesAsLongAsItsSlots) {
  test::LoopBed bed;
  auto pool =
      std::make_shared<Pool>(Pool::Options{.max_connections = 1}, std::vector<Loop*>{&bed.loop});
  const std::weak_ptr<Pool> alive = pool;
  auto reserving = pool->reserve(bed.loop);
  reserving.start();
  LoopPair pair;
  {
    Lease lease = pool->lease(reserving.take(), std::make_unique<Socket>(bed.loop, pair.fd));
    pool.reset();
    EXPECT_FALSE(alive.expired());
  }
  EXPECT_TRUE(alive.expired());
}

TEST(Pool, WaitersMayGoAtAnyTime) {
  for (int steps = 0; steps < 5; ++steps) {
    PoolBed bed;
    Lease a = bed.connected();
    Lease b = bed.connected();
    auto first = bed.pool.reserve(bed.loop);
    auto second = bed.pool.reserve(bed.loop);
    first.start();
    second.start();
    if (steps >= 1) a = Lease();
    bed.turns(steps - 1);
    first.reset();
    if (steps == 0) a = Lease();
    bed.settle();
    EXPECT_TRUE(second.done()) << steps;
    second.reset();
    b = Lease();
    EXPECT_EQ(bed.pool.open(), 0u) << steps;
  }
}

}  // namespace
}  // namespace siding
