// Which address of an upstream a call goes to, and which ones are left alone.
#include "proxy/upstream/endpoints.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace siding {
namespace {

using namespace std::chrono_literals;

const TimePoint kNow{1000s};

Addresses three() {
  return {*SocketAddress::parse("10.0.0.1", 80), *SocketAddress::parse("10.0.0.2", 80),
          *SocketAddress::parse("10.0.0.3", 80)};
}
/// One call: where it would go, and what comes of it.
std::string call(Endpoints& all, bool well, TimePoint now, bool even_open = false) {
  Endpoints::Turn turn = all.turn(three(), even_open, now);
  if (turn.size() == 0) return "none";
  turn.use(0);
  turn.answered(well, now);
  return turn.used().ip();
}
/// The first address fails its calls until it gets none.
void open_first(Endpoints& all, TimePoint now) {
  for (int i = 0; i < 30; ++i) {
    Endpoints::Turn turn = all.turn({three()[0]}, false, now);
    if (turn.size() == 0) return;
    turn.use(0);
    turn.answered(false, now);
  }
  FAIL() << "it never opened";
}

TEST(Endpoints, AreUsedInTurnAndWhereTheFewestAreUnderWay) {
  Endpoints all{BreakerConfig{}};
  std::map<std::string, int> calls;
  for (int i = 0; i < 300; ++i) ++calls[call(all, true, kNow)];
  EXPECT_EQ(calls,
            (std::map<std::string, int>{{"10.0.0.1", 100}, {"10.0.0.2", 100}, {"10.0.0.3", 100}}));

  std::vector<Endpoints::Turn> under_way;
  for (int i = 0; i < 6; ++i) {
    under_way.push_back(all.turn(three(), false, kNow));
    under_way.back().use(0);
  }
  std::string freed = under_way[2].used().ip();
  under_way[2] = Endpoints::Turn();
  EXPECT_EQ(call(all, true, kNow), freed);
}

TEST(Endpoints, OtherBoundsCountFromTheNextCallOn) {
  SystemClock clock;
  Loop loop(clock);  // who has a new bound may have room for others
  loop.adopt_thread();
  Endpoints all{BreakerConfig{.failures = 5, .percent = 0, .pause = 1s}};
  open_first(all, kNow);
  all.set({.failures = 2, .percent = 0, .pause = 1s}, 1, false);
  for (int i = 0; i < 30; ++i) EXPECT_NE(call(all, true, kNow), "10.0.0.1") << "it stays open";
  Endpoints::Turn second = all.turn({three()[1]}, false, kNow);
  EXPECT_TRUE(all.turn({three()[1]}, false, kNow).full());
  all.set({.failures = 2, .percent = 0, .pause = 1s}, 2, false);
  EXPECT_FALSE(all.turn({three()[1]}, false, kNow).full());
}

// Else nobody would ever say that it is well again.
TEST(Endpoints, WhatProbesAndBreakersSaidEndsWithThem) {
  SystemClock clock;
  Loop loop(clock);
  loop.adopt_thread();
  Endpoints all{BreakerConfig{.failures = 5, .percent = 0, .pause = 1s}};
  open_first(all, kNow);
  for (uint32_t i = 0; i < Endpoints::kProbes; ++i) all.probed(three()[1], false, kNow);
  all.set({.failures = 5, .percent = 0, .pause = 1s}, 0, true);
  for (int i = 0; i < 9; ++i) EXPECT_EQ(call(all, true, kNow), "10.0.0.3");
  all.set({.failures = 0, .percent = 0, .pause = 1s}, 0, false);
  std::map<std::string, int> calls;
  for (int i = 0; i < 9; ++i) ++calls[call(all, true, kNow)];
  EXPECT_EQ(calls.size(), 3u);
}

TEST(Endpoints, OneThatFailsIsLeftAloneForAWhile) {
  Endpoints all{BreakerConfig{.failures = 5, .percent = 0, .pause = 1s}};
  open_first(all, kNow);
  for (int i = 0; i < 30; ++i) EXPECT_NE(call(all, true, kNow), "10.0.0.1");
  // Then one call at a time tries it.
  Endpoints::Turn probe = all.turn(three(), false, kNow + 1s);
  EXPECT_EQ(probe.address(0).ip(), "10.0.0.1");
  EXPECT_EQ(probe.size(), 3u) << "and has somewhere else to go";
  EXPECT_NE(call(all, true, kNow + 1s), "10.0.0.1");
  probe.use(0);
  probe.answered(true, kNow + 1s);
  probe = Endpoints::Turn();
  std::map<std::string, int> calls;
  for (int i = 0; i < 30; ++i) ++calls[call(all, true, kNow + 1s)];
  EXPECT_EQ(calls["10.0.0.1"], 10);
}

TEST(Endpoints, EachTimeItIsLeftAloneForTwiceAsLong) {
  Endpoints all{BreakerConfig{.failures = 3, .percent = 0, .pause = 1s}};
  open_first(all, kNow);
  TimePoint now = kNow;
  for (Duration pause : {1000ms, 2000ms, 4000ms, 8000ms, 16000ms, 30000ms, 30000ms}) {
    EXPECT_EQ(all.turn({three()[0]}, false, now + pause - 1ms).size(), 0u);
    now += pause;
    Endpoints::Turn probe = all.turn({three()[0]}, false, now);
    ASSERT_EQ(probe.size(), 1u);
    probe.missed(0, now);
  }
}

TEST(Endpoints, AProbeThatWasCancelledIsNoAnswer) {
  Endpoints all{BreakerConfig{.failures = 1, .percent = 0, .pause = 1s}};
  open_first(all, kNow);
  { Endpoints::Turn cancelled = all.turn({three()[0]}, false, kNow + 1s); }
  EXPECT_EQ(all.turn({three()[0]}, false, kNow + 1s).size(), 1u);
}

TEST(Endpoints, AShareOfFailuresOpensIt) {
  Endpoints all{BreakerConfig{.failures = 0, .percent = 50, .pause = 1s}};
  auto one = [&](bool well, TimePoint now) {
    Endpoints::Turn turn = all.turn({three()[0]}, false, now);
    if (turn.size() == 0) return false;
    turn.use(0);
    turn.answered(well, now);
    return true;
  };
  for (int i = 0; i < 40; ++i) EXPECT_TRUE(one(i % 3 != 0, kNow)) << "a third fails";
  for (int i = 0; i < 19; ++i) EXPECT_TRUE(one(false, kNow + 11s)) << "too few to say";
  EXPECT_TRUE(one(false, kNow + 11s));
  EXPECT_FALSE(one(true, kNow + 11s));
}

TEST(Endpoints, AWorkersCallGoesThereAllTheSameButLast) {
  Endpoints all{BreakerConfig{.failures = 1, .percent = 0, .pause = 1s}};
  open_first(all, kNow);
  for (int i = 0; i < 10; ++i) {
    Endpoints::Turn turn = all.turn(three(), true, kNow);
    ASSERT_EQ(turn.size(), 3u);
    EXPECT_EQ(turn.address(2).ip(), "10.0.0.1");
  }
}

TEST(Endpoints, OneThatIsFullIsLeftOut) {
  Endpoints all(BreakerConfig{}, 2);
  std::vector<Endpoints::Turn> under_way;
  for (int i = 0; i < 6; ++i) {
    under_way.push_back(all.turn(three(), false, kNow));
    ASSERT_GT(under_way.back().size(), 0u);
  }
  for (const Endpoints::Snapshot& e : all.snapshot()) EXPECT_EQ(e.under_way, 2u);
  Endpoints::Turn none = all.turn(three(), false, kNow);
  EXPECT_EQ(none.size(), 0u);
  EXPECT_TRUE(none.full());
  EXPECT_EQ(all.turn(three(), true, kNow).size(), 3u) << "a worker's call goes out";
  under_way.pop_back();
  EXPECT_EQ(all.turn(three(), false, kNow).size(), 1u);
}

TEST(Endpoints, OneWithAnOpenBreakerIsNotFull) {
  Endpoints all(BreakerConfig{.failures = 1, .percent = 0, .pause = 1s}, 1);
  open_first(all, kNow);
  Endpoints::Turn none = all.turn({three()[0]}, false, kNow);
  EXPECT_EQ(none.size(), 0u);
  EXPECT_FALSE(none.full()) << "nobody should wait for it";
}

TEST(Endpoints, SilenceIsTheTimeOfCallsWithoutAnAnswer) {
  Endpoints all{BreakerConfig{.failures = 1, .percent = 0, .pause = 1min}};
  const Addresses one(1, three()[0]);
  auto outrun = [&](TimePoint began, TimePoint ended) {
    Endpoints::Turn turn = all.turn(one, false, began);
    if (turn.size() > 0) turn.gave_up(ended);
    return turn.size() > 0;
  };
  auto answers = [&](TimePoint now) {
    Endpoints::Turn turn = all.turn(one, false, now);
    turn.answered(true, now);
  };
  EXPECT_TRUE(outrun(kNow, kNow + 100ms));
  EXPECT_TRUE(outrun(kNow + 1h, kNow + 1h + 800ms)) << "nobody asked it meanwhile";
  answers(kNow + 2h);
  EXPECT_TRUE(outrun(kNow + 2h, kNow + 2h + 999ms)) << "its last answer ended the silence";
  {
    Endpoints::Turn beside = all.turn(one, false, kNow + 2h);
    beside.gave_up(kNow + 2h + 999ms);
  }
  EXPECT_TRUE(outrun(kNow + 3h, kNow + 3h)) << "two calls at once are one silence";
  EXPECT_TRUE(outrun(kNow + 3h, kNow + 3h + 1ms));
  EXPECT_FALSE(outrun(kNow + 3h, kNow + 3h + 1ms)) << "a second of silence";
}

// RFC 2782: those of the first priority that can be reached.
TEST(Endpoints, OfALaterRankAreForWhenNoneOfAnEarlierOneIsWell) {
  Endpoints all(BreakerConfig{.failures = 1, .percent = 0, .pause = 1s}, 1);
  Addresses ranked = three();
  ranked[0].set_rank(1);
  auto first = [&](TimePoint now, bool even_open = false) {
    return all.turn(ranked, even_open, now).address(0).ip();
  };
  for (int i = 0; i < 10; ++i) EXPECT_NE(first(kNow), "10.0.0.1");
  Endpoints::Turn one = all.turn(ranked, false, kNow);
  EXPECT_EQ(one.size(), 3u) << "it is there if the others take no connection";
  EXPECT_EQ(one.address(2).ip(), "10.0.0.1");
  Endpoints::Turn two = all.turn(ranked, false, kNow);
  EXPECT_TRUE(all.turn(ranked, false, kNow).full()) << "who is well has room soon";
  EXPECT_NE(first(kNow, true), "10.0.0.1");
  one.answered(false, kNow);
  one = Endpoints::Turn();
  two.answered(false, kNow);
  two = Endpoints::Turn();
  EXPECT_EQ(first(kNow), "10.0.0.1") << "both breakers are open";
  EXPECT_NE(first(kNow + 1s), "10.0.0.1") << "one of them is tried";
  Endpoints::Turn back = all.turn(ranked, false, kNow + 1s);
  back.answered(true, kNow + 1s);
  back = Endpoints::Turn();
  all.turn({ranked[0]}, true, kNow + 1s).answered(false, kNow + 1s);
  for (int i = 0; i < 10; ++i)
    EXPECT_NE(first(kNow + 9s), "10.0.0.1") << "its own turn to be tried";
}

TEST(Endpoints, ProbesTakeOneOutAndIn) {
  Endpoints all{BreakerConfig{.failures = 1, .percent = 0, .pause = 1min}};
  const SocketAddress first = three()[0];
  EXPECT_FALSE(all.probed(first, false, kNow)) << "once may be chance";
  EXPECT_EQ(all.turn({first}, false, kNow).size(), 1u);
  EXPECT_TRUE(all.probed(first, false, kNow));
  EXPECT_FALSE(all.probed(first, false, kNow)) << "told once";
  EXPECT_EQ(all.turn({first}, false, kNow).size(), 0u);
  EXPECT_EQ(all.turn(three(), true, kNow).address(2).ip(), "10.0.0.1")
      << "for a worker it is the last";
  EXPECT_TRUE(all.probed(first, true, kNow));
  open_first(all, kNow);
  EXPECT_FALSE(all.probed(first, true, kNow));
  EXPECT_EQ(all.turn({first}, false, kNow).size(), 1u) << "and closes its breaker";
}

TEST(Endpoints, OneThatHasLeftItsNameIsNotShown) {
  Endpoints all{BreakerConfig{.failures = 1, .percent = 0, .pause = 1min}};
  open_first(all, kNow);
  EXPECT_EQ(call(all, true, kNow).substr(0, 5), "10.0.");
  EXPECT_EQ(all.snapshot().size(), 3u);
  Addresses left = three();
  left.erase(left.begin());
  EXPECT_EQ(all.turn(left, false, kNow + 1min).size(), 2u);
  EXPECT_EQ(all.snapshot().size(), 3u) << "it may be in the next answer";
  EXPECT_EQ(all.turn(left, false, kNow + 61s).size(), 2u);
  EXPECT_EQ(all.snapshot().size(), 2u);
}

TEST(Endpoints, OnlySoManyAreRemembered) {
  Endpoints all{BreakerConfig{}};
  for (uint16_t port = 1; port < 1000; ++port) {
    Addresses one(1, *SocketAddress::parse("10.0.0.1", port));
    EXPECT_EQ(all.turn(one, false, kNow).size(), 1u);
  }
  EXPECT_LE(all.snapshot().size(), Endpoints::kMaxKept);
}

}  // namespace
}  // namespace siding
