// Certificates of both sides at the front: which one is shown, whose is taken, and sessions that go on.
#include "tests/proxy/downstream/arrival_bed.h"

namespace siding::test {
namespace {

using Words = std::vector<std::string_view>;

TEST(ArrivalNames, ChooseTheCertificate) {
  TlsIdentity first("first.test"), exact("a.b.test"), wild("*.b.test");
  ArrivalBed bed;
  ListenTls tls{
      bed.files("first", first), {bed.files("wild", wild), bed.files("exact", exact)}, "", {}, {}};
  bed.serve(tls);
  auto shown = [&](const std::string& name) {
    SecureClient client(bed, {name});
    EXPECT_EQ(client.ask(), "hello");
    return client.subject();
  };
  EXPECT_EQ(shown("a.b.test"), "a.b.test") << "before the wildcard, whatever their order";
  EXPECT_EQ(shown("A.B.test"), "a.b.test");
  EXPECT_EQ(shown("c.b.test"), "*.b.test");
  EXPECT_EQ(shown("c.c.b.test"), "first.test") << "a star is one label";
  EXPECT_EQ(shown("b.test"), "first.test");
  EXPECT_EQ(shown("first.test"), "first.test");
  EXPECT_EQ(shown(""), "first.test");
}

/// A session that another connection can go on with.
struct Kept {
  explicit Kept(SecureClient& client) : session(SSL_get1_session(client.end.ssl())) {}
  ~Kept() { SSL_SESSION_free(session); }
  Kept(const Kept&) = delete;
  Kept& operator=(const Kept&) = delete;
  SSL_SESSION* session;
};

TEST(ArrivalSessions, GoOnAfterTheFilesWereReadAgain) {
  for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsIdentity one("localhost"), two("localhost");
    ArrivalBed bed;
    bed.serve(one);
    SecureClient client(bed, {"localhost", &one, nullptr, version});
    EXPECT_EQ(client.ask(), "hello");
    Kept kept(client);
    bed.serve(two);
    SecureClient again(bed, {"localhost", nullptr, nullptr, version, "", kept.session});
    EXPECT_EQ(again.ask(), "hello");
    EXPECT_TRUE(again.resumed());
    EXPECT_EQ(bed.handshakes, (Words{"full", "resumed"}));
  }
}

TEST(ArrivalSessions, OutliveTwoKeys) {
  for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsIdentity identity;
    for (int rotations = 0; rotations <= 3; ++rotations) {
      ArrivalBed bed;
      bed.serve(identity);
      SecureClient client(bed, {"localhost", &identity, nullptr, version});
      EXPECT_EQ(client.ask(), "hello");
      Kept kept(client);
      for (int i = 0; i < rotations; ++i) bed.tickets->rotate();
      SecureClient again(bed, {"localhost", &identity, nullptr, version, "", kept.session});
      EXPECT_EQ(again.ask(), "hello");
      EXPECT_EQ(again.resumed(), rotations <= 2) << rotations;
      // What was resumed with an old key is now under the new one.
      Kept renewed(again);
      bed.tickets->rotate();
      bed.tickets->rotate();
      SecureClient third(bed, {"localhost", &identity, nullptr, version, "", renewed.session});
      EXPECT_EQ(third.ask(), "hello");
      EXPECT_TRUE(third.resumed()) << rotations;
    }
  }
}

TEST(ArrivalSessions, AnotherListenersTicketsAreUnknown) {
  TlsIdentity identity;
  ArrivalBed bed;
  bed.serve(identity);
  SecureClient client(bed, {"localhost", &identity});
  EXPECT_EQ(client.ask(), "hello");
  Kept kept(client);
  bed.tickets = std::make_shared<TicketKeys>();
  bed.serve(identity);
  SecureClient elsewhere(bed, {"localhost", &identity, nullptr, 0, "", kept.session});
  EXPECT_EQ(elsewhere.ask(), "hello");
  EXPECT_FALSE(elsewhere.resumed());
}

