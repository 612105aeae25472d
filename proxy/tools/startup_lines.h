// What siding says on stderr when it is up: who listens where, and what stands behind, a line each.
// Invariant: pure; shows no secret.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "proxy/net/address.h"

namespace siding {

/// Where a server really listens: with the ports that the kernel chose.
struct ListeningOn {
  std::vector<SocketAddress> front;
  std::vector<SocketAddress> egress;
  std::vector<SocketAddress> health;
  std::vector<SocketAddress> admin;
};

/// Of them, who listens where.
std::vector<std::string> listening_lines(const ListeningOn& listening);
std::vector<std::string> startup_lines(const Config& config, const ListeningOn& listening);

}  // namespace siding
