// Whoever waits for a name, and the resolver itself, may be destroyed at every turn of the loop: no
// frame, no descriptor and no memory (ASan) is left.
#include <gtest/gtest.h>

#include <filesystem>

#include "proxy/net/resolver.h"
#include "tests/proxy/net/resolver_bed.h"

namespace siding {
namespace {

using test::DnsScript;
using test::ResolverBed;
using test::run_until;

ptrdiff_t open_descriptors() {
  std::filesystem::directory_iterator all("/proc/self/fd");
  return std::distance(begin(all), end(all));
}

// Names that take every way there is: an empty first answer in the search list, then TCP; the
// service's also has hosts of two priorities.
void script_long_way(ResolverBed& bed) {
  bed.config.search = {"one.test", "two.test"};
  bed.make();
  bed.server.on("a.one.test", DnsScript{});
  DnsScript by_tcp;
  by_tcp.truncated = true;
  by_tcp.records = {test::address_record("10.0.0.1", 60)};
  bed.server.on("a.two.test", by_tcp);
  bed.server.serves("_http._tcp.a", {});
  DnsScript services;
  services.truncated = true;
  services.records = {test::srv_record("none.test", 80, 60), test::srv_record("not.test", 80, 60),
                      test::srv_record("a.two.test", 80, 60, 1),
                      test::srv_record("none.test", 80, 60, 1)};
  bed.server.on("_http._tcp.a.one.test", test::kSrv, services);
}

enum class Victim { one_waiter, all_waiters, resolver };

// Destroys `victim` after `turns` turns. Returns whether there was anything left to interrupt.
bool interrupt(Victim victim, int turns, const std::string& name) {
  ResolverBed bed;
  script_long_way(bed);
  ptrdiff_t descriptors = open_descriptors();
  auto first = bed.resolver->resolve(name, 80, kNever);
  auto second = bed.resolver->resolve(name, 80, kNever);
  first.start();
  second.start();
  int turn = 0;
  run_until(bed.loop, [&] { return first.done() || turn++ == turns; });
  bool interrupted = !first.done();

  first.reset();
  if (victim == Victim::one_waiter) {
    EXPECT_TRUE(run_until(bed.loop, [&] { return second.done(); }));
    EXPECT_EQ(test::text_of(second.take()), "10.0.0.1:80");
  }
  second.reset();
  if (victim == Victim::all_waiters) {
    // The lookup is the resolver's and goes on to its end.
    const ResolverCounters& counters = bed.resolver->counters();
    EXPECT_TRUE(run_until(bed.loop, [&] { return counters.answers == 1; }));
    EXPECT_EQ(bed.text(name), "10.0.0.1:80");
    EXPECT_EQ(counters.hits, 1u);
  }
  bed.resolver.reset();
  EXPECT_TRUE(run_until(bed.loop, [&] { return frame_stats().frames == 0; }));
  // The server closes its end of TCP when it sees ours closed.
  EXPECT_TRUE(run_until(bed.loop, [&] { return open_descriptors() == descriptors; }));
  return interrupted;
}

int interrupt_at_every_turn(Victim victim, const std::string& name) {
  EXPECT_EQ(frame_stats().frames, 0);
  int turns = 0;
  while (!testing::Test::HasFailure() && interrupt(victim, turns, name)) ++turns;
  return turns;
}

TEST(ResolverCancel, OneWaiter) { EXPECT_GE(interrupt_at_every_turn(Victim::one_waiter, "a"), 5); }
TEST(ResolverCancel, AllWaiters) {
  EXPECT_GE(interrupt_at_every_turn(Victim::all_waiters, "a"), 5);
}
TEST(ResolverCancel, Resolver) { EXPECT_GE(interrupt_at_every_turn(Victim::resolver, "a"), 5); }

TEST(ResolverCancel, Services) {
  for (Victim victim : {Victim::one_waiter, Victim::all_waiters, Victim::resolver}) {
    EXPECT_GE(interrupt_at_every_turn(victim, "_http._tcp.a"), 7);
  }
}

// In the batch in which the answer wakes them, the first to run destroys the second.
TEST(ResolverCancel, WaiterThatIsAboutToRun) {
  ResolverBed bed;
  bed.server.has("a.test", {"10.0.0.1"});
  auto second = bed.resolver->resolve("a.test", 80, kNever);
  struct Destroyer {
    void run() { victim.reset(); }
    Task<Result<Addresses>>& victim;
    MemberWake<Destroyer, &Destroyer::run> wake{*this};
  } destroyer{second};
  auto first = bed.resolver->resolve("a.test", 80, kNever);
  first.start(&destroyer.wake);
  second.start();
  EXPECT_TRUE(run_until(bed.loop, [&] { return !second; }));
  EXPECT_TRUE(first.done());
}

}  // namespace
}  // namespace siding
