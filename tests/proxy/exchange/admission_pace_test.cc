// What a queue knows of its own pace: whom it refuses early, and what it says of the wait.
#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <memory>

#include "proxy/exchange/admission.h"
#include "tests/harness/loop_bed.h"

namespace siding {
namespace {

using namespace std::chrono_literals;
using test::LoopBed;

/// One worker, served by one permit, and tickets that wait for it.
struct PaceBed : LoopBed {
  PaceBed() : admission({.concurrency = 1, .backlog = 0, .queue_size = 2000}) {}

  std::optional<Outcome> enter(uint64_t client, Duration patience, int priority = 0) {
    auto ticket = std::make_unique<Ticket>(admission, loop, client, priority);
    std::optional<Outcome> shed = ticket->enter(0, patience);
    if (shed) return shed;
    ticket->ready();
    waiting.push_back(std::move(ticket));
    return std::nullopt;
  }
  void queue(int n, uint64_t client = 1) {
    for (int i = 0; i < n; ++i) EXPECT_EQ(enter(client, 1h), std::nullopt);
  }
  /// The worker serves `n` of those who wait, `each` of them in that time.
  void serve(int n, Duration each) {
    for (int i = 0; i < n; ++i) {
      take_granted();
      advance(each);
      permit.reset();
    }
    take_granted();
  }
  void take_granted() {
    for (auto it = waiting.begin(); !permit && it != waiting.end(); ++it) {
      if (!(*it)->granted()) continue;
      permit = (*it)->take();
      waiting.erase(it);
      break;
    }
  }

  Admission admission;
  std::deque<std::unique_ptr<Ticket>> waiting;
  Permit permit;
};

TEST(AdmissionPace, RefusesWhoseTurnWouldComeMuchTooLate) {
  PaceBed bed;
  bed.queue(20);
  bed.serve(9, 1s);  // ten are left, of which one is inside
  EXPECT_EQ(bed.enter(1, 4s), Outcome::queue_too_slow);
  EXPECT_EQ(bed.enter(1, 6s), std::nullopt) << "a near thing: it may be served in time";
  EXPECT_EQ(bed.admission.snapshot().queued, 11u);
}

TEST(AdmissionPace, RefusesNobodyBeforeThePaceIsKnown) {
  PaceBed bed;
  bed.queue(20);
  bed.serve(5, 1s);
  EXPECT_EQ(bed.enter(1, 1ms), std::nullopt);
}

TEST(AdmissionPace, RefusesNobodyWhenNobodyWaits) {
  PaceBed bed;
  bed.queue(10);
  bed.serve(9, 60s);
  ASSERT_EQ(bed.admission.snapshot().queued, 0u);
  EXPECT_EQ(bed.enter(1, 1ms), std::nullopt);
}

TEST(AdmissionPace, WhoComesWithFewRequestsIsNotRefusedForThoseWhoWaitWithMany) {
  PaceBed bed;
  bed.queue(40, 1);
  bed.serve(9, 1s);
  EXPECT_EQ(bed.enter(1, 10s), Outcome::queue_too_slow);
  EXPECT_EQ(bed.enter(2, 10s), std::nullopt) << "its turn is next but one";
}

TEST(AdmissionPace, WhatGoesFirstIsNotRefused) {
  PaceBed bed;
  bed.queue(40);
  bed.serve(9, 1s);
  EXPECT_EQ(bed.enter(1, 1s, -1), std::nullopt);
}

TEST(AdmissionPace, ForgetsSlowTimesQuickly) {
  PaceBed bed;
  bed.queue(60);
  bed.serve(9, 10s);
  EXPECT_EQ(bed.enter(1, 10s), Outcome::queue_too_slow);
  bed.serve(10, 10ms);
  EXPECT_EQ(bed.enter(1, 10s), std::nullopt);
}

/// Siding itself was busy with a burst, while all workers ended: no slower for that.
TEST(AdmissionPace, OneGapIsNoPace) {
  PaceBed bed;
  bed.queue(1000);
  bed.serve(100, 1ms);
  bed.serve(1, 200ms);
  EXPECT_EQ(bed.enter(1, 10s), std::nullopt);
  bed.serve(100, 10ms);
  EXPECT_EQ(bed.enter(1, 1s), Outcome::queue_too_slow) << "this is its pace now";
}

TEST(AdmissionPace, TheTimeInWhichNobodyWaitedIsNoPace) {
  PaceBed bed;
  for (int i = 0; i < 20; ++i) {
    bed.queue(1);
    bed.serve(1, 60s);
  }
  bed.queue(5);
  EXPECT_EQ(bed.admission.expected_wait(), 0s);
}

TEST(AdmissionPace, WaitsForABackendThatIsDown) {
  PaceBed bed;
  bed.queue(20);
  bed.serve(9, 1s);
  ASSERT_TRUE(bed.permit);
  bed.permit.failed(Permit::Failed::to_connect, bed.loop.now());
  EXPECT_EQ(bed.enter(1, 1ms), std::nullopt);
}

TEST(AdmissionPace, TellsHowLongTheQueueTakes) {
  PaceBed bed;
  bed.queue(20);
  EXPECT_EQ(bed.admission.expected_wait(), 0s);
  bed.serve(9, 2s);
  EXPECT_EQ(bed.admission.expected_wait(), 20s);
}

/// Such as a tunnel, which took the place of a request.
TEST(AdmissionPace, WhatIsKeptForLongTellsNothing) {
  PaceBed bed;
  bed.queue(12);
  bed.serve(10, 1s);
  bed.permit.outlasts();
  bed.serve(1, 1h);
  bed.serve(1, 1s);
  bed.queue(6);
  EXPECT_EQ(bed.enter(2, 4s), std::nullopt) << "the queue is as fast as it was";
}

}  // namespace
}  // namespace siding
