// The PROXY header: what is taken and what is not, whole and byte by byte.
#include "proxy/downstream/proxy_header.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace siding::test {
namespace {

using Status = ProxyHeaderParser::Status;

/// What came of it: "1.2.3.4:5", "local", "incomplete", or "fault: why". Whatever stands behind a header
/// must be left alone.
std::string outcome_of(const ProxyHeaderParser& parser, Status status) {
  if (status == Status::incomplete) return "incomplete";
  if (status == Status::fault) return "fault: " + std::string(parser.fault());
  return parser.source() ? parser.source()->text() : "local";
}

std::string read_whole(std::string_view bytes, size_t* taken = nullptr) {
  ProxyHeaderParser parser;
  const Status status = parser.feed(bytes);
  if (taken != nullptr) *taken = parser.consumed();
  return outcome_of(parser, status);
}

std::string read_in_pieces(std::string_view bytes, size_t piece, size_t* taken) {
  ProxyHeaderParser parser;
  Status status = Status::incomplete;
  *taken = 0;
  while (status == Status::incomplete && *taken < bytes.size()) {
    status = parser.feed(bytes.substr(*taken, piece));
    *taken += parser.consumed();
  }
  return outcome_of(parser, status);
}

/// The same however it comes.
std::string read_header(const std::string& header) {
  const std::string bytes = header + "GET / HTTP/1.1\r\n";
  size_t taken = 0;
  const std::string out = read_whole(bytes, &taken);
  const bool good = !out.starts_with("fault") && out != "incomplete";
  if (good) {
    EXPECT_EQ(taken, header.size());
  }
  for (size_t piece : {1u, 2u, 7u, 16u}) {
    size_t of_pieces = 0;
    EXPECT_EQ(read_in_pieces(bytes, piece, &of_pieces), out);
    EXPECT_EQ(of_pieces, taken);
  }
  for (size_t cut = 0; good && cut < header.size(); ++cut) {
    EXPECT_EQ(read_whole(header.substr(0, cut)), "incomplete") << cut;
  }
  return out;
}

std::string binary(std::string_view command_and_family, std::string_view rest, int length = -1) {
  std::string out("\r\n\r\n\0\r\nQUIT\n", 12);
  out += command_and_family;
  const size_t size = length < 0 ? rest.size() : static_cast<size_t>(length);
  out += static_cast<char>(size >> 8);
  out += static_cast<char>(size & 0xFF);
  return out += rest;
}

const std::string kFour("\xC0\x00\x02\x01\x0A\x00\x00\x01\x9C\x40\x01\xBB", 12);
const std::string kSix = std::string("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07", 16) +
                         std::string("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16) +
                         std::string("\x9C\x40\x01\xBB", 4);

TEST(ProxyHeaderLine, TellsWhoConnected) {
  EXPECT_EQ(read_header("PROXY TCP4 192.0.2.1 10.0.0.1 40000 443\r\n"), "192.0.2.1:40000");
  EXPECT_EQ(read_header("PROXY TCP4 192.0.2.1 10.0.0.1 0 65535\r\n"), "192.0.2.1:0");
  EXPECT_EQ(read_header("PROXY TCP6 2001:db8::7 2001:db8::1 40000 443\r\n"), "[2001:db8::7]:40000");
  EXPECT_EQ(read_header("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
                        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
            "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
  EXPECT_EQ(read_header("PROXY UNKNOWN\r\n"), "local");
  EXPECT_EQ(read_header("PROXY UNKNOWN ffff::1 whatever it says\r\n"), "local");
}

TEST(ProxyHeaderLine, IsStrict) {
  for (const char* line : {"GET / HTTP/1.1\r\n",
                           "PROXY\r\n",
                           "PROXY  TCP4 192.0.2.1 10.0.0.1 1 2\r\n",
                           "proxy TCP4 192.0.2.1 10.0.0.1 1 2\r\n",
                           "PROXY TCP4 192.0.2.1 10.0.0.1 1 2\n",
                           "PROXY TCP4 192.0.2.1 10.0.0.1 1\r\n",
                           "PROXY TCP4 192.0.2.1 10.0.0.1 1 2 3\r\n",
                           "PROXY TCP4 192.0.2.1 10.0.0.1 01 2\r\n",
                           "PROXY TCP4 192.0.2.1 10.0.0.1 65536 2\r\n",
                           "PROXY TCP4 192.0.2.1 10.0.0.1 -1 2\r\n",
                           "PROXY TCP4 192.0.2.1 10.0.0.1 1 2 \r\n",
                           "PROXY TCP4 2001:db8::7 10.0.0.1 1 2\r\n",
                           "PROXY TCP6 192.0.2.1 10.0.0.1 1 2\r\n",
                           "PROXY TCP4 192.0.2.1 2001:db8::7 1 2\r\n",
                           "PROXY TCP4 192.0.2 10.0.0.1 1 2\r\n",
                           "PROXY TCP4 0300.0.2.1 10.0.0.1 1 2\r\n",
                           "PROXY UDP4 192.0.2.1 10.0.0.1 1 2\r\n",
                           "PROXY TCP4 192.0.2.1\t10.0.0.1 1 2\r\n",
                           "\x16\x03\x01",
                           "PROXY TCP4\r\n"}) {
    EXPECT_TRUE(read_header(line).starts_with("fault: ")) << line;
  }
  EXPECT_TRUE(read_header(std::string("PROXY TCP4 192.0.2.1\0 10.0.0.1 1 2\r\n", 37))
                  .starts_with("fault: "));
}

TEST(ProxyHeaderLine, HasABound) {
  const std::string line = "PROXY UNKNOWN " + std::string(91, 'x') + "\r\n";
  ASSERT_EQ(line.size(), ProxyHeaderParser::kMaxLine);
  EXPECT_EQ(read_header(line), "local");
  EXPECT_EQ(read_header("PROXY UNKNOWN " + std::string(92, 'x') + "\r\n"),
            "fault: its line is too long");
  EXPECT_EQ(read_header("PROXY " + std::string(10'000, 'x')), "fault: its line is too long");
}

TEST(ProxyHeaderBinary, TellsWhoConnected) {
  EXPECT_EQ(read_header(binary("\x21\x11", kFour)), "192.0.2.1:40000");
  EXPECT_EQ(read_header(binary("\x21\x21", kSix)), "[2001:db8::7]:40000");
  const std::string tlvs = std::string("\x03\x00\x04", 3) + "crc!" + std::string("\x04\x00\x00", 3);
  EXPECT_EQ(read_header(binary("\x21\x11", kFour + tlvs)), "192.0.2.1:40000");
}

TEST(ProxyHeaderBinary, SaysNothingOfLocalOnes) {
  const std::string_view local("\x20\x00", 2);
  EXPECT_EQ(read_header(binary(local, "")), "local");
  EXPECT_EQ(read_header(binary(local, "any bytes at all")), "local");
  EXPECT_EQ(read_header(binary("\x20\x11", kFour)), "local") << "LOCAL, whatever it says";
  EXPECT_EQ(read_header(binary(std::string_view("\x21\x00", 2), "")), "local") << "UNSPEC";
  EXPECT_EQ(read_header(binary("\x21\x31", std::string(216, '/'))), "local") << "unix sockets";
}

TEST(ProxyHeaderBinary, IsStrict) {
  for (const char* start : {"\x11\x11", "\x31\x11", "\x22\x11", "\x2f\x11", "\x21\x41", "\x21\x13",
                            "\x21\x12", "\x21\x22"}) {
    EXPECT_TRUE(read_header(binary(start, kSix)).starts_with("fault: ")) << start;
  }
  EXPECT_EQ(read_header(binary("\x21\x11", kFour.substr(1))),
            "fault: it is shorter than its addresses");
  EXPECT_EQ(read_header(binary("\x21\x21", kFour)), "fault: it is shorter than its addresses");
  EXPECT_EQ(read_header(binary("\x21\x31", kSix)), "fault: it is shorter than its addresses");
  std::string almost = binary("\x21\x11", kFour);
  almost[11] = 'X';
  EXPECT_EQ(read_header(almost), "fault: it does not begin with a PROXY header");
}

TEST(ProxyHeaderBinary, HasABound) {
  const std::string most(ProxyHeaderParser::kMaxRest - kFour.size(), 't');
  EXPECT_EQ(read_header(binary("\x21\x11", kFour + most)), "192.0.2.1:40000");
  EXPECT_EQ(read_header(binary("\x21\x11", kFour + most + "t")), "fault: it is too long");
  EXPECT_EQ(read_header(binary("\x20\x11", "", 65535)), "fault: it is too long");
}

// Whatever comes: no byte too many is taken, and pieces make no difference.
TEST(ProxyHeaderJunk, IsReadTheSameInPieces) {
  std::mt19937 random(20240301);
  auto below = [&](size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(random); };
  const std::string good[] = {"PROXY TCP4 192.0.2.1 10.0.0.1 40000 443\r\n",
                              binary("\x21\x11", kFour + "tlv"), binary("\x21\x21", kSix)};
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = good[below(3)];
    for (size_t changes = below(3) + 1; changes > 0; --changes) {
      bytes[below(bytes.size())] = static_cast<char>(below(256));
    }
    size_t whole = 0;
    size_t pieces = 0;
    const std::string out = read_whole(bytes, &whole);
    EXPECT_EQ(read_in_pieces(bytes, 1 + below(5), &pieces), out);
    EXPECT_EQ(pieces, whole);
    EXPECT_LE(whole, bytes.size());
  }
}

}  // namespace
}  // namespace siding::test