struct ClientsBed : ArrivalBed {
  explicit ClientsBed(ListenTls::Client client = ListenTls::Client::required) {
    tls = {files("server", server), {}, folder.write("ca.pem", staff.authority_pem()), client, {}};
    serve(tls);
  }
  TlsIdentity server;
  TlsIdentity staff{"ann.test"};
  TlsIdentity stranger{"eve.test"};
  ListenTls tls;
};

TEST(ArrivalClients, AreAskedForACertificate) {
  for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    ClientsBed bed;
    SecureClient ann(bed, {"localhost", &bed.server, &bed.staff, version});
    EXPECT_EQ(ann.ask(), "hello");
    EXPECT_EQ(bed.seen.subject, "CN=ann.test");
    EXPECT_TRUE(bed.seen.certificate.starts_with(":MII") && bed.seen.certificate.ends_with(":"))
        << bed.seen.certificate;
    const std::string told = bed.seen.certificate;
    SecureClient nobody(bed, {"localhost", &bed.server, nullptr, version});
    EXPECT_EQ(nobody.ask(), "");
    SecureClient eve(bed, {"localhost", &bed.server, &bed.stranger, version});
    EXPECT_EQ(eve.ask(), "");
    EXPECT_EQ(bed.handshakes, (Words{"full", "no_certificate", "bad_certificate"}));
    EXPECT_EQ(bed.seen.requests, 1);
    // A session that goes on still knows whose it is.
    Kept kept(ann);
    SecureClient again(bed, {"localhost", &bed.server, nullptr, version, "", kept.session});
    EXPECT_EQ(again.ask(), "hello");
    EXPECT_TRUE(again.resumed());
    EXPECT_EQ(bed.seen.certificate, told);
  }
}

TEST(ArrivalClients, MayHaveNone) {
  ClientsBed bed(ListenTls::Client::optional);
  SecureClient nobody(bed, {"localhost", &bed.server});
  EXPECT_EQ(nobody.ask(), "hello");
  EXPECT_EQ(bed.seen.subject, "none");
  SecureClient ann(bed, {"localhost", &bed.server, &bed.staff});
  EXPECT_EQ(ann.ask(), "hello");
  EXPECT_EQ(bed.seen.subject, "CN=ann.test");
  SecureClient eve(bed, {"localhost", &bed.server, &bed.stranger});
  EXPECT_EQ(eve.ask(), "") << "what is shown must be good";
}

TEST(ArrivalClients, WhoHasExpiredIsNotTaken) {
  ClientsBed bed;
  TlsIdentity old("old.test", &bed.staff, -60);
  SecureClient client(bed, {"localhost", &bed.server, &old});
  EXPECT_EQ(client.ask(), "");
  EXPECT_EQ(bed.handshakes, Words{"bad_certificate"});
}

// A session of ann's must not carry her past an authority that does not know her any more, nor a session
// without a certificate past one that is required.
TEST(ArrivalClients, SessionsDoNotOutliveTheirRule) {
  for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    ClientsBed bed(ListenTls::Client::optional);
    SecureClient ann(bed, {"localhost", &bed.server, &bed.staff, version});
    SecureClient nobody(bed, {"localhost", &bed.server, nullptr, version});
    EXPECT_EQ(ann.ask(), "hello");
    EXPECT_EQ(nobody.ask(), "hello");
    Kept of_ann(ann), of_nobody(nobody);
    bed.tls.client = ListenTls::Client::required;
    bed.serve(bed.tls);
    SecureClient past(bed, {"localhost", &bed.server, nullptr, version, "", of_nobody.session});
    EXPECT_EQ(past.ask(), "");
    bed.folder.write("ca.pem", bed.stranger.authority_pem());
    bed.serve(bed.tls);
    SecureClient later(bed, {"localhost", &bed.server, &bed.staff, version, "", of_ann.session});
    EXPECT_EQ(later.ask(), "");
    EXPECT_EQ(bed.handshakes, (Words{"full", "full", "no_certificate", "bad_certificate"}));
  }
}

}  // namespace
}  // namespace siding::test
