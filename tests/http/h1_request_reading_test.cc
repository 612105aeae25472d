// How request heads are read: faults as soon as they are certain, limits, one head after the other, and
// in what memory.
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "tests/http/h1_feed.h"

namespace siding::h1_request_reading_test {
namespace {

using test::feed_all_ways;
using test::line;
using test::with;
using namespace std::string_literals;

TEST(H1RequestReading, FaultsComeWithTheFirstByteThatMakesThemCertain) {
  struct {
    const char* what;
    std::string bytes;
    size_t needed;
  } cases[] = {
      {"TLS", "\x16\x03\x01"s, 1},
      {"bare LF", "GET /x HTTP/1.1\nHost", 16},
      {"no version", "GET /x\r\nmore", 8},
      {"control byte in a line that has no end", "GET /x HTTP/1.1\r\nA: b\x01zzz", 22},
      {"space before colon, head without end", "GET /x HTTP/1.1\r\nA : b\r\nC: d", 24},
      {"bare CR", "GET /x HTTP/1.1\r\nA: b\rc", 23},
  };
  for (const auto& c : cases) {
    size_t needed = 0;
    std::string result = feed_all_ways<RequestHead>(c.bytes, {}, &needed);
    EXPECT_EQ(result.substr(0, 4), "400 ") << c.what << ": " << result;
    EXPECT_EQ(needed, c.needed) << c.what;
  }
}

TEST(H1RequestReading, LimitsHoldForWholeAndForUnfinishedHeads) {
  std::string head = with("A: b");  // 34 bytes, 2 fields, target of 2
  ASSERT_EQ(head.size(), 34u);
  std::string good = "GET /x http://h origin 1.1 | Host=h | A=b @34";
  EXPECT_EQ(feed_all_ways<RequestHead>(head, {34, 2, 2}), good);
  EXPECT_EQ(feed_all_ways<RequestHead>(head + "GET", {34, 2, 2}), good);
  EXPECT_EQ(feed_all_ways<RequestHead>(head, {33, 2, 2}), "431 head too large");
  EXPECT_EQ(feed_all_ways<RequestHead>(head, {20, 2, 2}), "431 head too large");
  EXPECT_EQ(feed_all_ways<RequestHead>(head, {34, 1, 2}), "431 too many fields");
  EXPECT_EQ(feed_all_ways<RequestHead>(head, {34, 2, 1}), "414 target too long");

  HeadLimits limits{400, 10, 50};
  auto get = [](size_t target) {
    return line("GET /" + std::string(target - 1, 'x') + " HTTP/1.1");
  };
  EXPECT_EQ(feed_all_ways<RequestHead>(get(50), limits).substr(0, 6), "GET /x");
  EXPECT_EQ(feed_all_ways<RequestHead>(get(51), limits), "414 target too long");
  EXPECT_EQ(feed_all_ways<RequestHead>(get(200), limits), "414 target too long");
  size_t needed = 0;  // without an end of line: 50 + 64 + 10 + 2 bytes and one
  EXPECT_EQ(feed_all_ways<RequestHead>("GET /" + std::string(500, 'x'), limits, &needed),
            "414 target too long");
  EXPECT_EQ(needed, 127u);
  EXPECT_EQ(feed_all_ways<RequestHead>(std::string(500, 'M'), limits), "501 method too long");
  std::string long_target = " /" + std::string(300, 'x');
  EXPECT_EQ(feed_all_ways<RequestHead>(std::string(65, 'M') + long_target, limits),
            "501 method too long");
  EXPECT_EQ(feed_all_ways<RequestHead>(std::string(64, 'M') + long_target, limits),
            "414 target too long");
  EXPECT_EQ(
      feed_all_ways<RequestHead>(line(std::string(64, 'M') + " / HTTP/1.1"), limits).substr(0, 3),
      "MMM");
  EXPECT_EQ(feed_all_ways<RequestHead>(with("A: " + std::string(500, 'x')), limits, &needed),
            "431 head too large");
  EXPECT_EQ(needed, 401u);
  // A fault behind the limit is not reached, one before it comes first.
  std::string control = "GET /x HTTP/1.1\r\nA\x01: b";  // its 19th byte is the fault
  EXPECT_EQ(feed_all_ways<RequestHead>(control, {19, 2, 50}), "400 control byte");
  EXPECT_EQ(feed_all_ways<RequestHead>(control, {18, 2, 50}), "431 head too large");
  EXPECT_EQ(feed_all_ways<RequestHead>(with("A: " + std::string(380, 'x') + "\x01"), limits),
            "431 head too large");
  EXPECT_EQ(feed_all_ways<RequestHead>(with("A: " + std::string(300, 'x') + "\x01"), limits),
            "400 control byte");
}

TEST(H1RequestReading, PipelinedHeadsComeOneByOne) {
  std::string first = line("GET /1 HTTP/1.1");
  std::string second = "\r\n" + line("GET /2 HTTP/1.1");
  HeadLimits limits;
  RequestHeadParser parser(limits);
  std::string input = first + second;
  ASSERT_EQ(parser.feed(input), ParseStatus::done);
  EXPECT_EQ(parser.consumed(), first.size());
  RequestHead one = parser.take();
  ASSERT_EQ(parser.feed(input.substr(first.size())), ParseStatus::done);
  EXPECT_EQ(parser.consumed(), second.size());
  RequestHead two = parser.take();
  EXPECT_EQ(one.target, "/1");
  EXPECT_EQ(two.target, "/2");
  RequestHead copy = two;
  two = RequestHead();  // the text lives as long as any head that shares it
  EXPECT_EQ(test::tell(copy), "GET /2 http://h origin 1.1 | Host=h");
}

TEST(H1RequestReading, ResetAfterFaultOrInTheMiddle) {
  HeadLimits limits;
  RequestHeadParser parser(limits);
  ASSERT_EQ(parser.feed("\n"), ParseStatus::fault);
  parser.reset();
  EXPECT_TRUE(parser.fault().reason.empty());
  ASSERT_EQ(parser.feed("GET /old HTTP/1.1\r\nA: b\r\n"), ParseStatus::incomplete);
  parser.reset();
  ASSERT_EQ(parser.feed(line("GET /new HTTP/1.1")), ParseStatus::done);
  EXPECT_EQ(test::tell(parser.take()), "GET /new http://h origin 1.1 | Host=h");
}

TEST(H1RequestReading, ManyFieldsPass) {
  std::string fields;
  for (int i = 0; i < 99; ++i)
    fields += "X-" + std::to_string(i) + ": " + std::string(90, 'v') + "\r\n";
  std::string bytes = "GET /x HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n";
  HeadLimits limits;
  RequestHeadParser parser(limits);
  ASSERT_EQ(parser.feed(bytes), ParseStatus::done);
  EXPECT_EQ(parser.take().fields.size(), 100u);
  ASSERT_EQ(parser.feed(bytes.substr(0, bytes.size() - 2) + "One: more\r\n\r\n"),
            ParseStatus::fault);
  EXPECT_EQ(test::tell(parser.fault()), "431 too many fields");
}

TEST(H1RequestReading, MemoryIsWhatTheHeadNeeds) {
  EXPECT_LE(sizeof(RequestHeadParser), 48u);  // all that an idle connection keeps
  std::string bytes = with("A: b\r\nC: d\r\nE: f");
  HeadLimits limits;
  RequestHeadParser parser(limits);
  ASSERT_EQ(parser.feed(bytes), ParseStatus::done);
  EXPECT_EQ(parser.take().fields.footprint(), bytes.size() + 4 * sizeof(Field));
}

TEST(H1RequestReading, ABlockThatTheHeadFillsIsKeptAndNotCopied) {
  std::string bytes = with("A: b");
  HeadLimits limits;
  RequestHeadParser parser(limits);
  auto parsed_inside = [&](const Slice& slice) {
    EXPECT_EQ(parser.feed(slice), ParseStatus::done);
    RequestHead head = parser.take();
    const char* begin = slice.data();
    return head.target.data() > begin && head.target.data() < begin + slice.size();
  };
  EXPECT_TRUE(parsed_inside(Slice::copy_of(bytes)));
  // A small head must not pin the large body that came with it.
  EXPECT_FALSE(parsed_inside(Slice::copy_of(bytes + std::string(2 * bytes.size(), 'x'))));
  BlockRef large = BlockRef::make(4096);
  std::memcpy(large->data(), bytes.data(), bytes.size());
  EXPECT_FALSE(parsed_inside(Slice(large, 0, bytes.size())));
  EXPECT_TRUE(large->unique());
}

}  // namespace
}  // namespace siding::h1_request_reading_test
