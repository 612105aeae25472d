// How many calls may be made again.
#include "proxy/upstream/retry_budget.h"

#include <gtest/gtest.h>

namespace siding {
namespace {

using namespace std::chrono_literals;

int retries_of(RetryBudget& budget, int calls, TimePoint now) {
  int made = 0;
  for (int i = 0; i < calls; ++i) {
    budget.call(now);
    made += budget.take(now) ? 1 : 0;
  }
  return made;
}

TEST(RetryBudget, IsAFifthOfTheCallsButThreeAtLeast) {
  RetryBudget few;
  EXPECT_EQ(retries_of(few, 4, TimePoint(1s)), 3);
  RetryBudget many;
  EXPECT_EQ(retries_of(many, 1000, TimePoint(1s)), 200);
}

TEST(RetryBudget, ForgetsWhatIsLongAgo) {
  RetryBudget budget;
  EXPECT_EQ(retries_of(budget, 100, TimePoint(100s)), 20);
  EXPECT_FALSE(budget.take(TimePoint(115s))) << "the window before still counts";
  EXPECT_TRUE(budget.take(TimePoint(135s)));
}

}  // namespace
}  // namespace siding
