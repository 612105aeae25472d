// A backend that takes no connection: one permit at a time tries its door, the others wait, and
// nobody is forgotten when it comes back or when the one that tries gives up.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <vector>

#include "proxy/exchange/admission.h"
#include "tests/harness/loop_bed.h"

namespace siding {
namespace {

using namespace std::chrono_literals;

struct DownBed : test::LoopBed {
  explicit DownBed(uint32_t concurrency = 3)
      : admission({.concurrency = concurrency, .backlog = 0}) {}
  std::unique_ptr<Ticket> queued() {
    auto t = std::make_unique<Ticket>(admission, loop, 1, 0);
    EXPECT_EQ(t->enter(0), std::nullopt);
    t->ready();
    return t;
  }
  std::vector<std::unique_ptr<Ticket>> queued(int n) {
    std::vector<std::unique_ptr<Ticket>> all;
    for (int i = 0; i < n; ++i) all.push_back(queued());
    return all;
  }
  static int granted(const std::vector<std::unique_ptr<Ticket>>& tickets) {
    int n = 0;
    for (auto& t : tickets) n += t && t->granted() ? 1 : 0;
    return n;
  }
  Admission admission;
};

TEST(AdmissionDown, TheFirstThatFailsIsTheProber) {
  DownBed bed;
  auto tickets = bed.queued(5);
  Permit a = tickets[0]->take();
  Permit b = tickets[1]->take();
  TimePoint now = bed.loop.now();
  std::optional<TimePoint> again = a.failed(Permit::Failed::to_connect, now);
  ASSERT_TRUE(again);
  EXPECT_GT(*again, now);
  EXPECT_EQ(a.not_before(), *again);
  EXPECT_TRUE(bed.admission.down());
  EXPECT_FALSE(b.failed(Permit::Failed::to_connect, now)) << "one is enough";
  EXPECT_EQ(b.not_before(), TimePoint{});
  EXPECT_FALSE(bed.admission.try_now());
}

TEST(AdmissionDown, NobodyIsGrantedWhileOneTries) {
  DownBed bed(1);
  auto tickets = bed.queued(3);
  Permit prober = tickets[0]->take();
  ASSERT_TRUE(prober.failed(Permit::Failed::to_connect, bed.loop.now()));
  auto late = bed.queued();
  EXPECT_EQ(bed.granted(tickets), 0);
  EXPECT_FALSE(late->granted());
}

TEST(AdmissionDown, WhoFailsTooStandsWhereItStood) {
  DownBed bed(2);
  auto tickets = bed.queued(4);
  Permit a = tickets[0]->take();
  Permit b = tickets[1]->take();
  ASSERT_TRUE(a.failed(Permit::Failed::to_connect, bed.loop.now()));
  ASSERT_FALSE(b.failed(Permit::Failed::to_connect, bed.loop.now()));
  b.reset();
  EXPECT_FALSE(tickets[2]->granted());
  tickets[1]->requeue();
  EXPECT_FALSE(tickets[1]->granted());
  EXPECT_EQ(bed.admission.snapshot().queued, 3u);
  a.connected();
  EXPECT_FALSE(bed.admission.down());
  EXPECT_TRUE(tickets[1]->granted()) << "in front of those that came later";
  EXPECT_FALSE(tickets[2]->granted());
}

TEST(AdmissionDown, ConnectedReleasesAll) {
  DownBed bed(3);
  auto tickets = bed.queued(3);
  Permit prober = tickets[0]->take();
  Permit others[2] = {tickets[1]->take(), tickets[2]->take()};
  ASSERT_TRUE(prober.failed(Permit::Failed::to_connect, bed.loop.now()));
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_FALSE(others[i].failed(Permit::Failed::to_connect, bed.loop.now()));
    others[i].reset();
    tickets[i + 1]->requeue();
  }
  EXPECT_EQ(bed.admission.snapshot().inside, 1u);
  prober.connected();
  EXPECT_TRUE(tickets[1]->granted());
  EXPECT_TRUE(tickets[2]->granted());
  EXPECT_EQ(prober.not_before(), TimePoint{});
}

TEST(AdmissionDown, AfterALostAnswerAConnectionProvesNothing) {
  DownBed bed(2);
  auto tickets = bed.queued(4);
  Permit prober = tickets[0]->take();
  Permit inside = tickets[1]->take();
  auto again = prober.failed(Permit::Failed::to_answer, bed.loop.now());
  ASSERT_TRUE(again);
  inside.answered(bed.loop.now());  // it was on its way when the backend died
  inside.reset();
  prober.connected();
  EXPECT_TRUE(bed.admission.down());
  EXPECT_EQ(bed.granted(tickets), 0);
  prober.answered(*again);
  EXPECT_FALSE(bed.admission.down());
  EXPECT_FALSE(prober.probing());
  EXPECT_EQ(bed.granted(tickets), 1);
}

TEST(AdmissionDown, AConnectionThatLastsIsProofEnough) {
  DownBed bed(2);
  auto tickets = bed.queued(3);
  Permit prober = tickets[0]->take();
  Permit old = tickets[1]->take();
  ASSERT_TRUE(prober.failed(Permit::Failed::to_answer, bed.loop.now()));
  old.lasts();
  EXPECT_TRUE(bed.admission.down()) << "not that of one who was inside before";
  prober.lasts();
  EXPECT_FALSE(bed.admission.down());
}

TEST(AdmissionDown, ARefusalAfterALostAnswerMeansThatTheOldOneIsGone) {
  DownBed bed(1);
  auto tickets = bed.queued(1);
  Permit prober = tickets[0]->take();
  ASSERT_TRUE(prober.failed(Permit::Failed::to_answer, bed.loop.now()));
  ASSERT_TRUE(prober.failed(Permit::Failed::to_connect, bed.loop.now()));
  prober.connected();
  EXPECT_FALSE(bed.admission.down());
}

TEST(AdmissionDown, BacksOffUpToABound) {
  DownBed bed(1);
  auto t = bed.queued();
  Permit prober = t->take();
  TimePoint now = bed.loop.now();
  Duration last{};
  for (int i = 0; i < 12; ++i) {
    std::optional<TimePoint> again = prober.failed(Permit::Failed::to_connect, now);
    ASSERT_TRUE(again);
    Duration wait = *again - now;
    EXPECT_GE(wait, last);
    EXPECT_LE(wait, 1s);
    last = wait;
    now = *again;
  }
  EXPECT_EQ(last, 1s);
  prober.connected();
  std::optional<TimePoint> again = prober.failed(Permit::Failed::to_connect, now);
  ASSERT_TRUE(again);
  EXPECT_LT(*again - now, 100ms) << "a new outage begins with short waits";
}

TEST(AdmissionDown, AProberThatGoesHandsOn) {
  DownBed bed(2);
  auto tickets = bed.queued(4);
  Permit prober = tickets[0]->take();
  Permit other = tickets[1]->take();
  TimePoint now = bed.loop.now();
  std::optional<TimePoint> again = prober.failed(Permit::Failed::to_connect, now);
  ASSERT_FALSE(other.failed(Permit::Failed::to_connect, now));
  other.reset();
  prober.reset();
  EXPECT_EQ(bed.granted(tickets), 1) << "one tries next, and only one";
  EXPECT_TRUE(tickets[2]->granted());
  Permit next = tickets[2]->take();
  EXPECT_EQ(next.not_before(), *again) << "the back-off goes on";
  std::optional<TimePoint> later = next.failed(Permit::Failed::to_connect, now);
  ASSERT_TRUE(later);
  EXPECT_GT(*later - now, *again - now);
}

TEST(AdmissionDown, AProberThatGoesBeforeItTookItsGrantHandsOnToo) {
  DownBed bed(1);
  auto tickets = bed.queued(4);
  Permit prober = tickets[0]->take();
  ASSERT_TRUE(prober.failed(Permit::Failed::to_connect, bed.loop.now()));
  prober.reset();
  ASSERT_TRUE(tickets[1]->granted());
  tickets[1].reset();
  ASSERT_TRUE(tickets[2]->granted());
  EXPECT_FALSE(tickets[3]->granted());
}

TEST(AdmissionDown, WithNobodyLeftTheNextComerTries) {
  DownBed bed(2);
  {
    auto t = bed.queued();
    Permit prober = t->take();
    ASSERT_TRUE(prober.failed(Permit::Failed::to_connect, bed.loop.now()));
  }
  EXPECT_TRUE(bed.admission.down());
  EXPECT_EQ(bed.admission.snapshot().inside, 0u);
  auto next = bed.queued();
  auto waits = bed.queued();
  EXPECT_TRUE(next->granted());
  EXPECT_FALSE(waits->granted());
  Permit prober = next->take();
  EXPECT_NE(prober.not_before(), TimePoint{});
  prober.connected();
  EXPECT_TRUE(waits->granted());
}

// Those that were inside before the outage go on and give back; that wakes nobody but a prober.
TEST(AdmissionDown, WhoWasInsideBeforeGoesOn) {
  DownBed bed(3);
  auto tickets = bed.queued(6);
  Permit old = tickets[0]->take();
  Permit a = tickets[1]->take();
  Permit b = tickets[2]->take();
  ASSERT_TRUE(a.failed(Permit::Failed::to_connect, bed.loop.now()));
  old.reset();
  EXPECT_EQ(bed.granted(tickets), 0);
  b.connected();  // its connection was made before: the backend is there
  EXPECT_FALSE(bed.admission.down());
  EXPECT_EQ(bed.granted(tickets), 1);
}

// A stale probe must not end a newer one.
TEST(AdmissionDown, AnOldProbeDoesNotEndANewOne) {
  DownBed bed(3);
  auto tickets = bed.queued(6);
  Permit a = tickets[0]->take();
  Permit b = tickets[1]->take();
  TimePoint now = bed.loop.now();
  ASSERT_TRUE(a.failed(Permit::Failed::to_connect, now));
  b.connected();
  ASSERT_TRUE(b.failed(Permit::Failed::to_connect, now)) << "a new outage: a's probe is over";
  a.reset();
  EXPECT_EQ(bed.granted({}), 0);
  EXPECT_TRUE(bed.admission.down());
  EXPECT_FALSE(tickets[3]->granted()) << "b still tries";
}

}  // namespace
}  // namespace siding
