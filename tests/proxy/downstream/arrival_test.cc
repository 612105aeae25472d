// How connections begin: TLS handshakes in every kind of pieces, PROXY headers, their ends, and what they
// may cost. (What certificates do is in arrival_certificates_test.cc.)
#include "tests/proxy/downstream/arrival_bed.h"

namespace siding::test {
namespace {

using namespace std::chrono_literals;
using Words = std::vector<std::string_view>;

const std::string kProxied = "PROXY TCP4 192.0.2.7 10.0.0.1 40000 443\r\n";

TEST(Arrival, SpeaksHttpInsideTls) {
  ArrivalBed bed;
  TlsIdentity identity;
  bed.serve(identity);
  SecureClient client(bed, {"localhost", &identity});
  EXPECT_EQ(client.ask(), "hello");
  EXPECT_EQ(client.ask(), "hello") << "the connection is kept";
  EXPECT_EQ(bed.seen.scheme, "https");
  EXPECT_EQ(bed.seen.subject, "none");
  EXPECT_EQ(bed.handshakes, Words{"full"});
  EXPECT_EQ(bed.open, 1u);
  client.peer.close();
  bed.go();
  EXPECT_EQ(bed.open, 0u);
}

TEST(Arrival, SpeaksWhatWasAgreedOn) {
  TlsIdentity identity;
  ArrivalBed bed;
  bed.serve(identity);
  SecureClient client(bed, {"localhost", &identity, nullptr, 0, "\x08http/1.1\x02h2"});
  client.end.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + std::string("\0\0\0\4\0\0\0\0\0", 9));
  client.run();
  ASSERT_GE(client.plain.size(), 9u);
  EXPECT_EQ(client.plain[3], 4) << "its SETTINGS: the best of what both speak is HTTP/2";
  SecureClient other(bed, {"localhost", &identity, nullptr, 0, "\x08http/1.1"});
  EXPECT_EQ(other.ask(), "hello");
}

TEST(Arrival, WhoAgreedOnHttp2AndSpeaksSomethingElseIsClosed) {
  TlsIdentity identity;
  ArrivalBed bed;
  bed.serve(identity);
  SecureClient client(bed, {"localhost", &identity, nullptr, 0, "\x02h2"});
  client.end.send("GET / HT");
  client.run();
  EXPECT_TRUE(client.peer.eof);
  EXPECT_EQ(bed.open, 0u);
}

TEST(Arrival, TakesItByteByByte) {
  for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    ArrivalBed bed;
    TlsIdentity identity;
    bed.serve(identity);
    bed.arrival.proxy_protocol = true;
    SecureClient client(bed, {"localhost", &identity, nullptr, version});
    for (char c : kProxied) {
      client.peer.send({&c, 1});
      bed.go();
    }
    client.end.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    client.run(1);
    EXPECT_TRUE(take_message(client.plain));
    EXPECT_EQ(bed.seen.peer, "192.0.2.7:40000");
    EXPECT_EQ(bed.headers, Words{"taken"});
    EXPECT_EQ(bed.handshakes, Words{"full"});
  }
}

TEST(Arrival, HasTenSeconds) {
  TlsIdentity identity;
  const std::string hello = TlsEnd(TlsCaller{"localhost"}).take_raw();
  for (size_t sent : {size_t{0}, size_t{1}, hello.size() / 2, hello.size()}) {
    ArrivalBed bed;
    bed.serve(identity);
    LoopPeer& peer = bed.client_with(std::string_view(hello).substr(0, sent));
    bed.pass(9s);
    EXPECT_FALSE(peer.eof);
    // More of nothing makes no new term.
    bed.pass(1100ms);
    EXPECT_TRUE(peer.eof) << sent;
    EXPECT_EQ(bed.handshakes, Words{"timeout"});
    EXPECT_EQ(bed.open, 0u);
  }
}

TEST(Arrival, WaitsWithoutWork) {
  TlsIdentity identity;
  ArrivalBed bed;
  bed.serve(identity);
  bed.arrival.proxy_protocol = true;
  bed.client_with("PROXY TC");
  LoopPeer& second = bed.client_with(kProxied + std::string("\x16\x03"));
  EXPECT_TRUE(bed.settle(10)) << "bytes that came already wake nobody again";
  EXPECT_FALSE(second.eof);
}

