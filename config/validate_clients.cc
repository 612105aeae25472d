// What comes before HTTP at the listeners of clients: the files of their TLS, and who may send PROXY
// headers (see validate.h).
// Invariant: as in validate.cc; files that cannot be read now are faults, those that are only too old
// are warnings, for siding serves with them.
#include "config/certificates.h"
#include "config/validate.h"

namespace siding {
namespace {

void validate_files(const CertificateFiles& files, const Node& node, Faults& faults) {
  if (files.certificate.empty() || files.key.empty()) return;  // its fault is reported
  auto fault_of = [&](std::string_view key, const std::string& fault) {
    if (!fault.empty()) faults.error(node.at(key).place, fault);
    return !fault.empty();
  };
  if (fault_of("certificate", certificate_fault(files.certificate))) return;
  if (certificate_expired(files.certificate)) {
    faults.warn(node.at("certificate").place, "the certificate in `" + files.certificate +
                                                  "` has expired: clients will not accept it");
  }
  fault_of("key", key_fault(files.certificate, files.key));
  if (files.ocsp.empty() || fault_of("ocsp", ocsp_fault(files.certificate, files.ocsp))) return;
  if (ocsp_expired(files.ocsp)) {
    faults.warn(node.at("ocsp").place,
                "the OCSP response in `" + files.ocsp +
                    "` is too old: it is not shown until a newer one is there");
  }
}

void validate_listen_tls(const ListenTls& tls, const Node& node, Faults& faults) {
  validate_files(tls, node, faults);
  const Node* more = node.find("more");
  for (size_t i = 0; i < tls.more.size(); ++i) {
    const bool each = more->is(Node::Kind::list) && more->children.size() == tls.more.size();
    const Node& one = each ? more->children[i] : *more;
    validate_files(tls.more[i], one, faults);
    const std::string& certificate = tls.more[i].certificate;
    if (certificate.empty() || !certificate_fault(certificate).empty()) continue;
    if (!certificate_has_names(certificate)) {
      faults.warn(one.at("certificate").place, "the certificate in `" + certificate +
                                                   "` is never shown: it names no host " +
                                                   "(subjectAltName) by which it could be chosen");
    }
  }
  if (!tls.client_ca.empty()) {
    const std::string fault = ca_file_fault(tls.client_ca);
    if (!fault.empty()) faults.error(node.at("client_ca").place, fault);
  } else if (const Node* client = node.find("client")) {
    faults.error(client->place,
                 "`client` says how certificates of clients are asked for: name the authority that "
                 "vouches for them with `client_ca`");
  }
}

}  // namespace

void validate_clients(const Config& config, const Node& root, Faults& faults) {
  const Node& list = root.at("listen");
  for (size_t i = 0; i < config.listen.size(); ++i) {
    const bool each = list.is(Node::Kind::list) && list.children.size() == config.listen.size();
    const Node& node = each ? list.children[i] : list;
    const ListenAddress& listen = config.listen[i];
    if (listen.proxy_protocol && listen.unix_path.empty() && config.trusted_proxies.empty()) {
      faults.error(
          node.at("proxy_protocol").place,
          "nobody may send a PROXY header yet: name the networks of the balancer in front, "
          "such as trusted_proxies = [\"10.0.0.0/8\"]");
    }
    const Node* tls = node.find("tls");
    if (listen.tls && tls != nullptr) validate_listen_tls(*listen.tls, *tls, faults);
  }
}

}  // namespace siding
