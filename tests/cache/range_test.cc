// Ranges of stored responses (RFC 9110 14, 13.1.5).
#include "cache/range.h"

#include <gtest/gtest.h>

#include "tests/cache/heads.h"

namespace siding::cache_test {
namespace {

const std::string kHourAgo = date(-3600);
const std::string kRightNow = date(0);

std::string decide_range(const RequestHead& q, const ResponseHead& stored, uint64_t length = 11) {
  RangeDecision d = range_of(q, stored, length);
  return d.kind == RangeDecision::Kind::whole ? "whole" : content_range(d, length);
}
std::string range(std::string_view text, uint64_t length = 11) {
  return decide_range(request({{"Range", text}}), response(200), length);
}

TEST(CacheRange, Rfc9110_14_1_2_OneRange) {
  EXPECT_EQ(range("bytes=0-1"), "bytes 0-1/11");
  EXPECT_EQ(range("bytes=1-"), "bytes 1-10/11");
  EXPECT_EQ(range("bytes=-1"), "bytes 10-10/11");
  EXPECT_EQ(range("bytes=0-0"), "bytes 0-0/11");
  EXPECT_EQ(range("bytes=10-10"), "bytes 10-10/11");
  EXPECT_EQ(range("bytes=5-99999999999999999999999"), "bytes 5-10/11");
  EXPECT_EQ(range("bytes=-99999999999999999999999"), "bytes 0-10/11");
  EXPECT_EQ(range("BYTES=0-1"), "bytes 0-1/11");
  EXPECT_EQ(range("bytes= 0-1 "), "bytes 0-1/11");
}

TEST(CacheRange, Rfc9110_15_5_17_BehindTheEnd) {
  EXPECT_EQ(range("bytes=11-"), "bytes */11");
  EXPECT_EQ(range("bytes=11-20"), "bytes */11");
  EXPECT_EQ(range("bytes=99999999999999999999999-"), "bytes */11");
  EXPECT_EQ(range("bytes=-0"), "bytes */11");
  EXPECT_EQ(range("bytes=0-", 0), "bytes */0");
  EXPECT_EQ(range("bytes=-5", 0), "whole");
}

TEST(CacheRange, Rfc9110_14_2_WhatIsIgnored) {
  for (std::string_view text :
       {"bytes=0-1,3-4", "bytes=0-1,", "bytes=5-4", "bytes=", "bytes=-", "bytes=a-b", "bytes=1-x",
        "bytes=+1-2", "bytes=1 - 2", "bytes 0-1", "items=0-1", "0-1", "", "bytes=0-1;x",
        "bytes=--1", "bytes=1--2", " =0-1"}) {
    EXPECT_EQ(range(text), "whole") << text;
  }
  EXPECT_EQ(decide_range(request({{"Range", "bytes=0-1"}}, "HEAD"), response(200)), "whole");
  EXPECT_EQ(decide_range(request({{"Range", "bytes=0-1"}}, "QUERY"), response(200)), "whole");
  EXPECT_EQ(decide_range(request({{"Range", "bytes=0-1"}}), response(404)), "whole");
  EXPECT_EQ(decide_range(request({{"Range", "bytes=0-1"}, {"Range", "bytes=0-1"}}), response(200)),
            "whole");
  EXPECT_EQ(decide_range(request(), response(200)), "whole");
}

TEST(CacheRange, Rfc9110_13_1_5_IfRangeComparesStrongly) {
  auto with = [](std::string_view condition, Lines stored) {
    return decide_range(request({{"Range", "bytes=0-1"}, {"If-Range", condition}}),
                        response(200, stored)) == "bytes 0-1/11";
  };
  EXPECT_TRUE(with("\"a\"", {{"ETag", "\"a\""}}));
  EXPECT_FALSE(with("\"b\"", {{"ETag", "\"a\""}}));
  EXPECT_FALSE(with("W/\"a\"", {{"ETag", "W/\"a\""}}));
  EXPECT_FALSE(with("\"a\"", {{"ETag", "W/\"a\""}}));
  EXPECT_FALSE(with("\"a\"", {}));
  EXPECT_FALSE(with("\"a\", \"b\"", {{"ETag", "\"a\""}}));
  EXPECT_FALSE(with("*", {{"ETag", "\"a\""}}));
  EXPECT_TRUE(with(kHourAgo, {{"Last-Modified", kHourAgo}, {"Date", kRightNow}}));
  EXPECT_FALSE(with(kRightNow, {{"Last-Modified", kHourAgo}, {"Date", kRightNow}}));   // exact only
  EXPECT_FALSE(with(kRightNow, {{"Last-Modified", kRightNow}, {"Date", kRightNow}}));  // weak
  EXPECT_FALSE(with(kHourAgo, {{"Last-Modified", kHourAgo}}));
  EXPECT_FALSE(with("foo", {{"Last-Modified", "foo"}, {"Date", kRightNow}}));
  EXPECT_EQ(
      decide_range(request({{"Range", "bytes=0-1"}, {"If-Range", "\"a\""}, {"If-Range", "\"a\""}}),
                   response(200, {{"ETag", "\"a\""}})),
      "whole");
}

TEST(CacheRange, Rfc9110_15_3_7_TheHeadOfA206) {
  ResponseHead head = response(
      200, {{"A", "1"}, {"Content-Length", "11"}, {"ETag", "\"a\""}, {"Content-Range", "x"}});
  apply_range(head, {RangeDecision::Kind::part, 1, 3}, 11);
  EXPECT_EQ(head.status, 206);
  EXPECT_EQ(head.reason, "Partial Content");
  EXPECT_EQ(head.fields.joined("content-range"), "bytes 1-3/11");
  EXPECT_EQ(head.fields.joined("content-length"), "3");
  EXPECT_EQ(head.fields.joined("a"), "1");
  EXPECT_EQ(head.fields.joined("etag"), "\"a\"");
}

TEST(CacheRange, Rfc9110_15_5_17_TheHeadOfA416) {
  ResponseHead head =
      response(200, {{"Content-Type", "t"}, {"ETag", "\"a\""}, {"Date", kRightNow}});
  apply_range(head, {RangeDecision::Kind::unsatisfiable}, 11);
  EXPECT_EQ(head.status, 416);
  EXPECT_EQ(head.fields.joined("content-range"), "bytes */11");
  EXPECT_EQ(head.fields.joined("content-length"), "0");
  EXPECT_FALSE(head.fields.has("content-type"));
  EXPECT_TRUE(head.fields.has("date"));
  ResponseHead whole = response(200, {{"A", "1"}});
  apply_range(whole, {}, 11);
  EXPECT_EQ(whole.status, 200);
  EXPECT_EQ(whole.fields.size(), 1u);
}

}  // namespace
}  // namespace siding::cache_test
