// A listener at which something comes before HTTP, with a handler that notes who asked; and clients that
// speak TLS. All on one loop with a manual clock.
#pragma once

#include <openssl/ssl.h>

#include <string>
#include <vector>

#include "proxy/downstream/arrival.h"
#include "tests/harness/folder.h"
#include "tests/harness/tls_end.h"
#include "tests/proxy/downstream/h1_bed.h"

namespace siding::test {

/// Answers "hello" to everybody.
class NotingHandler final : public Handler {
 public:
  Task<> handle(Stream& stream) override {
    const ClientCertificate* seen = stream.client_certificate;
    peer = stream.peer().text();
    scheme = stream.scheme;
    subject = seen == nullptr ? "none" : seen->subject;
    certificate = seen == nullptr ? "none" : seen->field;
    ++requests;
    ResponseHead head;
    head.status = 200;
    stream.send_head(std::move(head), BodyFraming::of_length(5));
    Buffer body;
    body.append_copy("hello");
    stream.send_data(std::move(body));
    stream.send_end();
    co_return;
  }
  int requests = 0;
  std::string peer, scheme, subject, certificate;
};

struct ArrivalBed : H1Bed {
  ArrivalBed() {
    options.handler = &seen;
    options.arrival = shared;
    arrival.listen = "here";
    arrival.trusts = [this](const SocketAddress&) { return trusting; };
    arrival.on_header = [this](ProxyHeader how) { headers.push_back(to_string(how)); };
    arrival.on_handshake = [this](Handshake how) { handshakes.push_back(to_string(how)); };
  }
  /// The certificate's files, in the folder.
  CertificateFiles files(const std::string& name, const TlsIdentity& identity) {
    CertificateFiles out;
    out.certificate = folder.write(name + ".crt", identity.certificate_pem());
    out.key = folder.write(name + ".key", identity.key_pem());
    return out;
  }
  void serve(const ListenTls& tls) {
    auto made =
        TlsServerContext::make(tls, tickets, {std::begin(kProtocols), std::end(kProtocols)}, clock);
    ASSERT_TRUE(made) << made.error().detail;
    context = *made;
    arrival.tls = [this] { return context; };
  }
  void serve(const TlsIdentity& identity) {
    serve(ListenTls{files("only", identity), {}, "", {}, {}});
  }

  Folder folder;
  NotingHandler seen;
  std::shared_ptr<ArrivalOptions> shared = std::make_shared<ArrivalOptions>();
  ArrivalOptions& arrival = *shared;
  bool trusting = true;
  std::vector<std::string_view> headers, handshakes;
  std::shared_ptr<TicketKeys> tickets = std::make_shared<TicketKeys>();
  std::shared_ptr<const TlsServerContext> context;
};

/// A client by TLS.
struct SecureClient {
  SecureClient(ArrivalBed& b, const TlsCaller& caller = {}, std::string_view first = {})
      : bed(b), peer(b.client()), end(caller) {
    peer.send(first);
  }
  /// Until neither side has anything to say; in pieces of `size` bytes.
  void run(size_t size = SIZE_MAX) {
    for (int quiet = 0; quiet < 2;) {
      const std::string raw = end.take_raw();
      for (size_t at = 0; at < raw.size(); at += size) {
        peer.send(std::string_view(raw).substr(at, size));
        bed.go();
      }
      bed.go();
      const std::string came = std::exchange(peer.in, "");
      if (!came.empty()) end.receive(came, plain);
      quiet = raw.empty() && came.empty() ? quiet + 1 : 0;
    }
  }
  /// The body of the answer; "" if there was none.
  std::string ask() {
    end.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    run();
    const std::optional<std::string> answer = take_message(plain);
    return answer ? std::string(body_of(*answer)) : "";
  }
  bool resumed() const { return SSL_session_reused(end.ssl()) == 1; }
  /// Of the server's certificate.
  std::string subject() const {
    X509* certificate = SSL_get0_peer_certificate(end.ssl());
    if (certificate == nullptr) return "none";
    char name[64] = "";
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name,
                              sizeof(name));
    return name;
  }
  ArrivalBed& bed;
  LoopPeer& peer;
  TlsEnd end;
  std::string plain;
};

}  // namespace siding::test
