// Entries as bytes: what is written is read, and nothing else is.
#include "cache/entry_format.h"

#include <gtest/gtest.h>

#include <random>

#include "cache/key.h"
#include "tests/cache/heads.h"

namespace siding::cache_test {
namespace {

const std::string kUri = "http://shop.example/s?q=1";
const VariantKey kVariant{42, "digest a 1:b"};

Entry sample(size_t body = 1000) {
  Entry e;
  e.variant = kVariant;
  e.head = response(203, {{"Content-Type", "text/plain"}, {"Vary", "Foo"}, {"X", ""}});
  e.head.reason = "Half OK";
  e.vary = read_vary(e.head.fields);
  e.vary.language = "de";
  e.vary_key = "foo=1:x\n";
  e.freshness = freshness_of(
      response(200,
               {{"Cache-Control", "max-age=60, stale-if-error=7, must-revalidate"}, {"Age", "3"}}),
      enabled(), kTimes);
  e.tags = {"a", "b c"};
  e.body.append_copy(std::string(body, '\0') + "end");
  return e;
}
std::string bytes_of(const Entry& e) {
  EntryBytes b = write_entry(kUri, e);
  return b.head + b.body.str();
}

TEST(EntryFormat, WhatIsWrittenIsRead) {
  Entry e = sample();
  std::optional<Entry> read = read_entry(bytes_of(e), kUri, kVariant);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->variant, e.variant);
  EXPECT_EQ(read->vary, e.vary);
  EXPECT_EQ(read->vary_key, e.vary_key);
  EXPECT_EQ(read->head.status, 203);
  EXPECT_EQ(read->head.reason, "Half OK");
  ASSERT_EQ(read->head.fields.size(), 3u);
  EXPECT_EQ(read->head.fields[2].name, "X");
  EXPECT_EQ(read->head.fields[2].value, "");
  EXPECT_EQ(read->tags, e.tags);
  EXPECT_EQ(read->body.str(), e.body.str());
  const Freshness& f = read->freshness;
  EXPECT_EQ(f.lifetime.length, Seconds(60));
  EXPECT_EQ(f.lifetime.source, LifetimeSource::max_age);
  EXPECT_EQ(f.response_time, kNow);
  EXPECT_EQ(f.initial_age, e.freshness.initial_age);
  EXPECT_TRUE(f.never_stale);
  EXPECT_FALSE(f.always_validate || f.shared_maxage || f.immutable);
  EXPECT_EQ(f.stale_if_error, Seconds(7));
  EXPECT_FALSE(f.stale_while_revalidate);
  EXPECT_EQ(bytes_of(*read), bytes_of(e)) << "nothing is lost";
}

TEST(EntryFormat, AnotherKeysEntryIsNone) {
  const std::string bytes = bytes_of(sample());
  EXPECT_FALSE(read_entry(bytes, "http://shop.example/s?q=2", kVariant));
  EXPECT_FALSE(read_entry(bytes, kUri, {43, kVariant.content}));
  EXPECT_FALSE(read_entry(bytes, kUri, {42, ""}));
}

TEST(EntryFormat, AnotherVersionIsNone) {
  std::string bytes = bytes_of(sample());
  bytes[7] = '0';
  EXPECT_FALSE(read_entry(bytes, kUri, kVariant));
  EXPECT_FALSE(read_entry(write_vary(kUri, read_vary(fields({{"Vary", "a"}}))), kUri, kVariant));
}

TEST(EntryFormat, WhatIsCutOrChangedIsNone) {
  const std::string whole = bytes_of(sample(200));
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(read_entry(whole.substr(0, size), kUri, kVariant)) << size;
  }
  EXPECT_FALSE(read_entry(whole + "x", kUri, kVariant));
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    EXPECT_FALSE(read_entry(changed, kUri, kVariant)) << at;
  }
}

/// Bytes whose checksum is right although they are junk: lengths and counts are not believed.
TEST(EntryFormat, JunkWithAGoodChecksumDoesNoHarm) {
  std::mt19937_64 random(7);
  const Entry e = sample(50);
  const std::string whole = bytes_of(e);
  int read = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string body = whole.substr(16);
    for (uint64_t n = random() % 4 + 1; n > 0; --n) {
      body[random() % body.size()] = static_cast<char>(random() % 3 == 0 ? 0xff : random());
    }
    if (random() % 4 == 0) body.resize(random() % body.size());
    std::string bytes = whole.substr(0, 8);
    uint64_t sum = key_hash(body);
    for (int b = 0; b < 8; ++b) bytes += static_cast<char>(sum >> (8 * b) & 0xff);
    std::optional<Entry> got = read_entry(bytes + body, kUri, kVariant);
    if (!got) continue;
    ++read;
    EXPECT_LE(got->body.size(), whole.size());
  }
  EXPECT_GT(read, 0) << "some of it is an entry all the same";
}

/// What nobody wrote: sums with it would overflow, and ages below zero make an answer fresh for ever.
TEST(EntryFormat, TimesBeyondForEverAreNone) {
  ASSERT_TRUE(read_entry(bytes_of(sample(10)), kUri, kVariant));
  auto is_read = [](auto change) {
    Entry e = sample(10);
    change(e.freshness);
    return read_entry(bytes_of(e), kUri, kVariant).has_value();
  };
  EXPECT_TRUE(is_read([](Freshness& f) { f.lifetime.length = kForever; }));
  EXPECT_TRUE(is_read([](Freshness& f) { f.lifetime.length = -kForever; }));
  EXPECT_FALSE(is_read([](Freshness& f) { f.lifetime.length = Seconds::max(); }));
  EXPECT_FALSE(is_read([](Freshness& f) { f.lifetime.length = Seconds::min(); }));
  EXPECT_FALSE(is_read([](Freshness& f) { f.stale_if_error = kForever + Seconds(1); }));
  EXPECT_FALSE(is_read([](Freshness& f) { f.stale_while_revalidate = Seconds::max(); }));
  EXPECT_FALSE(is_read([](Freshness& f) { f.initial_age = Duration(-1); }));
  EXPECT_TRUE(is_read([](Freshness& f) { f.initial_age = Duration::max(); }));
}

TEST(EntryFormat, VaryInAnEntrysPlace) {
  Vary vary = read_vary(fields({{"Vary", "Foo, Accept-Language"}, {"Content-Language", "de"}}));
  const std::string bytes = write_vary(kUri, vary);
  EXPECT_EQ(read_vary_bytes(bytes, kUri), vary);
  EXPECT_FALSE(read_vary_bytes(bytes, "http://other/"));
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(read_vary_bytes(bytes.substr(0, size), kUri)) << size;
  }
  EXPECT_FALSE(read_vary_bytes(bytes_of(sample()), kUri));
}

}  // namespace
}  // namespace siding::cache_test
