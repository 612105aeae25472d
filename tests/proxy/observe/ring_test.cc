// Which exchanges are remembered, and for how long.
#include "proxy/observe/ring.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace siding {
namespace {

using namespace std::chrono_literals;

ExchangeRecord ringed(int n, Duration total = 1ms, Outcome outcome = Outcome::ok) {
  ExchangeRecord r;
  r.request_id = "r" + std::to_string(n);
  r.wall = WallTime(1'000'000s) + n * 1ms;
  r.total = total;
  r.outcome = outcome;
  r.status = status_of(outcome);
  return r;
}

std::string ids(const std::vector<Ring::Ref>& records) {
  std::string out;
  for (const Ring::Ref& r : records) out += (out.empty() ? "" : " ") + r->request_id;
  return out;
}

TEST(Ring, KeepsTheLast) {
  Ring ring(4);
  EXPECT_EQ(ids(ring.last(10)), "");
  for (int i = 0; i < 6; ++i) ring.add(ringed(i));
  EXPECT_EQ(ids(ring.last(10)), "r5 r4 r3 r2");
  EXPECT_EQ(ids(ring.last(2)), "r5 r4");
  EXPECT_EQ(ids(ring.last(0)), "");
}

TEST(Ring, KeepsTheSlowestOfTheLastTime) {
  Ring ring(4);  // 8 of the slowest
  for (int i = 0; i < 100; ++i) ring.add(ringed(i, i < 50 ? i * 1ms : (100 - i) * 1ms));
  EXPECT_EQ(ids(ring.slowest(3)), "r50 r51 r49");
  EXPECT_EQ(ring.slowest(100).size(), 8u);
  EXPECT_EQ(ring.find("r49")->total, 49ms);
  // Later, fast ones are the slowest there are: the old ones give way.
  for (int i = 0; i < 8; ++i) ring.add(ringed(1'000'000 + i, i * 1us));
  EXPECT_EQ(ids(ring.slowest(1)), "r1000007");
  EXPECT_EQ(ring.find("r49"), nullptr);
}

TEST(Ring, KeepsTheFailed) {
  Ring ring(4);  // 8 failed
  ring.add(ringed(0, 1ms, Outcome::queue_timeout));
  ring.add(ringed(1, 1ms, Outcome::client_gone));
  ExchangeRecord honest = ringed(2);
  honest.status = 500;
  ring.add(std::move(honest));
  for (int i = 3; i < 100; ++i) ring.add(ringed(i));
  EXPECT_EQ(ids(ring.failed(10)), "r2 r1 r0");
  EXPECT_EQ(ring.find("r0")->outcome, Outcome::queue_timeout);
  for (int i = 100; i < 200; ++i) ring.add(ringed(i, 1ms, Outcome::no_route));
  EXPECT_EQ(ring.failed(1000).size(), 8u);
}

TEST(Ring, FindsTheNewestOfAnId) {
  Ring ring(4);
  ring.add(ringed(1, 1ms));
  ring.add(ringed(1, 2ms));
  EXPECT_EQ(ring.find("r1")->total, 2ms);
  EXPECT_EQ(ring.find("r2"), nullptr);
  EXPECT_EQ(ring.find(""), nullptr);
}

TEST(Ring, BoundsWhatARecordHolds) {
  Ring ring(4);
  ExchangeRecord r = ringed(1);
  r.target = std::string(100'000, 't');
  r.prefetches.resize(1);
  r.prefetches[0].actual = std::string(100'000, 'k');
  ring.add(std::move(r));
  Ring::Ref kept = ring.find("r1");
  EXPECT_LE(kept->target.capacity(), 4096u);
  EXPECT_LE(kept->prefetches[0].actual.capacity(), 4096u);
  EXPECT_TRUE(kept->target.ends_with("t..."));
}

TEST(Ring, OfSizeZeroKeepsNothing) {
  Ring ring(0);
  ring.add(ringed(1, 1s, Outcome::internal));
  EXPECT_EQ(ids(ring.last(1)) + ids(ring.slowest(1)) + ids(ring.failed(1)), "");
}

TEST(RingThreads, AddAndReadAtOnce) {
  Ring ring(16);
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 3000; ++i) {
        ring.add(ringed(t * 10'000 + i, i * 1us, i % 7 == 0 ? Outcome::internal : Outcome::ok));
      }
    });
  }
  for (int i = 0; i < 300; ++i) {
    for (const Ring::Ref& r : ring.last(16)) EXPECT_FALSE(r->request_id.empty());
    ring.slowest(8);
    ring.find("r5");
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(ring.last(100).size(), 16u);
  EXPECT_EQ(ring.failed(100).size(), 8u);
}

}  // namespace
}  // namespace siding
