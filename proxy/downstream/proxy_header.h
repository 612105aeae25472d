// The header by which a balancer tells whose connection it passes on: the PROXY protocol, versions 1 (a
// line of text) and 2 (binary). A state machine without sockets.
// Invariants: strict, for who sends it is a program that was told to; never takes a byte that does not
// belong to the header; bounded: 107 bytes, or 16 and kMaxRest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/net/address.h"

namespace siding {

class ProxyHeaderParser {
 public:
  static constexpr size_t kMaxLine = 107;
  /// Of version 2, behind the first 16 bytes: addresses, and TLVs, which are skipped.
  static constexpr size_t kMaxRest = 4096;

  enum class Status { incomplete, done, fault };
  /// Goes on with `bytes`, of which consumed() belong to the header: all of them while it is incomplete.
  Status feed(std::string_view bytes);
  size_t consumed() const { return consumed_; }

  /// Once it is done: who connected. nullopt: it says nothing of that (LOCAL, UNKNOWN, UNSPEC, unix
  /// sockets), and the connection's own address counts.
  const std::optional<SocketAddress>& source() const { return source_; }
  /// Of a fault: what is wrong.
  std::string_view fault() const { return fault_; }

 private:
  Status feed_line(char c);
  Status feed_binary(char c);
  Status read_line();
  Status begin_binary();
  void read_addresses();
  Status fail(std::string_view why);

  enum class Version : uint8_t { unknown, one, two } version_ = Version::unknown;
  std::string held_;   // what came, but for the TLVs of version 2
  size_t rest_ = 0;    // of version 2: bytes that are still to come
  size_t wanted_ = 0;  // of version 2: bytes of held_ that tell addresses
  size_t consumed_ = 0;
  std::optional<SocketAddress> source_;
  std::string_view fault_;
};

}  // namespace siding
