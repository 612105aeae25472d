// Names of services: SRV records, the addresses of their hosts, and what becomes of both.
#include <gtest/gtest.h>

#include "proxy/net/resolver.h"
#include "tests/proxy/net/resolver_bed.h"

namespace siding {
namespace {

using namespace std::chrono_literals;
using test::address_record;
using test::cname_record;
using test::DnsRecord;
using test::DnsScript;
using test::kA;
using test::kAaaa;
using test::kSrv;
using test::RealTimeResolverBed;
using test::ResolverBed;
using test::run_until;
using test::ScratchFile;
using test::srv_record;

constexpr const char* kService = "_http._tcp.s.test";

DnsScript failing_with(int rcode) {
  DnsScript script;
  script.rcode = rcode;
  return script;
}

TEST(ResolverService, TakesHostsAndPortsOfItsRecords) {
  ResolverBed bed;
  bed.server.serves(kService, {srv_record("a.test", 8001, 60), srv_record("b.test", 8002, 60),
                               srv_record("a.test", 8003, 60)});
  bed.server.has("a.test", {"10.0.0.1", "fd00::1"});
  bed.server.has("b.test", {"10.0.0.2"});
  EXPECT_EQ(bed.text(kService),
            "[fd00::1]:8001 10.0.0.2:8002 [fd00::1]:8003 10.0.0.1:8001 10.0.0.1:8003")
      << "the first of each host, then the second";
  EXPECT_EQ(bed.server.asked(kService, kSrv), 1);
  EXPECT_EQ(bed.server.asked(kService, kA), 0);
  EXPECT_EQ(bed.server.asked("a.test"), 1) << "two services on one host";
  EXPECT_EQ(bed.resolver->counters().queries, 3u);
  EXPECT_EQ(bed.resolver->counters().lookups, 1u);
  Addresses known;
  EXPECT_TRUE(bed.resolver->known_now("_HTTP._tcp.s.test", 80, known));
  ASSERT_EQ(known.size(), 5u);
  EXPECT_EQ(known[1].text(), "10.0.0.2:8002");
  EXPECT_FALSE(bed.resolver->known_now("a.test", 80, known)) << "its hosts are no entries";
}

TEST(ResolverService, RanksByPriority) {
  ResolverBed bed;
  bed.server.serves(kService,
                    {srv_record("third.test", 3, 60, 30), srv_record("first.test", 4, 60, 30),
                     srv_record("second.test", 2, 60, 20), srv_record("first.test", 1, 60, 10)});
  bed.server.has("first.test", {"10.0.0.1"});
  bed.server.has("second.test", {"10.0.0.2", "fd00::2"});
  bed.server.has("third.test", {"10.0.0.3"});
  EXPECT_EQ(bed.text(kService), "10.0.0.1:1 [fd00::2]:2 10.0.0.2:2 10.0.0.3:3 10.0.0.1:4");
  Addresses known;
  EXPECT_TRUE(bed.resolver->known_now(kService, 80, known));
  std::vector<int> ranks;
  for (const SocketAddress& a : known) ranks.push_back(a.rank());
  EXPECT_EQ(ranks, (std::vector{0, 1, 1, 2, 2}));
}

TEST(ResolverService, AsksAgainSoonWhereAPriorityFailed) {
  ResolverBed bed;
  bed.server.serves(kService, {srv_record("a.test", 1, 60, 10), srv_record("b.test", 2, 60, 20)});
  bed.server.on("a.test", failing_with(test::kServfail));
  bed.server.has("b.test", {"10.0.0.2"});
  EXPECT_EQ(bed.text(kService), "10.0.0.2:2");
  bed.server.has("a.test", {"10.0.0.1"});
  bed.clock.advance(8s);
  EXPECT_EQ(bed.text(kService), "10.0.0.1:1 10.0.0.2:2");
}

// A silent backup holds nobody up.
TEST(ResolverService, WaitsShortlyForLaterPriorities) {
  RealTimeResolverBed bed;
  bed.config.timeout = 10min;
  bed.make();
  bed.server.serves(kService, {srv_record("a.test", 1, 60, 10), srv_record("b.test", 2, 60, 20)});
  bed.server.has("a.test", {"10.0.0.1"});
  DnsScript never;
  never.silent = true;
  bed.server.on("b.test", never);
  EXPECT_EQ(bed.text(kService), "10.0.0.1:1");
}

TEST(ResolverService, LivesAsLongAsTheShortestOfItsRecords) {
  for (uint32_t shortest : {0u, 1u, 2u, 3u}) {
    ResolverBed bed;
    auto ttl = [&](uint32_t which) { return which == shortest ? 7u : 60u; };
    bed.server.serves(kService, {cname_record("", "t.test", ttl(0)),
                                 srv_record("a.test", 80, ttl(1), 0, "t.test"),
                                 srv_record("b.test", 80, 60, 0, "t.test")});
    DnsScript chain;
    chain.records = {cname_record("", "c.test", ttl(2)),
                     address_record("10.0.0.1", ttl(3), "c.test")};
    bed.server.on("a.test", kA, chain);
    bed.server.has("b.test", {"10.0.0.2"});
    EXPECT_EQ(bed.text(kService), "10.0.0.1:80 10.0.0.2:80");
    bed.clock.advance(6299ms);
    bed.text(kService);
    EXPECT_EQ(bed.server.asked(kService, kSrv), 1) << shortest;
    bed.clock.advance(701ms);
    bed.text(kService);
    EXPECT_EQ(bed.server.asked(kService, kSrv), 2) << shortest;
    EXPECT_EQ(bed.server.asked("b.test"), 2) << shortest;
  }
}

TEST(ResolverService, LeavesOutHostsThatDoNotResolve) {
  ResolverBed bed;
  bed.server.serves(kService, {srv_record("none.test", 81, 60), srv_record("a.test", 82, 60),
                               srv_record("1.2.3.4", 83, 60), srv_record("x y.test", 84, 60)});
  bed.server.has("a.test", {"10.0.0.1"});
  EXPECT_EQ(bed.text(kService), "10.0.0.1:82");
  EXPECT_EQ(bed.server.asked("1.2.3.4"), 0);
  bed.clock.advance(53s);
  bed.text(kService);
  EXPECT_EQ(bed.server.asked(kService, kSrv), 1) << "for their time";
  // One whose server fails may yet have an address.
  bed.clock.advance(7s);
  bed.server.on("none.test", failing_with(test::kServfail));
  EXPECT_EQ(bed.text(kService), "10.0.0.1:82");
  bed.server.has("none.test", {"10.0.0.2"});
  bed.clock.advance(8s);
  EXPECT_EQ(bed.text(kService), "10.0.0.2:81 10.0.0.1:82");
}

TEST(ResolverService, SaysWhyThereIsNone) {
  ResolverBed bed;
  const std::string begin = std::string("dns_error: ") + kService + ": ";
  EXPECT_EQ(bed.text(kService), begin + "no such name");
  bed.make();
  bed.server.has(kService, {"10.0.0.1"});
  EXPECT_EQ(bed.text(kService), begin + "the name has no SRV record that leads anywhere");
  bed.make();
  bed.server.serves(kService, {srv_record("", 0, 60)});
  EXPECT_EQ(bed.text(kService), begin + "the name has no SRV record that leads anywhere");
  EXPECT_EQ(bed.resolver->counters().no_such_name, 1u);
  bed.make();
  bed.server.serves(kService, {srv_record("a.test", 80, 60), srv_record("b.test", 80, 60, 1)});
  EXPECT_EQ(bed.text(kService), begin + "a.test: no such name");
  EXPECT_EQ(bed.resolver->counters().no_such_name, 1u);
  bed.make();
  bed.server.on("b.test", failing_with(test::kServfail));
  EXPECT_EQ(bed.text(kService),
            begin + "b.test: SERVFAIL or REFUSED, or no DNS server can be reached");
  EXPECT_EQ(bed.resolver->counters().server_failures, 1u);
  bed.make();
  DnsRecord cut = srv_record("a.test", 80, 60);
  cut.data.resize(5);
  bed.server.serves(kService, {cut});
  EXPECT_EQ(bed.text(kService), begin + "malformed answer: a service is spoilt");
}

TEST(ResolverService, KeepsItsLastAddressesLikeAnyName) {
  ResolverBed bed;
  bed.server.serves(kService, {srv_record("a.test", 81, 5)});
  bed.server.has("a.test", {"10.0.0.1"}, 5);
  EXPECT_EQ(bed.text(kService), "10.0.0.1:81");
  bed.server.on(kService, kSrv, failing_with(test::kServfail));
  bed.clock.advance(5s);
  EXPECT_EQ(bed.text(kService), "10.0.0.1:81");
  EXPECT_EQ(bed.resolver->counters().stale_failed, 1u);
  EXPECT_EQ(bed.text(kService), "10.0.0.1:81") << "from memory, while it is backed off";
  EXPECT_EQ(bed.server.asked(kService, kSrv), 2);
  // Now the hosts' servers fail.
  bed.server.serves(kService, {srv_record("a.test", 81, 5)});
  bed.server.on("a.test", failing_with(test::kServfail));
  bed.clock.advance(2s);
  EXPECT_EQ(bed.text(kService), "10.0.0.1:81");
  EXPECT_TRUE(run_until(bed.loop, [&] { return bed.resolver->counters().server_failures == 2; }));
  bed.server.forget(kService);
  bed.clock.advance(4s);
  EXPECT_EQ(bed.text(kService), "10.0.0.1:81");
  EXPECT_TRUE(run_until(bed.loop, [&] { return bed.resolver->counters().no_such_name == 1; }));
  bed.clock.advance(10min);
  EXPECT_EQ(bed.text(kService), std::string("dns_error: ") + kService + ": no such name");
}

TEST(ResolverService, IsLookedUpInTheBackgroundBeforeItsTimeHasPassed) {
  ResolverBed bed;
  bed.server.serves(kService, {srv_record("a.test", 81, 100)});
  bed.server.has("a.test", {"10.0.0.1"}, 100);
  bed.server.has("b.test", {"10.0.0.2"}, 100);
  bed.text(kService);
  bed.server.serves(kService, {srv_record("b.test", 82, 100)});
  bed.clock.advance(90s);
  bed.loop.turn(false);
  Addresses known;
  EXPECT_TRUE(bed.resolver->known_now(kService, 80, known));
  EXPECT_EQ(known[0].text(), "10.0.0.1:81");
  EXPECT_TRUE(run_until(bed.loop, [&] { return bed.resolver->counters().answers == 2; }));
  EXPECT_TRUE(bed.resolver->known_now(kService, 80, known));
  EXPECT_EQ(known[0].text(), "10.0.0.2:82");
  bed.resolver->forget(kService);
  bed.clock.advance(1s);
  bed.text(kService);
  EXPECT_EQ(bed.server.asked(kService, kSrv), 3) << "no address took a connection";
}

TEST(ResolverService, BoundsHostsAndAddresses) {
  ResolverBed bed;
  std::vector<DnsRecord> records;
  for (uint16_t i = 0; i < 100; ++i) {
    const std::string host = "n" + std::to_string(i) + ".test";
    records.push_back(srv_record(host, uint16_t(1000 + i), 60));
    std::vector<std::string> ips;
    for (int j = 0; j < 20; ++j)
      ips.push_back("10.0." + std::to_string(i) + "." + std::to_string(j));
    bed.server.has(host, ips);
  }
  bed.server.serves(kService, records);  // by TCP
  Result<Addresses> found = bed.resolve(kService);
  ASSERT_TRUE(found.ok()) << found.error().detail;
  ASSERT_EQ(found->size(), Resolver::kMaxAddresses);
  EXPECT_EQ((*found)[0].text(), "10.0.0.0:1000");
  EXPECT_EQ((*found)[15].text(), "10.0.15.0:1015") << "each host is there";
  EXPECT_EQ((*found)[31].text(), "10.0.15.1:1015");
  EXPECT_EQ(bed.server.asked_by_tcp(kService), 1);
  EXPECT_EQ(bed.resolver->counters().queries, 1u + Resolver::kMaxTargets);
}

TEST(ResolverService, SearchesDomainsForItsNameAndNotForItsHosts) {
  ResolverBed bed;
  bed.config.search = {"ns.test"};
  bed.make();
  bed.server.serves("_http._tcp.search.ns.test",
                    {srv_record("pod", 81, 60), srv_record("b", 82, 60)});
  bed.server.has("pod.ns.test", {"10.0.0.9"});
  bed.server.has("b", {"10.0.0.1"});
  EXPECT_EQ(bed.text("_http._tcp.search"), "10.0.0.1:82");
  EXPECT_EQ(bed.server.asked("pod.ns.test"), 0);
  EXPECT_EQ(bed.text("_http._tcp.search."), "dns_error: _http._tcp.search.: no such name");
}

TEST(ResolverService, LooksForItsHostsInTheHostsFile) {
  ScratchFile hosts("10.0.0.1 a.test\n10.0.0.2 _http._tcp.s.test\n");
  ResolverBed bed;
  bed.config.hosts_file = true;
  bed.files.hosts = hosts.path();
  bed.make();
  bed.server.serves(kService, {srv_record("a.test", 81, 60), srv_record("localhost", 82, 60)});
  bed.server.has("a.test", {"10.9.9.9"});
  EXPECT_EQ(bed.text(kService), "[::1]:82 10.0.0.1:81 127.0.0.1:82");
  EXPECT_EQ(bed.server.asked_in_all(), 1);
}

TEST(ResolverService, AsksForAllItsHostsAtOnce) {
  ResolverBed bed;
  bed.server.serves(kService, {srv_record("a.test", 81, 60), srv_record("b.test", 82, 60)});
  DnsScript never;
  never.silent = true;
  bed.server.on("a.test", never);
  bed.server.on("b.test", never);
  bed.loop.turn(false);
  auto task = bed.resolver->resolve(kService, 80, kNever);
  task.start();
  EXPECT_TRUE(run_until(bed.loop, [&] {
    return bed.server.asked("a.test", kAaaa) == 1 && bed.server.asked("b.test", kAaaa) == 1;
  }));
  EXPECT_FALSE(task.done());
}

TEST(ResolverService, SilenceIsATimeoutAfterAllTries) {
  RealTimeResolverBed bed;
  bed.config.timeout = 30ms;
  bed.config.tries = 3;
  bed.make();
  DnsScript never;
  never.silent = true;
  bed.server.on(kService, kSrv, never);
  EXPECT_EQ(bed.text(kService),
            std::string("dns_timeout: ") + kService + ": no DNS server answered");
  EXPECT_EQ(bed.server.asked(kService, kSrv), 3);
  // A silent host is left out.
  bed.make();
  bed.server.serves(kService, {srv_record("a.test", 81, 60), srv_record("b.test", 82, 60)});
  bed.server.on("a.test", never);
  bed.server.has("b.test", {"10.0.0.2"});
  EXPECT_EQ(bed.text(kService), "10.0.0.2:82");
  // As for one priority, so for several.
  bed.make();
  bed.server.serves(kService, {srv_record("a.test", 81, 60), srv_record("c.test", 82, 60, 1)});
  EXPECT_EQ(bed.text(kService),
            std::string("dns_timeout: ") + kService + ": a.test: no DNS server answered");
}

}  // namespace
}  // namespace siding
