// Upstreams by https: which requests go out by TLS, what is never sent in clear, and what TLS does to
// answers. (What real servers and certificates do is in tests/real/tls_test.py.)
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

#include "tests/harness/dns_server.h"
#include "tests/harness/folder.h"
#include "tests/harness/loop_peer.h"
#include "tests/harness/proxy.h"
#include "tests/harness/tls_end.h"

namespace siding::test {
namespace {

/// A shop whose view calls an https upstream, and what the worker says to its egress.
struct SecureShop {
  explicit SecureShop(std::string upstream_keys = "", std::string route = "",
                      std::string egress = "", size_t record = 16384, bool cut_short = false)
      : door(identity, upstream.port()), proxy(backend, setup(upstream_keys, route, egress)) {
    door.record = record;
    door.cut_short = cut_short;
    upstream.on_request(
        [](Origin::Call& call) { call.respond("song of " + call.request.target()); });
  }
  // First the door: its threads serve connections of both others.
  Setup setup(const std::string& keys, const std::string& route, const std::string& egress) {
    Setup s;
    s.tables = "[upstream.music]\nurl = \"" + door.url() + "\"\ntls = { ca_file = \"" +
               folder.write("ca.pem", identity.authority_pem()) + "\" }\n" + keys;
    s.route = route;
    s.egress = egress;
    return s;
  }
  Message ask(const std::string& target, std::string_view fields = "") {
    return Client(proxy.egress())
        .send("GET " + target + " HTTP/1.1\r\nHost: x\r\n" + std::string(fields) + "\r\n")
        .answer();
  }
  double handshakes() { return proxy.metric("siding_tls_handshakes_total"); }

  Folder folder;
  TlsIdentity identity;
  Origin upstream;
  Origin backend;
  TlsDoor door;
  Proxy proxy;
};

TEST(Tls, HalfATicketStopsNoRequest) {
  SecureShop shop;
  shop.door.split_tickets = true;
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ("song of /s?word=a", shop.ask("/music/s?word=a", "Connection: close\r\n").body);
  }
}

// One replica of several with a certificate that nobody vouches for.
TEST(Tls, ABadCertificateAmongSeveralAddressesCostsNoCall) {
  Folder folder;
  TlsIdentity good("music.test"), bad("music.test");
  Origin upstream, backend;
  TlsDoor first(bad, upstream.port());
  TlsDoor second(good, upstream.port(), "127.0.0.2", first.port());
  DnsServer dns;
  dns.has("music.test", {"127.0.0.1", "127.0.0.2"}, 3600);
  Proxy proxy(backend, {.tables = "[dns]\nhosts_file = false\nservers = [\"" + dns.address() +
                                  "\"]\n[upstream.music]\nloopback = true\nurl = \"" +
                                  first.url("music.test") + "\"\ntls = { ca_file = \"" +
                                  folder.write("ca.pem", good.authority_pem()) + "\" }\n"});
  for (int i = 0; i < 12; ++i) {
    Message answer = Client(proxy.egress()).get("/music/s", "Connection: close\r\n").answer();
    EXPECT_EQ("/s", answer.body) << answer;
  }
  const std::string address = "address=127.0.0.1:" + std::to_string(first.port());
  EXPECT_EQ(1, proxy.metric("siding_endpoint_open", {address})) << "five in a row, and none since";
}

TEST(Tls, EachFormOfACallGoesOutByTls) {
  SecureShop shop("headers = { X-Api-Key = \"k\" }\n");
  std::string in_clear = "http" + shop.door.url().substr(5);
  for (const std::string& target :
       {std::string("/music/s?word=a"), shop.door.url() + "/s?word=a", in_clear + "/s?word=a"}) {
    Message answer = shop.ask(target);
    EXPECT_EQ(200, answer.status()) << target << answer;
    EXPECT_EQ("song of /s?word=a", answer.body);
  }
  EXPECT_EQ(3, shop.upstream.requests());
  EXPECT_EQ("localhost:" + std::to_string(shop.door.port()),
            shop.upstream.request(3).field("host"));
  EXPECT_EQ("k", shop.upstream.request(3).field("x-api-key"));
  EXPECT_EQ(1, shop.handshakes()) << "one connection, kept";
}

/// Reads what comes first on one connection, and closes it.
class Eater {
 public:
  Eater() : listener_(listen_on_loopback(&port_)), thread_([this] { eat(); }) {}
  ~Eater() {
    if (thread_.joinable()) thread_.join();
    close(listener_);
  }
  std::string host() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string eaten() {
    thread_.join();
    return eaten_;
  }

