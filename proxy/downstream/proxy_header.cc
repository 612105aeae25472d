// See proxy_header.h.
#include "proxy/downstream/proxy_header.h"

#include <cstring>

#include "base/text.h"

namespace siding {

namespace {
constexpr std::string_view kLineStart = "PROXY ";
constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr size_t kBinaryHead = 16;

/// As the specification wants it: decimal, no zeros in front.
std::optional<uint16_t> port_of(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  const std::optional<uint64_t> number = parse_u64(text);
  if (!number || *number > 65535) return std::nullopt;
  return static_cast<uint16_t>(*number);
}

std::string_view next_word(std::string_view& rest) {
  const size_t space = rest.find(' ');
  std::string_view word = rest.substr(0, space);
  rest = space == std::string_view::npos ? std::string_view() : rest.substr(space + 1);
  return word;
}

unsigned byte_at(const std::string& bytes, size_t i) {
  return static_cast<unsigned char>(bytes[i]);
}
}  // namespace

ProxyHeaderParser::Status ProxyHeaderParser::fail(std::string_view why) {
  fault_ = why;
  return Status::fault;
}

ProxyHeaderParser::Status ProxyHeaderParser::feed(std::string_view bytes) {
  if (!fault_.empty()) return Status::fault;
  Status status = Status::incomplete;
  consumed_ = 0;
  while (consumed_ < bytes.size() && status == Status::incomplete) {
    const char c = bytes[consumed_++];
    if (version_ == Version::unknown) version_ = c == kLineStart[0] ? Version::one : Version::two;
    status = version_ == Version::one ? feed_line(c) : feed_binary(c);
  }
  return status;
}

ProxyHeaderParser::Status ProxyHeaderParser::feed_line(char c) {
  if (held_.size() < kLineStart.size() && c != kLineStart[held_.size()]) {
    return fail("it does not begin with a PROXY header");
  }
  held_ += c;
  if (c == '\n') return read_line();
  return held_.size() < kMaxLine ? Status::incomplete : fail("its line is too long");
}

ProxyHeaderParser::Status ProxyHeaderParser::read_line() {
  std::string_view rest = held_;
  if (!rest.ends_with("\r\n")) return fail("its line does not end with CR LF");
  rest.remove_suffix(2);
  rest.remove_prefix(kLineStart.size());
  const std::string_view family = next_word(rest);
  if (family == "UNKNOWN") return Status::done;  // whatever else stands there
  if (family != "TCP4" && family != "TCP6") return fail("it names no protocol that is known");
  const std::string_view source = next_word(rest);
  const std::string_view destination = next_word(rest);
  const std::optional<uint16_t> source_port = port_of(next_word(rest));
  const std::optional<uint16_t> destination_port = port_of(rest);
  if (!source_port || !destination_port) return fail("its ports are none");
  const int wanted = family == "TCP4" ? AF_INET : AF_INET6;
  source_ = SocketAddress::parse(source, *source_port);
  const auto other = SocketAddress::parse(destination, *destination_port);
  if (!source_ || !other || source_->family() != wanted || other->family() != wanted) {
    source_.reset();
    return fail("its addresses are not of the family that it names");
  }
  return Status::done;
}

ProxyHeaderParser::Status ProxyHeaderParser::feed_binary(char c) {
  if (held_.size() < kSignature.size() && c != kSignature[held_.size()]) {
    return fail("it does not begin with a PROXY header");
  }
  if (held_.size() < kBinaryHead) {
    held_ += c;
    return held_.size() < kBinaryHead ? Status::incomplete : begin_binary();
  }
  if (held_.size() < kBinaryHead + wanted_) held_ += c;
  if (--rest_ > 0) return Status::incomplete;
  read_addresses();
  return Status::done;
}

ProxyHeaderParser::Status ProxyHeaderParser::begin_binary() {
  const unsigned command = byte_at(held_, 12);
  const unsigned family = byte_at(held_, 13);
  rest_ = byte_at(held_, 14) << 8 | byte_at(held_, 15);
  if ((command & 0xF0) != 0x20) return fail("its version is not 2");
  if ((command & 0x0F) > 1) return fail("its command is not known");
  if (family >> 4 > 3 || (family & 0x0F) > 2) return fail("its family is not known");
  if (rest_ > kMaxRest) return fail("it is too long");
  const bool proxied = (command & 0x0F) == 1;
  // Only streams: of a datagram nobody can have made a connection.
  if (proxied && (family & 0x0F) == 2) return fail("it tells of no stream");
  if (proxied && family == 0x11) wanted_ = 12;
  if (proxied && family == 0x21) wanted_ = 36;
  const size_t least = proxied && family == 0x31 ? 216 : wanted_;
  if (rest_ < least) return fail("it is shorter than its addresses");
  return rest_ == 0 ? Status::done : Status::incomplete;
}

void ProxyHeaderParser::read_addresses() {
  const char* at = held_.data() + kBinaryHead;
  if (wanted_ == 12) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    std::memcpy(&v4.sin_addr, at, 4);
    std::memcpy(&v4.sin_port, at + 8, 2);
    source_ = SocketAddress(reinterpret_cast<const sockaddr*>(&v4), sizeof(v4));
  } else if (wanted_ == 36) {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    std::memcpy(&v6.sin6_addr, at, 16);
    std::memcpy(&v6.sin6_port, at + 32, 2);
    source_ = SocketAddress(reinterpret_cast<const sockaddr*>(&v6), sizeof(v6));
  }
}

}  // namespace siding
