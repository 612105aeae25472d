// What is taken off a message before it goes on, and what is added.
#include "http/hop.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/http/h1_feed.h"

namespace siding::hop_test {
namespace {

using Lines = std::vector<std::pair<std::string, std::string>>;

Fields fields(const Lines& lines) {
  Fields out;
  for (const auto& [name, value] : lines) out.add(name, value);
  return out;
}

std::string request(const Lines& lines, Direction direction = Direction::ingress) {
  Fields f = fields(lines);
  strip_request_fields(f, direction);
  return test::tell(f);
}

std::string response(const Lines& lines, bool keep_trailer = false) {
  Fields f = fields(lines);
  strip_response_fields(f, keep_trailer);
  return test::tell(f);
}

TEST(Hop, RequestFieldsOfThisHopAreRemoved) {
  for (const char* name :
       {"Connection", "KEEP-alive", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding",
        "Upgrade", "HTTP2-Settings", "Proxy-Authorization", "Proxy-Authenticate", "Proxy", "Expect",
        "Siding-Exchange", "siding-anything"}) {
    for (Direction d : {Direction::ingress, Direction::egress}) {
      EXPECT_EQ(request({{"A", "1"}, {name, "x"}, {"B", "2"}, {name, "y"}}, d), " | A=1 | B=2")
          << name;
    }
  }
  for (const char* name : {"Host", "Content-Length", "Content-Type", "Cookie", "Authorization",
                           "TEA", "Proxies", "Siding", "Accept", "Sec-WebSocket-Key", "Via"}) {
    EXPECT_EQ(request({{name, "x"}}), " | " + std::string(name) + "=x");
  }
}

TEST(Hop, NamesWithUnderscoreAreDroppedOnTheWayToABackendOnly) {
  EXPECT_EQ(request({{"X_Forwarded_For", "1"}, {"A_", "2"}, {"B", "3"}}), " | B=3");
  EXPECT_EQ(request({{"api_key", "1"}}, Direction::egress), " | api_key=1");
  EXPECT_EQ(response({{"x_y", "1"}}), " | x_y=1");
}

TEST(Hop, NominatedFieldsAreRemoved) {
  EXPECT_EQ(request({{"Connection", "X-Hop"}, {"x-HOP", "secret"}, {"X-Hops", "1"}}),
            " | X-Hops=1");
  EXPECT_EQ(request({{"X-A", "1"}, {"Connection", "close, X-A ,,x-b"}, {"X-B", "2"}, {"C", "3"}}),
            " | C=3");
  EXPECT_EQ(request({{"Connection", "x-a"}, {"connection", "x-b"}, {"X-A", "1"}, {"X-B", "2"}}),
            "");
  EXPECT_EQ(response({{"Connection", "X-Hop"}, {"X-Hop", "secret"}, {"A", "1"}}), " | A=1");
  EXPECT_EQ(request({{"Keep-Alive", "X-A"}, {"X-A", "1"}}), " | X-A=1");
  // Options that are no field names take no field of that name along.
  EXPECT_EQ(request({{"Connection", "close, keep-alive"}, {"Close", "1"}}), " | Close=1");
}

TEST(Hop, NominationCannotRemoveWhatProtects) {
  for (const char* name :
       {"Host", "Content-Length", "Content-Type", "Content-Encoding", "Content-Range",
        "Authorization", "Cookie", "Cache-Control", "X-Forwarded-For", "X-Forwarded-Proto",
        "X-Real-IP", "Forwarded", "X-Request-Id", "Via", "CDN-Loop", "Max-Forwards"}) {
    EXPECT_EQ(request({{"Connection", name}, {name, "x"}}), " | " + std::string(name) + "=x");
  }
  for (const char* name : {"Set-Cookie", "Vary", "ETag", "Location", "Date", "WWW-Authenticate"}) {
    EXPECT_EQ(response({{"Connection", name}, {name, "x"}}), " | " + std::string(name) + "=x");
  }
}

TEST(Hop, TooManyNominationsNameEverything) {
  std::string options;
  for (int i = 0; i < 64; ++i) options += "o" + std::to_string(i) + ",";
  EXPECT_EQ(request({{"Connection", options}, {"A", "1"}, {"o63", "x"}, {"Host", "h"}}),
            " | A=1 | Host=h");
  EXPECT_EQ(request({{"Connection", options + "o64"}, {"A", "1"}, {"Host", "h"}}), " | Host=h");
}

TEST(Hop, ResponseFields) {
  for (const char* name : {"Connection", "Keep-Alive", "Proxy-Connection", "TE", "Upgrade",
                           "Transfer-Encoding", "Proxy-Authenticate"}) {
    EXPECT_EQ(response({{"A", "1"}, {name, "x"}}), " | A=1") << name;
  }
  EXPECT_EQ(response({{"Trailer", "X-T"}, {"A", "1"}}), " | A=1");
  EXPECT_EQ(response({{"Trailer", "X-T"}, {"A", "1"}}, true), " | Trailer=X-T | A=1");
  EXPECT_EQ(response({{"Refresh", "1"}, {"Upgrade", "x"}}, true), " | Refresh=1");
  EXPECT_EQ(response({{"Refresh", "1"}, {"Upgrade", "x"}}, false), " | Refresh=1");
  EXPECT_EQ(response({{"Set-Cookie", "a"}, {"Set-Cookie", "b"}, {"Siding-Complete", "?1"}}),
            " | Set-Cookie=a | Set-Cookie=b | Siding-Complete=?1");
}

TEST(Hop, KeepsAlive) {
  auto keeps = [](int minor, const Lines& lines) { return keeps_alive(minor, fields(lines)); };
  EXPECT_TRUE(keeps(1, {}));
  EXPECT_FALSE(keeps(0, {}));
  EXPECT_TRUE(keeps(0, {{"CONNECTION", "Keep-Alive"}}));
  EXPECT_FALSE(keeps(1, {{"connection", "CLOSE"}}));
  EXPECT_FALSE(keeps(1, {{"Connection", "x, close"}}));
  EXPECT_FALSE(keeps(1, {{"Connection", "keep-alive"}, {"Connection", "close"}}));
  EXPECT_FALSE(keeps(0, {{"Connection", "close, keep-alive"}}));
  EXPECT_TRUE(keeps(1, {{"Connection", "closed"}}));
  EXPECT_FALSE(keeps(0, {{"Proxy-Connection", "keep-alive"}}));
  EXPECT_TRUE(keeps(1, {{"Keep-Alive", "close"}}));
}

TEST(Hop, UpgradesTo) {
  auto upgrades = [](const Lines& lines) { return upgrades_to(fields(lines), "websocket"); };
  EXPECT_TRUE(upgrades({{"Connection", "keep-alive, Upgrade"}, {"Upgrade", "WebSocket"}}));
  EXPECT_TRUE(upgrades({{"Connection", "upgrade"}, {"Upgrade", "h2c, websocket"}}));
  EXPECT_FALSE(upgrades({{"Upgrade", "websocket"}}));
  EXPECT_FALSE(upgrades({{"Connection", "upgrade"}}));
  EXPECT_FALSE(upgrades({{"Connection", "upgrade"}, {"Upgrade", "h2c"}}));
}

TEST(Hop, ViaNamesTheVersionReceivedAndComesLast) {
  RequestHead head;
  head.fields = fields({{"Via", "1.0 other"}, {"A", "1"}});
  add_via(head);
  EXPECT_EQ(test::tell(head.fields), " | Via=1.0 other | A=1 | Via=1.1 siding");
  RequestHead later;
  later.http2 = true;
  add_via(later);
  EXPECT_EQ(test::tell(later.fields), " | Via=2 siding");
  ResponseHead old;
  old.minor_version = 0;
  add_via(old);
  EXPECT_EQ(test::tell(old.fields), " | Via=1.0 siding");
}

TEST(Hop, MaxForwards) {
  auto count = [](std::string_view method, const Lines& lines) {
    RequestHead head;
    head.method = method;
    head.fields = fields(lines);
    MaxForwards result = count_forward(head);
    const char* names[] = {"pass", "answer", "malformed"};
    return names[static_cast<int>(result)] + test::tell(head.fields);
  };
  EXPECT_EQ(count("TRACE", {}), "pass");
  EXPECT_EQ(count("TRACE", {{"max-forwards", "0"}}), "answer | max-forwards=0");
  EXPECT_EQ(count("TRACE", {{"Max-Forwards", "5"}}), "pass | Max-Forwards=4");
  EXPECT_EQ(count("OPTIONS", {{"Max-Forwards", "010"}, {"A", "1"}}), "pass | A=1 | Max-Forwards=9");
  EXPECT_EQ(count("OPTIONS", {{"Max-Forwards", "1"}}), "pass | Max-Forwards=0");
  EXPECT_EQ(count("GET", {{"Max-Forwards", "0"}}), "pass | Max-Forwards=0");
  for (const char* bad : {"", "-1", "+1", "x", "1, 0", "1 "}) {
    EXPECT_EQ(count("TRACE", {{"A", bad}, {"Max-Forwards", bad}}).substr(0, 9), "malformed") << bad;
  }
  EXPECT_EQ(count("TRACE", {{"Max-Forwards", "5"}, {"Max-Forwards", "5"}}).substr(0, 9),
            "malformed");
}

TEST(Hop, Expect) {
  auto expect = [](const Lines& lines, int minor_version = 1) {
    RequestHead head;
    head.minor_version = minor_version;
    head.fields = fields(lines);
    return expectation(head);
  };
  EXPECT_EQ(expect({}), Expectation::none);
  EXPECT_EQ(expect({{"Accept", "bogus"}}), Expectation::none);
  EXPECT_EQ(expect({{"EXPECT", "100-Continue"}}), Expectation::send_continue);
  EXPECT_EQ(expect({{"Expect", "100-continue"}}, 0), Expectation::none);
  for (const char* other :
       {"bogus", "y 100-continue", "100-continue, x", "100-continu", "", "200-ok"}) {
    EXPECT_EQ(expect({{"Expect", other}}), Expectation::unsupported) << other;
    EXPECT_EQ(expect({{"Expect", "100-continue"}, {"Expect", other}}), Expectation::unsupported);
    EXPECT_EQ(expect({{"Expect", other}, {"Expect", "100-continue"}}), Expectation::unsupported);
  }
}

}  // namespace
}  // namespace siding::hop_test
