// How long what is known of a name is used, and how often it is asked for.
#include "proxy/net/dns_cache.h"

#include <gtest/gtest.h>

namespace siding {
namespace {

using namespace std::chrono_literals;

const TimePoint kStart{1000s};

Addresses one_address() { return {*SocketAddress::parse("10.0.0.1", 0)}; }
Error some_failure() { return Error(Failure::dns_error); }

TEST(DnsEntry, IsFreshForItsTimeToLive) {
  DnsEntry entry("a");
  EXPECT_FALSE(entry.fresh(kStart));
  EXPECT_FALSE(entry.kept(kStart));
  EXPECT_TRUE(entry.may_ask(kStart));
  entry.set_good(one_address(), 5s, kStart);
  EXPECT_TRUE(entry.fresh(kStart + 4999ms));
  EXPECT_FALSE(entry.may_ask(kStart + 4499ms));
  EXPECT_TRUE(entry.may_ask(kStart + 4500ms)) << "in the background";
  EXPECT_FALSE(entry.fresh(kStart + 5s));
  EXPECT_TRUE(entry.may_ask(kStart + 5s));
  EXPECT_TRUE(entry.kept(kStart + 5s));
}

TEST(DnsEntry, KeepsTheLastGoodAnswer) {
  DnsEntry entry("a");
  entry.set_good(one_address(), 5s, kStart);
  entry.set_failed(some_failure(), false, kStart + 5s, 0);
  EXPECT_TRUE(entry.kept(kStart + 23h));
  EXPECT_FALSE(entry.kept(kStart + 24h + 6s));
  entry.set_failed(some_failure(), true, kStart + 9s, 0);
  EXPECT_TRUE(entry.gone());
  EXPECT_TRUE(entry.kept(kStart + 10min));
  EXPECT_FALSE(entry.kept(kStart + 10min + 6s));
  entry.set_good(one_address(), 5s, kStart + 20min);
  EXPECT_FALSE(entry.gone());
  EXPECT_FALSE(entry.failure());
}

TEST(DnsEntry, BacksOff) {
  DnsEntry entry("a");
  TimePoint now = kStart;
  for (Duration wait : {1s, 2s, 4s, 8s, 8s, 8s}) {
    entry.set_failed(some_failure(), false, now, 0);
    EXPECT_FALSE(entry.may_ask(now + wait - 1ms)) << to_ms(wait);
    EXPECT_TRUE(entry.may_ask(now + wait)) << to_ms(wait);
    now += wait;
  }
  entry.set_failed(some_failure(), false, now, 0.5);
  EXPECT_FALSE(entry.may_ask(now + 8999ms));
  EXPECT_TRUE(entry.may_ask(now + 9s));
  for (int i = 0; i < 100; ++i) entry.set_failed(some_failure(), false, now, 0.99);
  EXPECT_TRUE(entry.may_ask(now + 10s));
  entry.set_good(one_address(), 5s, now);
  entry.set_failed(some_failure(), false, now + 5s, 0);
  EXPECT_TRUE(entry.may_ask(now + 6s)) << "a good answer starts it anew";
}

TEST(DnsEntry, ForgetsAtTheEarliestAfterASecond) {
  DnsEntry entry("a");
  entry.set_good(one_address(), 60s, kStart);
  entry.forget(kStart + 100ms);
  EXPECT_TRUE(entry.fresh(kStart + 999ms));
  EXPECT_FALSE(entry.fresh(kStart + 1s));
  EXPECT_TRUE(entry.may_ask(kStart + 1s));
  EXPECT_TRUE(entry.kept(kStart + 1s));
  entry.set_good(one_address(), 60s, kStart + 2s);
  entry.forget(kStart + 30s);
  EXPECT_TRUE(entry.may_ask(kStart + 30s));
  entry.forget(kStart + 500s);  // later than its end
  EXPECT_FALSE(entry.fresh(kStart + 100s));
}

TEST(DnsCache, ClampsTimeToLive) {
  DnsCache cache(10, {2s, 300s});
  EXPECT_EQ(cache.clamp(0), 2s);
  EXPECT_EQ(cache.clamp(100), 100s);
  EXPECT_EQ(cache.clamp(INT32_MAX), 300s);
  DnsCache eager(10, {0s, 0s});
  EXPECT_EQ(eager.clamp(0), 1s) << "never more than one lookup a second";
  EXPECT_EQ(eager.clamp(60), 1s);
}

TEST(DnsCache, DropsTheLeastRecentlyUsed) {
  DnsCache cache(3, {1s, 300s});
  for (const char* name : {"a", "b", "c"}) EXPECT_TRUE(cache.get(name));
  EXPECT_TRUE(cache.find("a"));
  EXPECT_TRUE(cache.get("d"));
  EXPECT_EQ(cache.size(), 3u);
  EXPECT_TRUE(cache.find("a"));
  EXPECT_FALSE(cache.find("b"));
}

TEST(DnsCache, NeverDropsWhatIsInUse) {
  DnsCache cache(2, {1s, 300s});
  DnsCache::Ref a = cache.get("a");
  DnsCache::Ref b = cache.get("b");
  EXPECT_FALSE(cache.get("c"));
  EXPECT_TRUE(cache.get("b"));
  DnsCache::Ref a2 = a;
  a = {};
  EXPECT_FALSE(cache.get("c"));
  a2 = {};
  EXPECT_TRUE(cache.get("c"));
  EXPECT_FALSE(cache.find("a"));
}

}  // namespace
}  // namespace siding
