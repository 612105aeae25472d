// /etc/hosts. It is read at each lookup (not at each resolve), so that it is current and costs no
// memory: it usually has a dozen lines.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/net/address.h"

namespace siding {

/// What the file at `path` says of `name` (lower case), in its order; empty if it says nothing or
/// cannot be read. Only its first 4 MiB count.
std::vector<SocketAddress> find_in_hosts_file(const std::string& path, std::string_view name);

/// The same for a text.
std::vector<SocketAddress> find_in_hosts(std::string_view text, std::string_view name);

}  // namespace siding
