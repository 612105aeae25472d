// Whether the files of a `tls` table can be used, of an [upstream] or of a listener. The one place of
// config that knows the TLS library.
// Invariant: reads and forgets: what will be used is read again by who uses it. Blocks on the files.
#pragma once

#include <string>

#include "config/config.h"

namespace siding {

/// The file in which this system keeps the authorities that it trusts, or which SSL_CERT_FILE names;
/// "" if there is none.
std::string system_ca_file();

/// "" if at least one authority's certificate can be read from `path`, else why not.
std::string ca_file_fault(const std::string& path);
/// "" if `path` begins with a certificate, else why not.
std::string certificate_fault(const std::string& path);
/// False also if there is none.
bool certificate_expired(const std::string& path);
/// Whether it names a host that clients may ask for (subjectAltName), so that it can be chosen by name.
bool certificate_has_names(const std::string& path);
/// "" if `ocsp` holds an OCSP response in DER form, about `certificate`.
std::string ocsp_fault(const std::string& certificate, const std::string& ocsp);
/// False also if there is none.
bool ocsp_expired(const std::string& ocsp);
/// "" if `key` holds the key of `certificate`, without a passphrase.
std::string key_fault(const std::string& certificate, const std::string& key);

}  // namespace siding
