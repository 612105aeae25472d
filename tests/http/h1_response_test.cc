// Response heads: the RS cases of the raw-bytes suite that concern the head, fed in all ways.
#include <gtest/gtest.h>

#include <string>

#include "tests/http/h1_feed.h"

namespace siding::h1_response_test {
namespace {

using test::feed_all_ways;
using namespace std::string_literals;

std::string parse(const std::string& bytes) { return feed_all_ways<ResponseHead>(bytes); }
std::string status_line(const std::string& line) { return parse(line + "\r\nA: b\r\n\r\n"); }

TEST(H1Response, Accepted) {
  EXPECT_EQ(status_line("HTTP/1.1 200 OK"), "1.1 200 'OK' | A=b @25");
  EXPECT_EQ(status_line("HTTP/1.0 404 Not Found"), "1.0 404 'Not Found' | A=b @32");
  EXPECT_EQ(status_line("HTTP/1.1 200"), "1.1 200 '' | A=b @22");
  EXPECT_EQ(status_line("HTTP/1.1 200 "), "1.1 200 '' | A=b @23");
  EXPECT_EQ(status_line("HTTP/1.1 200 x"), "1.1 200 'x' | A=b @24");
  EXPECT_EQ(status_line("HTTP/1.1 599 a  b\t\xe4"), "1.1 599 'a  b\t\xe4' | A=b @29");
  EXPECT_EQ(status_line("HTTP/1.1 100 Continue"), "1.1 100 'Continue' | A=b @31");
  EXPECT_EQ(parse("HTTP/1.1 204 No Content\r\n\r\nGHOST"), "1.1 204 'No Content' @27");
  EXPECT_EQ(parse("HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n"),
            "1.1 200 'OK' | Set-Cookie=a=1 | Set-Cookie=b=2 @53");
  // Framing depends on the request: response_framing() finds this one.
  EXPECT_EQ(parse("HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\n"),
            "1.1 200 'OK' | Content-Length=5x @39");
}

TEST(H1Response, RefusedStatusLines) {
  for (const char* bad :
       {"HTTP/1.1 2x0 OK", "HTTP/1.1 2000 OK", "HTTP/1.1 099 OK", "HTTP/1.1 600 OK",
        "HTTP/1.1 999 OK", "HTTP/1.1 20 OK", "HTTP/1.1  200 OK", "HTTP/1.1 +20 OK",
        "HTTP/1.1\t200 OK", "HTTP/1.1 200\tOK", "HTTP/1.1", "HTTP/1.1 "}) {
    EXPECT_EQ(status_line(bad), "502 bad status code") << bad;
  }
  EXPECT_EQ(status_line("HTTP/2.0 200 OK"), "502 HTTP version");
  EXPECT_EQ(status_line("HTTP/1.2 200 OK"), "502 HTTP version");
  EXPECT_EQ(status_line("HTTP/0.0 200 OK"), "502 HTTP version");
  for (const char* bad : {"SSH-2.0-OpenSSH_9.2", "http/1.1 200 OK", "HTTP/1.10 200 OK", "200 OK",
                          " HTTP/1.1 200 OK", "HTTP 1.1 200 OK", "HTTP/1", "ICY 200 OK"}) {
    std::string expected = bad == "HTTP/1.10 200 OK"s ? "502 bad status code" : "502 not HTTP";
    EXPECT_EQ(status_line(bad), expected) << bad;
  }
}

TEST(H1Response, RefusedHeads) {
  auto fields = [](const std::string& lines) {
    return parse("HTTP/1.1 200 OK\r\n" + lines + "\r\nContent-Length: 2\r\n\r\nok");
  };
  EXPECT_EQ(fields("X-Bad: a\0b"s), "502 control byte");
  EXPECT_EQ(fields("X-Bad: a\rX-Inj: 1"), "502 bare CR");
  EXPECT_EQ(fields("X-Bad : v"), "502 space before colon");
  EXPECT_EQ(fields("X-Fold: a\r\n b"), "502 folded field line");
  EXPECT_EQ(fields("garbage line"), "502 space in field name");
  EXPECT_EQ(fields("garbage"), "502 no colon in field line");
  EXPECT_EQ(parse("HTTP/1.1 200 OK\nX-A: 1\nContent-Length: 2\n\nok"), "502 bare LF");
  EXPECT_EQ(parse("<html>hello</html>\n"), "502 bare LF");
  EXPECT_EQ(parse("\r\nHTTP/1.1 200 OK\r\n\r\n"), "502 empty start line");
  EXPECT_EQ(parse("HTTP/1.1 200 OK\r\nContent-Le"), "incomplete");
}

TEST(H1Response, Limits) {
  std::string bytes = "HTTP/1.1 200 OK\r\nA: b\r\n\r\n";
  EXPECT_EQ(feed_all_ways<ResponseHead>(bytes, {25, 1, 0}), "1.1 200 'OK' | A=b @25");
  EXPECT_EQ(feed_all_ways<ResponseHead>(bytes, {24, 1, 0}), "502 head too large");
  EXPECT_EQ(feed_all_ways<ResponseHead>(bytes, {25, 0, 0}), "502 too many fields");
  EXPECT_EQ(feed_all_ways<ResponseHead>("HTTP/1.1 200 " + std::string(500, 'x'), {400, 1, 10}),
            "502 head too large");
}

TEST(H1Response, InterimAnswersThenTheFinalOne) {
  std::string interim = "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n";
  std::string input = interim + "HTTP/1.1 200 OK\r\n\r\n";
  HeadLimits limits;
  ResponseHeadParser parser(limits);
  ASSERT_EQ(parser.feed(input), ParseStatus::done);
  EXPECT_EQ(parser.consumed(), interim.size());
  EXPECT_TRUE(parser.take().interim());
  ASSERT_EQ(parser.feed(input.substr(interim.size())), ParseStatus::done);
  EXPECT_FALSE(parser.take().interim());
}

}  // namespace
}  // namespace siding::h1_response_test
