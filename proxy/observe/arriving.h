// What became of the steps by which a client's connection begins, where something comes before HTTP: the
// words of the metrics and of the log.
// Invariant: as in base/outcome.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>

namespace siding {

/// Of a TLS handshake with a client.
enum class Handshake : uint8_t {
  full,
  resumed,          ///< with a ticket of an earlier session
  plain_http,       ///< it spoke HTTP in clear, and was told so
  not_tls,          ///< nor was it anything else
  version,          ///< none that both speak: too old, or below min_version
  no_common,        ///< no cipher, group or signature that both know
  no_protocol,      ///< ALPN: it speaks nothing that is spoken here
  no_certificate,   ///< client = "required", and it showed none
  bad_certificate,  ///< the client's is not accepted
  refused,          ///< the client ended it with an alert: it does not accept ours, mostly
  left,             ///< it closed the connection
  timeout,
  drained,  ///< siding was told to stop
  other,
  count_
};

/// Of a PROXY header.
enum class ProxyHeader : uint8_t {
  taken,      ///< it told the client's address
  local,      ///< LOCAL, UNKNOWN: of the balancer itself
  untrusted,  ///< the peer is not in trusted_proxies
  malformed,
  left,
  timeout,
  drained,
  count_
};

constexpr std::string_view to_string(Handshake h) {
  constexpr std::string_view names[] = {
      "full",        "resumed",        "plain_http",      "not_tls", "version", "no_common",
      "no_protocol", "no_certificate", "bad_certificate", "refused", "left",    "timeout",
      "drained",     "other"};
  static_assert(std::size(names) == static_cast<size_t>(Handshake::count_));
  return names[static_cast<size_t>(h)];
}
constexpr std::string_view to_string(ProxyHeader p) {
  constexpr std::string_view names[] = {"taken", "local",   "untrusted", "malformed",
                                        "left",  "timeout", "drained"};
  static_assert(std::size(names) == static_cast<size_t>(ProxyHeader::count_));
  return names[static_cast<size_t>(p)];
}

}  // namespace siding
