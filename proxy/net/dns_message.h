// The answer of a DNS server as bytes, read. Pure: no sockets, no c-ares, whose reader takes quadratic
// time (9 ms for 64 KiB), depends on the order of records and tells A from AAAA failures badly.
// Invariant: any bytes are safe to read; the work is linear in their number.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "proxy/net/address.h"

namespace siding {

enum class DnsType : uint16_t { a = 1, cname = 5, aaaa = 28, srv = 33 };

/// One SRV record (RFC 2782) without its weight.
struct DnsService {
  std::string target;  ///< lower case, without a dot at the end
  uint16_t port = 0;   ///< never 0
  uint16_t priority = 0;
};

/// What became of a question.
struct DnsReply {
  enum class Kind : uint8_t {
    found,    ///< addresses, or services
    gone,     ///< a server says that the name does not exist or has none
    failed,   ///< SERVFAIL, REFUSED, nonsense, or no server reachable
    timeout,  ///< nobody answered
  } kind = Kind::failed;
  std::vector<SocketAddress> addresses;  ///< with port 0, unless they are a service's
  std::vector<DnsService> services;      ///< of an SRV question: the lowest priority first
  uint32_t ttl = 0;                      ///< seconds: the smallest of all records and CNAMEs
  std::string detail;                    ///< why not `found`
};

/// What to say when a name has no record of that type.
const char* nothing_of(DnsType type);

/// Reads an answer without an error code to a question for addresses or services of `type`. At most
/// `max_kept` are kept, none twice: addresses as they stand, services of the lowest priorities. One
/// service that is malformed spoils the answer.
DnsReply read_dns_answer(std::span<const uint8_t> message, DnsType type, size_t max_kept);

}  // namespace siding
