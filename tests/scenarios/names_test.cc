// Names of upstreams: where a call goes when the first address is dead, or when the name has moved.
#include <gtest/gtest.h>

#include "tests/harness/dns_server.h"
#include "tests/harness/proxy.h"

namespace siding::test {
namespace {

constexpr uint32_t kHour = 3600;

/// siding with an upstream music.test at the port of `music`, found by a DNS server of the test.
struct NameBed {
  explicit NameBed(ManualClock& clock, const std::string& name = "music.test")
      : proxy(backend, {.tables = "[dns]\nhosts_file = false\nservers = [\"" + dns.address() +
                                  "\"]\n[upstream.music]\nloopback = true\nheaders = { X-Key = "
                                  "\"k\" }\nurl = \"http://" +
                                  name + ":" + std::to_string(music.port()) + "\"\n",
                        .clock = &clock}) {}

  /// The worker's call; "closed" if nothing was reached.
  std::string call(const std::string& name = "music.test") {
    Message got =
        call_out(proxy.egress(), "http://" + name + ":" + std::to_string(music.port()) + "/",
                 "Connection: close\r\n");
    return got.whole() ? got.body : got.fault;
  }
  double dns_events(const std::string& event) {
    return proxy.metric("siding_dns_total", {"event=" + event});
  }

