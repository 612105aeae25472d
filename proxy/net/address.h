// A socket address: IPv4, IPv6 or unix. A value, cheap to copy.
// Invariant: whatever text came from outside was parsed by inet_pton; odd spellings of IPv4 are no
// addresses here.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace siding {

class SocketAddress {
 public:
  SocketAddress() = default;
  SocketAddress(const sockaddr* address, socklen_t length);

  /// `ip` is dotted-quad or IPv6 without brackets; nullopt if it is neither.
  static std::optional<SocketAddress> parse(std::string_view ip, uint16_t port);
  /// nullopt if the path is longer than the kernel takes (107 bytes).
  static std::optional<SocketAddress> unix_socket(std::string_view path);

  int family() const { return storage_.any.sa_family; }
  bool is_unix() const { return family() == AF_UNIX; }
  uint16_t port() const;
  void set_port(uint16_t port);
  /// "127.0.0.1", "::1"; v4-mapped IPv6 as IPv4; "unix" for a unix socket.
  std::string ip() const;
  /// "127.0.0.1:80", "[::1]:80", "unix:/path".
  std::string text() const;
  /// 16 bytes, IPv4 as v4-mapped; zero for a unix socket. For comparing with networks.
  in6_addr bytes() const;

  const sockaddr* raw() const { return &storage_.any; }
  socklen_t length() const { return length_; }
  /// Where it stands among the addresses of a name: later ones are for when those before cannot be
  /// reached (the priorities of RFC 2782, counted from 0).
  uint8_t rank() const { return rank_; }
  void set_rank(uint8_t rank) { rank_ = rank; }
  /// Whether they lead to the same place, of whatever rank.
  bool operator==(const SocketAddress& o) const;

 private:
  union Storage {
    sockaddr_un un;  // first, as the largest: {} zeroes the first member only
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
  } storage_{};
  socklen_t length_ = 0;
  uint8_t rank_ = 0;
};

/// Whether siding may open a connection to it (RELIABILITY: SSRF). Link-local (metadata services),
/// unspecified, multicast and broadcast are never allowed, in IPv4, IPv6 and v4-mapped form.
bool connect_allowed(const SocketAddress& address);
/// What a name may lead to, beyond that: DNS is not ours, and may be made to say anything.
enum class Reach : uint8_t { everything, no_loopback, public_only };
bool within(Reach reach, const SocketAddress& address);
bool is_loopback(const SocketAddress& address);
bool in_network(const SocketAddress& address, const uint8_t network[16], int prefix);

}  // namespace siding
