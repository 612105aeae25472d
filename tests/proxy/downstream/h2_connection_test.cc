// What a client gets over one HTTP/2 connection: streams side by side, whole or seen to be torn.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>

#include "tests/proxy/downstream/h2_bed.h"

namespace siding::test {
namespace {

using namespace std::chrono_literals;

TEST(H2Connection, AnswersOneRequest) {
  H2Bed bed;
  H2Client& c = bed.h2();
  const int32_t id = c.get("/hello");
  bed.go();
  EXPECT_EQ(200, c.answer(id).status);
  EXPECT_EQ("hello", c.answer(id).body);
  EXPECT_EQ("5", c.answer(id).field("content-length"));
  EXPECT_NE("", c.answer(id).field("date"));
  EXPECT_TRUE(c.answer(id).closed);
  EXPECT_EQ(0u, c.answer(id).code);
  EXPECT_EQ(1u, bed.listener->connections());
}

TEST(H2Connection, ThePrefaceMayComeByteByByte) {
  H2Bed bed;
  LoopPeer& c = bed.client();
  const std::string ping = h2_frame(NGHTTP2_PING, 0, 0, "12345678");
  for (char byte : kH2Opening + ping) {
    c.send({&byte, 1});
    bed.go();
  }
  EXPECT_NE(std::string::npos, c.in.find(h2_frame(NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, "12345678")));
  EXPECT_EQ('\4', c.in[3]) << "SETTINGS come first";
}

TEST(H2Connection, ABrokenPrefaceGetsNoAnswerOfHttp1) {
  for (std::string_view begin :
       {"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", "INVALID CONNECTION PREFACE\r\n\r\n"}) {
    H2Bed bed;
    LoopPeer& c = bed.client_with(begin);
    EXPECT_TRUE(c.eof);
    EXPECT_EQ("", c.in);
    EXPECT_EQ(1u, bed.refused.size());
  }
}

TEST(H2Connection, StreamsDoNotWaitForEachOther) {
  H2Bed bed;
  H2Client& c = bed.h2();
  const int32_t slow = c.get("/wait");
  const int32_t quick = c.get("/hello");
  bed.go();
  EXPECT_EQ(0, c.answer(slow).status);
  EXPECT_TRUE(c.answer(quick).ended);
  bed.handler.go.notify();
  bed.go();
  EXPECT_EQ("hello", c.answer(slow).body);
}

TEST(H2Connection, HeadAndEmptyAnswersEndWithTheirHead) {
  H2Bed bed;
  H2Client& c = bed.h2();
  const int32_t id = c.ask("HEAD", "/hello");
  bed.go();
  EXPECT_EQ("5", c.answer(id).field("content-length"));
  EXPECT_EQ("", c.answer(id).body);
  EXPECT_TRUE(c.answer(id).closed);
  EXPECT_TRUE(c.data_order.empty());
}

TEST(H2Connection, InterimAnswersAndTrailers) {
  H2Bed bed;
  H2Client& c = bed.h2();
  const int32_t hints = c.get("/interim");
  const int32_t call = c.get("/trailers");
  bed.go();
  EXPECT_EQ(std::vector<int>{103}, c.answer(hints).interim);
  EXPECT_EQ(200, c.answer(hints).status);
  EXPECT_EQ((H2Client::Pairs{{"grpc-status", "0"}}), c.answer(call).trailers);
  EXPECT_TRUE(c.answer(call).ended);
}

TEST(H2Connection, ABodyComesWholeWithItsTrailers) {
  H2Bed bed;
  H2Client& c = bed.h2();
  std::string sent(3 << 20, 'x');
  const int32_t id = c.ask("POST", "/echo", {}, "");
  c.send(id, sent, true, {{"x-sum", "1"}, {"authorization", "x"}});
  bed.go();
  EXPECT_EQ(sent + "|x-sum=1", c.answer(id).body);
}

TEST(H2Connection, CreditGoesBackOnlyForWhatWasTaken) {
  H2Bed bed;
  H2Client& c = bed.h2();
  const int32_t id = c.ask("POST", "/pause", {}, "");
  c.send(id, std::string(1 << 20, 'x'), true);
  bed.go();
  const int32_t left = nghttp2_session_get_stream_remote_window_size(c.session(), id);
  EXPECT_LE(left, 0) << "it has sent all that it may";
  const int32_t others = c.ask("POST", "/echo", {}, "");
  c.send(others, "abc", true);
  bed.go();
  EXPECT_EQ("abc", c.answer(others).body) << "there is room for other streams";
  bed.handler.go.notify();
  bed.go();
  EXPECT_EQ(size_t{1} << 20, c.answer(id).body.size());
}

TEST(H2Connection, ContinueIsSaidWhenTheBodyIsWanted) {
  H2Bed bed;
  H2Client& c = bed.h2();
  const int32_t id = c.ask("POST", "/echo", {{"expect", "100-continue"}}, "");
  bed.go();
  EXPECT_EQ(100, c.answer(id).status);
  c.send(id, "abc", true);
  bed.go();
  EXPECT_EQ(200, c.answer(id).status);
  EXPECT_EQ("abc", c.answer(id).body);
}

TEST(H2Connection, AnEarlyAnswerStopsTheBodyWithoutAFault) {
  H2Bed bed;
  H2Client& c = bed.h2();
  const int32_t id = c.ask("POST", "/refuse", {}, "the beginning");
  bed.go();
  EXPECT_EQ(403, c.answer(id).status);
  EXPECT_EQ("no", c.answer(id).body);
  EXPECT_TRUE(c.answer(id).ended);
  EXPECT_TRUE(c.answer(id).closed);
  EXPECT_EQ(uint32_t{NGHTTP2_NO_ERROR}, c.answer(id).code) << "RFC 9113 8.1";
  const int32_t next = c.get("/hello");
  bed.go();
  EXPECT_EQ("hello", c.answer(next).body);
}

TEST(H2Connection, TornAnswersAreReset) {
  H2Bed bed;
  H2Client& c = bed.h2();
  for (const char* path : {"/torn", "/short", "/abort", "/silent"}) {
    const int32_t id = c.get(path);
    bed.go();
    EXPECT_FALSE(c.answer(id).ended) << path;
    EXPECT_TRUE(c.answer(id).closed) << path;
    EXPECT_EQ(uint32_t{NGHTTP2_INTERNAL_ERROR}, c.answer(id).code) << path;
  }
  EXPECT_EQ(1u, bed.listener->connections());
  EXPECT_EQ(0, bed.handler.running);
}

TEST(H2Connection, AClientThatResetsIsGone) {
  H2Bed bed;
  H2Client& c = bed.h2();
  const int32_t gone = c.get("/inside");
  const int32_t stays = c.get("/inside");
  bed.go();
  c.reset(gone);
  bed.go();
  EXPECT_EQ(1, bed.handler.cancelled);
  bed.handler.go.notify();
  bed.go();
  EXPECT_EQ("hello", c.answer(stays).body);
  EXPECT_EQ(1, bed.handler.ended);
}

TEST(H2Connection, WhatIsResetInTheSameReadNeverBegins) {
  H2Bed bed;
  LoopPeer& c = bed.client();
  // GET, http, "/", authority "a".
  const std::string block = std::string("\x82\x86\x84\x41\x01") + "a";
  c.send(kH2Opening + h2_frame(NGHTTP2_HEADERS, 5, 1, block) +
         h2_frame(NGHTTP2_RST_STREAM, 0, 1, std::string("\0\0\0\x08", 4)) +
         h2_frame(NGHTTP2_HEADERS, 5, 3, block));
  bed.go();
  EXPECT_EQ(1u, bed.handler.paths.size());
  EXPECT_EQ(1, bed.handler.ended);
}

TEST(H2Connection, AConnectionThatBreaksCancelsAll) {
  H2Bed bed;
  H2Client& c = bed.h2();
  for (int i = 0; i < 5; ++i) c.get("/wait");
  bed.go();
  bed.peer().reset();
  bed.go();
  EXPECT_EQ(5, bed.handler.cancelled);
  EXPECT_EQ(0u, bed.open);
}

TEST(H2Connection, AnswersFlowAsFastAsTheyAreTaken) {
  H2Bed bed;
  bed.handler.large = 4 << 20;
  H2Client& c = bed.h2({.own_updates = false});
  const int32_t slow = c.get("/large");
  bed.go();
  EXPECT_EQ(65535u, c.answer(slow).body.size());
  c.consume(slow, 65535);
  bed.go();
  EXPECT_EQ(2u * 65535, c.answer(slow).body.size());
}

TEST(H2Connection, UrgentAnswersGoFirst) {
  H2Bed bed;
  bed.handler.large = 200'000;
  // A window of the connection that is shared, and opened again only when both are asked for.
  H2Client& c = bed.h2({.window = 1 << 20, .own_updates = false, .extensible = true});
  const int32_t first = c.get("/large", {{"priority", "u=6"}});
  bed.go();
  const int32_t urgent = c.get("/large", {{"priority", "u=1"}});
  bed.go();
  ASSERT_EQ(0u, c.answer(urgent).body.size());
  c.consume(first, 65535);
  bed.go();
  EXPECT_EQ(65535u, c.answer(urgent).body.size()) << "RFC 9218";
  EXPECT_EQ(65535u, c.answer(first).body.size());
}

TEST(H2Connection, WhatWouldMisleadHttp1IsRefusedByItself) {
  H2Bed bed;
  H2Client& c = bed.h2({.http_messaging = false});
  H2Client::Pairs fields{
      {":method", "GET"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}};
  fields.emplace_back("host", "b");
  const int32_t two_hosts = c.ask_raw(fields);
  fields.back() = {"connection", "close"};
  const int32_t connection = c.ask_raw(fields);
  fields.back() = {"cookie", "a"};
  for (int i = 0; i < 120; ++i) fields.emplace_back("cookie", "a");
  const int32_t bomb = c.ask_raw(fields);
  const int32_t good = c.get("/hello");
  bed.go();
  EXPECT_EQ(400, c.answer(two_hosts).status);
  EXPECT_EQ(uint32_t{NGHTTP2_PROTOCOL_ERROR}, c.answer(connection).code);
  EXPECT_EQ(431, c.answer(bomb).status);
  EXPECT_EQ("hello", c.answer(good).body);
  EXPECT_EQ((std::vector<Outcome>{Outcome::bad_request, Outcome::head_too_large}), bed.refused);
  EXPECT_EQ(1u, bed.handler.paths.size());
}

TEST(H2Connection, OldIdsAreAnErrorOfTheConnection) {
  const std::string block = std::string("\x82\x86\x84\x41\x01") + "a";
  H2Bed bed;
  LoopPeer& c = bed.client();
  c.send(kH2Opening + h2_frame(NGHTTP2_HEADERS, 5, 5, block));
  bed.go();
  c.send(h2_frame(NGHTTP2_HEADERS, 5, 3, block));
  bed.go();
  EXPECT_TRUE(c.eof);
  EXPECT_EQ(1u, bed.handler.paths.size());
  EXPECT_EQ(std::vector<Abuse>{Abuse::malformed}, bed.abuses);
}

}  // namespace
}  // namespace siding::test
