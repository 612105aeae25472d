// What the [admin] door tells of an exchange, and whom it lets in.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "proxy/admin/admin.h"
#include "proxy/admin/explain_text.h"
#include "proxy/admin/guard.h"
#include "tests/proxy/admin/door.h"

namespace siding {
namespace {

using namespace std::chrono_literals;

ExchangeRecord told_record(const std::string& id) {
  ExchangeRecord r;
  r.request_id = id;
  r.wall = WallTime(1'763'934'000'123ms);
  r.client = "10.0.0.7";
  r.method = "GET";
  r.host = "shop.example";
  r.target = "/search/?q=abba";
  r.route = "path /search/";
  r.backend = "shop";
  r.status = 200;
  r.outcome = Outcome::ok;
  r.bytes_out = 5321;
  r.body_wait = 2ms;
  r.queue_wait = 500ms;
  r.worker = 20ms;
  r.total = 523ms;
  r.ahead = 12;
  r.attempts = 1;
  r.prefetches.resize(3);
  r.prefetches[0].call = "music:/s?word={query.q}";
  r.prefetches[0].expected = "GET music /s?word=abba";
  r.prefetches[0].outcome = PrefetchOutcome::used;
  r.prefetches[0].status = 200;
  r.prefetches[0].took = 480ms;
  r.prefetches[1].call = "video:/find?q={query.q}";
  r.prefetches[1].expected = "GET video /find?q=abba&n=1";
  r.prefetches[1].actual = "GET video /find?q=abba&m=1";
  r.prefetches[1].difference = "target differs at byte 23";
  r.prefetches[1].outcome = PrefetchOutcome::missed;
  r.prefetches[1].reason = "target";
  r.prefetches[1].status = 200;
  r.prefetches[1].took = 240ms;
  r.prefetches[2].call = "ads:/a";
  r.prefetches[2].skip = PrefetchSkip::budget;
  return r;
}

std::string told(ExchangeRecord r) {
  return explain_text({std::make_shared<const ExchangeRecord>(std::move(r))});
}

TEST(ExplainText, TellsOfLegs) {
  ExchangeRecord r = told_record("5e");
  r.prefetches.clear();
  r.backend.clear();
  r.legs = {{"song", LegOutcome::ok, 200, 100ms, ""},
            {"video", LegOutcome::status, 404, 20ms, "status 404"}};
  std::string text = told(r);
  EXPECT_NE(text.find("  legs\n    ok             song  100.0 ms\n"
                      "    status         video  20.0 ms, status 404\n"),
            std::string::npos)
      << text;
  auto json = nlohmann::json::parse(explain_json({std::make_shared<const ExchangeRecord>(r)}));
  EXPECT_EQ(json["exchanges"][0]["legs"][1]["outcome"], "status");
  EXPECT_EQ(json["exchanges"][0]["legs"][1]["status"], 404);
}

TEST(ExplainText, TellsTheStory) {
  EXPECT_EQ(told(told_record("4f1c")), R"(GET shop.example/search/?q=abba
  id       4f1c
  from     10.0.0.7 at 2025-11-23T21:40:00.123Z
  answer   200, 5321 bytes
  outcome  ok: the answer went out whole
  route    path /search/ -> backend shop
  time, 523.0 ms in all
    request  |#                                       |      2.0 ms
    queue    |######################################  |    500.0 ms  12 ahead of it
    fetch 1  |####################################    |    480.0 ms
    fetch 2  |##################                      |    240.0 ms
    worker   |                                      # |     20.0 ms
    other    |                                       #|      1.0 ms  connecting, sending
  prefetch
    1 used           music:/s?word={query.q}  status 200, 480.0 ms
        key       GET music /s?word=abba
    2 missed         video:/find?q={query.q}  target, status 200, 240.0 ms
        expected  GET video /find?q=abba&n=1
        actual    GET video /find?q=abba&m=1
                                         ^
        first difference: target differs at byte 23
    3 skipped        ads:/a  budget
)");
}

TEST(ExplainText, FieldMissHasARemedy) {
  ExchangeRecord r = told_record("x");
  r.prefetches.resize(1);
  r.prefetches[0].outcome = PrefetchOutcome::missed;
  r.prefetches[0].actual = r.prefetches[0].expected;
  r.prefetches[0].reason = "field:x-user-id";
  r.prefetches[0].difference = "x-user-id: nothing expected, \"7\" sent";
  std::string text = told(std::move(r));
  EXPECT_NE(text.find("first difference: x-user-id: nothing expected"), std::string::npos) << text;
  EXPECT_NE(text.find("{header.x-user-id}"), std::string::npos) << text;
  EXPECT_EQ(text.find("^"), std::string::npos) << "the keys are equal:\n" << text;
}

TEST(ExplainText, LongKeysAreCutAroundTheirDifference) {
  ExchangeRecord r = told_record("x");
  std::string same = "GET music /s?word=" + std::string(300, 'a');
  r.prefetches.resize(1);
  r.prefetches[0].outcome = PrefetchOutcome::missed;
  r.prefetches[0].expected = same + "X" + std::string(300, 'b');
  r.prefetches[0].actual = same + "Y";
  std::string text = told(std::move(r));
  size_t expected = text.find("        expected  ...");
  size_t actual = text.find("        actual    ...");
  size_t mark = text.find("^\n");
  ASSERT_NE(expected, std::string::npos) << text;
  ASSERT_NE(actual, std::string::npos) << text;
  ASSERT_NE(mark, std::string::npos) << text;
  size_t column = mark - text.rfind('\n', mark);
  EXPECT_EQ(text[text.rfind('\n', expected) + column], 'X') << text;
  EXPECT_EQ(text[text.rfind('\n', actual) + column], 'Y') << text;
}

TEST(ExplainText, AnythingGoesIn) {
  told({});
  ExchangeRecord odd = told_record("x");
  odd.target = "/\x1b[2J\n";
  odd.total = -5ms;
  odd.worker = 90s;
  odd.prefetches[0].actual = "\x1b]0;";
  std::string text = told(std::move(odd));
  for (char c : text) EXPECT_TRUE(c == '\n' || (c >= ' ' && c <= '~'));
  for (int i = 0; i < static_cast<int>(Outcome::count_); ++i) {
    EXPECT_FALSE(meaning(static_cast<Outcome>(i)).empty());
  }
}

TEST(ExplainText, JsonHoldsAll) {
  auto record = std::make_shared<const ExchangeRecord>(told_record("4f1c"));
  nlohmann::json json = nlohmann::json::parse(explain_json({record, record}));
  ASSERT_EQ(json["exchanges"].size(), 2u);
  nlohmann::json& one = json["exchanges"][0];
  EXPECT_EQ(one["id"], "4f1c");
  EXPECT_EQ(one["time"], "2025-11-23T21:40:00.123Z");
  EXPECT_EQ(one["queue_ms"], 500.0);
  EXPECT_EQ(one["prefetches"][1]["outcome"], "missed");
  EXPECT_EQ(one["prefetches"][1]["difference"], "target differs at byte 23");
  EXPECT_EQ(one["prefetches"][2]["outcome"], "skipped");
  EXPECT_EQ(one["prefetches"][2]["reason"], "budget");
  EXPECT_EQ(nlohmann::json::parse(explain_json({}))["exchanges"].size(), 0u);
}

class Explain : public ::testing::Test {
 protected:
  Explain() {
    for (int i = 0; i < 20; ++i) ring.add(told_record("r" + std::to_string(i)));
    ExchangeRecord failed = told_record("bad");
    failed.outcome = Outcome::queue_timeout;
    failed.status = 503;
    ring.add(std::move(failed));
    ExchangeRecord slow = told_record("slow-one");
    slow.total = 9s;
    ring.add(std::move(slow));
  }
  static size_t count(const std::string& text, const std::string& what) {
    size_t n = 0;
    for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
    return n;
  }
  Ring ring{64};
  Caches caches{std::make_shared<const CacheOwners>(Config()), 0};
  AdminDoor door{ring, caches};
};

TEST_F(Explain, Lists) {
  auto got = ask(door, "GET", "/explain/last");
  EXPECT_EQ(got->response.status, 200);
  EXPECT_EQ(got->field("content-type"), "text/plain; charset=utf-8");
  EXPECT_EQ(count(got->response_body, "  id       slow-one\n"), 1u);
  EXPECT_EQ(count(got->response_body, "  id "), 1u);
  EXPECT_EQ(count(ask(door, "GET", "/explain/last?n=5")->response_body, "  id "), 5u);
  EXPECT_EQ(count(ask(door, "GET", "/explain/last?x=1&n=500")->response_body, "  id "), 22u);
  got = ask(door, "GET", "/explain/slow?n=1");
  EXPECT_EQ(count(got->response_body, "  id       slow-one\n"), 1u);
  got = ask(door, "GET", "/explain/failed");
  EXPECT_EQ(count(got->response_body, "  id       bad\n"), 1u);
  EXPECT_EQ(count(got->response_body, "  id "), 1u);
}

TEST_F(Explain, ById) {
  auto got = ask(door, "GET", "/explain/r7");
  EXPECT_EQ(got->response.status, 200);
  EXPECT_EQ(count(got->response_body, "  id       r7\n"), 1u);
  got = ask(door, "GET", "/explain/unknown");
  EXPECT_EQ(got->response.status, 404);
  EXPECT_EQ(count(got->response_body, "the last 64 are remembered"), 1u);
}

TEST_F(Explain, JsonByAccept) {
  FakeStream stream("GET", "/explain/last?n=2");
  stream.head.fields.add("Accept", "text/html, application/json;q=0.9");
  ask(door, stream);
  EXPECT_EQ(stream.field("content-type"), "application/json");
  EXPECT_EQ(nlohmann::json::parse(stream.response_body)["exchanges"].size(), 2u);
  FakeStream curl("GET", "/explain/last");
  curl.head.fields.add("Accept", "*/*");
  ask(door, curl);
  EXPECT_EQ(curl.field("content-type"), "text/plain; charset=utf-8");
}

TEST_F(Explain, RefusesTheRest) {
  auto none = ask(door, "GET", "/");
  EXPECT_EQ(none->response.status, 404);
  for (const char* there :
       {"/explain/last?n=1", "/explain/REQUEST-ID", "POST /cache/purge?url=URL"}) {
    EXPECT_EQ(count(none->response_body, there), 1u) << none->response_body;
  }
  EXPECT_EQ(ask(door, "GET", "/explain/")->response.status, 404);
  EXPECT_EQ(ask(door, "GET", "/metrics")->response.status, 404);
  EXPECT_EQ(ask(door, "GET", "/explain/last?n=0")->response.status, 400);
  EXPECT_EQ(ask(door, "GET", "/explain/last?n=-1")->response.status, 400);
  auto got = ask(door, "POST", "/explain/last");
  EXPECT_EQ(got->response.status, 405);
  EXPECT_EQ(got->field("allow"), "GET");
  EXPECT_EQ(ask(door, "HEAD", "/explain/last")->response.status, 405);
}

TEST_F(Explain, HostIsLoopbackOverTcp) {
  EXPECT_EQ(ask(door, "GET", "/explain/last", "127.0.0.1:8082")->response.status, 200);
  auto got = ask(door, "GET", "/explain/last", "evil.example:8082");
  EXPECT_EQ(got->response.status, 403);
  EXPECT_EQ(got->response_body.find("shop"), std::string::npos);
  FakeStream local("GET", "/explain/last", "anything");
  local.set_peer(*SocketAddress::unix_socket("/run/siding.sock"));
  ask(door, local);
  EXPECT_EQ(local.response.status, 200);
}

TEST(ExplainHost, LoopbackAuthorities) {
  for (const char* yes : {"localhost", "LocalHost:80", "127.0.0.1", "127.9.8.7:1", "[::1]",
                          "[::1]:8082", "[::ffff:127.0.0.1]"}) {
    EXPECT_TRUE(is_loopback_authority(yes)) << yes;
  }
  for (const char* no :
       {"", "evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "10.0.0.1", "0.0.0.0",
        "127.1", "0x7f.0.0.1", "::1", "[::1", "[::1]x", "[127.0.0.1]", "localhost:", "localhost:x",
        "localhost@evil.example", ":80"}) {
    EXPECT_FALSE(is_loopback_authority(no)) << no;
  }
}

}  // namespace
}  // namespace siding
