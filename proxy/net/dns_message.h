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

enum class DnsType : uint16_t { a = 1, cname = 5, aaaa = 28 };

/// What became of a question.
struct DnsReply {
  enum class Kind : uint8_t {
    found,    ///< addresses
    gone,     ///< a server says that the name does not exist or has none
    failed,   ///< SERVFAIL, REFUSED, nonsense, or no server reachable
    timeout,  ///< nobody answered
  } kind = Kind::failed;
  std::vector<SocketAddress> addresses;  ///< with port 0
  uint32_t ttl = 0;                      ///< seconds: the smallest of addresses and CNAMEs
  std::string detail;                    ///< why not `found`
};

/// Reads an answer without an error code to a question for addresses of `type`. At most
/// `max_addresses` are kept, none twice.
DnsReply read_dns_answer(std::span<const uint8_t> message, DnsType type, size_t max_addresses);

}  // namespace siding
