// Chunked bodies: the CH cases of the raw-bytes suite, fed in all ways.
#include <gtest/gtest.h>

#include <string>

#include "tests/http/h1_decode.h"

namespace siding::h1_chunked_test {
namespace {

using test::decode;
using test::decode_parts;
using namespace std::string_literals;

std::string chunked(std::string_view bytes) { return decode(BodyFraming::chunked(), bytes); }

TEST(H1Chunked, Accepted) {
  EXPECT_EQ(chunked("5\r\nhello\r\n0\r\n\r\n"), "ended @15: hello");
  EXPECT_EQ(chunked("0\r\n\r\n"), "ended @5: ");
  EXPECT_EQ(chunked("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"), "ended @26: hello world");
  EXPECT_EQ(chunked("5\r\nhello\r\n0\r\n\r\nGET / HTTP/1.1\r\n"), "ended @15: hello");
  EXPECT_EQ(chunked("a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n"),
            "ended @35: 01234567890123456789");
  EXPECT_EQ(chunked("000005\r\nhello\r\n0\r\n\r\n"), "ended @20: hello");
  EXPECT_EQ(chunked("0000000000000005\r\nhello\r\n0000000000000000\r\n\r\n"), "ended @45: hello");
  EXPECT_EQ(chunked("5\r\nhello\r\n"), "open @10: hello");
  EXPECT_EQ(chunked("7FFFFFFFFFFFFFFF\r\nhel"), "open @21: hel");
  std::string many;
  for (int i = 0; i < 500; ++i) many += "1\r\nz\r\n";
  EXPECT_EQ(decode_parts(BodyFraming::chunked(), many + "0\r\n\r\n", {1500, 3005}),
            "ended @3005: " + std::string(500, 'z'));
}

TEST(H1Chunked, Extensions) {
  for (const char* good : {";a", ";a=b", ";a=b;c=\"d\"", ";a=\"\"", ";a=\"b;c\\\"d\\\\ \t\xe4\"",
                           ";a;b;c=d;e", ";a=\"b\";c"}) {
    size_t size = std::string(good).size();
    EXPECT_EQ(chunked("5"s + good + "\r\nhello\r\n0\r\n\r\n"),
              "ended @" + std::to_string(15 + size) + ": hello");
    EXPECT_EQ(chunked("5\r\nhello\r\n0000"s + good + "\r\n\r\n"),
              "ended @" + std::to_string(18 + size) + ": hello");
  }
  for (const char* bad :
       {";", ";;a", ";a;", ";a=", ";a=;b", "; a", ";a =b", ";a= b", ";a ", ";=b", ";a=b=c",
        ";a=\"b\"c", ";a=b\"c\"", ";a\"b\"", ";a(b", ";a=b,c", ";a=\x80"}) {
    std::string result = chunked("5"s + bad + "\r\nhello\r\n0\r\n\r\n");
    EXPECT_TRUE(result == "fault: bad chunk extension after " ||
                result == "fault: bad chunk line after ")
        << bad << ": " << result;
  }
  for (const char* bad : {";a=\"b\x01\"", ";a=\"b\x7f\"", ";a=\"b", ";a=\"b\\"}) {
    EXPECT_EQ(chunked("5"s + bad + "\r\nhello\r\n0\r\n\r\n"),
              "fault: control byte in chunk extension after ")
        << bad;
  }
  EXPECT_EQ(chunked("5;a=\"\0\"\r\nhello\r\n0\r\n\r\n"s),
            "fault: control byte in chunk extension after ");
  EXPECT_EQ(chunked("5;a=\0\r\nhello\r\n0\r\n\r\n"s), "fault: bad chunk extension after ");
  // The cap counts from the semicolon on, for each chunk anew.
  std::string longest = ";a=" + std::string(253, 'x');
  ASSERT_EQ(longest.size(), kMaxChunkExtension);
  EXPECT_EQ(decode_parts(BodyFraming::chunked(),
                         "1" + longest + "\r\nx\r\n1" + longest + "\r\ny\r\n0\r\n\r\n", {529}),
            "ended @529: xy");
  EXPECT_EQ(chunked("1" + longest + "x\r\nx\r\n0\r\n\r\n"),
            "fault: chunk extension too long after ");
  EXPECT_EQ(chunked("1;" + std::string(300, 'x')), "fault: chunk extension too long after ");
}

TEST(H1Chunked, Refused) {
  struct {
    const char* bytes;
    const char* reason;
  } cases[] = {
      {"0x5\r\nhello\r\n0\r\n\r\n", "bad chunk line after "},
      {"+5\r\nhello\r\n0\r\n\r\n", "bad chunk size after "},
      {"-5\r\nhello\r\n0\r\n\r\n", "bad chunk size after "},
      {"10000000000000005\r\nhello", "chunk size of more than 16 digits after "},
      {"00000000000000005\r\nhello", "chunk size of more than 16 digits after "},
      {"FFFFFFFFFFFFFFFF\r\nhello", "chunk size too large after "},
      {"8000000000000000\r\nhello", "chunk size too large after "},
      {"5\nhello\r\n0\r\n\r\n", "bare LF in chunk line after "},
      {"5\r\nhello\n0\r\n\r\n", "chunk longer than its size after hello"},
      {"5\r\nhello\rx0\r\n\r\n", "bare CR after chunk after hello"},
      {"5\r\r\nhello\r\n0\r\n\r\n", "bare CR in chunk line after "},
      {"5\r;a\r\nhello\r\n0\r\n\r\n", "bare CR in chunk line after "},
      {"3\r\nhello\r\n0\r\n\r\n", "chunk longer than its size after hel"},
      {"\r\nhello\r\n0\r\n\r\n", "bad chunk size after "},
      {" 5\r\nhello\r\n0\r\n\r\n", "bad chunk size after "},
      {"5 \r\nhello\r\n0\r\n\r\n", "bad chunk line after "},
      {"5\t\r\nhello\r\n0\r\n\r\n", "bad chunk line after "},
      {"5 ;a=b\r\nhello\r\n0\r\n\r\n", "bad chunk line after "},
      {"0_5\r\nhello\r\n0\r\n\r\n", "bad chunk line after "},
      {"5x\r\nhello\r\n0\r\n\r\n", "bad chunk line after "},
      {"g\r\n", "bad chunk size after "},
      {";a\r\nhello\r\n0\r\n\r\n", "bad chunk size after "},
      {"5\r\nhelloXX0\r\n\r\n", "chunk longer than its size after hello"},
      {"5\r\nhello\r\n\r\n", "bad chunk size after hello"},
      {"5\r\nhello\r\nZZ\r\nxx\r\n", "bad chunk size after hello"},
      {"5\r\nhello\r\n0\n\n", "bare LF in chunk line after hello"},
      {"5\r\nhello\r\n0\r\n\n", "bare LF in trailers after hello"},
      {"5\r\nhello\r\n0\r\n\rx", "bare CR in trailers after hello"},
      {"5;\nhello\r\n0\r\n\r\n", "bad chunk extension after "},
      {"2;\nxx\r\n2f\r\n0\r\n\r\n", "bad chunk extension after "},
      {"5;a\nhello\r\n0\r\n\r\n", "bare LF in chunk line after "},
      {"5;a=\"\n\"\r\nhello\r\n0\r\n\r\n", "control byte in chunk extension after "},
      {"5\r\nhello\r\n0\r\nGET /x HTTP/1.1\r\nHost: h\r\n\r\n", "space in field name after hello"},
      {"0\r\nA : b\r\n\r\n", "space before colon after "},
      {"0\r\nA\r\n\r\n", "no colon in field line after "},
      {"0\r\nA: b\r\n c\r\n\r\n", "folded field line after "},
      {"0\r\n: b\r\n\r\n", "empty field name after "},
      {"0\r\nA: b\nC: d\r\n\r\n", "bare LF in trailers after "},
      {"0\r\nA: \x01\r\n\r\n", "control byte in trailers after "},
  };
  for (const auto& c : cases) EXPECT_EQ(chunked(c.bytes), "fault: "s + c.reason) << c.bytes;
  EXPECT_EQ(chunked("5\r\nhello\r\n0\r\nA: \0\r\n\r\n"s),
            "fault: control byte in trailers after hello");
}

TEST(H1Chunked, Trailers) {
  EXPECT_EQ(chunked("0\r\nX-T: 1\r\ny:\t 2 \r\nX-T: 3\r\n\r\n"),
            "ended @29:  | X-T=1 | y=2 | X-T=3");
  // What frames, routes, authenticates or belongs to one hop is dropped; the rest stays.
  for (const char* name : {"Connection",
                           "Content-Length",
                           "Host",
                           "Keep-Alive",
                           "Proxy-Connection",
                           "TE",
                           "Trailer",
                           "transfer-encoding",
                           "Upgrade",
                           "Cache-Control",
                           "Expect",
                           "If-Match",
                           "If-Modified-Since",
                           "If-None-Match",
                           "If-Range",
                           "If-Unmodified-Since",
                           "Max-Forwards",
                           "Pragma",
                           "Range",
                           "X-HTTP-Method-Override",
                           "Authentication-Info",
                           "AUTHORIZATION",
                           "Cookie",
                           "Forwarded",
                           "Origin",
                           "Proxy",
                           "Proxy-Authenticate",
                           "Proxy-Authentication-Info",
                           "Proxy-Authorization",
                           "Referer",
                           "Set-Cookie",
                           "Via",
                           "WWW-Authenticate",
                           "X-Real-IP",
                           "X-Request-Id",
                           "Accept-Ranges",
                           "Age",
                           "Content-Encoding",
                           "Content-Range",
                           "Content-Type",
                           "Date",
                           "Expires",
                           "Location",
                           "Retry-After",
                           "Vary",
                           "Warning",
                           "X-Forwarded-For",
                           "X-FORWARDED-anything",
                           "Siding-Exchange",
                           "Sec-Fetch-Site",
                           "X_T"}) {
    std::string line = name + ": x\r\n"s;
    EXPECT_EQ(chunked("0\r\nA: 1\r\n" + line + "B: 2\r\n\r\n"),
              "ended @" + std::to_string(17 + line.size()) + ":  | A=1 | B=2");
    EXPECT_FALSE(trailer_allowed(name)) << name;
  }
  for (const char* name :
       {"Digest", "X-Checksum", "ETag", "Server-Timing", "grpc-status", "Hosts"}) {
    EXPECT_TRUE(trailer_allowed(name)) << name;
  }
}

TEST(H1Chunked, TrailersAreLimited) {
  auto once = [](const std::string& bytes) {
    return decode_parts(BodyFraming::chunked(), bytes, {bytes.size()});
  };
  std::string fields;
  for (size_t i = 0; i < kMaxTrailerFields; ++i) fields += "Date: x\r\n";  // dropped ones count too
  EXPECT_EQ(once("0\r\n" + fields + "\r\n"), "ended @" + std::to_string(5 + fields.size()) + ": ");
  EXPECT_EQ(once("0\r\n" + fields + "A: b\r\n\r\n"), "fault: too many trailers after ");
  std::string line = "A: " + std::string(kMaxTrailerBytes - 5, 'x');  // with both CR: the limit
  EXPECT_EQ(once("0\r\n" + line + "\r\n\r\n").substr(0, 5), "ended");
  EXPECT_EQ(once("0\r\n" + line + "x\r\n\r\n"), "fault: trailers too large after ");
  EXPECT_EQ(once("0\r\nA: " + std::string(kMaxTrailerBytes, 'x')),
            "fault: trailers too large after ");
}

}  // namespace
}  // namespace siding::h1_chunked_test
