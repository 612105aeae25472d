// Requests and answers pass: methods, framing in both directions, interim answers, order, early
// answers, large bodies.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>

#include "tests/harness/proxy.h"

namespace siding::test {
namespace {

TEST(Forward, GetHeadAndPost) {
  Origin backend;
  Proxy proxy(backend);
  Client client(proxy.front());

  Message answer = client.get("/a?b=c").answer();
  EXPECT_EQ(200, answer.status()) << answer;
  EXPECT_EQ("/a?b=c", answer.body);
  EXPECT_EQ("GET /a?b=c HTTP/1.1", backend.request(1).start);
  EXPECT_EQ("shop.example", backend.request(1).field("host"));
  EXPECT_FALSE(backend.request(1).has("content-length")) << backend.request(1);

  answer = client.head("/longer").answer();
  EXPECT_EQ(200, answer.status());
  EXPECT_EQ("7", answer.field("content-length"));

  answer = client.post("/p", "some=body").answer();
  EXPECT_EQ("/p", answer.body);
  EXPECT_EQ("some=body", backend.request(3).body);
  EXPECT_TRUE(proxy.metric_becomes(3, "siding_exchanges_total", {"outcome=ok"}));
}

TEST(Forward, AnEmptyPostKeepsItsContentLength) {
  Origin backend;
  Proxy proxy(backend);
  EXPECT_EQ(200, post(proxy.front(), "/p", "").status());
  EXPECT_EQ("0", backend.request(1).field("content-length"));
}

TEST(Forward, ChunksAndTrailersPassBothWays) {
  Origin backend([](Origin::Call& call) {
    call.send(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
        "5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nX-Sum: 11\r\n\r\n");
  });
  Proxy proxy(backend);
  Client client(proxy.front());
  client.send(
      "POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: X-Check\r\n\r\n"
      "3\r\nabc\r\n4\r\ndefg\r\n0\r\nX-Check: ok\r\n\r\n");
  Message answer = client.answer();
  EXPECT_EQ("hello world", answer.body);
  ASSERT_EQ(1u, answer.trailers.size()) << answer;
  EXPECT_EQ("11", answer.trailers[0].second);
  EXPECT_EQ("X-Sum", answer.field("trailer"));

  Message request = backend.request(1);
  EXPECT_EQ("abcdefg", request.body);
  ASSERT_EQ(1u, request.trailers.size()) << request;
  EXPECT_EQ("X-Check", request.trailers[0].first);
}

TEST(Forward, AChunkedBodyWithoutTrailersGetsALength) {
  // Many WSGI servers take no chunks.
  Origin backend;
  Proxy proxy(backend);
  Client client(proxy.front());
  client.send(
      "POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  EXPECT_EQ(200, client.answer().status());
  EXPECT_EQ("3", backend.request(1).field("content-length"));
  EXPECT_FALSE(backend.request(1).has("transfer-encoding"));
}

TEST(Forward, InterimAnswersPassAtOnce) {
  Origin backend;
  Proxy proxy(backend);
  backend.on_request([](Origin::Call& call) {
    call.send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n");
    call.wire.read_bytes(1);  // until the test has seen it and stops the backend
    call.reset();
  });
  Client client(proxy.front());
  client.post("/", "");
  Message early = client.read();
  EXPECT_EQ(103, early.status());
  EXPECT_EQ("</a.css>; rel=preload", early.field("link"));
  backend.stop();  // it has said only that
  EXPECT_EQ(502, client.answer().status());
}

TEST(Forward, AnInterimAnswerDoesNotStopTheUpload) {
  Origin backend;
  backend.on_head([](Origin::Call& call) {
    call.send("HTTP/1.1 103 Early Hints\r\n\r\n");
    call.wire.read_request_body(call.request);
    call.respond(std::to_string(call.request.body.size()));
  });
  Proxy proxy(backend);
  Client client(proxy.front());
  client.post("/upload", std::string(8 << 20, 'u'));
  EXPECT_EQ(103, client.read().status());
  EXPECT_EQ(std::to_string(8 << 20), client.answer().body);
}

TEST(Forward, AnAnswerFlowsAsItComes) {
  Origin backend;
  Proxy proxy(backend);
  Client client(proxy.front());
  backend.on_request([](Origin::Call& call) {
    call.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst");
    call.wire.read_bytes(1);
  });
  client.get("/");
  std::string seen;
  while (seen.find("first") == std::string::npos) seen += client.wire().read_bytes(1);
  backend.stop();
  EXPECT_NE("timeout", client.end());
  EXPECT_TRUE(proxy.metric_becomes(1, "siding_exchanges_total", {"outcome=backend_aborted"}));
}

TEST(Forward, ExpectContinueIsAnsweredHere) {
  Origin backend;
  Proxy proxy(backend);
  Client client(proxy.front());
  client.send("POST /e HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(100, client.read().status());
  EXPECT_EQ(0, backend.opened());
  client.send("body");
  EXPECT_EQ(200, client.read().status());
  EXPECT_EQ("body", backend.request(1).body);
  EXPECT_FALSE(backend.request(1).has("expect"));
  client.send("POST /e HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: miracle\r\n\r\n");
  EXPECT_EQ(417, client.read().status());
}

TEST(Forward, AnHttp10ClientGetsItsAnswerUntilTheEnd) {
  Origin backend([](Origin::Call& call) {
    call.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
  });
  Proxy proxy(backend);
  Client client(proxy.front());
  Message answer = client.send("GET /old HTTP/1.0\r\n\r\n").answer();
  EXPECT_EQ(200, answer.status());
  EXPECT_EQ("hello", answer.body);
  EXPECT_FALSE(answer.has("transfer-encoding"));
  EXPECT_EQ("closed", client.end());
  EXPECT_EQ("GET /old HTTP/1.1", backend.request(1).start);

  backend.on_request([](Origin::Call& call) { call.respond("short"); });
  Client kept(proxy.front());
  kept.send("GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  answer = kept.answer();
  EXPECT_EQ("short", answer.body);
  EXPECT_EQ("keep-alive", answer.field("connection"));
  EXPECT_EQ("short", kept.send("GET /2 HTTP/1.0\r\n\r\n").answer().body);
  EXPECT_EQ("closed", kept.end());
}

TEST(Forward, PipelinedRequestsAreAnsweredInOrder) {
  Origin backend;
  Proxy proxy(backend, {.backend = "concurrency = 8\n"});
  Client client(proxy.front());
  std::string all;
  for (int i = 0; i < 20; ++i) {
    all += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\n\r\n";
    all += "POST /p" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
  }
  client.send(all);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ("/" + std::to_string(i), client.answer().body);
    EXPECT_EQ("/p" + std::to_string(i), client.answer().body);
  }
  EXPECT_EQ(1, backend.most_busy());
}

TEST(Forward, ABackendMayAnswerBeforeItHasTheBody) {
  std::string body(8 << 20, 'b');
  Origin backend;
  backend.on_head([](Origin::Call& call) {
    call.respond("no, thanks", "Connection: close\r\n", 413);
    call.close();
    call.wire.read_to_end();
  });
  Proxy proxy(backend);
  Message answer = post(proxy.front(), "/upload", body);
  EXPECT_EQ(413, answer.status()) << answer.fault;
  EXPECT_EQ("no, thanks", answer.body);
}

TEST(Forward, LargeBodiesWaitInAFile) {
  std::string body(8 << 20, 'x');
  for (size_t i = 0; i < body.size(); i += 1000) body[i] = static_cast<char>('a' + i / 1000 % 26);
  Origin backend([&](Origin::Call& call) { call.respond(body); });
  backend.hold();
  Proxy proxy(backend);
  Client client(proxy.front());
  client.post("/upload", body);
  ASSERT_TRUE(backend.wait_for(1));
  EXPECT_TRUE(backend.request(1).body == body);
  EXPECT_GT(proxy.metric("siding_body_spill_bytes"), 4 << 20);
  backend.release();
  // The worker is rid of its answer although nobody reads it: the permit comes back.
  EXPECT_TRUE(proxy.inside(0));
  EXPECT_GT(proxy.metric("siding_body_spill_bytes"), 0);
  Message answer = client.answer();
  EXPECT_TRUE(answer.body == body) << answer.fault << answer.body.size();
  EXPECT_TRUE(proxy.metric_becomes(0, "siding_body_spill_bytes"));
  EXPECT_TRUE(proxy.metric_becomes(0, "siding_body_memory_bytes"));
  EXPECT_TRUE(proxy.metric_becomes(1, "siding_spilled_bodies_total"));
}

TEST(Forward, AnAnswerWithoutAnEndIsTornNotShortened) {
  Origin backend([](Origin::Call& call) {
    call.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    call.reset();
  });
  Proxy proxy(backend);
  Message answer = get(proxy.front(), "/");
  EXPECT_EQ(200, answer.status());
  EXPECT_NE("", answer.fault);
  Message old = Client(proxy.front()).send("GET / HTTP/1.0\r\n\r\n").answer();
  EXPECT_EQ("reset", old.fault) << "a FIN would look like the end of the body";
}

/// Reads a body of `size` bytes and sends each piece back before it reads the next, with a buffer that
/// holds little: it stops reading as soon as nobody takes what it sends.
void echo(Origin::Call& call, size_t size) {
  int small = 64 * 1024;
  setsockopt(call.wire.fd(), SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
  call.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n");
  for (size_t left = size; left > 0 && !call.done;) {
    std::string piece = call.wire.read_bytes(std::min<size_t>(left, 64 * 1024));
    call.done = piece.empty() || !call.wire.send(piece);
    left -= piece.size();
  }
}

TEST(Forward, AnAnswerIsReadWhileTheRequestIsStillBeingSent) {
  std::string body;
  for (int i = 0; body.size() < (20 << 20); ++i) body += std::to_string(i) + ",";
  Origin backend;
  backend.on_head([&](Origin::Call& call) {
    if (call.request.method() == "GET") return call.respond("small");
    echo(call, body.size());
  });
  Proxy proxy(backend, {.route = "max_body = \"32MiB\"\n"});
  Message answer = post(proxy.front(), "/echo", body);
  EXPECT_EQ(200, answer.status()) << answer.fault;
  EXPECT_TRUE(answer.body == body) << answer.fault << " " << answer.body.size();
  // Both sides were whole, so the connection is kept.
  EXPECT_EQ("small", get(proxy.front(), "/next").body);
  EXPECT_EQ(1, backend.opened());
}

TEST(Forward, AnAnswerThatEndsBeforeItsRequestIsWholeAndItsConnectionIsNotUsedAgain) {
  Origin backend;
  backend.on_head([](Origin::Call& call) {
    call.respond("enough");
    call.done = call.request.method() == "POST";
    if (call.done) call.wire.read_to_end();
  });
  Proxy proxy(backend, {.route = "max_body = \"32MiB\"\n"});
  Message answer = post(proxy.front(), "/", std::string(20 << 20, 'x'));
  EXPECT_EQ(200, answer.status()) << answer.fault;
  EXPECT_EQ("enough", answer.body);
  EXPECT_EQ(200, get(proxy.front(), "/next").status());
  EXPECT_EQ(2, backend.opened());
}

}  // namespace
}  // namespace siding::test
