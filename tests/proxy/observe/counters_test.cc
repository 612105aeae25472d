// Counting on several threads and reading the sums.
#include "proxy/observe/counters.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace siding {
namespace {

TEST(Counters, WhatIsCountedIsWhatIsRead) {
  ManualClock clock;
  Loop loop(clock);
  Counters counters(1);
  ThreadCounters& here = counters.here(loop);
  here.count(Outcome::ok);
  here.count(Outcome::ok);
  here.count(Outcome::internal);
  here.count(PrefetchOutcome::used);
  here.count(PrefetchSkip::upstream_busy);
  here.count(EgressCall::self_call);
  here.connection_opened(ListenerKind::front);
  here.connection_opened(ListenerKind::front);
  here.connection_closed(ListenerKind::front);
  here.listener_paused(ListenerKind::admin);
  here.connection_displaced(ListenerKind::front);
  here.count(Abuse::pings);
  here.request(Peer::backend);
  here.received(Peer::backend, 1000);
  here.sent(Peer::upstream, 7);
  here.connect_failed(Peer::backend, Failure::refused);
  here.connect_failed(Peer::upstream, Failure::internal);
  here.attempts(3);
  here.spilled();
  here.blocked(std::chrono::milliseconds(5));
  here.abandoned_began();

  CounterTotals totals = counters.totals();
  EXPECT_EQ(totals.of(Outcome::ok), 2u);
  EXPECT_EQ(totals.of(Outcome::internal), 1u);
  EXPECT_EQ(totals.of(Outcome::bad_request), 0u);
  EXPECT_EQ(totals.of(PrefetchOutcome::used), 1u);
  EXPECT_EQ(totals.of(PrefetchSkip::upstream_busy), 1u);
  EXPECT_EQ(totals.of(EgressCall::self_call), 1u);
  EXPECT_EQ(totals.accepted(ListenerKind::front), 2u);
  EXPECT_EQ(totals.open(ListenerKind::front), 1);
  EXPECT_EQ(totals.paused(ListenerKind::admin), 1u);
  EXPECT_EQ(totals.displaced(ListenerKind::front), 1u);
  EXPECT_EQ(totals.of(Abuse::pings), 1u);
  EXPECT_EQ(totals.of(Abuse::resets), 0u);
  EXPECT_EQ(totals.requests(Peer::backend), 1u);
  EXPECT_EQ(totals.received(Peer::backend), 1000u);
  EXPECT_EQ(totals.sent(Peer::upstream), 7u);
  EXPECT_EQ(totals.connect_failures(Peer::backend, Failure::refused), 1u);
  EXPECT_EQ(totals.connect_failures(Peer::upstream, Failure::internal), 1u);
  EXPECT_EQ(totals.connect_failures(Peer::backend, Failure::internal), 0u);
  EXPECT_EQ(totals.attempts(), 3u);
  EXPECT_EQ(totals.spilled(), 1u);
  EXPECT_EQ(totals.blocked(), std::chrono::milliseconds(5));
  EXPECT_EQ(totals.abandoned(), 1u);
  EXPECT_EQ(totals.abandoned_now(), 1);
  here.abandoned_ended();
  EXPECT_EQ(counters.totals().abandoned_now(), 0);
  EXPECT_EQ(counters.totals().abandoned(), 1u);
}

TEST(Counters, BucketsAreInclusiveAndTheLastHoldsTheRest) {
  ManualClock clock;
  Loop loop(clock);
  Counters counters(1);
  ThreadCounters& here = counters.here(loop);
  using namespace std::chrono_literals;
  here.observe_queue_wait(0ms);
  here.observe_queue_wait(1ms);
  here.observe_queue_wait(1ms + 1ns);
  here.observe_queue_wait(60s);
  here.observe_queue_wait(61s);
  here.observe_queue_wait(-5ms);  // nobody should, but nothing breaks
  CounterTotals totals = counters.totals();
  EXPECT_EQ(totals.bucket(Times::queue_wait, 0), 3u);
  EXPECT_EQ(totals.bucket(Times::queue_wait, 1), 1u);
  EXPECT_EQ(totals.bucket(Times::queue_wait, kBuckets.size() - 1), 1u);
  EXPECT_EQ(totals.bucket(Times::queue_wait, kBuckets.size()), 1u);
  EXPECT_EQ(totals.observations(Times::queue_wait), 6u);
  EXPECT_EQ(totals.sum(Times::queue_wait), 121s + 2ms + 1ns);
  EXPECT_EQ(totals.observations(Times::worker), 0u);
}

TEST(Counters, MissLabelsAreBoundedAndPrintable) {
  ManualClock clock;
  Loop loop(clock);
  Counters counters(1);
  ThreadCounters& here = counters.here(loop);
  here.missed("field:x-user-id");
  here.missed("field:x-user-id");
  here.missed("evil\n\"\xff");
  here.missed(std::string(1000, 'x'));
  here.missed("");
  for (int i = 0; i < 1000; ++i) here.missed("field:x-" + std::to_string(i));
  CounterTotals totals = counters.totals();
  EXPECT_EQ(totals.missed().size(), Counters::kMissLabels + 1);
  EXPECT_EQ(totals.missed().at("field:x-user-id"), 2u);
  EXPECT_EQ(totals.missed().at("evil?\"?"), 1u);
  EXPECT_EQ(totals.missed().at(std::string(Counters::kMissLabelBytes, 'x')), 1u);
  EXPECT_EQ(totals.missed().at("unknown"), 1u);
  EXPECT_EQ(totals.missed().at("other"), 1000 - (Counters::kMissLabels - 4));
  EXPECT_EQ(totals.of(PrefetchOutcome::missed), 1005u);
}

TEST(CountersThreads, SumsAreExactAndReadableMeanwhile) {
  constexpr uint32_t kThreads = 4;
  constexpr uint64_t kEach = 20'000;
  ManualClock clock;
  Counters counters(kThreads);
  std::vector<std::thread> threads;
  for (uint32_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      Loop loop(clock, t);
      ThreadCounters& here = counters.here(loop);
      for (uint64_t i = 0; i < kEach; ++i) {
        here.count(Outcome::ok);
        here.observe_worker(std::chrono::milliseconds(i % 100));
        here.connection_opened(ListenerKind::egress);
        here.connection_closed(ListenerKind::egress);
        if (i % 1000 == 0) here.missed("field:x-" + std::to_string(t));
      }
    });
  }
  uint64_t before = 0;
  while (before < kThreads * kEach) {
    uint64_t now = counters.totals().of(Outcome::ok);
    ASSERT_GE(now, before);
    before = now;
    std::this_thread::yield();
  }
  for (std::thread& t : threads) t.join();
  CounterTotals totals = counters.totals();
  EXPECT_EQ(totals.of(Outcome::ok), kThreads * kEach);
  EXPECT_EQ(totals.observations(Times::worker), kThreads * kEach);
  EXPECT_EQ(totals.open(ListenerKind::egress), 0);
  EXPECT_EQ(totals.accepted(ListenerKind::egress), kThreads * kEach);
  for (uint32_t t = 0; t < kThreads; ++t) {
    EXPECT_EQ(totals.missed().at("field:x-" + std::to_string(t)), kEach / 1000);
  }
}

}  // namespace
}  // namespace siding
