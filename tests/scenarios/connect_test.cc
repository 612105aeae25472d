// CONNECT by workers, through egress (RFC 9110 9.3.6).
#include <gtest/gtest.h>

#include "tests/harness/proxy.h"

namespace siding::test {
namespace {

using namespace std::literals;

/// Not HTTP: gives back five bytes at a time.
void speak(Origin::Call& call) {
  call.done = true;
  call.send("SSH-2.0\n");
  for (std::string five; !(five = call.wire.read_bytes(5)).empty();) call.send(five);
}

std::string connect_to(const std::string& host, std::string_view version = "HTTP/1.1") {
  return "CONNECT " + host + " " + std::string(version) + "\r\nHost: " + host + "\r\n\r\n";
}

TEST(Connect, BytesGoToTheHostThatIsNamed) {
  Origin backend;
  Origin far;
  far.on_head(speak);
  Proxy proxy(backend, {.tables = "[upstream.far]\nurl = \"" + far.url() + "\"\n"});
  Client worker(proxy.egress());
  // It may not wait: what it says is the far side's, once there is a tunnel.
  worker.send(connect_to(far.host()) + "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  Message opened = worker.wire().read_response(true);
  EXPECT_EQ(200, opened.status());
  EXPECT_FALSE(opened.has("content-length") || opened.has("transfer-encoding") ||
               opened.has("connection"))
      << opened;
  EXPECT_EQ("SSH-2.0\n", worker.wire().read_bytes(8));
  EXPECT_FALSE(far.request(1).has("via")) << "nothing of siding's goes into it";
  worker.send("HELLO");
  EXPECT_EQ("HELLO", worker.wire().read_bytes(5));
  EXPECT_EQ(1, proxy.metric("siding_tunnels"));
  worker.half_close();
  EXPECT_EQ("closed", worker.end());
  EXPECT_TRUE(proxy.metric_becomes(1, "siding_egress_calls_total", {"result=tunnel"}));
  EXPECT_TRUE(proxy.metric_becomes(0, "siding_tunnels"));
  EXPECT_TRUE(far.wait_for_open(0));
}

TEST(Connect, ByHttp10AsPythonSaysIt) {
  Origin backend;
  Origin far;
  far.on_head(speak);
  Proxy proxy(backend, {});
  Client worker(proxy.egress());
  worker.send("CONNECT " + far.host() + " HTTP/1.0\r\n\r\n");
  EXPECT_EQ(200, worker.wire().read_response(true).status()) << "on loopback unlisted hosts pass";
  worker.send("GET / HTTP/1.1\r\nHost: x\r\n\r\nHELLO");
  EXPECT_EQ("SSH-2.0\nHELLO", worker.wire().read_bytes(13));
}

TEST(Connect, WhereItMayNotGo) {
  Origin backend;
  Origin far;
  Proxy proxy(backend, {.tables = "[upstream.far]\nurl = \"" + far.url() + "\"\n",
                        .egress = "unlisted = \"deny\"\n"});
  auto status_for = [&](const std::string& head) {
    return Client(proxy.egress()).send(head).wire().read_response(true).status();
  };
  EXPECT_EQ(200, status_for(connect_to(far.host())));
  EXPECT_EQ(403, status_for(connect_to(backend.host()))) << "not listed";
  EXPECT_EQ(403, status_for(connect_to("127.0.0.1:1"))) << "another port of a listed host";
  EXPECT_EQ(400, status_for(connect_to("127.0.0.1"))) << "no port";
  EXPECT_EQ(400, status_for("CONNECT " + far.host() + " HTTP/1.1\r\nHost: " + far.host() +
                            "\r\nContent-Length: 2\r\n\r\nab"));
  EXPECT_EQ(0, backend.opened());
  Proxy open(backend, {});
  EXPECT_EQ(403, Client(open.egress()).send(connect_to("169.254.169.254:80")).answer().status());
  EXPECT_TRUE(open.metric_becomes(1, "siding_egress_calls_total", {"result=denied"}));
}

TEST(Connect, ToNobodyIsSaid) {
  Origin backend;
  Origin far(Origin::Down{});
  Proxy proxy(backend, {});
  Message answer = Client(proxy.egress()).send(connect_to(far.host())).answer();
  EXPECT_EQ(503, answer.status());
  EXPECT_TRUE(answer.says("upstream_down")) << answer;
  EXPECT_TRUE(proxy.metric_becomes(1, "siding_connect_failures_total",
                                   {"peer=upstream", "reason=refused"}));
  EXPECT_TRUE(proxy.metric_becomes(0, "siding_tunnels"));
}

TEST(Connect, TheLockHoldsForTunnelsToo) {
  Origin backend;
  Origin far;
  Proxy proxy(backend, {.egress = "secret = \"lock\"\n"});
  EXPECT_EQ(407, Client(proxy.egress()).send(connect_to(far.host())).answer().status());
  EXPECT_EQ(0, far.opened());
}

TEST(Connect, IsNotWaitedForWhenNobodyIsInside) {
  Origin backend;
  Origin far;
  far.on_head(speak);
  Proxy proxy(backend, {});
  Client worker(proxy.egress());
  EXPECT_EQ(200, worker.send(connect_to(far.host())).wire().read_response(true).status());
  proxy.drain();
  EXPECT_EQ("closed", worker.end());
  worker.close();
  EXPECT_EQ(0, proxy.wait());
}

TEST(Connect, HasPlacesOfItsOwn) {
  Origin backend;
  Origin far;
  far.on_head(speak);
  backend.on_head([](Origin::Call& call) {
    call.done = true;
    call.send("HTTP/1.1 101 Go on\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
    call.wire.read_to_end();
  });
  Proxy proxy(backend, {.tables = "[limits]\nmax_connections = 1\n"});
  Client client(proxy.front());
  client.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
  EXPECT_EQ(101, client.read().status());
  EXPECT_EQ(1, proxy.metric("siding_tunnels", {"of=clients"}));
  Client worker(proxy.egress());
  EXPECT_EQ(200, worker.send(connect_to(far.host())).wire().read_response(true).status());
  EXPECT_EQ(1, proxy.metric("siding_tunnels", {"of=workers"}));
}

TEST(Connect, EndsWhenNobodySaysAnything) {
  Origin backend;
  Origin far;
  far.on_head(speak);
  ManualClock clock;
  Proxy proxy(backend, {.tables = "[limits]\ntunnel_idle_timeout = \"10s\"\n", .clock = &clock});
  Client worker(proxy.egress());
  EXPECT_EQ(200, worker.send(connect_to(far.host())).wire().read_response(true).status());
  proxy.advance(11s);
  EXPECT_EQ("closed", worker.end());
  EXPECT_TRUE(far.wait_for_open(0));
}

}  // namespace
}  // namespace siding::test
