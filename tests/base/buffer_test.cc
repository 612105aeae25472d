// Buffers against std::string: whatever is appended, taken, shared or dropped, the bytes are those.
#include "base/buffer.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace siding {
namespace {

std::string gathered(const Buffer& b) {
  std::vector<iovec> parts(b.slice_count());
  int n = b.iovecs(parts.data(), static_cast<int>(parts.size()));
  std::string out;
  for (int i = 0; i < n; ++i) {
    auto& part = parts[static_cast<size_t>(i)];
    out.append(static_cast<const char*>(part.iov_base), part.iov_len);
  }
  return out;
}

TEST(Buffer, StartsEmpty) {
  Buffer b;
  EXPECT_TRUE(b.empty());
  EXPECT_EQ(b.size(), 0u);
  EXPECT_EQ(b.str(), "");
  EXPECT_EQ(b.footprint(), 0u);
  b.append_copy("");
  b.append(Slice());
  b.append(Buffer());
  b.consume(0);
  EXPECT_TRUE(b.take(0).empty());
  EXPECT_EQ(b.slice_count(), 0u);
}

TEST(Buffer, AMovedFromOneIsEmptyAndUsable) {
  Buffer a;
  a.append_copy("hello");
  Buffer b = std::move(a);
  EXPECT_EQ(a.size(), 0u);  // NOLINT: that is what is tested
  EXPECT_EQ(a.str(), "");
  a.append_copy("again");
  EXPECT_EQ(a.str(), "again");
  b = std::move(a);
  EXPECT_EQ(b.str(), "again");
  EXPECT_EQ(a.str(), "");
}

TEST(Buffer, SharesBlocksButCopiesSmallPiecesOfLargeOnes) {
  BlockRef large = BlockRef::make(16 * 1024);
  std::fill_n(large->data(), large->capacity(), 'x');
  {
    Buffer b;
    b.append(Slice(large, 0, 16 * 1024));
    EXPECT_FALSE(large->unique());
    EXPECT_EQ(b.slice(0).data(), large->data());
    b.consume(16 * 1024);
    EXPECT_TRUE(large->unique());
    b.append(Slice(large, 100, 50));
    EXPECT_TRUE(large->unique()) << "50 bytes must not keep 16 KiB alive";
    EXPECT_LT(b.footprint(), 1024u);
    EXPECT_EQ(b.str(), std::string(50, 'x'));
  }
  EXPECT_TRUE(large->unique());
}

TEST(Buffer, SharedBytesOutliveTheirFirstReader) {
  auto first = std::make_unique<Buffer>();
  first->append_copy("one ");
  first->append_copy("two");
  first->consume(1);
  Buffer second = first->share();
  first->consume(3);
  EXPECT_EQ(second.str(), "ne two");
  first.reset();
  EXPECT_EQ(second.str(), "ne two");
}

TEST(Buffer, IovecsStopAtTheirLimit) {
  Buffer b;
  for (int i = 0; i < 5; ++i) b.append_copy(std::string(1, static_cast<char>('a' + i)));
  iovec parts[3];
  EXPECT_EQ(b.iovecs(parts, 3), 3);
  EXPECT_EQ(*static_cast<char*>(parts[2].iov_base), 'c');
  EXPECT_EQ(gathered(b), "abcde");
}

TEST(Buffer, FootprintCoversWhatIsHeld) {
  Buffer b;
  for (int i = 0; i < 100; ++i) b.append_copy(std::string(1000, 'x'));
  EXPECT_GE(b.footprint(), b.size());
}

TEST(Buffer, BehavesLikeAString) {
  for (unsigned seed = 0; seed < 40; ++seed) {
    std::mt19937 random(seed);
    Buffer buffers[2];
    std::string models[2];
    std::vector<std::pair<Buffer, std::string>> readers;
    for (int i = 0; i < 400; ++i) {
      size_t w = random() % 2;
      Buffer& b = buffers[w];
      std::string& m = models[w];
      size_t n = m.empty() ? 0 : random() % (m.size() + 1);
      std::string bytes(random() % 300, static_cast<char>('a' + random() % 26));
      switch (random() % 9) {
        case 0:
        case 1:
          b.append_copy(bytes);
          m += bytes;
          break;
        case 2: {
          Slice s = Slice::copy_of(bytes + "tail");
          s.remove_prefix(std::min<size_t>(2, s.size()));
          Slice head = s.first(s.size() / 2);
          m += head.view();
          b.append(std::move(head));
          break;
        }
        case 3:
          b.consume(n);
          m.erase(0, n);
          break;
        case 4: {
          Buffer taken = b.take(n);
          EXPECT_EQ(taken.str(), m.substr(0, n));
          EXPECT_EQ(taken.size(), n);
          m.erase(0, n);
          break;
        }
        case 5:
          b.append(std::move(buffers[1 - w]));
          m += models[1 - w];
          models[1 - w].clear();
          break;
        case 6: readers.emplace_back(b.share(), m); break;
        case 7:
          if (random() % 10 == 0) {
            b.clear();
            m.clear();
          }
          break;
        default: b = b.take(b.size());
      }
      ASSERT_EQ(b.size(), m.size());
      ASSERT_EQ(buffers[1 - w].size(), models[1 - w].size());
      ASSERT_EQ(b.str(), m);
    }
    EXPECT_EQ(gathered(buffers[0]), models[0]);
    for (auto& [buffer, model] : readers) EXPECT_EQ(buffer.str(), model);
  }
}

// The queue of a long response: its spent slices go away although it never becomes empty.
TEST(Buffer, ALongLivedQueueDoesNotGrow) {
  Buffer b;
  b.append_copy("start");
  for (int i = 0; i < 20'000; ++i) {
    b.append_copy("0123456789");
    b.consume(10);
  }
  EXPECT_EQ(b.size(), 5u);
  EXPECT_LT(b.footprint(), 64u * 1024);
}

}  // namespace
}  // namespace siding
