// See address.h.
#include "proxy/net/address.h"

#include <arpa/inet.h>

#include <charconv>
#include <cstring>

namespace siding {

SocketAddress::SocketAddress(const sockaddr* address, socklen_t length) {
  if (length > sizeof(storage_)) length = sizeof(storage_);
  std::memcpy(&storage_, address, length);
  length_ = length;
}

std::optional<SocketAddress> SocketAddress::parse(std::string_view ip, uint16_t port) {
  SocketAddress a;
  // inet_pton() reads up to a NUL and would not see what follows it.
  if (ip.find('\0') != std::string_view::npos) return std::nullopt;
  std::string text(ip);
  if (inet_pton(AF_INET, text.c_str(), &a.storage_.v4.sin_addr) == 1) {
    a.storage_.v4.sin_family = AF_INET;
    a.length_ = sizeof(sockaddr_in);
  } else if (inet_pton(AF_INET6, text.c_str(), &a.storage_.v6.sin6_addr) == 1) {
    a.storage_.v6.sin6_family = AF_INET6;
    a.length_ = sizeof(sockaddr_in6);
  } else {
    return std::nullopt;
  }
  a.set_port(port);
  return a;
}

std::optional<SocketAddress> SocketAddress::unix_socket(std::string_view path) {
  SocketAddress a;
  if (path.empty() || path.size() >= sizeof(a.storage_.un.sun_path)) return std::nullopt;
  a.storage_.un.sun_family = AF_UNIX;
  std::memcpy(a.storage_.un.sun_path, path.data(), path.size());
  a.length_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return a;
}

uint16_t SocketAddress::port() const {
  if (family() == AF_INET) return ntohs(storage_.v4.sin_port);
  if (family() == AF_INET6) return ntohs(storage_.v6.sin6_port);
  return 0;
}

void SocketAddress::set_port(uint16_t port) {
  if (family() == AF_INET) storage_.v4.sin_port = htons(port);
  if (family() == AF_INET6) storage_.v6.sin6_port = htons(port);
}

in6_addr SocketAddress::bytes() const {
  in6_addr out{};
  if (family() == AF_INET6) return storage_.v6.sin6_addr;
  if (family() == AF_INET) {
    out.s6_addr[10] = out.s6_addr[11] = 0xff;
    std::memcpy(&out.s6_addr[12], &storage_.v4.sin_addr, 4);
  }
  return out;
}

std::string SocketAddress::ip() const {
  if (is_unix() || length_ == 0) return "unix";
  char text[INET6_ADDRSTRLEN] = "";
  in6_addr all = bytes();
  if (IN6_IS_ADDR_V4MAPPED(&all)) {
    // Once a request: inet_ntop() would go through printf.
    char* end = text;
    for (int i = 12; i < 16; ++i) {
      if (i > 12) *end++ = '.';
      end = std::to_chars(end, text + sizeof(text), all.s6_addr[i]).ptr;
    }
    *end = '\0';
  } else {
    inet_ntop(AF_INET6, &all, text, sizeof(text));
  }
  return text;
}

std::string SocketAddress::text() const {
  if (is_unix()) return std::string("unix:") + storage_.un.sun_path;
  std::string host = ip();
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  return host + ":" + std::to_string(port());
}

bool SocketAddress::operator==(const SocketAddress& o) const {
  return length_ == o.length_ && std::memcmp(&storage_, &o.storage_, length_) == 0;
}

bool in_network(const SocketAddress& address, const uint8_t network[16], int prefix) {
  if (address.is_unix()) return false;
  in6_addr a = address.bytes();
  int whole = prefix / 8;
  if (std::memcmp(a.s6_addr, network, static_cast<size_t>(whole)) != 0) return false;
  int rest = prefix % 8;
  if (rest == 0) return true;
  auto mask = static_cast<uint8_t>(0xff << (8 - rest));
  return (a.s6_addr[whole] & mask) == (network[whole] & mask);
}

bool is_loopback(const SocketAddress& address) {
  if (address.is_unix()) return true;
  in6_addr a = address.bytes();
  if (IN6_IS_ADDR_V4MAPPED(&a)) return a.s6_addr[12] == 127;
  return IN6_IS_ADDR_LOOPBACK(&a);
}

/// The IPv4 address that `a` is or carries (mapped, NAT64, 6to4); null if it is none.
static const uint8_t* ipv4_in(const in6_addr& a) {
  static constexpr uint8_t kNat64[12] = {0, 0x64, 0xff, 0x9b};
  if (IN6_IS_ADDR_V4MAPPED(&a) || std::memcmp(a.s6_addr, kNat64, sizeof(kNat64)) == 0 ||
      (IN6_IS_ADDR_V4COMPAT(&a) && !IN6_IS_ADDR_LOOPBACK(&a))) {
    return &a.s6_addr[12];
  }
  return a.s6_addr[0] == 0x20 && a.s6_addr[1] == 0x02 ? &a.s6_addr[2] : nullptr;
}

bool within(Reach reach, const SocketAddress& address) {
  if (reach == Reach::everything || address.is_unix()) return true;
  const in6_addr a = address.bytes();
  const uint8_t* b = ipv4_in(a);
  if (b != nullptr ? b[0] == 127 : IN6_IS_ADDR_LOOPBACK(&a) != 0) return false;
  if (reach == Reach::no_loopback) return true;
  if (b == nullptr) return (a.s6_addr[0] & 0xfe) != 0xfc;  // unique local
  const bool shared = b[0] == 100 && (b[1] & 0xc0) == 64;  // carriers' NAT
  const bool tests = b[0] == 198 && (b[1] & 0xfe) == 18;
  const bool protocols = b[0] == 192 && b[1] == 0 && b[2] == 0;
  return b[0] != 10 && !(b[0] == 172 && (b[1] & 0xf0) == 16) && !(b[0] == 192 && b[1] == 168) &&
         !shared && !tests && !protocols;
}

bool connect_allowed(const SocketAddress& address) {
  if (address.is_unix()) return true;
  const in6_addr a = address.bytes();
  const uint8_t* b = ipv4_in(a);
  if (b != nullptr) {
    bool unspecified = b[0] == 0;
    bool link_local = b[0] == 169 && b[1] == 254;
    bool multicast_or_reserved = b[0] >= 224;
    // The metadata services of two clouds that do not use the link-local network.
    bool metadata = (b[0] == 100 && b[1] == 100 && b[2] == 100 && b[3] == 200) ||
                    (b[0] == 192 && b[1] == 0 && b[2] == 0 && b[3] == 192);
    return !unspecified && !link_local && !multicast_or_reserved && !metadata;
  }
  // fd00:ec2::254 is the metadata service of EC2 over IPv6.
  static constexpr uint8_t kEc2Metadata[16] = {0xfd, 0, 0x0e, 0xc2, 0, 0, 0, 0,
                                               0,    0, 0,    0,    0, 0, 2, 0x54};
  return !IN6_IS_ADDR_UNSPECIFIED(&a) && !IN6_IS_ADDR_LINKLOCAL(&a) && !IN6_IS_ADDR_MULTICAST(&a) &&
         std::memcmp(a.s6_addr, kEc2Metadata, 16) != 0;
}

}  // namespace siding
