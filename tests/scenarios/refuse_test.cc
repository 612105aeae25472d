// What is answered by siding itself, with a named reason, and never reaches the backend.
#include <gtest/gtest.h>

#include "tests/harness/proxy.h"

namespace siding::test {
namespace {

TEST(Refuse, TunnelsToWhereTheClientLikes) {
  Origin backend;
  Proxy proxy(backend);
  Message answer = Client(proxy.front())
                       .send("CONNECT x.example:443 HTTP/1.1\r\nHost: x.example:443\r\n\r\n")
                       .answer();
  EXPECT_EQ(501, answer.status());
  EXPECT_TRUE(answer.says("CONNECT")) << answer;
  EXPECT_EQ(0, backend.opened());
}

TEST(Refuse, EveryAnswerHasADate) {
  Origin backend;
  Proxy proxy(backend);
  EXPECT_TRUE(get(proxy.front(), "/x", "Expect: bogus\r\n").has("date"));
  Message broken = Client(proxy.front()).send("GET / HTTP/1.1\r\nHost\r\n\r\n").answer();
  EXPECT_EQ(400, broken.status());
  EXPECT_TRUE(broken.has("date"));
  EXPECT_TRUE(get(proxy.health(), "/healthz").has("date"));
}

TEST(Refuse, OtherUpgradesAreDroppedAndTheRequestServed) {
  Origin backend;
  Proxy proxy(backend);
  Message answer = get(proxy.front(), "/x", "Connection: Upgrade\r\nUpgrade: h2c\r\n");
  EXPECT_EQ(200, answer.status());
  EXPECT_FALSE(backend.request(1).has("upgrade"));
}

TEST(Refuse, TraceIsNotForwarded) {
  Origin backend;
  Proxy proxy(backend);
  Message answer = Client(proxy.front()).send("TRACE / HTTP/1.1\r\nHost: x\r\n\r\n").answer();
  EXPECT_EQ(405, answer.status());
  EXPECT_EQ(0, backend.opened());
  answer = Client(proxy.front())
               .send("OPTIONS / HTTP/1.1\r\nHost: x\r\nMax-Forwards: 1\r\n\r\n")
               .answer();
  EXPECT_EQ(200, answer.status());
  EXPECT_EQ("0", backend.request(1).field("max-forwards"));
}

TEST(Refuse, NoRouteAndAmbiguousPaths) {
  Origin backend;
  Proxy proxy(backend, {.route = "path = \"/b\"\n",
                        .tables = "[[route]]\npath = \"/a/*\"\nbackend = \"shop\"\n"});
  Message answer = get(proxy.front(), "/c");
  EXPECT_EQ(404, answer.status());
  EXPECT_TRUE(answer.says("no_route")) << answer;
  EXPECT_EQ(200, get(proxy.front(), "/a/b").status());
  EXPECT_EQ(400, get(proxy.front(), "/a/%2e%2e/b").status());
  EXPECT_EQ(400, get(proxy.front(), "/a/../b").status());
  EXPECT_EQ(400, get(proxy.front(), "/a/%00").status());
  EXPECT_EQ(1, backend.requests());
}

TEST(Refuse, AmbiguousFramingEndsTheConnection) {
  Origin backend;
  Proxy proxy(backend);
  Client client(proxy.front());
  client.send(
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
      "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(400, client.answer().status());
  EXPECT_EQ("closed", client.end());
  EXPECT_EQ(0, backend.opened());
  EXPECT_TRUE(proxy.metric_becomes(1, "siding_exchanges_total", {"outcome=bad_request"}));
}

TEST(Refuse, ABadChunkIsNeverForwarded) {
  Origin backend;
  Proxy proxy(backend);
  Client client(proxy.front());
  client.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n");
  EXPECT_EQ(400, client.answer().status());
  EXPECT_EQ("closed", client.end());
  EXPECT_EQ(0, backend.opened());
  EXPECT_TRUE(proxy.metric_becomes(1, "siding_exchanges_total", {"outcome=bad_request"}));
}

TEST(Refuse, AnAnswerThatIsNoHttpIsA502) {
  Origin backend([](Origin::Call& call) {
    call.send("SSH-2.0-OpenSSH\r\n\r\n");
    call.close();
  });
  Proxy proxy(backend);
  Message answer = get(proxy.front(), "/");
  EXPECT_EQ(502, answer.status());
  EXPECT_TRUE(answer.says("backend_malformed")) << answer;
}

}  // namespace
}  // namespace siding::test