  DnsServer dns;
  Origin music{[](Origin::Call& call) { call.respond("song", "Connection: close\r\n"); }};
  Origin backend;
  Proxy proxy;
};

TEST(Names, ADeadAddressIsNoHarm) {
  ManualClock clock;
  NameBed bed(clock);
  bed.dns.has("music.test", {"::1", "127.0.0.9", "127.0.0.1"}, kHour);  // only the last one listens
  EXPECT_EQ("song", bed.call());
}

// Long before the answer's time to live has passed.
TEST(Names, AreAskedForAgainWhenNoAddressTakesAConnection) {
  ManualClock clock;
  NameBed bed(clock);
  bed.dns.has("music.test", {"127.0.0.9"}, kHour);
  EXPECT_EQ("closed", bed.call());
  bed.dns.has("music.test", {"127.0.0.1"}, kHour);
  EXPECT_EQ("closed", bed.call()) << "not twice within a second";
  EXPECT_EQ(1, bed.dns.asked("music.test"));
  bed.proxy.advance(std::chrono::seconds(1));
  EXPECT_EQ("song", bed.call());
  EXPECT_EQ(2, bed.dns.asked("music.test"));
  bed.proxy.advance(std::chrono::minutes(4));
  EXPECT_EQ("song", bed.call()) << "and while it works, not again before max_ttl";
  EXPECT_EQ(2, bed.dns.asked("music.test"));
  bed.proxy.advance(std::chrono::minutes(1));
  EXPECT_EQ("song", bed.call());
  EXPECT_EQ(3, bed.dns.asked("music.test"));
}

TEST(Names, KeepTheirLastAddressWhileTheServersFail) {
  ManualClock clock;
  NameBed bed(clock);
  bed.dns.has("music.test", {"127.0.0.1"}, 1);
  EXPECT_EQ("song", bed.call());
  DnsScript failing;
  failing.rcode = kServfail;
  bed.dns.on("music.test", failing);
  bed.proxy.advance(std::chrono::seconds(2));
  EXPECT_EQ("song", bed.call());
  EXPECT_EQ(1, bed.dns_events("answer"));
  EXPECT_EQ(1, bed.dns_events("server_failure"));
  EXPECT_EQ(1, bed.dns_events("stale_failed"));
}

// The last dot keeps a resolver from its search domains. It makes no other host.
TEST(Names, WithAndWithoutTheLastDotAreOne) {
  for (const char* listed : {"music.test", "music.test."}) {
    ManualClock clock;
    NameBed bed(clock, listed);
    bed.dns.has("music.test", {"127.0.0.1"}, kHour);
    for (const char* called : {"music.test", "music.test.", "MUSIC.test"}) {
      EXPECT_EQ("song", bed.call(called));
      EXPECT_EQ("k", bed.music.log().back().field("x-key")) << called << " is no " << listed;
    }
  }
}

// DNS may be made to say anything. Only a url that names this machine leads to it.
TEST(Names, NoneLeadsToThisMachineUnlessTheFileSaysSo) {
  ManualClock clock;
  NameBed bed(clock);
  std::string there = std::to_string(bed.music.port());
  Proxy strict(bed.backend,
               {.tables = "[dns]\nhosts_file = false\nservers = [\"" + bed.dns.address() +
                          "\"]\n[upstream.music]\nurl = \"http://music.test:" + there + "\"\n",
                .clock = &clock});
  bed.dns.has("music.test", {"127.0.0.1", "::1"}, kHour);
  bed.dns.has("rebound.test", {"127.0.0.1"}, kHour);
  for (const char* name : {"music.test", "rebound.test"}) {
    EXPECT_EQ(
        403, call_out(strict.egress(), std::string("http://") + name + ":" + there + "/").status());
  }
  EXPECT_EQ(0, bed.music.opened());
  EXPECT_EQ("song", call_out(strict.egress(), "http://127.0.0.1:" + there + "/").body);
  EXPECT_EQ("song", call_out(strict.egress(), "http://localhost:" + there + "/").body);
}

// The labels of a service say where it is, and are no part of its name.
TEST(Names, OfAServiceLeadToThePortOfItsRecord) {
  ManualClock clock;
  DnsServer dns;
  Origin first([](Origin::Call& call) { call.respond("first", "Connection: close\r\n"); });
  Origin second([](Origin::Call& call) { call.respond("second", "Connection: close\r\n"); });
  Origin backend;
  Proxy proxy(backend, {.tables = "[dns]\nhosts_file = false\nservers = [\"" + dns.address() +
                                  "\"]\n[upstream.music]\nloopback = true\n"
                                  "url = \"http://_http._tcp.music.test\"\n",
                        .clock = &clock});
  auto call = [&](const std::string& url) { return call_out(proxy.egress(), url); };
  dns.has("a.test", {"127.0.0.1"}, kHour);
  dns.serves("_http._tcp.music.test", {srv_record("a.test", first.port(), 5)});
  EXPECT_EQ("first", call("http://music.test/s").body);
  EXPECT_EQ("music.test", first.log().back().field("host"));
  EXPECT_EQ("first", call("/music/s").body);
  EXPECT_EQ("music.test", first.log().back().field("host"));
  EXPECT_EQ(403, call("http://_http._tcp.music.test/s").status()) << "is no host";
  EXPECT_EQ("closed", call("http://music.test:81/s").fault) << "is another one";
  dns.serves("_http._tcp.music.test", {srv_record("a.test", second.port(), 5)});
  proxy.advance(std::chrono::seconds(5));
  for (int i = 0; i < 3; ++i) EXPECT_EQ("second", call("http://music.test/s").body);
  EXPECT_EQ(2, first.requests());
}

// RFC 2782: the hosts of the first priority that can be reached.
TEST(Names, OfAServiceLeadToItsBackupWhenTheFirstCannotBeReached) {
  DnsServer dns;
  Origin first(Origin::Down{});
  Origin backup([](Origin::Call& call) { call.respond("backup"); });
  first.on_request([](Origin::Call& call) { call.respond("first"); });
  Origin backend;
  Proxy proxy(backend, {.tables = "[dns]\nhosts_file = false\nservers = [\"" + dns.address() +
                                  "\"]\n[upstream.music]\nloopback = true\n"
                                  "url = \"http://_http._tcp.music.test\"\n"
                                  "breaker = { failures = 2, pause = \"10m\" }\n"});
  dns.has("a.test", {"127.0.0.1"}, kHour);
  dns.serves("_http._tcp.music.test", {srv_record("a.test", first.port(), kHour, 1),
                                       srv_record("a.test", backup.port(), kHour, 2)});
  auto call = [&] { return call_out(proxy.egress(), "http://music.test/s").body; };
  for (int i = 0; i < 5; ++i) EXPECT_EQ("backup", call());
  first.start();
  for (int i = 0; i < 5; ++i) EXPECT_EQ("backup", call()) << "its breaker is open";
  EXPECT_EQ(0, first.opened());
}

TEST(Names, OneThatIsUnknownClosesTheWorkersConnection) {
  ManualClock clock;
  NameBed bed(clock);
  EXPECT_EQ("closed", bed.call());
  EXPECT_EQ(1, bed.dns_events("no_such_name"));
  EXPECT_EQ(0, bed.music.opened());
}

}  // namespace
}  // namespace siding::test
