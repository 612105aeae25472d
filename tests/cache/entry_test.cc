// What a stored response holds: no more than it needs.
#include "cache/entry.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/cache/heads.h"

namespace siding::cache_test {
namespace {

TEST(Entry, ACompactHeadIsTheSameInOneBlock) {
  ResponseHead head = response(404, {{"A", "1"}, {"Long-Name", std::string(3000, 'x')}, {"A", ""}});
  head.fields.keep(BlockRef::make(16 * 1024));
  head.reason = head.fields.intern("Gone Fishing");
  const ResponseHead small = compact(head);
  head = {};  // it holds its own text
  EXPECT_EQ(small.status, 404);
  EXPECT_EQ(small.reason, "Gone Fishing");
  ASSERT_EQ(small.fields.size(), 3u);
  EXPECT_EQ(small.fields[1].name, "Long-Name");
  EXPECT_EQ(small.fields[1].value, std::string(3000, 'x'));
  EXPECT_EQ(small.fields.joined("a"), "1, ");
  EXPECT_EQ(small.fields.footprint(), 3 * sizeof(Field) + 12 + 1 + 1 + 9 + 3000 + 1);
  EXPECT_TRUE(compact(ResponseHead{}).fields.empty());
}

TEST(Entry, ABodyDoesNotLieInBlocksMuchLargerThanItself) {
  for (size_t capacity : {1000u, 1020u, 1100u, 16384u}) {
    BlockRef block = BlockRef::make(capacity);
    std::fill_n(block->data(), 1000, 'x');
    Buffer body;
    body.append(Slice(block, 0, 1000));
    body = compact(std::move(body));
    EXPECT_EQ(body.str(), std::string(1000, 'x'));
    EXPECT_LE(body.slice(0).block()->capacity(), 1031u) << capacity;
  }
}

}  // namespace
}  // namespace siding::cache_test
