// When an HTTP/2 connection ends, and what a client may do on it: time, drains, rates.
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "http/h2_guard.h"
#include "tests/proxy/downstream/h2_bed.h"

namespace siding::test {
namespace {

using namespace std::chrono_literals;

TEST(H2Bounds, AnIdleConnectionIsToldAndEnds) {
  H2Bed bed;
  H2Client& c = bed.h2();
  c.get("/hello");
  bed.go();
  bed.pass(74s);
  EXPECT_TRUE(c.goaways.empty());
  bed.pass(2s);
  ASSERT_EQ(1u, c.goaways.size());
  EXPECT_EQ(uint32_t{NGHTTP2_NO_ERROR}, c.goaways[0].second);
  EXPECT_TRUE(bed.peer().eof);
}

TEST(H2Bounds, ARequestThatWaitsKeepsItsConnection) {
  H2Bed bed;
  H2Client& c = bed.h2();
  const int32_t id = c.get("/inside");
  bed.go();
  bed.pass(1h);
  bed.handler.go.notify();
  bed.go();
  EXPECT_EQ("hello", c.answer(id).body);
}

TEST(H2Bounds, AHeadThatDoesNotEndInTime) {
  H2Bed bed;
  LoopPeer& c = bed.client_with(kH2Opening + h2_frame(NGHTTP2_HEADERS, 1, 1, "\x82\x86\x84"));
  bed.pass(9s);
  EXPECT_FALSE(c.eof);
  bed.pass(2s);
  EXPECT_TRUE(c.eof);
  EXPECT_EQ(std::vector<Abuse>{Abuse::header_stall}, bed.abuses);
}

TEST(H2Bounds, AHeadThatBeginsLateHasItsWholeTime) {
  H2Bed bed;
  LoopPeer& c = bed.client_with(kH2Opening);
  bed.pass(8s);
  c.send(h2_frame(NGHTTP2_HEADERS, 1, 1, "\x82\x86\x84"));
  bed.go();
  bed.pass(9s);
  EXPECT_FALSE(c.eof);
  bed.pass(2s);
  EXPECT_TRUE(c.eof);
  EXPECT_EQ(std::vector<Abuse>{Abuse::header_stall}, bed.abuses);
}

TEST(H2Bounds, AConnectionOnWhichNothingBegins) {
  for (const std::string& begin : {kH2Opening.substr(0, 24), kH2Opening}) {
    H2Bed bed;
    LoopPeer& c = bed.client_with(begin);
    bed.pass(11s);
    EXPECT_TRUE(c.eof);
  }
}

TEST(H2Bounds, ASlowBodyIsAFaultOfItsStreamOnly) {
  H2Bed bed;
  H2Client& c = bed.h2();
  const int32_t slow = c.ask("POST", "/echo", {}, "a");
  const int32_t other = c.get("/inside");
  bed.go();
  for (int i = 0; i < 31; ++i) {
    c.send(slow, "b", false);
    bed.pass(1s);
  }
  EXPECT_EQ(408, c.answer(slow).status);
  bed.handler.go.notify();
  bed.go();
  EXPECT_EQ("hello", c.answer(other).body);
}

TEST(H2Bounds, AnAnswerThatIsNotTakenEnds) {
  H2Bed bed;
  H2Client& c = bed.h2({.own_updates = false});
  const int32_t id = c.get("/large");
  bed.go();
  bed.pass(59s);
  EXPECT_FALSE(c.answer(id).closed);
  bed.pass(2s);
  EXPECT_TRUE(c.answer(id).closed);
  EXPECT_EQ(uint32_t{NGHTTP2_CANCEL}, c.answer(id).code);
  EXPECT_EQ(0, bed.handler.running);
}

TEST(H2Bounds, AConnectionThatIsNotReadEnds) {
  H2Bed bed(16 * 1024);
  bed.handler.large = 8 << 20;
  bed.h2({.window = 16 << 20});
  nghttp2_session_set_local_window_size(bed.h2_clients[0]->session(), 0, 0, 16 << 20);
  bed.h2_clients[0]->get("/large");
  bed.peer().on_pump(bed.peer());
  bed.peer().reading = false;
  bed.go();
  EXPECT_EQ(1u, bed.open);
  bed.pass(61s);
  EXPECT_EQ(0u, bed.open);
  EXPECT_EQ(std::vector<Abuse>{Abuse::read_stall}, bed.abuses);
}

TEST(H2Bounds, AnAnswerThatOthersGoBeforeWaits) {
  H2Bed bed(16 * 1024);
  bed.handler.large = 2 << 20;
  H2Client& c = bed.h2({.window = 16 << 20, .extensible = true});
  nghttp2_session_set_local_window_size(c.session(), 0, 0, 16 << 20);
  const int32_t patient = c.get("/large", {{"priority", "u=7"}});
  const int32_t urgent = c.get("/large", {{"priority", "u=0"}});
  bed.peer().on_pump(bed.peer());
  bed.peer().reading = false;
  for (int i = 0; i < 9; ++i) {
    bed.go();
    bed.peer().reading = true;
    bed.peer().pump();
    bed.peer().reading = false;
    bed.pass(10s);
  }
  EXPECT_GT(c.answer(urgent).body.size(), 0u);
  EXPECT_EQ(0u, c.answer(patient).body.size());
  EXPECT_FALSE(c.answer(patient).closed);
  bed.peer().reading = true;
  // The kernel takes its time to tell that there is room again.
  EXPECT_TRUE(bed.until([&] {
    bed.go();
    return c.answer(patient).ended && c.answer(urgent).ended;
  }));
  EXPECT_EQ(size_t{2} << 20, c.answer(patient).body.size());
}

TEST(H2Bounds, ADrainAnswersAllThatItTook) {
  H2Bed bed;
  H2Client& c = bed.h2();
  const int32_t first = c.get("/inside");
  bed.go();
  bed.listener->drain();
  const int32_t crossing = c.get("/inside");  // sent before the client can know
  bed.go();
  ASSERT_EQ(2u, c.goaways.size());
  EXPECT_EQ(std::pair(INT32_MAX, uint32_t{NGHTTP2_NO_ERROR}), c.goaways[0]);
  EXPECT_EQ(std::pair(crossing, uint32_t{NGHTTP2_NO_ERROR}), c.goaways[1]);
  bed.handler.go.notify();
  bed.go();
  EXPECT_EQ("hello", c.answer(first).body);
  EXPECT_EQ("hello", c.answer(crossing).body);
  EXPECT_TRUE(bed.peer().eof);
  bed.pass(3s);
  EXPECT_EQ(0u, bed.open);
}

TEST(H2Bounds, ADrainDoesNotWaitForClientsThatSayNothing) {
  H2Bed bed;
  LoopPeer& silent = bed.client_with(kH2Opening);
  LoopPeer& half = bed.client_with(kH2Opening.substr(0, 30));
  bed.listener->drain();
  bed.go();
  bed.pass(1100ms);
  EXPECT_TRUE(silent.eof);
  EXPECT_TRUE(half.eof);
}

TEST(H2Bounds, SoManyRequestsAndNoMore) {
  H2Bed bed;
  bed.options.max_requests = 3;
  H2Client& c = bed.h2();
  for (int i = 0; i < 3; ++i) {
    const int32_t id = c.get("/hello");
    bed.go();
    EXPECT_EQ("hello", c.answer(id).body);
  }
  EXPECT_FALSE(c.goaways.empty());
  EXPECT_TRUE(bed.peer().eof);
}

/// "POST /echo", or what `path` says.
std::string post(uint32_t stream, std::string_view path = "/echo") {
  std::string block = "\x83\x86\x44";
  block += static_cast<char>(path.size());
  block += path;
  return h2_frame(NGHTTP2_HEADERS, 4, stream, block + "\x41\x01" + "a");
}

/// What the last frame that came says, if it is GOAWAY.
std::optional<uint32_t> goaway_code(std::string_view in) {
  if (in.size() < 17 || in[in.size() - 17 + 3] != NGHTTP2_GOAWAY) return std::nullopt;
  return static_cast<unsigned char>(in.back());
}

TEST(H2Bounds, RapidResetsEndTheConnection) {
  H2Bed bed;
  LoopPeer& c = bed.client_with(kH2Opening);
  uint32_t sent = 0;
  for (; sent < 2000 && !c.eof; ++sent) {
    c.send(post(2 * sent + 1) +
           h2_frame(NGHTTP2_RST_STREAM, 0, 2 * sent + 1, std::string("\0\0\0\x08", 4)));
    if (sent % 3 == 0) bed.go();
  }
  EXPECT_LE(sent, 1000u);
  EXPECT_EQ(uint32_t{NGHTTP2_ENHANCE_YOUR_CALM}, goaway_code(c.in));
  EXPECT_EQ(std::vector<Abuse>{Abuse::resets}, bed.abuses);
  EXPECT_EQ(0, bed.handler.running);
}

TEST(H2Bounds, WhatBelongsToNoRequestIsBounded) {
  H2Bed bed;
  LoopPeer& c = bed.client_with(kH2Opening + post(1, "/refuse"));
  const std::string data = h2_frame(NGHTTP2_DATA, 0, 1, std::string(16 * 1024, 'x'));
  int sent = 0;
  for (; sent < 2000 && !c.eof; ++sent) {
    c.send(data);
    bed.go();
  }
  EXPECT_LE(sent, 600) << "of 16 KiB each";
  EXPECT_EQ(std::vector<Abuse>{Abuse::useless_bytes}, bed.abuses);
}

// A field of 4000 bytes enters the table, then a byte each names it again.
TEST(H2Bounds, ABlockFarBeyondTheLimitsIsNotReadToItsEnd) {
  H2Bed bed;
  const std::string field = "\x40\1x\x7f\xa1\x1e" + std::string(4000, 'x');
  auto bomb = [&](uint32_t stream, size_t fields) {
    return h2_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, stream,
                    "\x82\x86\x84\x41\1a" + field + std::string(fields, '\xbe'));
  };
  LoopPeer& little = bed.client_with(kH2Opening + bomb(1, 200));
  EXPECT_EQ(std::nullopt, goaway_code(little.in)) << "answered 431";
  EXPECT_EQ(std::vector<Outcome>{Outcome::head_too_large}, bed.refused);
  LoopPeer& far = bed.client_with(kH2Opening + bomb(1, 10'000));
  EXPECT_EQ(uint32_t{NGHTTP2_ENHANCE_YOUR_CALM}, goaway_code(far.in));
  EXPECT_EQ(std::vector<Abuse>{Abuse::header_bomb}, bed.abuses);
  EXPECT_EQ(0, bed.handler.running);
}

TEST(H2Bounds, TooManyContinuationsAndSettingsAreNamed) {
  H2Bed bed;
  std::string frames = h2_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 1, "\x82\x86\x84");
  for (int i = 0; i < 20; ++i) frames += h2_frame(NGHTTP2_CONTINUATION, 0, 1, "");
  EXPECT_TRUE(bed.client_with(kH2Opening + frames).eof);
  std::string settings;
  for (int i = 0; i < 100; ++i) settings += std::string("\0\1\0\0\x10\0", 6);
  bed.client_with(kH2Opening + h2_frame(NGHTTP2_SETTINGS, 0, 0, settings));
  EXPECT_EQ((std::vector<Abuse>{Abuse::header_stall, Abuse::settings}), bed.abuses);
}

TEST(H2Bounds, EachCheapFrameHasARate) {
  const std::string window(std::string("\0\0\0\1", 4));
  const std::pair<std::string, Abuse> cases[] = {
      {h2_frame(NGHTTP2_PING, 0, 0, "12345678"), Abuse::pings},
      {h2_frame(NGHTTP2_SETTINGS, 0, 0, ""), Abuse::settings},
      {h2_frame(NGHTTP2_PRIORITY, 0, 1, std::string("\0\0\0\0\0", 5)), Abuse::priorities},
      {h2_frame(NGHTTP2_WINDOW_UPDATE, 0, 0, window), Abuse::window_updates},
      {h2_frame(0xfa, 0, 0, "x"), Abuse::unknown_frames},
      {h2_frame(NGHTTP2_DATA, 0, 1, ""), Abuse::empty_data},
      {h2_frame(NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1, std::string(1, '\0')), Abuse::empty_data},
      {h2_frame(NGHTTP2_PRIORITY_UPDATE, 0, 0, std::string("\0\0\0\1u=1", 7)), Abuse::priorities},
  };
  for (const auto& [frame, kind] : cases) {
    H2Bed bed;
    LoopPeer& c = bed.client_with(kH2Opening + post(1));
    int sent = 0;
    for (; sent < 3000 && !c.eof; ++sent) {
      c.send(frame);
      if (sent % 20 == 0) bed.go();
    }
    EXPECT_LE(sent, 1000) << to_string(kind);
    EXPECT_EQ(std::vector<Abuse>{kind}, bed.abuses) << to_string(kind);
    bed.pass(3s);
    EXPECT_EQ(0u, bed.open) << to_string(kind);
  }
}

TEST(H2Guard, HonestClientsNeverMeetIt) {
  ManualClock clock;
  H2Guard guard(clock.now());
  // A download of 1 GiB at once, with an update for each frame.
  for (int i = 0; i < 65'536; ++i) {
    guard.data_sent();
    ASSERT_TRUE(guard.allows(Abuse::window_updates, clock.now()));
  }
  // Pages that are left again and again, 100 streams each.
  for (int page = 0; page < 100; ++page) {
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(guard.allows(Abuse::resets, clock.now()));
    clock.advance(2s);
  }
}

TEST(H2Guard, FillsUpSlowly) {
  ManualClock clock;
  H2Guard guard(clock.now());
  auto spend_all = [&] {
    int n = 0;
    while (guard.allows(Abuse::pings, clock.now())) ++n;
    return n;
  };
  EXPECT_EQ(500, spend_all());
  clock.advance(1s);
  EXPECT_EQ(50, spend_all());
  clock.advance(1h);
  EXPECT_EQ(500, spend_all());
}

}  // namespace
}  // namespace siding::test
