// A Result holds a value or an Error, never both; outcomes have the names and statuses they promise.
#include "base/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

namespace siding {
namespace {

TEST(Result, HoldsAValue) {
  Result<std::string> r = std::string("value");
  EXPECT_TRUE(r.ok());
  EXPECT_TRUE(r);
  EXPECT_EQ(*r, "value");
  EXPECT_EQ(r->size(), 5u);
  *r += "!";
  const Result<std::string>& c = r;
  EXPECT_EQ(c.value(), "value!");
}

TEST(Result, HoldsAnError) {
  Result<std::string> r = Error(Failure::reset, Side::upstream, true, "why");
  EXPECT_FALSE(r.ok());
  EXPECT_EQ(r.error().kind, Failure::reset);
  EXPECT_EQ(r.error().side, Side::upstream);
  EXPECT_TRUE(r.error().retryable);
  EXPECT_EQ(r.error().detail, "why");
}

TEST(Result, TellsAnErrorFromAValueOfTheSameKind) {
  // Result<Error> would be ambiguous; what converts to both must not be.
  Result<bool> value = false;
  EXPECT_TRUE(value.ok());
  EXPECT_FALSE(*value);
  Result<bool> error = Error(Failure::closed);
  EXPECT_FALSE(error.ok());
}

TEST(Result, MovesWhatCannotBeCopied) {
  Result<std::unique_ptr<int>> r = std::make_unique<int>(7);
  Result<std::unique_ptr<int>> other = std::move(r);
  ASSERT_TRUE(other.ok());
  EXPECT_EQ(**other, 7);
  std::unique_ptr<int> out = std::move(*other);
  EXPECT_EQ(*out, 7);
}

TEST(Result, OfNothing) {
  Result<> good;
  EXPECT_TRUE(good.ok());
  Result<> bad = Error(Failure::no_buffer);
  EXPECT_FALSE(bad);
  EXPECT_EQ(bad.error().kind, Failure::no_buffer);
}

TEST(ResultDeathTest, TheWrongHalfIsABrokenInvariant) {
  Result<int> error = Error(Failure::closed);
  EXPECT_DEATH({ [[maybe_unused]] int v = error.value(); }, "ok");
  Result<int> value = 1;
  EXPECT_DEATH({ [[maybe_unused]] Failure f = value.error().kind; }, "ok");
}

/// Each name of an enum with a `count_`: there, and used once.
template <class E>
void expect_distinct_names() {
  std::set<std::string_view> names;
  for (size_t i = 0; i < static_cast<size_t>(E::count_); ++i) {
    std::string_view name = to_string(static_cast<E>(i));
    EXPECT_FALSE(name.empty());
    EXPECT_TRUE(names.insert(name).second) << name;
  }
}

TEST(Outcome, NamesAreDistinct) {
  expect_distinct_names<Outcome>();
  expect_distinct_names<Failure>();
  expect_distinct_names<PrefetchOutcome>();
  expect_distinct_names<PrefetchSkip>();
  expect_distinct_names<Side>();
}

// A table whose rows were shifted against its enum would still compile.
TEST(Outcome, TablesFollowTheirEnums) {
  EXPECT_EQ(to_string(Outcome::queue_timeout), "queue_timeout");
  EXPECT_EQ(status_of(Outcome::queue_timeout), 503);
  EXPECT_EQ(to_string(Outcome::self_call), "self_call");
  EXPECT_EQ(status_of(Outcome::self_call), 508);
  EXPECT_EQ(status_of(Outcome::deadline), 504);
  EXPECT_EQ(status_of(Outcome::body_timeout), 408);
  EXPECT_EQ(to_string(Outcome::internal), "internal");
  EXPECT_EQ(to_string(Failure::no_descriptor), "no_descriptor");
  EXPECT_EQ(to_string(Failure::closed), "closed");
  EXPECT_EQ(to_string(PrefetchOutcome::observed), "observed");
  EXPECT_EQ(to_string(PrefetchSkip::upstream_busy), "upstream_busy");
  EXPECT_EQ(to_string(PrefetchSkip::tunnelled), "tunnelled");
}

}  // namespace
}  // namespace siding
