// One call over HTTP/2: what goes out, what comes back, and which answers are none.
#include "proxy/upstream/h2_call.h"

#include <gtest/gtest.h>

#include "tests/proxy/upstream/h2_bed.h"

namespace siding {
namespace {

using namespace std::chrono_literals;
using test::H2Pieces;
using test::H2Server;
using test::H2Told;
using test::H2UpstreamBed;
using Pairs = H2Server::Pairs;

TEST(H2Call, SendsAndReads) {
  H2UpstreamBed bed;
  Fields fields;
  fields.add("Host", "elsewhere");
  fields.add("X-One", "1");
  fields.add("Connection", "close");
  fields.add("TE", "gzip");
  fields.add("Cookie", "a=b");
  H2Told& told = bed.ask(*bed.first, "GET", nullptr, fields);
  ASSERT_TRUE(bed.asked(1));
  const Pairs expected{{":method", "GET"}, {":scheme", "http"}, {":authority", "a.example"},
                       {":path", "/t"},    {"x-one", "1"},      {"cookie", "a=b"}};
  EXPECT_EQ(bed.server.requests[1].fields, expected);
  EXPECT_TRUE(bed.first->request_sent());
  EXPECT_FALSE(bed.first->answer_begun());
  bed.server.head(1,
                  {{":status", "200"}, {"x-two", " 2 "}, {"set-cookie", "a"}, {"set-cookie", "b"}});
  bed.server.data(1, "hel");
  bed.server.data(1, "lo", true);
  bed.ends(told);
  EXPECT_EQ(told.error, "");
  EXPECT_EQ(told.status, 200);
  EXPECT_TRUE(told.head.http2);
  EXPECT_EQ(told.head.fields.get("x-two"), "2") << "without the space around it";
  EXPECT_EQ(told.head.fields.count("set-cookie"), 2u);
  EXPECT_EQ(told.body, "hello");
  EXPECT_EQ(told.framing.body.kind, BodyFraming::Kind::chunked) << "its length is not known";
  EXPECT_EQ(bed.server.count(NGHTTP2_RST_STREAM), 0u);
}

TEST(H2Call, TheOpeningForbidsPush) {
  H2UpstreamBed bed;
  ASSERT_TRUE(bed.goes_on_until([&] { return bed.server.count(NGHTTP2_SETTINGS) > 0; }));
  const H2Server::Frame& settings = bed.server.frames.front();
  ASSERT_EQ(settings.type, NGHTTP2_SETTINGS);
  EXPECT_EQ(settings.payload.substr(0, 6), std::string("\0\2\0\0\0\0", 6)) << "ENABLE_PUSH = 0";
}

TEST(H2Call, TrailersGoBothWays) {
  H2UpstreamBed bed;
  Fields trailers;
  trailers.add("X-Sum", "7");
  H2Pieces body({"one", "two"});
  H2Told& told = bed.ask(*bed.first, "POST", &body, {}, &trailers);
  ASSERT_TRUE(bed.asked(1));
  const H2Server::Request& request = bed.server.requests[1];
  EXPECT_EQ(request.field("te"), "trailers");
  EXPECT_EQ(request.field("content-length"), "");
  EXPECT_EQ(request.body, "onetwo");
  EXPECT_EQ(request.trailers, (Pairs{{"x-sum", "7"}}));
  bed.server.head(1, {{":status", "200"}});
  bed.server.data(1, "x");
  bed.server.head(1, {{"grpc-status", "5"}, {"authorization", "x"}}, true);
  bed.ends(told);
  EXPECT_EQ(told.error, "");
  EXPECT_EQ(told.body, "x");
  EXPECT_EQ(told.trailers.get("grpc-status"), "5");
  EXPECT_FALSE(told.trailers.has("authorization")) << "what authenticates is no trailer";
}

// A gRPC error has no body, and its status behind it.
TEST(H2Call, AnEmptyBodyMayHaveTrailers) {
  H2UpstreamBed bed;
  H2Told& told = bed.ask();
  ASSERT_TRUE(bed.asked(1));
  bed.server.head(1, {{":status", "200"}, {"content-length", "0"}});
  bed.server.head(1, {{"grpc-status", "16"}}, true);
  bed.ends(told);
  EXPECT_EQ(told.framing.body.kind, BodyFraming::Kind::chunked);
  EXPECT_EQ(told.trailers.get("grpc-status"), "16");
}

TEST(H2Call, TellsHowAnswersEnd) {
  struct Case {
    std::string method;
    Pairs head;
    bool last;
    BodyFraming::Kind kind;
    uint64_t declared;
  };
  using Kind = BodyFraming::Kind;
  for (const Case& c : std::vector<Case>{
           {"GET", {{":status", "200"}}, true, Kind::length, 0},
           {"GET", {{":status", "200"}, {"content-length", "0"}}, true, Kind::length, 0},
           {"HEAD", {{":status", "200"}, {"content-length", "12"}}, true, Kind::none, 12},
           {"HEAD", {{":status", "200"}, {"content-length", "12"}}, false, Kind::none, 12},
           {"GET", {{":status", "204"}}, true, Kind::none, 0},
           {"GET", {{":status", "304"}, {"content-length", "5"}}, true, Kind::none, 0}}) {
    H2UpstreamBed bed;
    H2Told& told = bed.ask(c.method);
    ASSERT_TRUE(bed.asked(1));
    bed.server.head(1, c.head, c.last);
    bed.ends(told);
    EXPECT_EQ(told.error, "");
    EXPECT_EQ(told.framing.body.kind, c.kind) << c.method << ' ' << told.status;
    EXPECT_EQ(told.framing.declared.length, c.declared);
    EXPECT_EQ(told.body, "");
  }
}

TEST(H2Call, PassesInterimAnswersOneByOne) {
  H2UpstreamBed bed;
  H2Told& told = bed.ask();
  ASSERT_TRUE(bed.asked(1));
  bed.server.head(1, {{":status", "103"}, {"link", "</a>"}});
  bed.server.head(1, {{":status", "102"}});
  bed.server.answer(1, "done");
  bed.ends(told);
  EXPECT_EQ(told.interim, (std::vector<int>{103, 102}));
  EXPECT_EQ(told.body, "done");
}

TEST(H2Call, TooManyInterimAnswersAreNone) {
  H2UpstreamBed bed;
  H2Told& told = bed.ask();
  ASSERT_TRUE(bed.asked(1));
  for (int i = 0; i < 200; ++i) bed.server.head(1, {{":status", "103"}});
  EXPECT_EQ(bed.ends(told).error, "malformed");
}

/// An answer of which the head, or what follows it, breaks HTTP: what the torture suite's origin does, as
/// far as HTTP/2 can say it.
struct Bad {
  std::string name;
  Pairs head;
  std::string body;
  bool torn = false;  // the head was good
};

const std::vector<Bad>& bad_answers() {
  static const std::vector<Bad> all{
      {"TwoLengths",
       {{":status", "200"}, {"content-length", "5"}, {"content-length", "6"}},
       "hello"},
      {"BadLength", {{":status", "200"}, {"content-length", "5x"}}, "hello"},
      {"NegativeLength", {{":status", "200"}, {"content-length", "-5"}}, "hello"},
      {"TransferEncoding", {{":status", "200"}, {"transfer-encoding", "chunked"}}, "hello"},
      {"Connection", {{":status", "200"}, {"connection", "close"}}, "hello"},
      {"KeepAlive", {{":status", "200"}, {"keep-alive", "timeout=5"}}, "hello"},
      {"Nul", {{":status", "200"}, {"x", std::string("a\0b", 3)}}, "hello"},
      {"Cr", {{":status", "200"}, {"x", "a\rb"}}, "hello"},
      {"Lf", {{":status", "200"}, {"x", "a\nx-b: c"}}, "hello"},
      {"SpaceInName", {{":status", "200"}, {"x-bad ", "v"}}, "hello"},
      {"UpperCase", {{":status", "200"}, {"X-Up", "v"}}, "hello"},
      {"EmptyName", {{":status", "200"}, {"", "v"}}, "hello"},
      {"NoStatus", {{"x", "v"}}, "hello"},
      {"TwoStatuses", {{":status", "200"}, {":status", "200"}}, "hello"},
      {"LateStatus", {{"x", "v"}, {":status", "200"}}, "hello"},
      {"UnknownPseudo", {{":status", "200"}, {":bad", "v"}}, "hello"},
      {"RequestPseudo", {{":status", "200"}, {":path", "/"}}, "hello"},
      {"StatusOfLetters", {{":status", "2x0"}}, "hello"},
      {"StatusOfFour", {{":status", "2000"}}, "hello"},
      {"Status099", {{":status", "099"}}, "hello"},
      {"Status600", {{":status", "600"}}, "hello"},
      {"Switching", {{":status", "101"}}, "hello"},
      {"Short", {{":status", "200"}, {"content-length", "9"}}, "hello", true},
      {"Long", {{":status", "200"}, {"content-length", "3"}}, "hello", true},
  };
  return all;
}

class H2BadAnswers : public testing::TestWithParam<Bad> {};
INSTANTIATE_TEST_SUITE_P(All, H2BadAnswers, testing::ValuesIn(bad_answers()),
                         [](const auto& one) { return one.param.name; });

// The stream is at fault, and the next call goes by the same connection.
TEST_P(H2BadAnswers, AreErrorsOfTheirStreamAlone) {
  const Bad& bad = GetParam();
  H2UpstreamBed bed;
  std::unique_ptr<HttpClient> other = bed.pool.take(SocketAddress());
  H2Told& told = bed.ask();
  H2Told& beside = bed.ask(*other);
  ASSERT_TRUE(bed.asked(1) && bed.asked(3));
  bed.server.head(1, bad.head);
  bed.server.data(1, bad.body, true);
  bed.ends(told);
  EXPECT_EQ(told.error, "malformed");
  EXPECT_EQ(told.status, bad.torn ? 200 : 0);
  bed.server.answer(3, "well");
  EXPECT_EQ(bed.ends(beside).body, "well");
  EXPECT_TRUE(bed.goes_on_until([&] { return bed.server.requests[1].reset; }));
  std::unique_ptr<HttpClient> next = bed.pool.take(SocketAddress());
  ASSERT_NE(next, nullptr);
  H2Told& after = bed.ask(*next);
  ASSERT_TRUE(bed.asked(5));
  bed.server.answer(5, "still");
  EXPECT_EQ(bed.ends(after).body, "still");
}

TEST(H2Call, BodiesWhereNoneMayBeReachNobody) {
  for (const auto& [method, status] : std::vector<std::pair<std::string, std::string>>{
           {"GET", "204"}, {"GET", "304"}, {"HEAD", "200"}}) {
    H2UpstreamBed bed;
    H2Told& told = bed.ask(method);
    ASSERT_TRUE(bed.asked(1));
    bed.server.head(1, {{":status", status}});
    bed.server.data(1, "ghost", true);
    bed.ends(told);
    EXPECT_EQ(told.error, "");
    EXPECT_EQ(told.body, "");
    bed.first.reset();
    std::unique_ptr<HttpClient> next = bed.pool.take(SocketAddress());
    ASSERT_NE(next, nullptr);
    H2Told& after = bed.ask(*next);
    ASSERT_TRUE(bed.asked(3));
    bed.server.answer(3, "mine");
    EXPECT_EQ(bed.ends(after).body, "mine");
  }
}

TEST(H2Call, HeadsOverTheLimitsAreMalformed) {
  for (bool many : {false, true}) {
    H2UpstreamBed bed;
    H2Told& told = bed.ask();
    ASSERT_TRUE(bed.asked(1));
    Pairs head{{":status", "200"}};
    for (int i = 0; i < (many ? 60 : 9); ++i)
      head.emplace_back("x", std::string(many ? 1 : 8000, 'v'));
    const std::string block = H2Server::block(head);
    bed.server.frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_NONE, 1, block.substr(0, 16000));
    for (size_t at = 16000; at < block.size(); at += 16000) {
      bed.server.frame(NGHTTP2_CONTINUATION, NGHTTP2_FLAG_NONE, 1, block.substr(at, 16000));
    }
    bed.server.frame(NGHTTP2_CONTINUATION, NGHTTP2_FLAG_END_HEADERS, 1, "");
    EXPECT_EQ(bed.ends(told).error, "malformed");
    EXPECT_EQ(bed.counts.broken, 0u);
  }
}

TEST(H2Call, ResetsAndClosesAreTold) {
  for (bool closes : {false, true}) {
    for (bool torn : {false, true}) {
      H2UpstreamBed bed;
      H2Told& told = bed.ask();
      ASSERT_TRUE(bed.asked(1));
      if (torn) bed.server.head(1, {{":status", "200"}});
      if (torn) bed.server.data(1, "half");
      bed.exchange();
      if (closes) bed.peer->close();
      if (!closes) bed.server.reset(1, NGHTTP2_INTERNAL_ERROR);
      bed.until([&] {
        if (!closes) bed.exchange();
        return told.done;
      });
      EXPECT_EQ(told.error, closes ? "closed" : "reset");
      EXPECT_EQ(told.status, torn ? 200 : 0);
      EXPECT_EQ(told.body, torn ? "half" : "");
      EXPECT_FALSE(bed.first->refused());
    }
  }
}

TEST(H2Call, WaitsUntilTheDeadlineOnly) {
  H2UpstreamBed bed;
  H2Told& told = bed.ask(*bed.first, "GET", nullptr, {}, nullptr, after(bed.loop.now(), 100ms));
  ASSERT_TRUE(bed.asked(1));
  EXPECT_FALSE(told.done);
  bed.advance(99ms);
  EXPECT_FALSE(told.done);
  bed.advance(2ms);
  EXPECT_EQ(told.error, "timeout");
}

TEST(H2Call, AnEarlyRefusalEndsTheSending) {
  H2Server::Options options;
  options.gives_credit = false;
  H2UpstreamBed bed(options);
  H2Pieces body(std::vector<std::string>(100, std::string(64 * 1024, 'b')));
  H2Told& told = bed.ask(*bed.first, "POST", &body);
  ASSERT_TRUE(bed.goes_on_until([&] { return bed.server.requests[1].body.size() == 65535; }));
  EXPECT_FALSE(told.done);
  bed.server.head(1, {{":status", "413"}});
  bed.server.data(1, "too large", true);
  bed.ends(told);
  EXPECT_EQ(told.status, 413);
  EXPECT_EQ(told.body, "too large");
  bed.first.reset();
  ASSERT_TRUE(bed.goes_on_until([&] { return bed.server.requests[1].reset; }));
  EXPECT_FALSE(bed.server.requests[1].ended) << "half a body never looks whole";
  EXPECT_NE(bed.pool.take(SocketAddress()), nullptr);
}

TEST(H2Call, ABodyThatBreaksOffIsTold) {
  H2UpstreamBed bed;
  H2Pieces body({"one", "two", "three"});
  body.fails_at = 1;
  H2Told& told = bed.ask(*bed.first, "POST", &body);
  bed.ends(told);
  EXPECT_EQ(told.error, "no_buffer");
  bed.calm();
  EXPECT_FALSE(bed.server.requests[1].ended) << "half of it is no request";
}

TEST(H2Call, CancellingResetsTheStreamAlone) {
  H2UpstreamBed bed;
  std::unique_ptr<HttpClient> other = bed.pool.take(SocketAddress());
  bed.ask();
  H2Told& beside = bed.ask(*other);
  ASSERT_TRUE(bed.asked(1) && bed.asked(3));
  bed.server.head(3, {{":status", "200"}});
  bed.calm();
  bed.tasks[0].reset();
  bed.first.reset();
  ASSERT_TRUE(bed.goes_on_until([&] { return bed.server.requests[1].reset; }));
  EXPECT_EQ(bed.server.requests[1].code, static_cast<uint32_t>(NGHTTP2_CANCEL));
  bed.server.answer(1, "late");  // it was on its way
  bed.server.data(3, "well", true);
  EXPECT_EQ(bed.ends(beside).body, "well");
  EXPECT_EQ(bed.counts.calls, 1u);
}

// What is cancelled in the turn in which it was made never was.
TEST(H2Call, CancelledBeforeItGoesOutItIsNotSent) {
  H2UpstreamBed bed;
  bed.calm();
  bed.ask();
  bed.tasks[0].reset();
  bed.first.reset();
  bed.calm();
  EXPECT_EQ(bed.server.count(NGHTTP2_HEADERS), 0u);
  EXPECT_EQ(bed.counts.calls, 0u);
}

}  // namespace
}  // namespace siding
