// One HTTP/2 connection that calls share: how many at once, how it ends well, and what a bad server may do.
#include "proxy/upstream/h2_upstream.h"

#include <gtest/gtest.h>

#include "tests/proxy/upstream/h2_bed.h"

namespace siding {
namespace {

using namespace std::chrono_literals;
using test::H2Server;
using test::H2Told;
using test::H2UpstreamBed;

const SocketAddress kThere;

TEST(H2Upstream, CallsShareIt) {
  H2UpstreamBed bed;
  std::vector<std::unique_ptr<HttpClient>> calls;
  for (int i = 0; i < 20; ++i) {
    calls.push_back(bed.pool.take(kThere));
    ASSERT_NE(calls.back(), nullptr);
    bed.ask(*calls.back());
  }
  ASSERT_TRUE(bed.goes_on_until([&] { return bed.server.waiting().size() == 20; }));
  EXPECT_EQ(bed.counts.calls, 21u);
  EXPECT_EQ(bed.counts.open, 1u);
  // The last first.
  for (int32_t id = 39; id > 0; id -= 2) bed.server.answer(id, std::to_string(id));
  for (size_t i = 0; i < calls.size(); ++i) {
    EXPECT_EQ(bed.ends(*bed.told[i]).body, std::to_string(2 * i + 1));
  }
}

TEST(H2Upstream, HonoursHowManyStreamsTheServerTakes) {
  H2Server::Options options;
  options.settings = {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 2}};
  H2UpstreamBed bed(options);
  bed.calm();
  std::unique_ptr<HttpClient> second = bed.pool.take(kThere);
  EXPECT_NE(second, nullptr);
  EXPECT_EQ(bed.pool.take(kThere), nullptr);
  bed.first.reset();
  EXPECT_NE(bed.pool.take(kThere), nullptr) << "that one's place";
  bed.server.say_settings({{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1000}});
  bed.calm();
  std::vector<std::unique_ptr<HttpClient>> calls;
  while (std::unique_ptr<HttpClient> call = bed.pool.take(kThere)) calls.push_back(std::move(call));
  EXPECT_EQ(calls.size(), 127u) << "not more than our own bound";
}

TEST(H2Upstream, ARefusedStreamWasNotLookedAt) {
  H2UpstreamBed bed;
  H2Told& told = bed.ask("POST");
  ASSERT_TRUE(bed.asked(1));
  bed.server.reset(1, NGHTTP2_REFUSED_STREAM);
  EXPECT_EQ(bed.ends(told).error, "closed");
  EXPECT_TRUE(bed.first->refused());
  EXPECT_NE(bed.pool.take(kThere), nullptr) << "the connection stays";
}

// One that it had begun to answer it had looked at.
TEST(H2Upstream, RefusedBehindItsHeadIsTorn) {
  H2UpstreamBed bed;
  H2Told& told = bed.ask();
  ASSERT_TRUE(bed.asked(1));
  bed.server.head(1, {{":status", "200"}});
  bed.calm();
  bed.server.reset(1, NGHTTP2_REFUSED_STREAM);
  EXPECT_EQ(bed.ends(told).error, "reset");
  EXPECT_FALSE(bed.first->refused());
}

TEST(H2Upstream, GoawayPartsTheCalls) {
  H2UpstreamBed bed;
  std::unique_ptr<HttpClient> second = bed.pool.take(kThere);
  std::unique_ptr<HttpClient> third = bed.pool.take(kThere);
  H2Told& one = bed.ask();
  H2Told& two = bed.ask(*second, "POST");
  ASSERT_TRUE(bed.asked(1) && bed.asked(3));
  bed.server.goaway(1);
  bed.ends(two);
  EXPECT_EQ(two.error, "closed");
  EXPECT_TRUE(second->refused());
  EXPECT_FALSE(one.done);
  EXPECT_EQ(bed.pool.take(kThere), nullptr);
  EXPECT_FALSE(bed.pool.connected_to(kThere));
  // Who had a place, and no stream yet, gets none.
  H2Told& three = bed.ask(*third);
  bed.ends(three);
  EXPECT_EQ(three.error, "closed");
  EXPECT_TRUE(third->refused());
  bed.server.answer(1, "the last");
  EXPECT_EQ(bed.ends(one).body, "the last");
  EXPECT_EQ(bed.counts.goaways, 1u);
  bed.first.reset();
  second.reset();
  third.reset();
  bed.calm();
  EXPECT_EQ(bed.counts.open, 0u) << "it closes with its last call";
}

// The notice of a graceful end: all that was sent is still served.
TEST(H2Upstream, AShutdownNoticeRefusesNothing) {
  H2UpstreamBed bed;
  H2Told& one = bed.ask();
  ASSERT_TRUE(bed.asked(1));
  bed.server.goaway(0x7fffffff);
  bed.calm();
  EXPECT_FALSE(one.done);
  EXPECT_EQ(bed.pool.take(kThere), nullptr);
  bed.server.goaway(1);
  bed.server.answer(1, "x");
  EXPECT_EQ(bed.ends(one).body, "x");
}

TEST(H2Upstream, ClosesWhenItIsIdle) {
  H2UpstreamBed bed;
  H2Told& told = bed.ask();
  ASSERT_TRUE(bed.asked(1));
  bed.server.answer(1, "x");
  bed.ends(told);
  bed.first.reset();
  bed.calm();
  bed.advance(3900ms);
  EXPECT_EQ(bed.counts.open, 1u);
  bed.advance(200ms);
  EXPECT_EQ(bed.counts.open, 0u);
  bed.exchange();
  EXPECT_EQ(bed.server.count(NGHTTP2_GOAWAY), 1u);
  EXPECT_TRUE(bed.peer->eof);
}

TEST(H2Upstream, IsNotKeptWhereNothingIs) {
  H2Pool::Options options = H2UpstreamBed::defaults();
  options.keep = false;
  H2UpstreamBed bed({}, options);
  H2Told& told = bed.ask();
  ASSERT_TRUE(bed.asked(1));
  bed.server.answer(1, "x");
  bed.ends(told);
  bed.first.reset();
  bed.calm();
  EXPECT_EQ(bed.counts.open, 0u);
}

// A call that was given up while the connection was dead silent says that nobody may be there.
TEST(H2Upstream, SilenceMakesItDoubtful) {
  H2UpstreamBed bed;
  bed.calm();
  bed.ask();
  bed.turns(3);
  bed.tasks[0].reset();
  bed.first.reset();
  bed.turns(3);
  EXPECT_EQ(bed.pool.take(kThere), nullptr);
  // It answers the PING that asks.
  EXPECT_TRUE(bed.goes_on_until([&] { return bed.server.count(NGHTTP2_PING) == 1; }));
  EXPECT_TRUE(bed.goes_on_until([&] { return bed.pool.take(kThere) != nullptr; }));
}

TEST(H2Upstream, WhoSpeaksAnotherProtocolGetsNoRequest) {
  for (const std::string& greeting :
       {std::string("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"),
        std::string("hello\n") + std::string(20, 'x'),
        std::string("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")}) {
    H2Server::Options options;
    options.says_settings = false;
    H2UpstreamBed bed(options);
    H2Told& told = bed.ask();
    bed.peer->send(greeting);
    EXPECT_NE(bed.ends(told).error, "") << greeting;
    EXPECT_EQ(told.status, 0);
    bed.calm();
    EXPECT_EQ(bed.counts.open, 0u);
  }
}

TEST(H2Upstream, PushIsAFault) {
  H2UpstreamBed bed;
  H2Told& told = bed.ask();
  ASSERT_TRUE(bed.asked(1));
  bed.calm();
  bed.server.frame(
      NGHTTP2_PUSH_PROMISE, NGHTTP2_FLAG_END_HEADERS, 1,
      std::string("\0\0\0\2", 4) +
          H2Server::block(
              {{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}}));
  EXPECT_EQ(bed.ends(told).error, "malformed");
  EXPECT_EQ(bed.counts.broken, 1u);
}

/// What a bad server sends over and over.
struct Flood {
  std::string name;
  void (*send)(H2Server&);
};

class H2Floods : public testing::TestWithParam<Flood> {};
INSTANTIATE_TEST_SUITE_P(
    All, H2Floods,
    testing::Values(Flood{"Ping", [](H2Server& s) { s.frame(NGHTTP2_PING, 0, 0, "12345678"); }},
                    Flood{"Settings", [](H2Server& s) { s.say_settings({}); }},
                    Flood{"EmptyData", [](H2Server& s) { s.data(1, ""); }},
                    Flood{"Padding",
                          [](H2Server& s) {
                            s.frame(NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1, std::string("\1\0", 2));
                          }},
                    Flood{"Window", [](H2Server& s) { s.window(0, 1); }},
                    Flood{"Priority",
                          [](H2Server& s) {
                            s.frame(NGHTTP2_PRIORITY, 0, 1, std::string("\0\0\0\0\1", 5));
                          }},
                    Flood{"Unknown", [](H2Server& s) { s.frame(0x42, 0, 1, "x"); }}),
    [](const auto& one) { return one.param.name; });

// It is ended after some hundreds, with a reason; what we say meanwhile is bounded.
TEST_P(H2Floods, EndTheConnection) {
  H2UpstreamBed bed;
  H2Told& told = bed.ask();
  ASSERT_TRUE(bed.asked(1));
  bed.server.head(1, {{":status", "200"}});
  for (int i = 0; i < 100; ++i) GetParam().send(bed.server);
  bed.calm();
  EXPECT_EQ(bed.counts.broken, 0u) << "so much is no flood";
  for (int i = 0; i < 3000; ++i) GetParam().send(bed.server);
  bed.ends(told);
  EXPECT_EQ(told.error, "malformed");
  bed.calm();
  EXPECT_EQ(bed.counts.broken, 1u);
  EXPECT_EQ(bed.counts.open, 0u);
  EXPECT_LT(bed.server.frames.size(), 1200u);
}

TEST(H2Upstream, ContinuationsAreBounded) {
  H2UpstreamBed bed;
  H2Told& told = bed.ask();
  ASSERT_TRUE(bed.asked(1));
  bed.server.frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_NONE, 1, H2Server::block({{":status", "200"}}));
  for (int i = 0; i < 100; ++i) bed.server.frame(NGHTTP2_CONTINUATION, 0, 1, "");
  EXPECT_EQ(bed.ends(told).error, "malformed");
}

