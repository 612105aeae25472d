// Random damage to good messages, with a fixed seed: the codec agrees with a second reading written
// the slow way, however the bytes are split, and reads nothing beyond them (ASan).
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "http/h1_write.h"
#include "tests/http/h1_decode.h"
#include "tests/http/h1_feed.h"

namespace siding::h1_mutation_test {
namespace {

using test::decode_parts;
using test::feed_parts;
using namespace std::string_literals;

/// Overwrites, inserts, deletes or doubles a few bytes of `bytes`.
void damage(std::string& bytes, const std::string& alphabet, std::mt19937& random) {
  for (unsigned n = random() % 4; n > 0; --n) {
    size_t at = random() % bytes.size();
    char c = alphabet[random() % alphabet.size()];
    switch (random() % 4) {
      case 0: bytes[at] = c; break;
      case 1: bytes.insert(at, 1, c); break;
      case 2: bytes.erase(at, 1); break;
      default: bytes.insert(at, bytes.substr(random() % bytes.size(), random() % 6)); break;
    }
    if (bytes.empty()) bytes = "0";
  }
}

bool token(const std::string& t) {
  return !t.empty() && t.find_first_not_of(
                           "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                           "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == std::string::npos;
}

bool has_control(const std::string& text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
  });
}

/// What RFC 9112 7.1 allows (without the white space we refuse), written the slow way: the payload of
/// the whole body at the front of `s` and its size; nullopt where it is not one.
std::optional<std::pair<std::string, size_t>> reference_body(const std::string& s) {
  std::string payload;
  size_t at = 0;
  while (true) {
    size_t end = s.find("\r\n", at);
    if (end == std::string::npos) return std::nullopt;
    std::string line = s.substr(at, end - at);
    at = end + 2;
    size_t digits = std::min(line.find_first_not_of("0123456789abcdefABCDEF"), line.size());
    if (digits == 0 || digits > 16) return std::nullopt;
    unsigned long long size = std::stoull(line.substr(0, digits), nullptr, 16);
    std::string rest = line.substr(digits);  // only extensions without quotes
    while (!rest.empty()) {
      if (rest[0] != ';') return std::nullopt;
      size_t next = std::min(rest.find(';', 1), rest.size());
      std::string one = rest.substr(1, next - 1);
      rest = rest.substr(next);
      size_t equals = one.find('=');
      if (!token(one.substr(0, equals))) return std::nullopt;
      if (equals != std::string::npos && !token(one.substr(equals + 1))) return std::nullopt;
    }
    if (size == 0) break;
    if (size > s.size() - at || s.compare(at + size, 2, "\r\n") != 0) return std::nullopt;
    payload += s.substr(at, size);
    at += size + 2;
  }
  while (true) {
    size_t end = s.find("\r\n", at);
    if (end == std::string::npos) return std::nullopt;
    std::string line = s.substr(at, end - at);
    at = end + 2;
    if (line.empty()) return std::pair(payload, at);
    size_t colon = line.find(':');
    if (colon == std::string::npos || !token(line.substr(0, colon))) return std::nullopt;
    if (has_control(line)) return std::nullopt;
  }
}

TEST(H1Mutation, ChunkedBodies) {
  const std::string seeds[] = {"5\r\nhello\r\n0\r\n\r\n",
                               "a;b=c\r\n0123456789\r\n1\r\nx\r\n0\r\n\r\n",
                               "3\r\nabc\r\n0;q\r\nA: b\r\nC: d\r\n\r\n"};
  const std::string alphabet = "\r\n0123456789aF;=: x\0\xff\t\x7f"s;
  std::mt19937 random(20240229);
  int good = 0;
  for (int round = 0; round < 30'000; ++round) {
    std::string bytes = seeds[random() % 3];
    damage(bytes, alphabet, random);
    auto expected = reference_body(bytes);
    std::string result = decode_parts(BodyFraming::chunked(), bytes, {bytes.size()});
    size_t split = random() % (bytes.size() + 1);
    EXPECT_EQ(decode_parts(BodyFraming::chunked(), bytes, {split, bytes.size()}), result);
    if (expected) {
      std::string prefix = "ended @" + std::to_string(expected->second) + ": " + expected->first;
      EXPECT_EQ(result.substr(0, prefix.size()), prefix) << bytes;
      ++good;
    } else {
      EXPECT_NE(result.substr(0, 5), "ended") << bytes;
    }
  }
  EXPECT_GT(good, 5'000);
  EXPECT_LT(good, 25'000);
}

bool digits(const std::string& t) { return t.find_first_not_of("0123456789") == std::string::npos; }

bool host_and_port(const std::string& text) {
  size_t colon = std::min(text.find(':'), text.size());
  std::string host = text.substr(0, colon);
  std::string port = text.substr(std::min(colon + 1, text.size()));
  return token(host) && host.find_first_of("!#$%&'*+^`|") == std::string::npos && digits(port) &&
         (port.empty() || std::stoull(port) <= 65535);
}

/// A request head as RFC 9112 wants it and nothing that two readers could take in two ways: the start
/// line and the fields; nullopt where it is not one (or not whole).
std::optional<std::string> reference_head(std::string s) {
  if (s.starts_with("\r\n")) s.erase(0, 2);
  size_t end = s.find("\r\n\r\n");
  if (end == std::string::npos || end == 0) return std::nullopt;
  std::vector<std::string> lines;
  for (size_t at = 0; at <= end;) {
    size_t next = s.find("\r\n", at);
    lines.push_back(s.substr(at, next - at));
    if (has_control(lines.back())) return std::nullopt;
    at = next + 2;
  }
  const std::string& start = lines[0];
  size_t one = start.find(' ');
  size_t two = start.rfind(' ');
  if (one == std::string::npos || one == two || !token(start.substr(0, one))) return std::nullopt;
  std::string version = start.substr(two + 1);
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return std::nullopt;
  std::string target = start.substr(one + 1, two - one - 1);
  if (!target.starts_with('/') || !std::all_of(target.begin(), target.end(), [](char c) {
        return c >= '!' && c <= '~' && c != '#';
      })) {
    return std::nullopt;
  }
  std::string out;
  std::vector<std::string> hosts, lengths, codings;
  for (size_t i = 1; i < lines.size(); ++i) {
    size_t colon = lines[i].find(':');
    if (colon == std::string::npos || !token(lines[i].substr(0, colon))) return std::nullopt;
    std::string name = lines[i].substr(0, colon);
    std::string value(trim_ows(std::string_view(lines[i]).substr(colon + 1)));
    out += " | " + name + "=" + value;
    if (lower(name) == "host") hosts.push_back(value);
    if (lower(name) == "content-length") lengths.push_back(value);
    if (lower(name) == "transfer-encoding") codings.push_back(value);
  }
  bool old = version == "HTTP/1.0";
  if (hosts.size() > 1 || (hosts.empty() && !old)) return std::nullopt;
  if (!hosts.empty() && !hosts[0].empty() && !host_and_port(hosts[0])) return std::nullopt;
  if (lengths.size() + codings.size() > 1 || (old && !codings.empty())) return std::nullopt;
  if (!lengths.empty() && (lengths[0].empty() || !digits(lengths[0]))) return std::nullopt;
  if (!codings.empty() && lower(codings[0]) != "chunked") return std::nullopt;
  return out;
}

TEST(H1Mutation, RequestHeads) {
  const std::string seeds[] = {
      "GET /x?y=z HTTP/1.1\r\nHost: h.example:80\r\nA: b\r\nContent-Length: 5\r\n\r\nhello",
      "\r\nPOST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nhost:h\r\n\r\n0\r\n\r\n",
      "GET / HTTP/1.0\r\nA: 0123456789abcdef0123456789\r\nB:\r\nA: \xff\r\n\r\n"};
  const std::string alphabet = "\r\n :,;/#?@[]\"AaGx019.\0\x01\t\x7f\xff"s;
  std::mt19937 random(7230);
  HeadLimits limits;
  int good = 0;
  for (int round = 0; round < 30'000; ++round) {
    std::string bytes = seeds[random() % 3];
    damage(bytes, alphabet, random);
    std::optional<std::string> expected = reference_head(bytes);
    std::string result = feed_parts<RequestHead>(bytes, {bytes.size()}, limits);
    size_t split = random() % (bytes.size() + 1);
    EXPECT_EQ(feed_parts<RequestHead>(bytes, {split, bytes.size()}, limits), result);
    RequestHeadParser parser(limits);
    ASSERT_EQ(parser.feed(bytes) == ParseStatus::done, expected.has_value()) << bytes << result;
    if (!expected) continue;
    ++good;
    RequestHead head = parser.take();
    EXPECT_EQ(test::tell(head.fields), *expected);

    // What we write of it is the same message to a reader as strict as we are.
    Framing framing = request_framing(head);
    ASSERT_TRUE(framing.ok());
    Slice written = write_request_head(head, framing.body);
    RequestHeadParser again(limits);
    ASSERT_EQ(again.feed(written.view()), ParseStatus::done) << written.view();
    EXPECT_EQ(again.consumed(), written.size());
    RequestHead second = again.take();
    EXPECT_EQ(second.method, head.method);
    EXPECT_EQ(second.target, head.target);
    EXPECT_EQ(second.authority, head.authority);
    Framing second_framing = request_framing(second);
    EXPECT_EQ(second_framing.body.kind, framing.body.kind);
    EXPECT_EQ(second_framing.body.length, framing.body.length);
  }
  EXPECT_GT(good, 5'000);
  EXPECT_LT(good, 25'000);
}

TEST(H1Mutation, ResponseHeads) {
  const std::string seeds[] = {"HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 5\r\n\r\nhello",
                               "HTTP/1.0 404 Not Found\r\nServer: x y\r\n\r\n",
                               "HTTP/1.1 304\r\n\r\n"};
  const std::string alphabet = "\r\n :/HTP019.x\0\x01\t\x7f\xff"s;
  std::mt19937 random(9112);
  HeadLimits limits;
  int good = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = seeds[random() % 3];
    damage(bytes, alphabet, random);
    std::string result = feed_parts<ResponseHead>(bytes, {bytes.size()}, limits);
    size_t split = random() % (bytes.size() + 1);
    EXPECT_EQ(feed_parts<ResponseHead>(bytes, {split, bytes.size()}, limits), result);
    ResponseHeadParser parser(limits);
    if (parser.feed(bytes) != ParseStatus::done) continue;
    ++good;
    std::string head = bytes.substr(0, parser.consumed());
    EXPECT_TRUE(head.starts_with("HTTP/1.0 ") || head.starts_with("HTTP/1.1 ")) << head;
    EXPECT_TRUE(digits(head.substr(9, 3)) && head[9] >= '1' && head[9] <= '5') << head;
    EXPECT_TRUE(head[12] == ' ' || head[12] == '\r') << head;
    ResponseHead parsed = parser.take();
    std::string out;
    for (size_t at = head.find("\r\n") + 2; at + 2 < head.size();) {
      std::string line = head.substr(at, head.find("\r\n", at) - at);
      EXPECT_FALSE(has_control(line));
      size_t colon = line.find(':');
      ASSERT_TRUE(token(line.substr(0, colon))) << line;
      out += " | " + line.substr(0, colon) + "=" + std::string(trim_ows(line.substr(colon + 1)));
      at += line.size() + 2;
    }
    EXPECT_EQ(test::tell(parsed.fields), out);
  }
  EXPECT_GT(good, 5'000);
  EXPECT_LT(good, 18'000);
}

}  // namespace
}  // namespace siding::h1_mutation_test
