// What siding takes for a host name. Everything that is asked of a server passes here first.
// Invariant: what parse() lets through cannot be read as an IP address by any library: 127.1,
// 0177.0.0.1, 0x7f.1 and 2130706433 are refused (RELIABILITY 5, SSRF).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/service_name.h"

namespace siding {

struct HostName {
  std::string name;       ///< lower case, without a dot at the end
  bool absolute = false;  ///< was written with one: no search domains

  /// Letters, digits, hyphens and underscores (which names of containers have) in labels of 1 to 63,
  /// 253 in all; the last label is not a number. nullopt for everything else.
  static std::optional<HostName> parse(std::string_view text);

  /// Tells "a.b" from "a.b.", which may have different addresses.
  std::string key() const { return absolute ? name + "." : name; }
  /// "_http._tcp.search": SRV records say where it leads.
  bool is_service() const { return !service_domain(name).empty(); }
  /// The names to ask for, in order, as resolv.conf(5) says: a name with at least `ndots` dots is
  /// tried as it stands before the search domains, any other after them.
  std::vector<std::string> candidates(const std::vector<std::string>& search, int ndots) const;
};

}  // namespace siding