// A byte of a block may mean a field of any size.
TEST(H2Upstream, AHeadFarBeyondTheLimitsEndsIt) {
  H2UpstreamBed bed;
  H2Told& told = bed.ask();
  ASSERT_TRUE(bed.asked(1));
  std::string block = H2Server::block({{":status", "200"}});
  block += '\x40' + H2Server::block({{"x", std::string(3000, 'v')}}).substr(1);  // it is indexed
  block += std::string(10'000, '\xbe');                                          // 10 000 times
  bed.server.frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, block);
  EXPECT_EQ(bed.ends(told).error, "malformed");
  EXPECT_EQ(bed.counts.broken, 1u);
}

TEST(H2Upstream, OthersCanBeToldOfItsEnd) {
  H2UpstreamBed bed;
  std::unique_ptr<HttpClient> second = bed.pool.take(kThere);
  H2Told& one = bed.ask();
  H2Told& two = bed.ask(*second);
  ASSERT_TRUE(bed.asked(1) && bed.asked(3));
  bed.server.answer(1, "whole");
  bed.exchange();
  bed.peer->close();
  ASSERT_TRUE(bed.until([&] { return one.done && two.done; }));
  EXPECT_EQ(one.body, "whole");
  EXPECT_EQ(two.error, "closed");
  EXPECT_EQ(bed.counts.open, 0u);
}

// What waits for a server that does not read is bounded, as is what we say to it.
TEST(H2Upstream, AServerThatDoesNotReadGetsNoMore) {
  H2UpstreamBed bed({}, H2UpstreamBed::defaults(), 4096);
  bed.peer->reading = false;
  for (int i = 0; i < 100'000; ++i) bed.peer->send("");
  std::string pings;
  H2Server other;
  other.out.clear();
  for (int i = 0; i < 400; ++i) other.frame(NGHTTP2_PING, 0, 0, "12345678");
  bed.peer->send(bed.server.out);
  bed.server.out.clear();
  H2Told& told = bed.ask();
  for (int i = 0; i < 20 && !told.done; ++i) {
    bed.peer->send(other.out);
    bed.until([&] {
      bed.peer->pump();
      return bed.peer->sent();
    });
    bed.turns(20);
  }
  EXPECT_EQ(told.error, "malformed");
}

}  // namespace
}  // namespace siding