TEST(Arrival, TellsPlainHttpInClear) {
  TlsIdentity identity;
  for (const char* method : {"GET", "POST", "DELETE", "OPTIONS", "PATCH", "CONNECT"}) {
    ArrivalBed bed;
    bed.serve(identity);
    LoopPeer& peer = bed.client_with(std::string(method) + " / HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(peer.in.starts_with("HTTP/1.1 400 Bad Request\r\n")) << peer.in;
    EXPECT_NE(peer.in.find("Connection: close\r\n"), std::string::npos);
    EXPECT_NE(peer.in.find("https://"), std::string::npos);
    EXPECT_TRUE(peer.eof);
    EXPECT_FALSE(peer.broken) << "or the answer might be lost";
    EXPECT_EQ(bed.open, 1u);
    peer.send(std::string(1000, 'x'));
    bed.go();
    EXPECT_FALSE(peer.broken);
    bed.pass(2100ms);
    EXPECT_EQ(bed.open, 0u);
    EXPECT_EQ(bed.handshakes, Words{"plain_http"});
    EXPECT_EQ(bed.seen.requests, 0);
  }
}

TEST(Arrival, ReadsNoFloodBehindItsAnswer) {
  TlsIdentity identity;
  ArrivalBed bed;
  bed.serve(identity);
  bed.client_with("GET / HTTP/1.1\r\n" + std::string(2 << 20, 'x'));
  EXPECT_EQ(bed.open, 0u) << "after a bounded number of bytes";
}

TEST(Arrival, EndsWithWhatIsNoTls) {
  TlsIdentity identity;
  for (const std::string& bytes :
       {std::string("\x80\x2e\x01"), std::string("\0\0", 2), kProxied.substr(0, 0) + "get"}) {
    ArrivalBed bed;
    bed.serve(identity);
    LoopPeer& peer = bed.client_with(bytes);
    EXPECT_TRUE(peer.eof);
    EXPECT_EQ(bed.handshakes, Words{"not_tls"});
  }
  ArrivalBed bed;
  bed.serve(identity);
  LoopPeer& peer = bed.client_with("\x16 this is no record of any version");
  EXPECT_TRUE(peer.eof);
  EXPECT_EQ(bed.handshakes, Words{"version"});
}

TEST(Arrival, NamesWhatFailed) {
  TlsIdentity identity;
  struct Case {
    TlsCaller caller;
    std::string_view result;
  };
  const TlsIdentity other;
  for (const Case& c : {Case{{"localhost", nullptr, nullptr, TLS1_1_VERSION}, "version"},
                        Case{{"localhost", &other}, "refused"},
                        Case{{"localhost", nullptr, nullptr, 0, "\x02h9"}, "no_protocol"},
                        Case{{"localhost", nullptr, nullptr, 0, "\x02h9\x08http/1.1"}, "full"}}) {
    ArrivalBed bed;
    bed.serve(identity);
    SecureClient client(bed, c.caller);
    client.run();
    EXPECT_EQ(bed.handshakes, Words{c.result});
    EXPECT_EQ(client.peer.eof, c.result != "full");
    EXPECT_EQ(bed.open, c.result == "full" ? 1u : 0u);
  }
}

TEST(Arrival, MinVersionIsHeld) {
  TlsIdentity identity;
  ArrivalBed bed;
  ListenTls tls{bed.files("only", identity), {}, "", {}, ListenTls::MinVersion::tls13};
  bed.serve(tls);
  SecureClient old(bed, {"localhost", &identity, nullptr, TLS1_2_VERSION});
  old.run();
  EXPECT_EQ(bed.handshakes, Words{"version"});
  SecureClient client(bed, {"localhost", &identity});
  EXPECT_EQ(client.ask(), "hello");
}

TEST(Arrival, SeesThatItsClientHasLeft) {
  TlsIdentity identity;
  const std::string hello = TlsEnd(TlsCaller{"localhost"}).take_raw();
  for (size_t sent : {size_t{0}, hello.size() / 2, hello.size()}) {
    ArrivalBed bed;
    bed.serve(identity);
    LoopPeer& peer = bed.client_with(std::string_view(hello).substr(0, sent));
    peer.close();
    bed.go();
    EXPECT_EQ(bed.handshakes, Words{"left"}) << sent;
    EXPECT_EQ(bed.open, 0u);
  }
}

TEST(Arrival, CountsAsAConnection) {
  TlsIdentity identity;
  ArrivalBed bed;
  bed.serve(identity);
  bed.options.max_connections = 1;
  LoopPeer& silent = bed.client_with("");
  SecureClient client(bed, {"localhost", &identity});
  EXPECT_EQ(client.ask(), "");
  silent.close();
  bed.pass(100ms);
  EXPECT_EQ(client.ask(), "hello");
}

TEST(Arrival, DrainGivesItAMoment) {
  TlsIdentity identity;
  ArrivalBed bed;
  bed.serve(identity);
  LoopPeer& silent = bed.client_with("");
  SecureClient client(bed, {"localhost", &identity});
  bed.go();
  bed.listener->drain();
  EXPECT_EQ(client.ask(), "hello") << "its handshake ends, and its request is served";
  EXPECT_TRUE(client.peer.eof) << "then no more";
  bed.pass(900ms);
  EXPECT_FALSE(silent.eof);
  bed.pass(200ms);
  EXPECT_TRUE(silent.eof);
  EXPECT_EQ(bed.handshakes, (Words{"full", "drained"}));
  EXPECT_EQ(bed.open, 0u);
}

TEST(Arrival, DestroyedAtAnyPoint) {
  TlsIdentity identity;
  ArrivalBed bed;
  bed.serve(identity);
  bed.arrival.proxy_protocol = true;
  bed.client_with("");
  bed.client_with("PROXY ");
  bed.client_with(kProxied);
  bed.client_with(kProxied + "GET / HTTP/1.1\r\n");
  bed.client_with(kProxied + TlsEnd(TlsCaller{"localhost"}).take_raw());
  EXPECT_EQ(bed.open, 5u);
  bed.listener->close_all();
  EXPECT_EQ(bed.open, 0u);
}

TEST(ArrivalProxied, TellsTheClientsAddressInClear) {
  ArrivalBed bed;
  bed.arrival.proxy_protocol = true;
  LoopPeer& peer = bed.client_with(kProxied + get("/x"));
  EXPECT_TRUE(peer.take());
  EXPECT_EQ(bed.seen.peer, "192.0.2.7:40000");
  EXPECT_EQ(bed.seen.scheme, "http");
  peer.send(get("/x"));
  bed.go();
  EXPECT_TRUE(peer.take()) << "one header a connection";
  EXPECT_EQ(bed.headers, Words{"taken"});
}

TEST(ArrivalProxied, KeepsTheAddressWhereNoneIsTold) {
  ArrivalBed bed;
  bed.arrival.proxy_protocol = true;
  EXPECT_TRUE(bed.client_with("PROXY UNKNOWN\r\n" + get("/x")).take());
  EXPECT_TRUE(bed.seen.peer.starts_with("127.0.0.1:")) << bed.seen.peer;
  EXPECT_EQ(bed.headers, Words{"local"});
}

TEST(ArrivalProxied, IsWanted) {
  ArrivalBed bed;
  bed.arrival.proxy_protocol = true;
  LoopPeer& plain = bed.client_with(get("/x"));
  LoopPeer& twice = bed.client_with(kProxied + kProxied + get("/x"));
  LoopPeer& left = bed.client_with("PROXY TCP4");
  left.close();
  LoopPeer& slow = bed.client_with("PROXY TCP4");
  bed.go();
  EXPECT_TRUE(plain.eof);
  EXPECT_EQ(status_of_message(twice.in), 400) << "the second is a request that cannot be read";
  bed.pass(10100ms);
  EXPECT_TRUE(slow.eof);
  EXPECT_EQ(bed.headers, (Words{"malformed", "taken", "left", "timeout"}));
  EXPECT_EQ(bed.seen.requests, 0);
}

TEST(ArrivalProxied, IsBelievedFromSomeOnly) {
  ArrivalBed bed;
  bed.arrival.proxy_protocol = true;
  bed.trusting = false;
  LoopPeer& peer = bed.client_with(kProxied + get("/x"));
  EXPECT_TRUE(peer.eof);
  EXPECT_EQ(peer.in, "");
  EXPECT_EQ(bed.headers, Words{"untrusted"});
}

}  // namespace
}  // namespace siding::test
