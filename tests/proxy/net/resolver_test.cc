// Names that resolve: literals, files, search domains, order, caching, joining.
#include "proxy/net/resolver.h"

#include <gtest/gtest.h>

#include <set>

#include "proxy/net/dns_channel.h"
#include "tests/proxy/net/resolver_bed.h"

namespace siding {
namespace {

using namespace std::chrono_literals;
using test::address_record;
using test::cname_record;
using test::DnsScript;
using test::kA;
using test::kAaaa;
using test::ResolverBed;
using test::run_until;
using test::ScratchFile;
using test::text_of;

TEST(Resolver, LiteralsNeedNoQuery) {
  ResolverBed bed;
  EXPECT_EQ(bed.text("127.0.0.1"), "127.0.0.1:80");
  EXPECT_EQ(bed.text("::1"), "[::1]:80");
  EXPECT_EQ(bed.text("::"), "[::]:80");
  EXPECT_EQ(bed.text("2001:db8::7"), "[2001:db8::7]:80");
  EXPECT_EQ(bed.server.asked_in_all(), 0);
  EXPECT_EQ(bed.resolver->counters().lookups, 0u);
}

TEST(Resolver, RefusesWhatIsNoName) {
  ResolverBed bed;
  for (const char* odd : {"0x7f.1", "2130706433", "127.1", "0177.1", "[::1]", "", "a b", "a..b"}) {
    EXPECT_EQ(bed.text(odd), "dns_error: not a host name") << odd;
  }
  EXPECT_EQ(bed.text(std::string("127.0.0.1\0.evil.test", 20)), "dns_error: not a host name");
  EXPECT_EQ(bed.server.asked_in_all(), 0);
  EXPECT_EQ(bed.resolver->counters().refused_names, 9u);
}

TEST(Resolver, TakesBothFamiliesInTurns) {
  ResolverBed bed;
  bed.server.has("a.test", {"10.0.0.1", "10.0.0.2", "10.0.0.3", "fd00::1", "fd00::2"});
  EXPECT_EQ(bed.text("a.test"), "[fd00::1]:80 10.0.0.1:80 [fd00::2]:80 10.0.0.2:80 10.0.0.3:80");
  bed.server.has("four.test", {"10.0.0.4"});
  EXPECT_EQ(bed.text("four.test"), "10.0.0.4:80");
  bed.server.has("six.test", {"fd00::6"});
  EXPECT_EQ(bed.text("SIX.test."), "[fd00::6]:80");
}

// Whoever asks late in its time gets the old answer, and nobody waits for the new one.
TEST(Resolver, LooksUpInTheBackgroundBeforeTheTimeHasPassed) {
  ResolverBed bed;
  bed.server.has("a.test", {"10.0.0.1"}, 100);
  EXPECT_EQ(bed.text("a.test"), "10.0.0.1:80");
  bed.server.has("a.test", {"10.0.0.2"}, 100);
  Addresses known;
  bed.clock.advance(89s);
  bed.loop.turn(false);
  EXPECT_TRUE(bed.resolver->known_now("a.test", 80, known));
  EXPECT_EQ(bed.server.asked("a.test"), 1);
  bed.clock.advance(1s);
  bed.loop.turn(false);
  EXPECT_TRUE(bed.resolver->known_now("a.test", 80, known));
  EXPECT_EQ(known[0].text(), "10.0.0.1:80");
  EXPECT_TRUE(run_until(bed.loop, [&] { return bed.resolver->counters().answers == 2; }));
  EXPECT_TRUE(bed.resolver->known_now("a.test", 80, known));
  EXPECT_EQ(known[0].text(), "10.0.0.2:80");
  EXPECT_EQ(bed.server.asked("a.test"), 2);
  EXPECT_FALSE(bed.resolver->known_now("b.test", 80, known));
}

TEST(Resolver, UsesAnAnswerForItsTimeToLive) {
  ResolverBed bed;
  DnsScript chain;
  chain.records = {cname_record("", "b.test", 9), address_record("10.0.0.1", 30, "b.test")};
  bed.server.on("a.test", kA, chain);
  bed.server.on("a.test", kAaaa, DnsScript{});
  EXPECT_EQ(bed.text("a.test"), "10.0.0.1:80");
  bed.clock.advance(8099ms);
  EXPECT_EQ(bed.text("a.test"), "10.0.0.1:80");
  EXPECT_EQ(bed.server.asked("a.test"), 1);
  EXPECT_EQ(bed.resolver->counters().hits, 1u);

  bed.server.has("a.test", {"10.0.0.2"}, 0);
  bed.clock.advance(901ms);
  EXPECT_EQ(bed.text("a.test"), "10.0.0.2:80");
  EXPECT_EQ(bed.server.asked("a.test"), 2);
  bed.clock.advance(999ms);  // a TTL of 0 is one second
  bed.text("a.test");
  EXPECT_EQ(bed.server.asked("a.test"), 2);

  bed.server.has("a.test", {"10.0.0.3"}, 0x7fffffff);
  bed.clock.advance(1ms);
  EXPECT_EQ(bed.text("a.test"), "10.0.0.3:80");
  bed.server.has("a.test", {"10.0.0.4"});
  bed.clock.advance(300s);  // and one of 68 years is max_ttl
  EXPECT_EQ(bed.text("a.test"), "10.0.0.4:80");
}

TEST(Resolver, AsksOnceForAllWhoWait) {
  ResolverBed bed;
  bed.server.has("a.test", {"10.0.0.1"});
  bed.server.hold();
  std::vector<Task<Result<Addresses>>> tasks;
  for (int i = 0; i < 50; ++i) {
    tasks.push_back(bed.resolver->resolve("a.test", static_cast<uint16_t>(1000 + i), kNever));
    tasks.back().start();
  }
  EXPECT_TRUE(run_until(bed.loop, [&] { return bed.server.asked("a.test", kAaaa) == 1; }));
  tasks[7].reset();  // one leaves
  bed.server.release();
  for (size_t i = 0; i < tasks.size(); ++i) {
    if (i == 7) continue;
    EXPECT_TRUE(run_until(bed.loop, [&] { return tasks[i].done(); }));
    EXPECT_EQ(text_of(tasks[i].take()), "10.0.0.1:" + std::to_string(1000 + i));
  }
  EXPECT_EQ(bed.server.asked_in_all(), 2);
  EXPECT_EQ(bed.resolver->counters().lookups, 1u);
}

TEST(Resolver, TruncatedAnswersComeByTcp) {
  ResolverBed bed;
  DnsScript script;
  script.truncated = true;
  script.records = {address_record("10.0.0.1", 60)};
  bed.server.on("a.test", kA, script);
  bed.server.on("a.test", kAaaa, DnsScript{});
  EXPECT_EQ(bed.text("a.test"), "10.0.0.1:80");
  EXPECT_EQ(bed.server.asked_by_tcp("a.test"), 1);
}

TEST(Resolver, CapsAnAnswerOf64KiB) {
  ResolverBed bed;
  DnsScript v4;
  DnsScript v6;
  for (int i = 0; i < 4000; ++i) {
    std::string ip = "10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250);
    v4.records.push_back(address_record(ip, 60));
    if (i < 1000) v6.records.push_back(address_record("fd00::" + std::to_string(i), 60));
  }
  bed.server.on("a.test", kA, v4);
  bed.server.on("a.test", kAaaa, v6);
  Result<Addresses> result = bed.resolve("a.test");
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->size(), Resolver::kMaxAddresses);
  EXPECT_EQ(result->front().text(), "[fd00::]:80");
  EXPECT_EQ(result->back().text(), "10.0.0.15:80");
}

TEST(Resolver, SearchesDomains) {
  ResolverBed bed;
  bed.config.search = {"ns.svc.test", "svc.test"};
  bed.make();
  bed.server.has("music.svc.test", {"10.0.0.1"});
  bed.server.has("api.test", {"10.0.0.2"});
  bed.server.has("bare", {"10.0.0.3"});
  EXPECT_EQ(bed.text("music"), "10.0.0.1:80");
  EXPECT_EQ(bed.server.asked("music.ns.svc.test"), 1);
  EXPECT_EQ(bed.text("api.test"), "10.0.0.2:80");
  EXPECT_EQ(bed.server.asked("api.test.ns.svc.test"), 0);
  EXPECT_EQ(bed.text("bare"), "10.0.0.3:80");
  EXPECT_EQ(bed.text("music."), "dns_error: music.: no such name");
  EXPECT_EQ(bed.resolver->counters().queries, 2u + 1u + 3u + 1u);
}

TEST(Resolver, GoesOnSearchingAfterEmptyAnswersAndFailures) {
  ResolverBed bed;
  bed.config.search = {"one.test", "two.test", "three.test"};
  bed.make();
  DnsScript servfail;
  servfail.rcode = test::kServfail;
  bed.server.on("a.one.test", DnsScript{});
  bed.server.on("a.two.test", servfail);
  bed.server.has("a.three.test", {"10.0.0.1"});
  EXPECT_EQ(bed.text("a"), "10.0.0.1:80");
  bed.server.on("b.two.test", servfail);
  EXPECT_NE(bed.text("b").find("SERVFAIL"), std::string::npos) << "that may yet exist";
}

TEST(Resolver, LooksIntoTheHostsFileFirst) {
  ScratchFile hosts("10.0.0.1 a.test music\nfd00::1 music\n");
  ResolverBed bed;
  bed.config.hosts_file = true;
  bed.config.search = {"test"};
  bed.files.hosts = hosts.path();
  bed.make();
  bed.server.has("a.test", {"10.9.9.9"});
  EXPECT_EQ(bed.text("a.test"), "10.0.0.1:80");
  EXPECT_EQ(bed.text("Music"), "[fd00::1]:80 10.0.0.1:80");
  EXPECT_EQ(bed.text("a"), "10.9.9.9:80") << "search domains are for DNS";
  hosts.write("10.0.0.2 a.test\n");
  bed.clock.advance(1s);
  EXPECT_EQ(bed.text("a.test"), "10.0.0.2:80");
  hosts.write("");
  bed.clock.advance(1s);
  EXPECT_EQ(bed.text("a.test"), "10.9.9.9:80");
}

TEST(Resolver, LocalhostNeverLeavesTheHost) {
  ResolverBed bed;
  bed.config.search = {"test"};
  bed.make();
  EXPECT_EQ(bed.text("localhost"), "[::1]:80 127.0.0.1:80");
  EXPECT_EQ(bed.text("shop.localhost."), "[::1]:80 127.0.0.1:80");
  EXPECT_EQ(bed.server.asked_in_all(), 0);
  ScratchFile hosts("127.0.0.1 localhost\n");
  bed.config.hosts_file = true;
  bed.files.hosts = hosts.path();
  bed.make();
  EXPECT_EQ(bed.text("localhost"), "127.0.0.1:80");
}

// resolv.conf can name no port, so its server can only be seen to be asked, not to answer.
TEST(Resolver, ReadsSearchDomainsAndDotsOfResolvConf) {
  ScratchFile resolv_conf("nameserver 127.0.0.1\nsearch one.test two.test\noptions ndots:3\n");
  ResolverBed bed;
  std::string error;
  DnsConfig config;
  auto channel = DnsChannel::make(bed.loop, config, resolv_conf.path(), error);
  ASSERT_TRUE(channel) << error;
  EXPECT_EQ(channel->search(), (std::vector<std::string>{"one.test", "two.test"}));
  EXPECT_EQ(channel->ndots(), 3);
  channel = DnsChannel::make(bed.loop, bed.config, resolv_conf.path(), error);
  ASSERT_TRUE(channel) << error;
  EXPECT_TRUE(channel->search().empty());
  EXPECT_EQ(channel->ndots(), 1);
}

TEST(Resolver, BoundsTheNamesLookedUpAtOnce) {
  ResolverBed bed;
  bed.server.hold();
  std::vector<Task<Result<Addresses>>> tasks;
  for (size_t i = 0; i <= Resolver::kMaxNames; ++i) {
    tasks.push_back(bed.resolver->resolve("n" + std::to_string(i) + ".test", 80, kNever));
    tasks.back().start();
  }
  ASSERT_TRUE(tasks.back().done());
  EXPECT_EQ(text_of(tasks.back().take()), "dns_error: too many names are looked up at once");
  EXPECT_EQ(bed.resolver->counters().overflows, 1u);
  tasks.clear();
  bed.resolver.reset();
}

}  // namespace
}  // namespace siding
