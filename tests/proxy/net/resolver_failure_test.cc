// Names that do not resolve, servers that fail, and the last good answer (RELIABILITY 4, DNS faults).
#include <gtest/gtest.h>

#include "proxy/net/resolver.h"
#include "tests/proxy/net/resolver_bed.h"

namespace siding {
namespace {

using namespace std::chrono_literals;
using test::address_record;
using test::cname_record;
using test::DnsScript;
using test::kA;
using test::kAaaa;
using test::RealTimeResolverBed;
using test::ResolverBed;
using test::run_until;
using test::ScratchFile;
using test::text_of;

constexpr const char* kFailed =
    "dns_error: a.test: SERVFAIL or REFUSED, or no DNS server can be reached";
constexpr const char* kTimedOut = "dns_timeout: a.test: no DNS server answered";
constexpr const char* kNoAddress = "dns_error: a.test: the name has no address";

DnsScript with_rcode(int rcode) {
  DnsScript script;
  script.rcode = rcode;
  return script;
}

DnsScript silence() {
  DnsScript script;
  script.silent = true;
  return script;
}

TEST(ResolverFailure, SaysWhy) {
  ResolverBed bed;
  EXPECT_EQ(bed.text("none.test"), "dns_error: none.test: no such name");
  bed.server.on("a.test", DnsScript{});
  EXPECT_EQ(bed.text("a.test"), kNoAddress);
  bed.make();
  bed.server.on("a.test", with_rcode(test::kServfail));
  EXPECT_EQ(bed.text("a.test"), kFailed);
  bed.make();
  bed.server.on("a.test", with_rcode(test::kRefused));
  EXPECT_EQ(bed.text("a.test"), kFailed);
  bed.make();
  DnsScript loop;
  loop.records = {cname_record("", "b.test", 60), cname_record("b.test", "a.test", 60)};
  bed.server.on("a.test", loop);
  EXPECT_EQ(bed.text("a.test"), "dns_error: a.test: malformed answer: its aliases go round");
  bed.make();
  DnsScript cut;
  cut.records = {address_record("10.0.0.1", 60), address_record("10.0.0.2", 60)};
  cut.cut_off = true;
  bed.server.on("a.test", cut);
  EXPECT_EQ(bed.text("a.test"), "dns_error: a.test: malformed answer: a record is cut off");
  EXPECT_EQ(bed.resolver->counters().server_failures, 1u);
}

TEST(ResolverFailure, IsRememberedAndBackedOff) {
  ResolverBed bed;
  bed.server.on("a.test", with_rcode(test::kServfail));
  int asked = 0;
  for (Duration wait : {1s, 2s, 4s, 8s, 8s}) {
    EXPECT_EQ(bed.text("a.test"), kFailed);
    EXPECT_EQ(bed.server.asked("a.test"), ++asked);
    bed.clock.advance(wait - 1ms);
    EXPECT_EQ(bed.text("a.test"), kFailed);
    EXPECT_EQ(bed.server.asked("a.test"), asked) << to_ms(wait);
    bed.clock.advance(wait / 4 + 1ms);
  }
  EXPECT_EQ(bed.resolver->counters().backed_off, 5u);
  EXPECT_EQ(bed.resolver->counters().server_failures, 5u);
  bed.server.has("a.test", {"10.0.0.1"});
  EXPECT_EQ(bed.text("a.test"), "10.0.0.1:80");
}

TEST(ResolverFailure, LastGoodAnswerIsUsedWhileServersFail) {
  ResolverBed bed;
  bed.server.has("a.test", {"10.0.0.1", "fd00::1"}, 5);
  const std::string good = "[fd00::1]:80 10.0.0.1:80";
  EXPECT_EQ(bed.text("a.test"), good);
  bed.server.on("a.test", with_rcode(test::kServfail));
  bed.clock.advance(5s);
  EXPECT_EQ(bed.text("a.test"), good);
  EXPECT_EQ(bed.server.asked("a.test"), 2);
  EXPECT_EQ(bed.resolver->counters().stale_failed, 1u);
  EXPECT_EQ(bed.text("a.test"), good) << "from memory, while it is backed off";
  EXPECT_EQ(bed.server.asked("a.test"), 2);

  // The next question is asked behind the back of who wants the address.
  bed.clock.advance(2s);
  bed.server.has("a.test", {"10.0.0.2"}, 5);
  bed.server.hold();
  EXPECT_EQ(bed.text("a.test"), good);
  EXPECT_TRUE(run_until(bed.loop, [&] { return bed.server.asked("a.test", kAaaa) == 3; }));
  bed.server.release();
  EXPECT_TRUE(run_until(bed.loop, [&] { return bed.resolver->counters().answers == 2; }));
  EXPECT_EQ(bed.text("a.test"), "10.0.0.2:80");

  bed.server.on("a.test", with_rcode(test::kServfail));
  bed.clock.advance(23h);
  EXPECT_EQ(bed.text("a.test"), "10.0.0.2:80");
  bed.clock.advance(2h);
  EXPECT_EQ(bed.text("a.test"), kFailed) << "a day is enough";
}

TEST(ResolverFailure, LastGoodAnswerIsUsedForAWhileWhenTheNameIsGone) {
  ResolverBed bed;
  bed.server.has("a.test", {"10.0.0.1"}, 5);
  bed.text("a.test");
  bed.server.forget("a.test");
  bed.clock.advance(6s);
  EXPECT_EQ(bed.text("a.test"), "10.0.0.1:80");
  EXPECT_EQ(bed.resolver->counters().stale_gone, 1u);
  EXPECT_EQ(bed.resolver->counters().no_such_name, 1u);
  bed.clock.advance(9min);
  EXPECT_EQ(bed.text("a.test"), "10.0.0.1:80");
  bed.clock.advance(1min);
  EXPECT_EQ(bed.text("a.test"), "dns_error: a.test: no such name");
}

TEST(ResolverFailure, SlowServerIsWaitedForOneTryIfThereIsALastGoodAnswer) {
  ResolverBed bed;
  bed.server.has("a.test", {"10.0.0.1"}, 5);
  bed.text("a.test");
  bed.server.has("a.test", {"10.0.0.2"}, 5);
  bed.server.hold();
  bed.clock.advance(6s);
  bed.loop.turn(false);
  auto task = bed.resolver->resolve("a.test", 80, kNever);
  task.start();
  EXPECT_TRUE(run_until(bed.loop, [&] { return bed.server.asked("a.test", kAaaa) == 2; }));
  EXPECT_FALSE(task.done());
  bed.clock.advance(500ms);
  EXPECT_TRUE(run_until(bed.loop, [&] { return task.done(); }));
  EXPECT_EQ(text_of(task.take()), "10.0.0.1:80");
  bed.server.release();
  EXPECT_TRUE(run_until(bed.loop, [&] { return bed.resolver->counters().answers == 2; }));
  EXPECT_EQ(bed.text("a.test"), "10.0.0.2:80");
}

TEST(ResolverFailure, DeadlineEndsTheWaitButNotTheLookup) {
  ResolverBed bed;
  bed.server.has("a.test", {"10.0.0.1"});
  bed.server.hold();
  bed.loop.turn(false);
  auto task = bed.resolver->resolve("a.test", 80, after(bed.loop.now(), 100ms));
  task.start();
  EXPECT_TRUE(run_until(bed.loop, [&] { return bed.server.asked("a.test", kAaaa) == 1; }));
  bed.clock.advance(101ms);
  EXPECT_TRUE(run_until(bed.loop, [&] { return task.done(); }));
  EXPECT_EQ(text_of(task.take()), "dns_timeout: a.test: no answer in time");
  bed.server.release();
  EXPECT_TRUE(run_until(bed.loop, [&] { return bed.resolver->counters().answers == 1; }));
  EXPECT_EQ(bed.text("a.test"), "10.0.0.1:80");
  EXPECT_EQ(bed.server.asked("a.test"), 1);
  // A deadline that has passed: what is known is given, what is not is asked for.
  auto late = bed.resolver->resolve("a.test", 80, TimePoint());
  late.start();
  ASSERT_TRUE(late.done());
  EXPECT_TRUE(late.take().ok());
  auto unknown = bed.resolver->resolve("b.test", 80, TimePoint());
  unknown.start();
  ASSERT_TRUE(unknown.done());
  EXPECT_EQ(unknown.take().error().kind, Failure::dns_timeout);
}

TEST(ResolverFailure, ForgetAsksAgainAfterASecond) {
  ResolverBed bed;
  bed.server.has("a.test", {"10.0.0.1"}, 300);
  bed.text("a.test");
  bed.server.has("a.test", {"10.0.0.2"}, 300);
  bed.resolver->forget("A.test");
  EXPECT_EQ(bed.text("a.test"), "10.0.0.1:80");
  bed.clock.advance(1s);
  EXPECT_EQ(bed.text("a.test"), "10.0.0.2:80");
  bed.server.on("a.test", with_rcode(test::kServfail));
  bed.clock.advance(1s);
  bed.resolver->forget("a.test");
  EXPECT_EQ(bed.text("a.test"), "10.0.0.2:80") << "better than nothing";
  EXPECT_EQ(bed.server.asked("a.test"), 3);
  bed.resolver->forget("unknown.test");
  bed.resolver->forget("127.1");
}

TEST(ResolverFailure, OneFamilyIsEnough) {
  ResolverBed bed;
  DnsScript loop;
  loop.records = {cname_record("", "a.test", 60)};
  for (const DnsScript& bad : {with_rcode(test::kServfail), with_rcode(test::kNxdomain), loop}) {
    bed.make();
    bed.server.has("a.test", {"10.0.0.1"});
    bed.server.on("a.test", kAaaa, bad);
    EXPECT_EQ(bed.text("a.test"), "10.0.0.1:80");
    bed.make();
    bed.server.has("a.test", {"fd00::1"});
    bed.server.on("a.test", kA, bad);
    EXPECT_EQ(bed.text("a.test"), "[fd00::1]:80");
  }
  bed.make();
  bed.server.on("a.test", kA, DnsScript{});
  bed.server.on("a.test", kAaaa, with_rcode(test::kServfail));
  EXPECT_EQ(bed.text("a.test"), kFailed) << "it may have IPv6 addresses";
}

TEST(ResolverFailure, SilenceIsATimeoutAfterAllTries) {
  RealTimeResolverBed bed;
  bed.config.timeout = 30ms;
  bed.config.tries = 3;
  bed.config.search = {"x.test"};
  bed.make();
  bed.server.on("a.test", silence());
  EXPECT_EQ(bed.text("a.test"), kTimedOut);
  EXPECT_EQ(bed.server.asked("a.test"), 3);
  EXPECT_EQ(bed.server.asked("a.test.x.test"), 0) << "where none answers, none will";
  EXPECT_EQ(bed.resolver->counters().timeouts, 1u);
}

TEST(ResolverFailure, ForgedAndSpoiltAnswersAreSilence) {
  RealTimeResolverBed bed;
  bed.config.timeout = 30ms;
  DnsScript forged;
  forged.wrong_id = true;
  forged.records = {address_record("10.6.6.6", 60)};
  DnsScript garbage;
  garbage.garbage = "HTTP/1.1 200 OK\r\n\r\n";
  DnsScript few;
  few.garbage = "\x12";
  for (const DnsScript& script : {forged, garbage, few}) {
    bed.make();
    bed.server.on("a.test", script);
    EXPECT_EQ(bed.text("a.test"), kTimedOut);
  }
}

TEST(ResolverFailure, DroppedQuestionsForIPv6DelayNobodyForLong) {
  RealTimeResolverBed bed;
  bed.config.timeout = 60s;
  bed.make();
  bed.server.has("a.test", {"10.0.0.1"});
  bed.server.on("a.test", kAaaa, silence());
  EXPECT_EQ(bed.text("a.test"), "10.0.0.1:80");
}

TEST(ResolverFailure, LostQuestionIsAskedAgain) {
  RealTimeResolverBed bed;
  bed.config.timeout = 100ms;
  bed.config.tries = 100;
  bed.make();
  bed.server.on("a.test", silence());
  bed.loop.turn(false);
  auto task = bed.resolver->resolve("a.test", 80, kNever);
  task.start();
  EXPECT_TRUE(run_until(bed.loop, [&] { return bed.server.asked("a.test") >= 2; }));
  bed.server.has("a.test", {"10.0.0.1"});
  EXPECT_TRUE(run_until(bed.loop, [&] { return task.done(); }));
  EXPECT_EQ(text_of(task.take()), "10.0.0.1:80");
}

TEST(ResolverFailure, SecondServerHelpsOut) {
  RealTimeResolverBed bed;
  test::DnsServer second;
  std::string dead;
  {
    test::DnsServer gone;
    dead = gone.address();
  }
  second.has("a.test", {"10.0.0.2"});
  bed.config.servers = {dead};
  bed.make();
  EXPECT_EQ(bed.text("a.test"), kFailed) << "refused";
  bed.config.servers = {dead, second.address()};
  bed.make();
  EXPECT_EQ(bed.text("a.test"), "10.0.0.2:80");
  bed.config.servers = {bed.server.address(), second.address()};
  bed.config.timeout = 50ms;
  bed.make();
  bed.server.on("a.test", silence());
  EXPECT_EQ(bed.text("a.test"), "10.0.0.2:80");
  bed.make();
  bed.server.on("a.test", with_rcode(test::kServfail));
  EXPECT_EQ(bed.text("a.test"), "10.0.0.2:80");
}

// All questions go to an address of the loopback where nobody listens, so each is refused at once and
// the search goes on: the number of questions tells which resolv.conf was read.
TEST(ResolverFailure, ChangedResolvConfIsReadAgain) {
  ScratchFile resolv_conf("nameserver 127.3.2.1\nsearch one.test\n");
  ResolverBed bed;
  bed.config.servers.clear();
  bed.files.resolv_conf = resolv_conf.path();
  bed.make();
  const auto& queries = bed.resolver->counters().queries;
  bed.text("a");
  EXPECT_EQ(queries, 2u);
  resolv_conf.write("nameserver 127.3.2.1\nsearch one.test two.test three.test\n");
  bed.text("b");
  EXPECT_EQ(queries, 4u) << "looked at once a second only";
  bed.clock.advance(1s);
  bed.text("c");
  EXPECT_EQ(queries, 8u);
}

}  // namespace
}  // namespace siding
