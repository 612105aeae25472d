// Keys in files that are replaced under a running siding: the next call carries the new one, a
// prefetch like a worker's own.
#include <gtest/gtest.h>

#include "tests/harness/folder.h"
#include "tests/harness/shop.h"

namespace siding::test {
namespace {

constexpr Duration kLook = std::chrono::seconds(10);

std::string key_of(const Folder& folder) {
  return "headers = { X-Api-Key = { file = \"" + folder.path("key") + "\" } }\n";
}

/// The key that a worker's own call carries.
std::string key_sent(Shop& shop) {
  call_out(shop.proxy.egress(), shop.upstream.url() + "/other");
  return shop.upstream.log().back().field("x-api-key");
}

// The loop starts the look, another thread reads: only its effect tells that it has.
::testing::AssertionResult key_becomes(Shop& shop, const std::string& key) {
  shop.proxy.advance(kLook);
  if (wait_until([&] { return key_sent(shop) == key; })) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "the key is still " << key_sent(shop);
}

TEST(SecretsThreads, BothWaysOfACallCarryTheNewKey) {
  Folder folder;
  folder.write("key", "one\n");
  ManualClock clock;
  Shop shop({.prefetch = "mode = \"on\"\n", .upstream = key_of(folder), .clock = &clock});
  EXPECT_EQ(Shop::song("a"), shop.ask("a").body);
  EXPECT_EQ("one", shop.upstream.request(1).field("x-api-key"));
  folder.replace("key", "two\n");
  shop.proxy.advance(kLook - std::chrono::milliseconds(100));
  EXPECT_EQ("one", key_sent(shop)) << "files are looked at every 10 s";
  ASSERT_TRUE(key_becomes(shop, "two"));
  const int before = shop.upstream.requests();
  EXPECT_EQ(Shop::song("b"), shop.ask("b").body);
  EXPECT_EQ(before + 1, shop.upstream.requests()) << "one call: the prefetch was used";
  EXPECT_EQ("two", shop.upstream.request(before + 1).field("x-api-key"));
  EXPECT_TRUE(shop.proxy.prefetched(2, "used"));
}

// Configured fields are set on both sides and so not compared: a change is no miss.
TEST(SecretsThreads, AnAnswerFetchedWithTheOldKeyIsUsed) {
  Folder folder;
  folder.write("key", "one");
  ManualClock clock;
  Shop shop({.prefetch = "mode = \"on\"\n", .upstream = key_of(folder), .clock = &clock});
  shop.backend.hold();
  Client client(shop.proxy.front());
  client.get("/search/?q=a");
  ASSERT_TRUE(shop.backend.wait_for(1));
  folder.replace("key", "two");
  ASSERT_TRUE(key_becomes(shop, "two"));
  const int before = shop.upstream.requests();
  shop.backend.release();
  EXPECT_EQ(Shop::song("a"), client.answer().body);
  EXPECT_EQ(before, shop.upstream.requests());
  EXPECT_TRUE(shop.proxy.prefetched(1, "used"));
}

TEST(SecretsThreads, AMountedSecretIsSwapped) {
  Folder folder;
  folder.mount("key", "one");
  ManualClock clock;
  Shop shop({.upstream = key_of(folder), .clock = &clock});
  EXPECT_EQ("one", key_sent(shop));
  for (const char* next : {"two", "three"}) {
    folder.mount("key", next);
    ASSERT_TRUE(key_becomes(shop, next));
  }
}

TEST(SecretsThreads, AFileThatVanishesLeavesTheLastKey) {
  Folder folder;
  folder.write("key", "one");
  ManualClock clock;
  Shop shop({.upstream = key_of(folder), .clock = &clock});
  folder.remove("key");
  shop.proxy.advance(kLook);
  ASSERT_TRUE(shop.proxy.metric_becomes(1, "siding_secret_read_failures_total",
                                        {"file=" + folder.path("key")}));
  EXPECT_EQ("one", key_sent(shop));
  folder.write("key", "two");
  ASSERT_TRUE(key_becomes(shop, "two"));
}

TEST(SecretsThreads, EgressIsLockedByTheNewSecret) {
  Folder folder;
  folder.write("lock", "old");
  ManualClock clock;
  Shop shop({.egress = "secret = { file = \"" + folder.path("lock") + "\" }\n", .clock = &clock});
  auto status_with = [&](const std::string& credentials) {
    return call_out(shop.proxy.egress(), shop.upstream.url() + "/",
                    "Proxy-Authorization: Basic " + credentials + "\r\n")
        .status();
  };
  const std::string old_one = "dzE6b2xk";  // w1:old
  const std::string new_one = "dzE6bmV3";  // w1:new
  EXPECT_EQ(200, status_with(old_one));
  EXPECT_EQ(407, status_with(new_one));
  folder.replace("lock", "new");
  shop.proxy.advance(kLook);
  EXPECT_TRUE(wait_until([&] { return status_with(new_one) == 200; }));
  EXPECT_EQ(407, status_with(old_one));
}

}  // namespace
}  // namespace siding::test
