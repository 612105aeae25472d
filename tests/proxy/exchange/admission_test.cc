// Who is let in and when: fairness, priority, bounds, and what destroyed tickets and permits give back.
#include "proxy/exchange/admission.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "tests/harness/loop_bed.h"

namespace siding {
namespace {

using namespace std::chrono_literals;
using test::LoopBed;

struct AdmissionBed : LoopBed {
  explicit AdmissionBed(Admission::Limits limits) : admission(limits) {}
  AdmissionBed() : AdmissionBed({.concurrency = 1, .backlog = 0}) {}

  std::unique_ptr<Ticket> ticket(uint64_t client = 1, int priority = 0) {
    return std::make_unique<Ticket>(admission, loop, client, priority);
  }
  /// One that waits for nothing but a worker.
  std::unique_ptr<Ticket> queued(uint64_t client = 1, int priority = 0) {
    auto t = ticket(client, priority);
    EXPECT_EQ(t->enter(0), std::nullopt);
    t->ready();
    return t;
  }
  uint32_t inside() { return admission.snapshot().inside; }
  uint32_t waiting() { return admission.snapshot().queued; }

  Admission admission;
};

/// Gives permits back one by one; the letters of the tickets in the order in which they were served.
std::string order_of(Permit first, std::vector<std::pair<char, Ticket*>> tickets) {
  std::string order;
  Permit held = std::move(first);
  while (true) {
    held.reset();
    bool found = false;
    for (auto& [letter, ticket] : tickets) {
      if (order.find(letter) != std::string::npos || !ticket->granted()) continue;
      order += letter;
      held = ticket->take();
      found = true;
      break;
    }
    if (!found) return order;
  }
}

TEST(Admission, GrantsAtOnceUpToItsSize) {
  AdmissionBed bed({.concurrency = 2, .backlog = 1});
  std::vector<std::unique_ptr<Ticket>> tickets;
  for (int i = 0; i < 5; ++i) tickets.push_back(bed.queued());
  for (size_t i = 0; i < 5; ++i) EXPECT_EQ(tickets[i]->granted(), i < 3) << i;
  EXPECT_EQ(bed.inside(), 3u);
  EXPECT_EQ(bed.waiting(), 2u);
}

TEST(Admission, APermitGoesToTheNextWhenItIsGivenBack) {
  AdmissionBed bed;
  auto a = bed.queued();
  auto b = bed.queued();
  auto c = bed.queued();
  Permit first = a->take();
  EXPECT_TRUE(first);
  first.reset();
  EXPECT_FALSE(first);
  EXPECT_TRUE(b->granted());
  EXPECT_FALSE(c->granted());
  Permit second = b->take();
  Permit moved = std::move(second);
  EXPECT_FALSE(second);  // NOLINT: that is what is tested
  EXPECT_FALSE(c->granted());
  moved = Permit();
  EXPECT_TRUE(c->granted());
}

TEST(Admission, WakesTheTicketByItsLoop) {
  AdmissionBed bed;
  auto a = bed.queued();
  auto b = bed.queued();
  int woken = 0;
  struct Count : Wake {
    explicit Count(int& c) : Wake(&Count::run), count(c) {}
    static void run(Wake& w) { ++static_cast<Count&>(w).count; }
    int& count;
  };
  Count wake(woken);
  Signal::Waiter waiter(wake);
  waiter.listen(b->on_grant());
  a.reset();
  EXPECT_EQ(woken, 0);
  bed.settle();
  EXPECT_EQ(woken, 1);
}

TEST(Admission, ServesClientsRoundRobin) {
  AdmissionBed bed;
  auto first = bed.queued(9);
  auto a1 = bed.queued(1);
  auto a2 = bed.queued(1);
  auto a3 = bed.queued(1);
  auto b1 = bed.queued(2);
  auto c1 = bed.queued(3);
  auto c2 = bed.queued(3);
  EXPECT_EQ(order_of(first->take(), {{'a', a1.get()},
                                     {'d', a2.get()},
                                     {'g', a3.get()},
                                     {'b', b1.get()},
                                     {'c', c1.get()},
                                     {'f', c2.get()}}),
            "abcdfg");
}

TEST(Admission, AClientThatKeepsComingDoesNotKeepOthersOut) {
  AdmissionBed bed;
  auto greedy = bed.queued(1);
  Permit held = greedy->take();
  std::vector<std::unique_ptr<Ticket>> more;
  for (int i = 0; i < 10; ++i) more.push_back(bed.queued(1));
  auto other = bed.queued(2);
  held.reset();
  EXPECT_TRUE(more[0]->granted());
  held = more[0]->take();
  more.push_back(bed.queued(1));
  held.reset();
  EXPECT_TRUE(other->granted());
}

// Who was ready late (its prefetch took longer) still stands where it came.
TEST(Admission, LateReadinessKeepsTheOrderOfArrival) {
  AdmissionBed bed;
  auto first = bed.queued();
  auto a = bed.ticket();
  auto b = bed.ticket();
  auto c = bed.ticket();
  for (Ticket* t : {a.get(), b.get(), c.get()}) EXPECT_EQ(t->enter(0), std::nullopt);
  EXPECT_EQ(b->ahead(), 1u);
  EXPECT_EQ(c->ahead(), 2u);
  c->ready();
  a->ready();
  b->ready();
  b->ready();  // harmless
  EXPECT_EQ(order_of(first->take(), {{'a', a.get()}, {'b', b.get()}, {'c', c.get()}}), "abc");
}

TEST(Admission, WhoIsNotReadyHoldsNobodyUp) {
  AdmissionBed bed;
  auto slow = bed.ticket();
  EXPECT_EQ(slow->enter(0), std::nullopt);
  auto quick = bed.queued();
  EXPECT_TRUE(quick->granted());
  EXPECT_EQ(bed.waiting(), 1u);
  quick.reset();
  EXPECT_FALSE(slow->granted());
  slow->ready();
  EXPECT_TRUE(slow->granted());
}

TEST(Admission, LowerPriorityNumbersGoFirst) {
  AdmissionBed bed;
  auto first = bed.queued();
  auto late = bed.queued(1, 5);
  auto normal = bed.queued(1, 0);
  auto normal_too = bed.queued(2, 0);
  auto urgent = bed.queued(1, -3);
  EXPECT_EQ(
      order_of(
          first->take(),
          {{'l', late.get()}, {'n', normal.get()}, {'m', normal_too.get()}, {'u', urgent.get()}}),
      "unml");
}

TEST(Admission, BoundsTheQueueInCount) {
  AdmissionBed bed({.concurrency = 1, .backlog = 0, .queue_size = 2});
  auto inside = bed.queued();
  auto a = bed.queued();
  auto b = bed.queued();
  auto c = bed.ticket();
  EXPECT_EQ(c->enter(0), Outcome::queue_full);
  EXPECT_EQ(bed.waiting(), 2u);
  c.reset();
  EXPECT_EQ(bed.waiting(), 2u) << "one that was refused was never in";
  a.reset();
  auto d = bed.ticket();
  EXPECT_EQ(d->enter(0), std::nullopt);
}

TEST(Admission, BoundsTheQueueInBytes) {
  AdmissionBed bed({.concurrency = 1, .backlog = 0, .queue_size = 10, .queue_bytes = 100});
  auto inside = bed.queued();
  auto a = bed.ticket();
  EXPECT_EQ(a->enter(500), std::nullopt) << "an empty queue takes one of any size";
  auto b = bed.ticket();
  EXPECT_EQ(b->enter(1), Outcome::queue_bytes);
  a.reset();
  EXPECT_EQ(bed.admission.snapshot().queued_bytes, 0u);
  auto c = bed.ticket();
  auto d = bed.ticket();
  auto e = bed.ticket();
  EXPECT_EQ(c->enter(60), std::nullopt);
  EXPECT_EQ(d->enter(40), std::nullopt);
  EXPECT_EQ(e->enter(1), Outcome::queue_bytes);
  c->ready();
  inside.reset();
  EXPECT_EQ(bed.admission.snapshot().queued_bytes, 40u) << "who is inside does not count";
}

TEST(Admission, TryNowOnlyWithAnIdleWorker) {
  AdmissionBed bed({.concurrency = 2, .backlog = 2});
  std::optional<Permit> a = bed.admission.try_now();
  std::optional<Permit> b = bed.admission.try_now();
  EXPECT_TRUE(a && b);
  EXPECT_FALSE(bed.admission.try_now()) << "the backlog is no worker";
  a.reset();
  auto slow = bed.ticket();
  EXPECT_EQ(slow->enter(0), std::nullopt);
  EXPECT_TRUE(bed.admission.try_now()) << "who waits for its prefetch wants no worker yet";
  EXPECT_EQ(bed.inside(), 1u) << "a permit nobody kept went back";
}

TEST(Admission, TryNowDoesNotOvertakeTheQueue) {
  AdmissionBed bed;
  auto inside = bed.queued();
  auto waits = bed.queued();
  EXPECT_FALSE(bed.admission.try_now());
  inside.reset();
  EXPECT_TRUE(waits->granted());
  EXPECT_FALSE(bed.admission.try_now());
}

TEST(Admission, MorePermitsGoToWhoWaits) {
  AdmissionBed bed;
  auto inside = bed.queued(), next = bed.queued(), last = bed.queued();
  EXPECT_FALSE(next->granted());
  bed.admission.set_limits({.concurrency = 1, .backlog = 1});
  EXPECT_TRUE(next->granted());
  EXPECT_FALSE(last->granted());
}

TEST(Admission, FewerPermitsTakeEffectAsTheyComeBack) {
  AdmissionBed bed({.concurrency = 2, .backlog = 0});
  auto first = bed.queued(), second = bed.queued(), third = bed.queued();
  Permit a = first->take(), b = second->take();
  bed.admission.set_limits({.concurrency = 1, .backlog = 0, .queue_size = 1});
  EXPECT_EQ(bed.ticket()->enter(0), Outcome::queue_full);
  a.reset();
  EXPECT_FALSE(third->granted());
  EXPECT_FALSE(bed.admission.try_now());
  b.reset();
  EXPECT_TRUE(third->granted());
}

TEST(Admission, TicketsLeaveFromEveryState) {
  AdmissionBed bed({.concurrency = 1, .backlog = 0, .queue_size = 100, .queue_bytes = 1000});
  for (int state = 0; state < 5; ++state) {
    auto inside = bed.queued();
    auto other = bed.queued(2);
    auto t = bed.ticket(1);
    if (state >= 1) {
      EXPECT_EQ(t->enter(10), std::nullopt);
    }
    if (state >= 2) t->ready();
    if (state >= 3) {
      other.reset();
      inside.reset();
      EXPECT_TRUE(t->granted());
    }
    if (state >= 4) bed.settle();
    t.reset();
    if (state < 3) {
      inside.reset();
      EXPECT_TRUE(other->granted());
    }
    other.reset();
    EXPECT_EQ(bed.inside(), 0u) << state;
    EXPECT_EQ(bed.waiting(), 0u) << state;
    EXPECT_EQ(bed.admission.snapshot().queued_bytes, 0u) << state;
  }
  bed.settle();
}

TEST(Admission, AGrantThatIsNotTakenGoesToTheNext) {
  AdmissionBed bed;
  auto inside = bed.queued();
  auto a = bed.queued();
  auto b = bed.queued();
  inside.reset();
  EXPECT_TRUE(a->granted());
  a.reset();
  EXPECT_TRUE(b->granted());
}

TEST(Admission, LeavingFromTheMiddleOfALineKeepsItWhole) {
  AdmissionBed bed;
  auto first = bed.queued(9);
  auto a1 = bed.queued(1);
  auto a2 = bed.queued(1);
  auto a3 = bed.queued(1);
  auto b1 = bed.queued(2);
  auto c1 = bed.queued(3);
  a2.reset();
  b1.reset();
  EXPECT_EQ(order_of(first->take(), {{'a', a1.get()}, {'c', c1.get()}, {'d', a3.get()}}), "acd");
}

}  // namespace
}  // namespace siding
