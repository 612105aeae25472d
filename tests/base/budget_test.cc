// Budgets never go over their limit, and reservations give back what they took; threads included.
#include "base/budget.h"

#include <gtest/gtest.h>

#include <random>
#include <thread>
#include <vector>

namespace siding {
namespace {

TEST(Budget, RefusesWhatDoesNotFit) {
  Budget b(100);
  EXPECT_TRUE(b.try_take(60));
  EXPECT_FALSE(b.try_take(41));
  EXPECT_EQ(b.used(), 60u);
  EXPECT_TRUE(b.try_take(40));
  EXPECT_FALSE(b.try_take(1));
  EXPECT_TRUE(b.try_take(0));
  EXPECT_FALSE(b.try_take(UINT64_MAX)) << "no wrap-around";
  b.give_back(100);
  EXPECT_EQ(b.used(), 0u);
}

TEST(Budget, AnUnlimitedOneTakesAll) {
  Budget b(UINT64_MAX);
  EXPECT_TRUE(b.try_take(UINT64_MAX));
  EXPECT_FALSE(b.try_take(1));
}

TEST(Budget, ALowerLimitTakesEffectAsBytesComeBack) {
  Budget b(100);
  ASSERT_TRUE(b.try_take(80));
  b.set_limit(50);
  EXPECT_FALSE(b.try_take(0));
  b.give_back(40);
  EXPECT_FALSE(b.try_take(11));
  EXPECT_TRUE(b.try_take(10));
  b.set_limit(60);
  EXPECT_TRUE(b.try_take(10));
}

TEST(Reservation, GrowsShrinksAndGivesBack) {
  Budget b(100);
  {
    Reservation r(b);
    EXPECT_TRUE(r.add(70));
    EXPECT_FALSE(r.add(31));
    EXPECT_EQ(r.bytes(), 70u) << "a refusal changes nothing";
    EXPECT_TRUE(r.resize(10));
    EXPECT_EQ(b.used(), 10u);
    EXPECT_TRUE(r.resize(100));
  }
  EXPECT_EQ(b.used(), 0u);
}

TEST(Reservation, MovesWithItsBytes) {
  Budget a(100);
  Budget b(100);
  Reservation first(a);
  EXPECT_TRUE(first.add(40));
  Reservation second(std::move(first));
  EXPECT_EQ(second.bytes(), 40u);
  EXPECT_EQ(first.bytes(), 0u);  // NOLINT: that is what is tested
  Reservation third(b);
  EXPECT_TRUE(third.add(5));
  third = std::move(second);
  EXPECT_EQ(b.used(), 0u) << "what it held before went back";
  EXPECT_EQ(a.used(), 40u);
  EXPECT_TRUE(third.resize(0));
  EXPECT_EQ(a.used(), 0u);
  Reservation& self = third;
  third = std::move(self);
  EXPECT_EQ(third.bytes(), 0u);
}

TEST(BudgetThreads, StayWithinTheLimit) {
  Budget budget(1000);
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([&budget, t] {
      std::mt19937 random(t);
      for (int i = 0; i < 5000; ++i) {
        Reservation r(budget);
        if (r.add(random() % 600)) {
          EXPECT_LE(budget.used(), budget.limit());
        }
        Reservation other(std::move(r));
      }
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(budget.used(), 0u);
}

}  // namespace
}  // namespace siding
