// See client_certificate.h.
#include "http/client_certificate.h"

#include "base/text.h"

namespace siding {

void set_client_certificate(Fields& fields, const ClientCertificate* seen, bool trusted) {
  if (seen == nullptr && trusted) return;
  fields.remove_if([](const Field& f) {
    // Most names differ in their length already.
    switch (f.name.size()) {
      case 11: return equals_ignore_case(f.name, "client-cert");
      case 16: return equals_ignore_case(f.name, "x-client-subject");
      case 17: return equals_ignore_case(f.name, "client-cert-chain");
      default: return false;
    }
  });
  if (seen == nullptr) return;
  fields.add("Client-Cert", seen->field);
  fields.add("X-Client-Subject", seen->subject);
}

}  // namespace siding
