// The certificate of a client, told to who stands behind: Client-Cert (RFC 9440) and X-Client-Subject.
// Invariant: what a backend reads there was seen by siding, or said by a proxy that it trusts; nobody else
// can make it up.
#pragma once

#include <string>

#include "http/fields.h"

namespace siding {

struct ClientCertificate {
  std::string field;  ///< of Client-Cert: the certificate's DER as a byte sequence (RFC 8941 3.3.5)
  std::string subject;  ///< "CN=ann,O=Example", as RFC 2253 writes it; printable ASCII
};

/// Sets both fields to what `seen` says; null: this connection showed none. What came in them, and in
/// Client-Cert-Chain, stays only if it is `trusted` and there is nothing better.
void set_client_certificate(Fields& fields, const ClientCertificate* seen, bool trusted);

/// Whether a request whose fields were set so was made by somebody whom a certificate tells.
inline bool has_client_certificate(const Fields& fields) {
  return fields.has("client-cert") || fields.has("x-client-subject");
}

}  // namespace siding
