// What a client gets over one HTTP/1 connection: in order, framed as its version wants, whole or seen
// to be torn.
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "tests/proxy/downstream/h1_bed.h"

namespace siding::test {
namespace {

using namespace std::chrono_literals;

TEST(H1Connection, KeepsAlive) {
  H1Bed bed;
  LoopPeer& c = bed.client();
  for (int i = 0; i < 3; ++i) {
    c.send(get("/hello"));
    bed.go();
    std::optional<std::string> answer = c.take();
    ASSERT_TRUE(answer);
    EXPECT_EQ(status_of_message(*answer), 200);
    EXPECT_EQ(body_of(*answer), "hello");
    EXPECT_FALSE(c.eof);
  }
  EXPECT_EQ(bed.listener->connections(), 1u);
}

TEST(H1Connection, ClosesWhenTheClientWantsIt) {
  H1Bed bed;
  LoopPeer& c = bed.client_with(get("/hello", "Connection: close\r\n"));
  EXPECT_TRUE(c.eof);
  EXPECT_FALSE(c.broken);
  EXPECT_NE(c.in.find("Connection: close"), std::string::npos);
  EXPECT_EQ(bed.open, 0u);
}

TEST(H1Connection, AnswersPipelinedRequestsInOrder) {
  H1Bed bed;
  std::string all;
  for (int i = 0; i < 30; ++i) all += get(i % 3 == 0 ? "/interim" : "/hello?" + std::to_string(i));
  LoopPeer& c = bed.client_with(get("/wait") + all);
  EXPECT_EQ(bed.handler.paths.size(), 1u) << "one at a time";
  EXPECT_EQ(c.in, "");
  bed.handler.go.notify();
  bed.go();
  int answers = 0;
  while (std::optional<std::string> answer = c.take()) {
    answers += status_of_message(*answer) == 200 ? 1 : 0;
  }
  EXPECT_EQ(answers, 31);
  EXPECT_EQ(bed.handler.ended, 31);
}

TEST(H1Connection, APipelinedBodyBelongsToItsRequest) {
  H1Bed bed;
  std::string post = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
  LoopPeer& c = bed.client_with(post + get("/hello") + post);
  EXPECT_EQ(body_of(*c.take()), "abc");
  EXPECT_EQ(body_of(*c.take()), "hello");
  EXPECT_EQ(body_of(*c.take()), "abc");
}

TEST(H1Connection, DecodesChunksAndTrailers) {
  H1Bed bed;
  LoopPeer& c = bed.client();
  std::string request =
      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n2;ext=1\r\nde\r\n0\r\nX-T: 1\r\n\r\n" +
      get("/hello");
  for (char byte : request) {
    c.send({&byte, 1});
    bed.go();
  }
  EXPECT_EQ(body_of(*c.take()), "abcde|X-T=1");
  EXPECT_EQ(body_of(*c.take()), "hello");
}

TEST(H1Connection, ABodyWaitsForItsWindow) {
  H1Bed bed;
  bed.handler.window = 1000;
  std::string body(500'000, 'b');
  LoopPeer& c =
      bed.client_with("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n" + body);
  EXPECT_EQ(body_of(c.take().value_or("")), body);
}

TEST(H1Connection, SendsContinueWhenTheBodyIsWanted) {
  H1Bed bed;
  LoopPeer& c = bed.client_with(
      "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  ASSERT_TRUE(c.in.starts_with("HTTP/1.1 100 ")) << c.in;
  c.in.clear();
  c.send("abc");
  bed.go();
  EXPECT_EQ(body_of(c.take().value_or("")), "abc");
  EXPECT_EQ(c.in, "") << "once";
}

TEST(H1Connection, SendsNoContinueToThoseWhoDidNotWait) {
  H1Bed bed;
  LoopPeer& c = bed.client_with(
      "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc");
  std::optional<std::string> answer = c.take();
  ASSERT_TRUE(answer);
  if (status_of_message(*answer) == 100) answer = c.take();  // it may: RFC 9110 10.1.1 lets it be
  EXPECT_EQ(body_of(answer.value_or("")), "abc");
}

// A refusal without reading: the client may hold its body back, so the connection cannot go on.
TEST(H1Connection, ARefusalInsteadOfContinueEndsTheConnection) {
  H1Bed bed;
  LoopPeer& c = bed.client_with(
      "POST /refuse HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  EXPECT_TRUE(c.in.starts_with("HTTP/1.1 403")) << c.in;
  EXPECT_NE(c.in.find("Connection: close"), std::string::npos);
  EXPECT_TRUE(c.eof);
}

TEST(H1Connection, LingersBehindARefusal) {
  H1Bed bed;
  LoopPeer& c = bed.client();
  c.send("POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 400000\r\n\r\n" +
         std::string(1000, 'x'));
  bed.go();
  // It goes on sending after the answer: no reset may destroy that.
  c.send(std::string(300'000, 'x'));
  bed.go();
  EXPECT_TRUE(c.in.starts_with("HTTP/1.1 403"));
  EXPECT_TRUE(c.eof);
  EXPECT_FALSE(c.broken);
  EXPECT_EQ(bed.open, 1u) << "until the client has closed";
  c.close();
  bed.go();
  EXPECT_EQ(bed.open, 0u);
}

TEST(H1Connection, DoesNotLingerForEver) {
  H1Bed bed;
  LoopPeer& c = bed.client_with("nonsense\r\n\r\n");
  EXPECT_TRUE(c.in.starts_with("HTTP/1.1 400"));
  EXPECT_EQ(bed.refused, std::vector<Outcome>{Outcome::bad_request});
  EXPECT_EQ(bed.open, 1u);
  bed.pass(3s);
  EXPECT_EQ(bed.open, 0u);
}

TEST(H1Connection, WhatFollowsAFaultIsNotParsed) {
  H1Bed bed;
  LoopPeer& c = bed.client_with("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" + get("/hello"));
  EXPECT_TRUE(c.in.starts_with("HTTP/1.1 400"));
  EXPECT_TRUE(bed.handler.paths.empty());
  LoopPeer& d = bed.client_with(
      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n" +
      get("/hello"));
  EXPECT_TRUE(d.in.starts_with("HTTP/1.1 400"));
  EXPECT_TRUE(d.eof);
  EXPECT_EQ(bed.handler.paths, std::vector<std::string>{"/echo"});
}

TEST(H1Connection, ChunksWhatHasNoLength) {
  H1Bed bed;
  LoopPeer& c = bed.client_with(get("/stream"));
  EXPECT_NE(c.in.find("Transfer-Encoding: chunked"), std::string::npos);
  EXPECT_TRUE(c.in.ends_with("3\r\none\r\n"));
  for (int i = 0; i < 2; ++i) {
    bed.handler.go.notify();
    bed.go();
  }
  EXPECT_TRUE(c.in.ends_with("3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")) << c.in;
  EXPECT_FALSE(c.eof);
  c.in.clear();
  c.send(get("/hello"));
  bed.go();
  EXPECT_EQ(body_of(c.take().value_or("")), "hello");
}

TEST(H1Connection, Http10GetsWhatItUnderstands) {
  H1Bed bed;
  LoopPeer& plain = bed.client_with("GET /hello HTTP/1.0\r\n\r\n");
  EXPECT_EQ(body_of(plain.in), "hello");
  EXPECT_TRUE(plain.eof);
  LoopPeer& kept = bed.client_with("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_NE(lower(kept.in).find("connection: keep-alive"), std::string::npos);
  EXPECT_FALSE(kept.eof);
  LoopPeer& interim = bed.client_with("GET /interim HTTP/1.0\r\n\r\n");
  EXPECT_EQ(interim.in.find(" 103 "), std::string::npos);
  LoopPeer& streamed = bed.client_with("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  for (int i = 0; i < 2; ++i) {
    bed.handler.go.notify();
    bed.go();
  }
  EXPECT_EQ(body_of(streamed.in), "onetwo");
  EXPECT_EQ(streamed.in.find("chunked"), std::string::npos);
  EXPECT_TRUE(streamed.eof);
  EXPECT_FALSE(streamed.broken);
}

TEST(H1Connection, HeadGetsNoBody) {
  H1Bed bed;
  LoopPeer& c = bed.client_with("HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n" + get("/hello"));
  EXPECT_NE(c.in.find("Content-Length: 5"), std::string::npos);
  size_t head = c.in.find("\r\n\r\n");
  EXPECT_TRUE(c.in.substr(head + 4).starts_with("HTTP/1.1 200"));
}

TEST(H1Connection, TornAnswersAreSeenToBe) {
  H1Bed bed;
  LoopPeer& length = bed.client_with(get("/torn"));
  EXPECT_EQ(body_of(length.in), "half");
  EXPECT_TRUE(length.eof);
  LoopPeer& chunked = bed.client_with(get("/torn-stream"));
  LoopPeer& until_close = bed.client_with("GET /torn-stream HTTP/1.0\r\n\r\n");
  for (int i = 0; i < 2; ++i) {
    bed.handler.go.notify();
    bed.go();
  }
  EXPECT_TRUE(chunked.eof);
  EXPECT_FALSE(chunked.in.ends_with("0\r\n\r\n"));
  EXPECT_TRUE(until_close.broken) << "a FIN would make it look whole";
}

TEST(H1Connection, AHandlerThatSaysNothingEndsTheConnection) {
  H1Bed bed;
  for (std::string_view path : {"/silent", "/abort"}) {
    LoopPeer& c = bed.client_with(get(path));
    EXPECT_EQ(c.in, "");
    EXPECT_TRUE(c.eof);
  }
  LoopPeer& c = bed.client_with(get("/short"));
  EXPECT_TRUE(c.eof) << "its length was a promise";
  EXPECT_EQ(bed.open, 0u);
}

TEST(H1Connection, ServesSoManyRequestsAndNoMore) {
  H1Bed bed;
  bed.options.max_requests = 2;
  LoopPeer& c = bed.client_with(get("/hello") + get("/hello") + get("/hello"));
  EXPECT_EQ(bed.handler.paths.size(), 2u);
  EXPECT_TRUE(c.take());
  std::optional<std::string> last = c.take();
  ASSERT_TRUE(last) << "the third request's bytes must not reset the second's answer";
  EXPECT_NE(last->find("Connection: close"), std::string::npos);
  EXPECT_FALSE(c.broken);
}

}  // namespace
}  // namespace siding::test
