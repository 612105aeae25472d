// What a Redis answers, as bytes: in pieces, nested, and more than anybody asked for.
#include "proxy/upstream/redis_reply.h"

#include <gtest/gtest.h>

#include <string>

namespace siding {
namespace {

TEST(RedisReply, ComesInAnyPieces) {
  RedisReader reader;
  for (char c : std::string("*3\r\n$2\r\nab\r\n:7\r\n*2\r\n+x\r\n$-1\r\n")) {
    EXPECT_FALSE(reader.next());
    reader.feed({&c, 1});
  }
  const std::optional<RedisReply> reply = reader.next();
  ASSERT_TRUE(reply);
  ASSERT_EQ(reply->size(), 3u);
  EXPECT_EQ(reply->at(0).text(), "ab");
  EXPECT_EQ(reply->at(1).integer(), 7);
  EXPECT_EQ(reply->at(2).at(0).text(), "x");
  EXPECT_TRUE(reply->at(2).at(1).is_nil());
  EXPECT_TRUE(reply->at(3).is_nil());
  EXPECT_FALSE(reader.next());
  EXPECT_FALSE(reader.broken());
}

/// A few bytes must not cost gigabytes of address space, nor the time to walk through them.
TEST(RedisReply, AnArrayOfMoreThanAnybodyAsksForBreaksIt) {
  auto broken_by = [](size_t elements) {
    RedisReader reader;
    reader.feed("*" + std::to_string(elements) + "\r\n");
    EXPECT_FALSE(reader.next());
    return reader.broken();
  };
  EXPECT_FALSE(broken_by(RedisReader::kMostElements));
  EXPECT_TRUE(broken_by(RedisReader::kMostElements + 1));
  EXPECT_TRUE(broken_by(2'000'000'000));
  EXPECT_TRUE(broken_by(4'294'967'296));
}

}  // namespace
}  // namespace siding
