// The timer wheel against a sorted model: never early, at most a tick late, whatever callbacks do.
#include "proxy/loop/timer_wheel.h"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <memory>
#include <random>
#include <vector>

namespace siding {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{Duration(123'456'789)};

struct Entry : Timer {
  using Then = void (*)(Entry&);
  explicit Entry(TimerWheel& w) : Timer(&Entry::run), wheel(w) {}
  static void run(Timer& t) {
    auto& self = static_cast<Entry&>(t);
    ++self.fired;
    if (self.then != nullptr) self.then(self);
  }
  TimerWheel& wheel;
  int fired = 0;
  Then then = nullptr;
  Entry* other = nullptr;
  std::unique_ptr<Entry>* owner = nullptr;
};

TEST(TimerWheel, FiresAtItsTimeOnce) {
  TimerWheel wheel(kStart);
  Entry e(wheel);
  EXPECT_EQ(wheel.next(), kNever);
  wheel.arm(e, kStart + 10ms);
  EXPECT_LE(wheel.next(), kStart + 11ms);
  wheel.advance(kStart + 10ms - 1ns);
  EXPECT_EQ(e.fired, 0);
  wheel.advance(kStart + 11ms);
  EXPECT_EQ(e.fired, 1);
  wheel.advance(kStart + 10h);
  EXPECT_EQ(e.fired, 1);
  EXPECT_EQ(wheel.next(), kNever);
}

TEST(TimerWheel, WhatIsPastFiresInTheNextTick) {
  TimerWheel wheel(kStart);
  wheel.advance(kStart + 1h);
  Entry e(wheel);
  wheel.arm(e, kStart);
  wheel.advance(kStart + 1h + 1ms);
  EXPECT_EQ(e.fired, 1);
}

TEST(TimerWheel, NeverDisarms) {
  TimerWheel wheel(kStart);
  Entry e(wheel);
  wheel.arm(e, kStart + 5ms);
  wheel.arm(e, kNever);
  wheel.advance(kStart + 1h);
  EXPECT_EQ(e.fired, 0);
  EXPECT_FALSE(e.linked());
}

TEST(TimerWheel, ReArmingMovesItBothWays) {
  TimerWheel wheel(kStart);
  Entry e(wheel);
  wheel.arm(e, kStart + 10ms);
  wheel.arm(e, kStart + 1h);
  wheel.advance(kStart + 1min);
  EXPECT_EQ(e.fired, 0);
  wheel.arm(e, kStart + 1min + 5ms);
  wheel.advance(kStart + 1min + 6ms);
  EXPECT_EQ(e.fired, 1);
}

TEST(TimerWheel, ACallbackMayReArmItself) {
  TimerWheel wheel(kStart);
  Entry e(wheel);
  e.then = [](Entry& self) { self.wheel.arm(self, self.due() + 10ms); };
  wheel.arm(e, kStart + 10ms);
  wheel.advance(kStart + 101ms);
  EXPECT_EQ(e.fired, 10) << "all that was missed, in one advance";
}

TEST(TimerWheel, ACallbackMayArmForThePastWithoutEnd) {
  TimerWheel wheel(kStart);
  Entry e(wheel);
  e.then = [](Entry& self) { self.wheel.arm(self, kStart); };
  wheel.arm(e, kStart);
  wheel.advance(kStart + 50ms);
  EXPECT_LE(e.fired, 51);
  EXPECT_TRUE(e.linked());
}

TEST(TimerWheel, ACallbackMayDestroyAnotherOfItsSlotAndItself) {
  TimerWheel wheel(kStart);
  Entry first(wheel);
  auto second = std::make_unique<Entry>(wheel);
  auto third = std::make_unique<Entry>(wheel);
  Entry fourth(wheel);
  first.owner = &second;
  first.then = [](Entry& self) { self.owner->reset(); };
  third->owner = &third;
  third->then = [](Entry& self) { self.owner->reset(); };
  for (Entry* e : {&first, second.get(), third.get(), &fourth}) wheel.arm(*e, kStart + 7ms);
  wheel.advance(kStart + 8ms);
  EXPECT_EQ(first.fired, 1);
  EXPECT_EQ(second, nullptr);
  EXPECT_EQ(third, nullptr);
  EXPECT_EQ(fourth.fired, 1);
}

TEST(TimerWheel, ACallbackMayMoveAnotherOfItsSlot) {
  TimerWheel wheel(kStart);
  Entry first(wheel);
  Entry second(wheel);
  first.other = &second;
  first.then = [](Entry& self) { self.wheel.arm(*self.other, kStart + 1h); };
  wheel.arm(first, kStart + 7ms);
  wheel.arm(second, kStart + 7ms);
  wheel.advance(kStart + 1min);
  EXPECT_EQ(second.fired, 0);
  wheel.advance(kStart + 1h + 1ms);
  EXPECT_EQ(second.fired, 1);
}

TEST(TimerWheel, TakesTheFarFuture) {
  TimerWheel wheel(kStart);
  std::vector<Duration> far{24h, 24h * 365, 24h * 365 * 100, 24h * 365 * 200};
  std::vector<std::unique_ptr<Entry>> entries;
  for (Duration d : far) {
    entries.push_back(std::make_unique<Entry>(wheel));
    wheel.arm(*entries.back(), after(kStart, d));
  }
  Entry nearly_never(wheel);
  wheel.arm(nearly_never, kNever - 1ns);
  wheel.advance(kStart + 24h - 1ns);
  EXPECT_EQ(entries[0]->fired, 0);
  wheel.advance(kStart + 24h + 1ms);
  EXPECT_EQ(entries[0]->fired, 1);
  wheel.advance(kStart + 24h * 365 + 1ms);
  EXPECT_EQ(entries[1]->fired, 1);
  EXPECT_EQ(entries[2]->fired, 0);
  EXPECT_EQ(nearly_never.fired, 0);
  EXPECT_LT(wheel.next(), kNever);
}

TEST(TimerWheel, KeepsNearlyNeverFromOverflowing) {
  TimerWheel wheel(TimePoint{});
  Entry e(wheel);
  wheel.arm(e, kNever - 1ns);
  wheel.advance(TimePoint{} + 24h * 365);
  EXPECT_EQ(e.fired, 0);
}

/// Times of all magnitudes, so that every level of the wheel and its edges are met.
Duration random_span(std::mt19937_64& random) {
  return Duration(static_cast<int64_t>(random() >> (16 + random() % 44)));
}

struct Modelled : Timer {
  using Model = std::multimap<TimePoint, Modelled*>;
  Modelled(Model& m, const TimePoint& n, const TimePoint& p)
      : Timer(&Modelled::run), model(m), now(n), previous(p) {}
  ~Modelled() { forget(); }
  static void run(Timer& t) {
    auto& self = static_cast<Modelled&>(t);
    EXPECT_TRUE(self.armed);
    EXPECT_GE(self.now, self.due()) << "early";
    // It was not due a tick before the last advance, else it would have fired then.
    EXPECT_LT(self.previous - self.due(), 1ms) << "late";
    self.forget();
  }
  void remember() {
    forget();
    if (due() == kNever) return;
    entry = model.emplace(due(), this);
    armed = true;
  }
  void forget() {
    if (armed) model.erase(entry);
    armed = false;
  }
  Model& model;
  const TimePoint& now;
  const TimePoint& previous;
  Model::iterator entry;
  bool armed = false;
};

TEST(TimerWheel, BehavesLikeASortedModel) {
  for (unsigned seed = 0; seed < 30; ++seed) {
    std::mt19937_64 random(seed);
    TimerWheel wheel(kStart);
    Modelled::Model model;
    TimePoint now = kStart;
    TimePoint previous = kStart;
    std::vector<std::unique_ptr<Modelled>> timers;
    for (int step = 0; step < 2000; ++step) {
      switch (random() % 5) {
        case 0:
        case 1:
          timers.push_back(std::make_unique<Modelled>(model, now, previous));
          wheel.arm(*timers.back(), after(now, random_span(random)));
          timers.back()->remember();
          break;
        case 2:
          if (!timers.empty()) {
            Modelled& timer = *timers[random() % timers.size()];
            bool disarm = random() % 4 == 0;
            wheel.arm(timer, disarm ? kNever : after(now, random_span(random)));
            timer.remember();
          }
          break;
        case 3:
          if (!timers.empty()) {
            timers.erase(timers.begin() + static_cast<ptrdiff_t>(random() % timers.size()));
          }
          break;
        default: {
          Duration by = random_span(random);
          // Sometimes exactly to what it says comes next.
          TimePoint next = wheel.next();
          if (random() % 3 == 0 && next != kNever && next > now) by = next - now;
          previous = now;
          now = after(now, by);
          if (now == kNever) return;
          wheel.advance(now);
          if (!model.empty()) {
            EXPECT_GT(model.begin()->first, now - 1ms) << "one was left behind";
            EXPECT_LE(wheel.next(), model.begin()->first + 1ms) << "the loop would oversleep";
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace siding
