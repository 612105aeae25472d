// Which answers a purge met while they were under way.
#include "cache/purge_log.h"

#include <gtest/gtest.h>

#include <thread>

#include "cache/memory_store.h"

namespace siding::cache_test {
namespace {

const Purge kSevenTag{Purge::Kind::tag, "seven"};

TEST(PurgeLog, OnlyWhatCameSince) {
  PurgeLog log;
  const uint64_t first = log.now();
  EXPECT_FALSE(log.met(first, "http://a/1", {}));
  log.add({Purge::Kind::url, "http://a/1"});
  const uint64_t second = log.now();
  log.add(kSevenTag);
  EXPECT_TRUE(log.met(first, "https://a/1", {}));
  EXPECT_FALSE(log.met(second, "http://a/1", {}));
  Entry tagged;
  tagged.tags = {"seven"};
  EXPECT_TRUE(log.met(second, "http://a/2", tagged));
  EXPECT_FALSE(log.met(second, "http://a/2", {})) << "it has come, and has no such tag";
  EXPECT_FALSE(log.met(log.now(), "http://a/2", tagged));
}

TEST(PurgeLog, MoreThanItRemembersMeetsAll) {
  PurgeLog log;
  for (size_t i = 0; i < PurgeLog::kRemembered; ++i) log.add(kSevenTag);
  EXPECT_FALSE(log.met(0, "http://a/1", {}));
  log.add(kSevenTag);
  EXPECT_TRUE(log.met(0, "http://a/1", {}));
  EXPECT_FALSE(log.met(1, "http://a/1", {}));
}

TEST(PurgeLogThreads, WhatIsStoredBesideAPurgeDoesNotStay) {
  MemoryStore store(8 << 20);
  PurgeLog log;
  auto entry = std::make_shared<Entry>();
  entry->tags = {"seven"};
  for (int round = 0; round < 300; ++round) {
    const uint64_t since = log.now();
    const std::string uri = "http://a/" + std::to_string(round);
    std::thread writer([&] {
      store.put(uri, entry);
      if (log.met(since, uri, *entry)) store.drop(uri, entry);
    });
    log.add(kSevenTag);
    store.drop_if([](std::string_view u, const Entry& e) { return matches(kSevenTag, u, e); });
    writer.join();
    ASSERT_EQ(store.snapshot().entries, 0u) << round;
  }
}

}  // namespace
}  // namespace siding::cache_test
