// The lines of the access log, and when they are written.
#include "proxy/observe/access_log.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/proxy/observe/pipe.h"

namespace siding {
namespace {

using namespace std::chrono_literals;

ExchangeRecord logged_record() {
  ExchangeRecord r;
  r.request_id = "4f1c";
  r.wall = WallTime(1'763'934'000'123ms);
  r.client = "10.0.0.7";
  r.method = "GET";
  r.host = "shop.example";
  r.target = "/search/?q=x";
  r.route = "path /search/";
  r.backend = "shop";
  r.status = 200;
  r.outcome = Outcome::ok;
  r.bytes_out = 5321;
  r.queue_wait = 500ms;
  r.worker = 20'050us;
  r.total = 1023'400us;
  r.attempts = 1;
  PrefetchRecord p;
  p.outcome = PrefetchOutcome::used;
  r.prefetches = {p, p, p, p};
  r.prefetches[1].outcome = PrefetchOutcome::missed;
  r.prefetches[1].reason = "field:x-user-id";
  r.prefetches[3].skip = PrefetchSkip::budget;
  return r;
}

std::string text_line(const ExchangeRecord& r) {
  std::string out;
  append_access_text(out, r);
  return out;
}

nlohmann::json json_line(const ExchangeRecord& r) {
  std::string out;
  append_access_json(out, r);
  EXPECT_EQ(out.find('\n'), out.size() - 1);
  return nlohmann::json::parse(out);
}

TEST(AccessLog, TextLine) {
  EXPECT_EQ(text_line(logged_record()),
            "2025-11-23T21:40:00.123Z 10.0.0.7 GET /search/?q=x 200 ok total=1023.4 queue=500.0 "
            "worker=20.1 in=0 out=5321 route=\"path /search/\" backend=shop "
            "prefetch=used:2,missed:1,skipped:1 id=4f1c\n");
  EXPECT_EQ(text_line({}),
            "1970-01-01T00:00:00.000Z - - - 0 internal total=0.0 queue=0.0 worker=0.0 in=0 out=0 "
            "route=- backend=- prefetch=- id=-\n");
}

TEST(AccessLog, JsonLine) {
  std::string out;
  append_access_json(out, logged_record());
  EXPECT_EQ(out,
            "{\"time\":\"2025-11-23T21:40:00.123Z\",\"client\":\"10.0.0.7\",\"method\":\"GET\","
            "\"host\":\"shop.example\",\"target\":\"/search/?q=x\",\"status\":200,"
            "\"outcome\":\"ok\",\"total_ms\":1023.4,\"queue_ms\":500.0,\"worker_ms\":20.1,"
            "\"bytes_in\":0,\"bytes_out\":5321,\"route\":\"path /search/\","
            "\"backend\":\"shop\",\"attempts\":1,"
            "\"prefetch\":{\"used\":2,\"missed\":1,\"skipped\":1},"
            "\"prefetch_reasons\":[\"field:x-user-id\",\"budget\"],\"id\":\"4f1c\"}\n");
  EXPECT_EQ(json_line(logged_record())["prefetch"]["used"], 2);
  EXPECT_EQ(json_line({})["outcome"], "internal");
}

TEST(AccessLog, LegsOfAFanOut) {
  ExchangeRecord r = logged_record();
  r.legs = {{"song", LegOutcome::ok, 200, 12'340us, ""},
            {"video", LegOutcome::timeout, 0, 800ms, "no byte in time"}};
  EXPECT_NE(text_line(r).find(" legs=song:ok:12.3,video:timeout:800.0 id="), std::string::npos);
  EXPECT_EQ(json_line(r)["legs"][1]["outcome"], "timeout");
  EXPECT_EQ(json_line(r)["legs"][0]["ms"], 12.3);
}

TEST(AccessLog, WhatClientsSendBreaksNoLine) {
  ExchangeRecord r = logged_record();
  r.method = "G\"ET";
  r.target = "/a\r\nb \"c\" \\ \x1b[0m \xff";
  r.host = "h\tost\xc3\xa4";
  EXPECT_EQ(std::string_view(text_line(r)).substr(34, 58),
            "\"G\\\"ET\" \"/a\\x0d\\x0ab \\\"c\\\" \\\\ \\x1b[0m \\xff\" 200 ok total=1");
  nlohmann::json json = json_line(r);
  EXPECT_EQ(json["target"], "/a\r\nb \"c\" \\ \x1b[0m \xef\xbf\xbd");
  EXPECT_EQ(json["host"], "h\tost\xc3\xa4");

  r.target = "/" + std::string(20'000, 'x');
  r.host = r.route = r.request_id = std::string(20'000, 'y');
  EXPECT_LT(text_line(r).size(), 2500u);
  EXPECT_EQ(json_line(r)["target"].get<std::string>().size(), 1024u);
}

TEST(AccessLog, WritesInBatches) {
  ManualClock clock;
  Loop loop(clock);
  TestPipe pipe;
  AccessLog log(LogConfig::Access::text, 1, pipe.write_end());
  log.write(loop, logged_record());
  log.write(loop, logged_record());
  clock.advance(199ms);
  while (loop.turn(false)) {
  }
  EXPECT_TRUE(pipe.empty());
  clock.advance(2ms);
  loop.turn(false);
  std::string line = text_line(logged_record());
  EXPECT_EQ(pipe.read_lines(), line + line);

  // Again from the first line after a flush.
  log.write(loop, logged_record());
  clock.advance(201ms);
  loop.turn(false);
  EXPECT_EQ(pipe.read_lines(), line);

  // A full buffer does not wait for the timer.
  size_t lines = AccessLog::kFlushBytes / line.size() + 1;
  for (size_t i = 0; i < lines; ++i) log.write(loop, logged_record());
  std::string got;
  while (got.size() < lines * line.size()) got += pipe.read_lines();
  EXPECT_EQ(got.size(), lines * line.size());

  log.write(loop, logged_record());
  log.flush(loop);
  EXPECT_EQ(pipe.read_lines(), line);
}

TEST(AccessLog, WritesWhatIsLeftWhenDestroyed) {
  ManualClock clock;
  TestPipe pipe;
  {
    // The loop may go first, with the timer armed.
    std::optional<Loop> loop(std::in_place, clock);
    AccessLog log(LogConfig::Access::json, 1, pipe.write_end());
    log.write(*loop, logged_record());
    loop.reset();
  }
  EXPECT_EQ(nlohmann::json::parse(pipe.read_all())["id"], "4f1c");
}

TEST(AccessLog, OffIsOff) {
  ManualClock clock;
  Loop loop(clock);
  TestPipe pipe;
  {
    AccessLog log(LogConfig::Access::off, 1, pipe.write_end());
    log.write(loop, logged_record());
    log.flush(loop);
    EXPECT_EQ(log.dropped(), 0u);
  }
  EXPECT_EQ(pipe.read_all(), "");
}

}  // namespace
}  // namespace siding