 private:
  void eat() {
    pollfd waiting{listener_, POLLIN, 0};
    poll(&waiting, 1, 20'000);
    Wire wire(accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC));
    eaten_ = wire.read_bytes(3);
  }
  uint16_t port_ = 0;
  int listener_;
  std::string eaten_;
  std::thread thread_;
};

// The other way round would be a downgrade, whoever is listed under that name.
TEST(Tls, HttpsIsNeverSentInClear) {
  Origin backend;
  Eater listed;
  Eater stranger;
  Proxy proxy(backend, {.tables = "[upstream.music]\nurl = \"http://" + listed.host() + "\"\n"});
  for (Eater* server : {&listed, &stranger}) {
    Message answer = Client(proxy.egress())
                         .send("GET https://" + server->host() +
                               "/s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer key\r\n\r\n")
                         .answer();
    EXPECT_EQ(502, answer.status()) << answer;
    EXPECT_TRUE(answer.says("upstream_tls")) << answer;
    EXPECT_EQ(std::string("\x16\x03\x01", 3), server->eaten()) << "not a ClientHello";
  }
}

TEST(Tls, AnUnlistedHostIsVerifiedByTheAuthoritiesOfTheSystem) {
  SecureShop shop("", "", "unlisted = \"pass\"\n");
  TlsDoor other(shop.identity, shop.upstream.port());
  Message answer = shop.ask(other.url() + "/s?word=b");
  EXPECT_EQ(502, answer.status()) << "nobody but this test knows its authority: " << answer;
  EXPECT_EQ(0, shop.upstream.requests());

  setenv("SSL_CERT_FILE", shop.folder.path("ca.pem").c_str(), 1);
  Proxy trusting(shop.backend, {});
  Message accepted = Client(trusting.egress())
                         .send("GET " + other.url() + "/s?word=b HTTP/1.1\r\nHost: x\r\n\r\n")
                         .answer();
  unsetenv("SSL_CERT_FILE");
  EXPECT_EQ("song of /s?word=b", accepted.body) << accepted;
}

TEST(Tls, APrefetchedAnswerIsOneOfTls) {
  SecureShop shop("",
                  "[route.prefetch]\nmode = \"on\"\n[route.prefetch.calls.song]\n"
                  "call = \"music:/s?word={query.q}\"\n");
  shop.backend.on_request([&](Origin::Call& call) {
    call.respond(call_out(shop.proxy.egress(), shop.door.url() + "/s?word=a").body);
  });
  EXPECT_EQ("song of /s?word=a", get(shop.proxy.front(), "/search/?q=a").body);
  EXPECT_EQ(1, shop.upstream.requests());
  EXPECT_TRUE(shop.proxy.prefetched(1, "used"));
}

// What was fetched in clear is no answer to a call that wanted TLS: this one goes where nobody is.
TEST(Tls, HttpsIsNotAnsweredFromAPinInClear) {
  Origin upstream;
  Origin backend;
  Proxy proxy(backend, {.route = "[route.prefetch]\nmode = \"on\"\n[route.prefetch.calls.song]\n"
                                 "call = \"music:/s?word={query.q}\"\n",
                        .tables = "[upstream.music]\nurl = \"" + upstream.url() + "\"\n"});
  backend.on_request([&](Origin::Call& call) {
    upstream.stop();  // the prefetch is in memory; who calls now finds nobody
    Message got = call_out(proxy.egress(), "https://" + upstream.host() + "/s?word=a");
    call.respond(got.fault);
  });
  EXPECT_EQ("closed", get(proxy.front(), "/search/?q=a").body);
  EXPECT_EQ(1, upstream.requests()) << "the prefetch";
  EXPECT_TRUE(proxy.prefetched(0, "used"));
}

TEST(Tls, ACertificateThatIsNotAcceptedIsToldToTheWorker) {
  SecureShop shop;
  TlsIdentity stranger;
  TlsDoor door(stranger, shop.upstream.port());
  Proxy proxy(shop.backend,
              {.route = "[route.prefetch]\nmode = \"on\"\n[route.prefetch.calls.song]\n"
                        "call = \"music:/s?word={query.q}\"\n",
               .tables = "[upstream.music]\nurl = \"" + door.url() + "\"\ntls = { ca_file = \"" +
                         shop.folder.path("ca.pem") + "\" }\n"});
  shop.backend.on_request([&](Origin::Call& call) {
    Message got = Client(proxy.egress()).get("/music/s?word=a").answer();
    call.respond(std::to_string(got.status()) + got.body);
  });
  Message answer = get(proxy.front(), "/search/?q=a");
  EXPECT_TRUE(answer.says("502")) << answer;
  EXPECT_TRUE(answer.says("certificate of localhost is not accepted")) << answer;
  EXPECT_EQ(0, shop.upstream.requests());
  EXPECT_TRUE(proxy.prefetched(1, "connect_failed"));
  EXPECT_EQ(2, proxy.metric("siding_connect_failures_total", {"reason=tls_certificate"}));
}

TEST(Tls, RecordsOfOneByteAreNotLost) {
  SecureShop shop("", "", "", 1);
  std::string body(3000, 'z');
  shop.upstream.on_request([&](Origin::Call& call) { call.respond(body); });
  Message answer = shop.ask("/music/s");
  EXPECT_TRUE(answer.body == body) << answer.fault << answer.body.size();
}

TEST(Tls, ManyRecordsComeInOneRead) {
  SecureShop shop("", "", "", 700);
  std::string body(5 << 20, 'z');
  for (size_t i = 0; i < body.size(); i += 4099) body[i] = static_cast<char>('a' + i % 17);
  shop.upstream.on_request([&](Origin::Call& call) { call.respond(body); });
  Message answer = shop.ask("/music/s");
  EXPECT_TRUE(answer.body == body) << answer.fault << answer.body.size();
}

void answer_until_closed(Origin::Call& call) {
  call.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it");
  call.close();
}

// RFC 9112, 9.8: without close_notify nobody knows who ended it.
TEST(Tls, ABodyThatEndsByClosingNeedsAProperEnd) {
  SecureShop proper;
  proper.upstream.on_request(answer_until_closed);
  Message whole = proper.ask("/music/s");
  EXPECT_TRUE(whole.whole()) << whole;
  EXPECT_EQ("all of it", whole.body);

  SecureShop torn("", "", "", 16384, true);
  torn.upstream.on_request(answer_until_closed);
  EXPECT_FALSE(torn.ask("/music/s").whole());
}

TEST(Scheme, OthersAreNoTargets) {
  SecureShop shop;
  for (const char* target : {"ftp://127.0.0.1/", "httpss://127.0.0.1/", "ws://127.0.0.1/"}) {
    EXPECT_EQ(400, shop.ask(target).status()) << target;
  }
}

// The scheme that a client writes says nothing about its connection.
TEST(Scheme, AClientsAbsoluteTargetDoesNotMakeItsConnectionSecure) {
  Origin backend;
  Proxy proxy(backend);
  Message answer = Client(proxy.front())
                       .send("GET https://shop.example/a?b HTTP/1.1\r\nHost: shop.example\r\n\r\n")
                       .answer();
  ASSERT_EQ(200, answer.status()) << answer;
  EXPECT_EQ("/a?b", backend.request(1).target());
  EXPECT_EQ("http", backend.request(1).field("x-forwarded-proto"));
}

}  // namespace
}  // namespace siding::test
