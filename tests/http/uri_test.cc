// Percent encoding, paths, parameters and host:port, as tables; the odd spellings of RELIABILITY 5.
#include "http/uri.h"

#include <gtest/gtest.h>

#include <random>

namespace siding {
namespace {

TEST(Uri, EncodesAllButTheGivenSet) {
  std::string out = "x=";
  percent_encode("a b/\xC3\xA9~", kUnreserved, out);
  EXPECT_EQ(out, "x=a%20b%2F%C3%A9~");
}

TEST(Uri, DecodesEscapesAndKeepsWhatIsNone) {
  EXPECT_EQ(percent_decode("a%20b%C3%a9+%2"), "a b\xC3\xA9+%2");
  EXPECT_EQ(percent_decode("100%"), "100%");
  EXPECT_EQ(percent_decode("%zz%%41"), "%zz%A");
  EXPECT_EQ(form_decode("a+b%2B%20"), "a b+ ");
}

TEST(Uri, EncodingThenDecodingGivesTheSame) {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    std::string text(random() % 20, '\0');
    for (char& c : text) c = static_cast<char>(random());
    std::string encoded;
    percent_encode(text, kUnreserved, encoded);
    EXPECT_EQ(percent_decode(encoded), text);
    EXPECT_EQ(form_decode(encoded), text);
  }
}

struct PathCase {
  std::string_view raw;
  std::string_view decoded;
  bool ambiguous;
};

TEST(NormalisePath, DecodesAndRemovesDotSegments) {
  // clang-format off
  const PathCase cases[] = {
      {"/", "/", false},
      {"*", "*", false},
      {"", "", false},
      {"/search/", "/search/", false},
      {"/caf%C3%A9", "/caf\xC3\xA9", false},      // can be written in no other way
      {"/a%20b", "/a b", false},
      {"/a%25b", "/a%b", false},
      {"/a%5Cb", "/a\\b", false},
      {"/s%65arch", "/search", true},             // needs no escape
      {"/a%2Fb", "/a/b", true},
      {"/a%2fb", "/a/b", true},
      {"//a", "//a", false},                      // empty segments are kept
      {"/a//b", "/a//b", false},
      {"/a/./b", "/a/b", true},
      {"/a/../b", "/b", true},
      {"/a/..", "/", true},
      {"/a/b/..", "/a/", true},
      {"/a/.", "/a/", true},
      {"/.", "/", true},
      {"/..", "/", true},
      {"/../a", "/a", true},
      {"/a//../b", "/a/b", true},
      {"/a/%2e%2E/b", "/b", true},
      {"/a%2f..%2fb", "/b", true},
      {"/...", "/...", false},
      {"/.a/b.", "/.a/b.", false},
      {"/a;v=1/b", "/a;v=1/b", false},
  };
  // clang-format on
  for (const PathCase& c : cases) {
    NormalPath path = normalise_path(c.raw);
    EXPECT_EQ(path.decoded, c.decoded) << c.raw;
    EXPECT_EQ(path.ambiguous, c.ambiguous) << c.raw;
    EXPECT_FALSE(path.bad) << c.raw;
  }
}

TEST(NormalisePath, RefusesWhatReadersWouldGuessAt) {
  // clang-format off
  constexpr std::string_view kBad[] = {
      "/a%00", "/a%", "/a%4", "/100%zz", "/%u0041", "/a/..;/b", "/a/..;x=1", "/a/%2e%2e%3b/b",
        "/a\\..\\b", "/a%5C..%5Cb", "/a\\..", "/..\\a", "/a/.;/b"};
  // clang-format on
  for (std::string_view raw : kBad) {
    EXPECT_TRUE(normalise_path(raw).bad) << raw;
  }
  EXPECT_TRUE(normalise_path(std::string_view("/a\0b", 4)).bad);
}

TEST(NormalisePath, NothingIsLeftToNormalise) {
  std::mt19937 random(2);
  constexpr std::string_view kPieces[] = {"/", ".", "..", "%2e", "%2F", "a", "%", "%61", "\\", ";"};
  for (int round = 0; round < 5000; ++round) {
    std::string raw = "/";
    for (size_t n = random() % 12; n > 0; --n) raw += kPieces[random() % std::size(kPieces)];
    NormalPath path = normalise_path(raw);
    ASSERT_TRUE(path.decoded.starts_with('/')) << raw;
    EXPECT_TRUE(path.bad || !has_dot_segment(path.decoded)) << raw;
    if (!path.bad && !path.ambiguous) {
      EXPECT_EQ(path.decoded, percent_decode(raw));
    }
  }
}

TEST(Parameters, AreIteratedAsTheyStand) {
  std::string seen;
  for_each_parameter("a=1&&b&c=x=y&=z&d=%26;e=2", [&](std::string_view n, std::string_view v) {
    seen.append(n).append(":").append(v).append(" ");
  });
  EXPECT_EQ(seen, "a:1 b: c:x=y :z d:%26;e=2 ");
}

TEST(Parameters, TheLastValueCounts) {
  EXPECT_EQ(last_parameter("q=1&q=2", "q"), "2");
  EXPECT_EQ(last_parameter("q=a+b%2B%C3%A9", "q"), "a b+\xC3\xA9");
  EXPECT_EQ(last_parameter("%71=1", "q"), "1");
  EXPECT_EQ(last_parameter("a+b=1", "a b"), "1");
  EXPECT_EQ(last_parameter("q", "q"), "");
  EXPECT_EQ(last_parameter("q=100%", "q"), "100%");
  EXPECT_EQ(last_parameter("Q=1", "q"), std::nullopt);
  EXPECT_EQ(last_parameter("", "q"), std::nullopt);
}

struct HostCase {
  std::string_view text;
  std::string_view host;
  int port;  // 0 = none
  HostPort::Kind kind;
};

TEST(HostPort, IsRead) {
  using Kind = HostPort::Kind;
  // clang-format off
  const HostCase cases[] = {
      {"example.com", "example.com", 0, Kind::name},
      {"Example.COM:8080", "example.com", 8080, Kind::name},
      {"example.com.", "example.com", 0, Kind::name},
      {"my_app:1", "my_app", 1, Kind::name},
      {"xn--bcher-kva.example", "xn--bcher-kva.example", 0, Kind::name},
      {"3com.example:65535", "3com.example", 65535, Kind::name},
      {"0xfoo", "0xfoo", 0, Kind::name},
      {"127.0.0.1:80", "127.0.0.1", 80, Kind::ipv4},
      {"[::1]", "::1", 0, Kind::ipv6},
      {"[2001:DB8::1]:443", "2001:db8::1", 443, Kind::ipv6},
      {"[::ffff:127.0.0.1]:80", "::ffff:127.0.0.1", 80, Kind::ipv6},
  };
  // clang-format on
  for (const HostCase& c : cases) {
    std::optional<HostPort> result = parse_host_port(c.text);
    ASSERT_TRUE(result) << c.text;
    EXPECT_EQ(result->host, c.host);
    EXPECT_EQ(result->port.value_or(0), c.port) << c.text;
    EXPECT_EQ(result->kind, c.kind) << c.text;
  }
}

TEST(HostPort, OddSpellingsAreNeitherAddressesNorNames) {
  // clang-format off
  constexpr std::string_view kBad[] = {
      "0x7f.1", "0x7f000001", "0X7F.0.0.1", "2130706433", "127.1", "0177.1", "0177.0.0.1",
        "127.0.0.01", "127.0.0.1.", "256.1.1.1", "1.2.3.4.5", "1.2.3", "0", "0x", "example.0x1",
        "[127.0.0.1]", "[example.com]", "[::1", "::1", "[::1]x", "[fe80::1%eth0]", "[]", "[::1]:",
        "", ".", "..", "a..b", ".a", "a..", "a b", "a@b", "user:pw@h", "h:", "h:0", "h:65536",
        "h:80x", "h:+80", "h:-1", "h: 80", "h:80:80", "h/", "h?", "h#", "h\\", "h%2e",
        "\u3002", "b\u00fccher.example", "127\u30020.0.1", "\uff11.1"};
  // clang-format on
  for (std::string_view text : kBad) {
    EXPECT_FALSE(parse_host_port(text)) << text;
  }
  EXPECT_FALSE(parse_host_port(std::string_view("127.0.0.1\0.evil", 15)));
  EXPECT_FALSE(parse_host_port(std::string(64, 'a')));
  EXPECT_TRUE(parse_host_port(std::string(63, 'a')));
}

}  // namespace
}  // namespace siding
