// Where bodies end: the CL and TE cases of the raw-bytes suite, and its misbehaving origins.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "http/h1_body.h"
#include "tests/http/h1_feed.h"

namespace siding::h1_framing_test {
namespace {

using namespace std::string_literals;

std::string tell(BodyFraming f) {
  switch (f.kind) {
    case BodyFraming::Kind::none: return "none";
    case BodyFraming::Kind::length: return "length " + std::to_string(f.length);
    case BodyFraming::Kind::chunked: return "chunked";
    case BodyFraming::Kind::until_close: return "until close";
  }
  return "?";
}

std::string tell(const Framing& f) {
  if (!f.ok()) return test::tell(f.fault);
  std::string out = tell(f.body);
  if (tell(f.declared) != out) out += ", declared " + tell(f.declared);
  return out;
}

using Lines = std::vector<std::pair<std::string, std::string>>;

Fields fields(const Lines& lines) {
  Fields out;
  for (const auto& [name, value] : lines) out.add(name, value);
  return out;
}

std::string of_request(const Lines& lines, int minor_version = 1) {
  RequestHead head;
  head.method = "POST";
  head.minor_version = minor_version;
  head.fields = fields(lines);
  return tell(request_framing(head));
}

std::string of_response(const Lines& lines, int status = 200, std::string_view method = "GET",
                        int minor_version = 1) {
  ResponseHead head;
  head.status = status;
  head.minor_version = minor_version;
  head.fields = fields(lines);
  return tell(response_framing(method, head));
}

constexpr const char* kCL = "Content-Length";
constexpr const char* kTE = "transfer-ENCODING";

TEST(H1Framing, RequestContentLength) {
  EXPECT_EQ(of_request({}), "none");
  EXPECT_EQ(of_request({{"Content-Lengths", "5"}, {"Content-Type", "5"}}), "none");
  EXPECT_EQ(of_request({{kCL, "0"}}), "length 0");
  EXPECT_EQ(of_request({{"CONTENT-length", "5"}}), "length 5");
  EXPECT_EQ(of_request({{kCL, "00005"}}), "length 5");
  EXPECT_EQ(of_request({{kCL, "9223372036854775807"}}), "length 9223372036854775807");
  EXPECT_EQ(of_request({{kCL, "5"}}, 0), "length 5");
  for (const char* bad : {"+5",
                          "-1",
                          "-0",
                          "0x5",
                          "5abc",
                          "",
                          "18446744073709551621",
                          "9223372036854775808",
                          "5\x0b",
                          "5 5",
                          "5;q",
                          "5_0",
                          "5.0",
                          "5, 5",
                          "5,",
                          ",5",
                          "five",
                          "1e1",
                          "\"5\"",
                          "5\xa0"}) {
    EXPECT_EQ(of_request({{kCL, bad}}), "400 bad Content-Length") << bad;
  }
  EXPECT_EQ(of_request({{kCL, "5"}, {kCL, "5"}}), "400 two Content-Length fields");
  EXPECT_EQ(of_request({{kCL, "0"}, {"A", "b"}, {"content-length", "44"}}),
            "400 two Content-Length fields");
  EXPECT_EQ(of_request({{kCL, ""}, {kCL, "5"}}), "400 bad Content-Length");
}

TEST(H1Framing, RequestTransferEncoding) {
  EXPECT_EQ(of_request({{kTE, "chunked"}}), "chunked");
  EXPECT_EQ(of_request({{kTE, "ChUnKeD"}}), "chunked");
  EXPECT_EQ(of_request({{kTE, "chunked"}}, 0), "400 Transfer-Encoding in HTTP/1.0");
  for (const char* unknown : {"xchunked", "chunk", "identity", "gzip", "cow, chunked",
                              "gzip, chunked", "identity, chunked", "gzip,\tdeflate , chunked"}) {
    EXPECT_EQ(of_request({{kTE, unknown}}), "501 unknown transfer coding") << unknown;
  }
  for (const char* bad : {"", ",", ",chunked", "chunked,", "gzip,,chunked", "\"chunked\"",
                          "chunked;q=1", "chunked\x0b",
                          "\x0b"
                          "chunked",
                          "\xa0"
                          "chunked",
                          "chunked bar", "cow chunked bar", "chunked\r", "chunked\n"}) {
    EXPECT_EQ(of_request({{kTE, bad}}), "400 malformed Transfer-Encoding") << bad;
  }
  EXPECT_EQ(of_request({{kTE, "chunked\0"s}}), "400 malformed Transfer-Encoding");
  for (const char* bad :
       {"chunked, identity", "chunked, cow", "chunked, chunked", "gzip, chunked, gzip"}) {
    EXPECT_EQ(of_request({{kTE, bad}}), "400 chunked is not last or not alone") << bad;
  }
  EXPECT_EQ(of_request({{kTE, "chunked"}, {kTE, "chunked"}}),
            "400 chunked is not last or not alone");
  EXPECT_EQ(of_request({{kTE, "chunked"}, {"A", "b"}, {kTE, "identity"}}),
            "400 chunked is not last or not alone");
  EXPECT_EQ(of_request({{kTE, "cow"}, {kTE, "chunked"}}), "501 unknown transfer coding");
}

TEST(H1Framing, RequestWithBothIsRefused) {
  const std::string both = "400 Transfer-Encoding and Content-Length";
  EXPECT_EQ(of_request({{kCL, "5"}, {kTE, "chunked"}}), both);
  EXPECT_EQ(of_request({{kTE, "chunked"}, {kCL, "5"}}), both);
  EXPECT_EQ(of_request({{kTE, "identity"}, {kCL, "5"}}), both);
  EXPECT_EQ(of_request({{kTE, "xchunked"}, {kCL, "0"}}), both);
  EXPECT_EQ(of_request({{kTE, ""}, {kCL, "5"}}), "400 malformed Transfer-Encoding");
}

TEST(H1Framing, Response) {
  EXPECT_EQ(of_response({}), "until close");
  EXPECT_EQ(of_response({{kCL, "5"}}), "length 5");
  EXPECT_EQ(of_response({{kCL, "0"}}), "length 0");
  EXPECT_EQ(of_response({{kTE, "chunked"}}), "chunked");
  EXPECT_EQ(of_response({{kCL, "5"}}, 200, "GET", 0), "length 5");
  EXPECT_EQ(of_response({}, 200, "GET", 0), "until close");
  EXPECT_EQ(of_response({{kCL, "5"}, {kCL, "05"}}), "length 5");  // said twice, the same
  EXPECT_EQ(of_response({{kCL, "5"}, {kCL, "50"}}), "502 two Content-Length fields");
  EXPECT_EQ(of_response({{kCL, "5x"}}), "502 bad Content-Length");
  EXPECT_EQ(of_response({{kCL, "-5"}}), "502 bad Content-Length");
  EXPECT_EQ(of_response({{kCL, "3"}, {kTE, "chunked"}}),
            "502 Transfer-Encoding and Content-Length");
  EXPECT_EQ(of_response({{kTE, "xchunked"}}), "502 unknown transfer coding");
  EXPECT_EQ(of_response({{kTE, "chunked"}, {kTE, "chunked"}}),
            "502 chunked is not last or not alone");
  EXPECT_EQ(of_response({{kTE, "chunked"}}, 200, "GET", 0), "502 Transfer-Encoding in HTTP/1.0");
}

TEST(H1Framing, ResponsesWithoutABody) {
  for (int status : {100, 101, 103, 199, 204, 304}) {
    EXPECT_EQ(of_response({}, status), "none") << status;
    EXPECT_EQ(of_response({{kCL, "5"}}, status), "none") << status;
    EXPECT_EQ(of_response({{kTE, "chunked"}}, status, "HEAD"), "none") << status;
  }
  for (int status : {200, 203, 205, 303, 305, 404}) {
    EXPECT_EQ(of_response({{kCL, "5"}}, status), "length 5") << status;
    EXPECT_EQ(of_response({{kCL, "5"}}, status, "HEAD"), "none, declared length 5") << status;
  }
  EXPECT_EQ(of_response({}, 200, "HEAD"), "none");
  EXPECT_EQ(of_response({{kTE, "chunked"}}, 200, "HEAD"), "none, declared chunked");
  EXPECT_EQ(of_response({{kCL, "5x"}}, 200, "HEAD"), "502 bad Content-Length");
  EXPECT_EQ(of_response({{kCL, "5"}}, 200, "CONNECT"), "none");
  EXPECT_EQ(of_response({{kCL, "5"}}, 300, "CONNECT"), "length 5");
  EXPECT_EQ(of_response({{kCL, "5"}}, 200, "head"), "length 5");  // methods have a case
}

}  // namespace
}  // namespace siding::h1_framing_test
