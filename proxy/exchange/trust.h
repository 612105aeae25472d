// Whose forwarding fields are believed.
#pragma once

#include <string_view>
#include <vector>

#include "config/config.h"
#include "proxy/net/address.h"

namespace siding {

class TrustedProxies {
 public:
  explicit TrustedProxies(std::vector<Cidr> networks) : networks_(std::move(networks)) {}
  bool trusts(const SocketAddress& peer) const {
    for (const Cidr& c : networks_) {
      if (in_network(peer, c.bytes.data(), c.prefix)) return true;
    }
    return false;
  }
  bool trusts(std::string_view ip) const {
    std::optional<SocketAddress> address = SocketAddress::parse(ip, 0);
    return address && trusts(*address);
  }
  bool empty() const { return networks_.empty(); }

 private:
  std::vector<Cidr> networks_;
};

}  // namespace siding
