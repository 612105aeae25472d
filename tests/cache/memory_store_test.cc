// The store in memory: what it finds, what it holds, and who has to leave.
#include "cache/memory_store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <thread>

#include "cache/key.h"
#include "tests/cache/heads.h"

namespace siding::cache_test {
namespace {

constexpr TimePoint kThen{Seconds(100)};

/// An answer to a request with `asked`, with a body of `size` bytes.
std::shared_ptr<Entry> answer(size_t size, Lines lines = {}, Lines asked = {}, uint64_t owner = 1) {
  auto entry = std::make_shared<Entry>();
  entry->variant.owner = owner;
  entry->head.fields = fields(lines);
  entry->vary = read_vary(entry->head.fields);
  entry->vary_key = vary_key(entry->vary, fields(asked), enabled());
  if (size > 0) entry->body.append_copy(std::string(size, 'x'));
  entry->body = compact(std::move(entry->body));
  return entry;
}
MemoryStore::Found look(MemoryStore& store, std::string_view uri, Lines asked = {},
                        TimePoint now = kThen, uint64_t owner = 1) {
  return store.find(uri, {owner, ""}, fields(asked), enabled(), now);
}
std::string uri(int i) { return "http://a/" + std::to_string(i); }

TEST(MemoryStore, FindsWhatWasPut) {
  MemoryStore store(1 << 20);
  EXPECT_FALSE(look(store, "http://a/").entry);
  EntryRef first = answer(10);
  EXPECT_TRUE(store.put("http://a/", first));
  EXPECT_EQ(look(store, "http://a/").entry, first);
  EXPECT_FALSE(look(store, "http://a/b").entry);
  EXPECT_FALSE(look(store, "http://a/", {}, kThen, 2).entry) << "another's";
  EntryRef second = answer(20);
  store.put("http://a/", second);
  EXPECT_EQ(look(store, "http://a/").entry, second);
  EXPECT_EQ(store.snapshot().entries, 1u);
}

TEST(MemoryStore, KeepsVariantsApart) {
  MemoryStore store(1 << 20);
  for (const char* v : {"1", "2"}) {
    store.put("u", answer(1, {{"Vary", "Foo"}, {"X", v}}, {{"Foo", v}}));
  }
  EXPECT_EQ(look(store, "u", {{"Foo", "1"}}).entry->head.fields.get("x"), "1");
  EXPECT_EQ(look(store, "u", {{"Foo", "2"}}).entry->head.fields.get("x"), "2");
  MemoryStore::Found none = look(store, "u", {{"Foo", "3"}});
  EXPECT_FALSE(none.entry);
  EXPECT_TRUE(none.other_variants);
  EXPECT_EQ(none.vary.names, std::vector<std::string>{"foo"});
  EXPECT_FALSE(look(store, "u", {}, kThen, 2).other_variants) << "another's are none";
}

TEST(MemoryStore, TheNewestThatSuitsIsSent) {
  MemoryStore store(1 << 20);
  store.put("u", answer(1, {{"Vary", "Foo"}, {"X", "old"}}, {{"Foo", "1"}}));
  store.put("u", answer(1, {{"X", "new"}}));
  EXPECT_EQ(look(store, "u", {{"Foo", "1"}}).entry->head.fields.get("x"), "new");
}

TEST(MemoryStore, VariantsAreBounded) {
  MemoryStore store(4 << 20);
  for (int i = 0; i < 100; ++i) {
    std::string v = std::to_string(i);
    store.put("u", answer(1, {{"Vary", "Foo"}}, {{"Foo", v}}));
  }
  EXPECT_EQ(store.snapshot().entries, MemoryStore::kMaxVariants);
  EXPECT_TRUE(look(store, "u", {{"Foo", "99"}}).entry);
  EXPECT_FALSE(look(store, "u", {{"Foo", "0"}}).entry);
}

TEST(MemoryStore, RemembersWhatPasses) {
  MemoryStore store(1 << 20);
  store.mark_pass("u", kThen + Seconds(10));
  EXPECT_TRUE(look(store, "u").pass);
  EXPECT_FALSE(look(store, "u", {}, kThen + Seconds(10)).pass);
  store.put("u", answer(1));
  EXPECT_FALSE(look(store, "u").pass) << "it can be stored after all";
  EXPECT_FALSE(look(store, "v").pass);
}

TEST(MemoryStore, DropsOneOrAllOrSome) {
  MemoryStore store(1 << 20);
  EntryRef first = answer(1);
  store.put("u", first);
  store.put("u", answer(1, {}, {}, 2));
  store.drop("u", answer(1));
  EXPECT_EQ(store.snapshot().entries, 2u) << "it is another one";
  store.drop("u", first);
  EXPECT_FALSE(look(store, "u").entry);
  EXPECT_TRUE(look(store, "u", {}, kThen, 2).entry);
  EXPECT_EQ(store.drop("u"), 1u);
  EXPECT_EQ(store.drop("u"), 0u);
  for (int i = 0; i < 10; ++i) store.put(uri(i), answer(100));
  EXPECT_EQ(store.drop_if([](std::string_view u, const Entry&) { return u == "http://a/3"; }), 1u);
  EXPECT_FALSE(look(store, uri(3)).entry);
  EXPECT_EQ(store.drop_if([](std::string_view, const Entry&) { return true; }), 9u);
  EXPECT_EQ(store.snapshot().entries, 0u);
}

TEST(MemoryStore, AWalkSeesAllThatWasThereThoughTheStoreGrows) {
  MemoryStore store(64 << 20);
  for (int i = 0; i < 10'000; ++i) store.put(uri(i), answer(1));
  MemoryStore::Walk walk;
  auto old = [](std::string_view, const Entry& e) { return e.body.size() == 1; };
  size_t dropped = 0;
  int steps = 0;
  for (int more = 10'000; !walk.ended(); ++steps) {
    dropped += store.drop_step(walk, old);
    if (more < 60'000) {
      for (int i = 0; i < 5'000; ++i) store.put(uri(more++), answer(2));
    }
    store.drop(uri(steps));
  }
  EXPECT_GT(steps, 10) << "a bounded part at a time";
  EXPECT_EQ(store.drop_if(old), 0u);
  EXPECT_GT(dropped, 9'000u);
  EXPECT_GT(store.snapshot().entries, 49'000u) << "and only those";
}

TEST(MemoryStore, AllThatItHoldsCountsAndComesBack) {
  MemoryStore store(1 << 20);
  const uint64_t empty = store.snapshot().bytes;
  store.put("u", answer(10'000));
  EXPECT_GT(store.snapshot().bytes, empty + 10'000);
  store.put("u", answer(10));
  EXPECT_LT(store.snapshot().bytes, empty + 2'000);
  store.mark_pass("v", kThen);
  store.drop("u");
  store.drop("v");
  EXPECT_EQ(store.snapshot().bytes, empty);
}

TEST(MemoryStore, NeverHoldsMoreThanItMay) {
  constexpr uint64_t kLimit = 1 << 20;
  MemoryStore store(kLimit);
  for (int i = 0; i < 20'000; ++i) {
    store.put(uri(i), answer(static_cast<size_t>(i * 7919 % 5000)));
    if (i % 3 == 0) store.mark_pass("p" + std::to_string(i), kThen);
    ASSERT_LE(store.snapshot().bytes, kLimit);
  }
  EXPECT_GT(store.snapshot().bytes, kLimit * 9 / 10) << "and uses what it may";
  EXPECT_GT(store.snapshot().evicted, 10'000u);
}

TEST(MemoryStore, WhatIsTooLargeIsRefused) {
  MemoryStore store(1 << 20);
  store.put("kept", answer(100));
  EXPECT_FALSE(store.put("u", answer(500'000)));
  EXPECT_FALSE(look(store, "u").entry);
  EXPECT_TRUE(look(store, "kept").entry) << "nobody had to go for it";
  EXPECT_EQ(store.snapshot().refused, 1u);
  MemoryStore none(0);
  EXPECT_FALSE(none.put("u", answer(1)));
}

TEST(MemoryStore, AScanDoesNotPushOutWhatIsAskedFor) {
  MemoryStore store(1 << 20);
  for (int i = 0; i < 20; ++i) store.put(uri(i), answer(1000));
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 20; ++i) look(store, uri(i));
  }
  for (int i = 1000; i < 20'000; ++i) store.put(uri(i), answer(1000));
  int kept = 0;
  for (int i = 0; i < 20; ++i) kept += look(store, uri(i)).entry ? 1 : 0;
  EXPECT_EQ(kept, 20);
}

// Nothing else brings a shard back that by chance gave more than it got.
TEST(MemoryStore, ShardsStayEven) {
  MemoryStore store(8 << 20);
  for (int i = 0; i < 100'000; ++i) {
    store.put(uri(i), answer(i % 4 == 0 ? 20'000 : static_cast<size_t>(i * 7919 % 2000)));
  }
  std::array<uint64_t, MemoryStore::kShards> bytes{};
  store.drop_if([&](std::string_view u, const Entry& e) {
    bytes[key_hash(u) % MemoryStore::kShards] += e.footprint();
    return false;
  });
  const auto [least, most] = std::minmax_element(bytes.begin(), bytes.end());
  EXPECT_LT(*most - *least, store.snapshot().bytes / MemoryStore::kShards / 4);
}

TEST(MemoryStore, WhatIsReadLivesOn) {
  MemoryStore store(1 << 20);
  store.put("u", answer(3));
  EntryRef read = look(store, "u").entry;
  store.drop("u");
  EXPECT_EQ(read->body.size(), 3u);
}

TEST(MemoryStore, ALowerLimitMakesRoomAtOnce) {
  MemoryStore store(4 << 20);
  for (int i = 0; i < 300; ++i) EXPECT_TRUE(store.put(uri(i), answer(8 << 10)));
  ASSERT_EQ(store.snapshot().entries, 300u);
  store.set_limit(1 << 20);
  EXPECT_EQ(store.limit(), 1u << 20);
  EXPECT_LE(store.snapshot().bytes, 1u << 20);
  EXPECT_GT(store.snapshot().bytes, 900u << 10) << "no more than that";
  EXPECT_TRUE(store.put("http://a/new", answer(8 << 10)));
  EXPECT_LE(store.snapshot().bytes, 1u << 20);
  store.set_limit(0);
  EXPECT_EQ(store.snapshot().bytes, 0u);
  EXPECT_FALSE(store.put("http://a/new", answer(0)));
  store.set_limit(1 << 20);
  EXPECT_TRUE(store.put("http://a/new", answer(8 << 10)));
  EXPECT_TRUE(look(store, "http://a/new").entry);
}

// Else slow readers could hold any number of answers beside a full store.
TEST(MemoryStore, WhatIsReadCountsUntilItIsFreed) {
  MemoryStore store(1 << 20);
  std::vector<EntryRef> read;
  for (int i = 0; i < 5; ++i) {
    store.put(uri(i), answer(100 << 10));
    read.push_back(look(store, uri(i)).entry);
    store.drop(uri(i));
  }
  EXPECT_EQ(store.snapshot().entries, 0u);
  EXPECT_GT(store.snapshot().bytes, 500u << 10);
  for (int i = 10; i < 30; ++i) store.put(uri(i), answer(100 << 10));
  EXPECT_LE(store.snapshot().bytes, 1u << 20);
  EXPECT_LT(store.snapshot().entries, 6u) << "there is room for so many beside them";
  read.clear();
  for (int i = 10; i < 30; ++i) store.put(uri(i), answer(100 << 10));
  EXPECT_GT(store.snapshot().entries, 7u);
}

TEST(MemoryStore, WhatIsReadMayOutliveIt) {
  EntryRef read;
  {
    MemoryStore store(1 << 20);
    store.put("http://a/", answer(10));
    read = look(store, "http://a/").entry;
  }
  EXPECT_EQ(read->body.size(), 10u);
}

TEST(MemoryStoreThreads, ManyAtOnce) {
  MemoryStore store(1 << 20);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&store, t] {
      for (int i = 0; i < 5000; ++i) {
        const std::string u = uri((i * 31 + t * 17) % 500);
        if (i % 3 == 0) store.put(u, answer(static_cast<size_t>(i % 3000)));
        if (i % 50 == 0) store.drop(u);
        if (i % 70 == 0) store.mark_pass(u, kThen);
        if (i % 1000 == 0)
          store.drop_if([](std::string_view k, const Entry&) { return k.ends_with('7'); });
        MemoryStore::Found found = look(store, u);
        if (found.entry) {
          EXPECT_LT(found.entry->body.size(), 3000u);
        }
      }
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_LE(store.snapshot().bytes, uint64_t{1 << 20});
  store.drop_if([](std::string_view, const Entry&) { return true; });
  EXPECT_EQ(store.snapshot().entries, 0u);
}

}  // namespace
}  // namespace siding::cache_test
