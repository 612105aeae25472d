// See dns_message.h. RFC 1035 section 4.
#include "proxy/net/dns_message.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>

#include "base/text.h"

namespace siding {

namespace {
constexpr size_t kMaxNameLength = 255;
constexpr int kMaxPointers = 64;
constexpr size_t kMaxChain = 16;  // of CNAMEs
constexpr uint16_t kInternet = 1;

class Reader {
 public:
  explicit Reader(std::span<const uint8_t> message) : message_(message) {}

  bool ok() const { return ok_; }
  size_t at() const { return at_; }
  size_t left() const { return message_.size() - at_; }
  void seek(size_t at) { at_ = at; }
  void skip(size_t n) {
    if (need(n)) at_ += n;
  }
  uint16_t u16() {
    if (!need(2)) return 0;
    auto value = static_cast<uint16_t>(message_[at_] << 8 | message_[at_ + 1]);
    at_ += 2;
    return value;
  }
  uint32_t u32() {
    uint32_t high = u16();
    return high << 16 | u16();
  }

  // A name in lower case, with a dot after each label. Whatever bytes a label has are kept: names are
  // only compared with each other. A dot within a label becomes a NUL, which no asked name has.
  std::string name() {
    std::string out;
    size_t pos = at_;
    size_t end = 0;  // behind the name; 0 while no pointer was followed
    for (int pointers = 0; ok_;) {
      if (pos >= message_.size()) break;
      uint8_t length = message_[pos++];
      if (length == 0) {
        at_ = end == 0 ? pos : end;
        return out;
      }
      if (length >= 0xc0) {
        if (pos >= message_.size() || ++pointers > kMaxPointers) break;
        if (end == 0) end = pos + 1;
        pos = static_cast<size_t>(length & 0x3f) << 8 | message_[pos];
        continue;
      }
      if (length > 63 || message_.size() - pos < length) break;
      if (out.size() + length + 1 > kMaxNameLength) break;
      for (uint8_t c : message_.subspan(pos, length)) {
        out += c == '.' ? '\0' : ascii_lower(static_cast<char>(c));
      }
      out += '.';
      pos += length;
    }
    ok_ = false;
    return {};
  }

 private:
  bool need(size_t n) {
    if (left() < n) ok_ = false;
    return ok_;
  }
  std::span<const uint8_t> message_;
  size_t at_ = 0;
  bool ok_ = true;
};

struct Record {
  std::string owner;
  uint16_t type = 0;
  uint16_t cls = 0;
  uint32_t ttl = 0;
  size_t data = 0;
  size_t size = 0;
};

Record read_record(Reader& in) {
  Record r;
  r.owner = in.name();
  r.type = in.u16();
  r.cls = in.u16();
  r.ttl = in.u32();
  if (r.ttl > INT32_MAX) r.ttl = 0;  // RFC 2181 section 8
  r.size = in.u16();
  r.data = in.at();
  in.skip(r.size);
  return r;
}

bool is_type(const Record& r, DnsType type) {
  return r.cls == kInternet && r.type == static_cast<uint16_t>(type);
}

SocketAddress address_of(DnsType type, const uint8_t* data) {
  if (type == DnsType::a) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    std::memcpy(&v4.sin_addr, data, sizeof(v4.sin_addr));
    return SocketAddress(reinterpret_cast<const sockaddr*>(&v4), sizeof(v4));
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  std::memcpy(&v6.sin6_addr, data, sizeof(v6.sin6_addr));
  return SocketAddress(reinterpret_cast<const sockaddr*>(&v6), sizeof(v6));
}

struct Alias {
  std::string owner;
  std::string target;
  uint32_t ttl;
};

DnsReply nonsense(std::string why) {
  DnsReply reply;
  reply.detail = "malformed answer: " + std::move(why);
  return reply;
}

// Follows the aliases from `name` on, in whatever order they stand; false if they go round.
bool follow(const std::vector<Alias>& aliases, std::string& name, uint32_t& ttl) {
  for (size_t steps = 0; steps <= aliases.size(); ++steps) {
    auto alias = std::find_if(aliases.begin(), aliases.end(),
                              [&](const Alias& a) { return a.owner == name; });
    if (alias == aliases.end()) return true;
    name = alias->target;
    ttl = std::min(ttl, alias->ttl);
  }
  return false;
}
}  // namespace

DnsReply read_dns_answer(std::span<const uint8_t> message, DnsType type, size_t max_addresses) {
  const size_t address_size = type == DnsType::a ? 4 : 16;
  Reader in(message);
  in.skip(4);  // id and flags: matched and judged by c-ares
  uint16_t questions = in.u16();
  uint16_t answers = in.u16();
  in.skip(4);
  if (!in.ok() || questions != 1) return nonsense("its head");
  std::string name = in.name();
  in.skip(4);
  if (!in.ok()) return nonsense("its question");
  const size_t first = in.at();

  std::vector<Alias> aliases;
  for (int i = 0; i < answers; ++i) {
    Record r = read_record(in);
    if (!in.ok()) return nonsense("a record is cut off");
    if (!is_type(r, DnsType::cname)) continue;
    if (aliases.size() == kMaxChain) return nonsense("too many aliases");
    size_t next = in.at();
    in.seek(r.data);
    aliases.push_back({std::move(r.owner), in.name(), r.ttl});
    if (!in.ok() || in.at() != next) return nonsense("an alias is no name");
  }

  DnsReply reply;
  reply.ttl = INT32_MAX;
  if (!follow(aliases, name, reply.ttl)) return nonsense("its aliases go round");
  in.seek(first);
  for (int i = 0; i < answers; ++i) {
    Record r = read_record(in);
    if (!is_type(r, type) || r.size != address_size || r.owner != name) continue;
    reply.ttl = std::min(reply.ttl, r.ttl);
    if (reply.addresses.size() >= max_addresses) continue;
    SocketAddress address = address_of(type, &message[r.data]);
    auto known = std::find(reply.addresses.begin(), reply.addresses.end(), address);
    if (known == reply.addresses.end()) reply.addresses.push_back(address);
  }
  reply.kind = reply.addresses.empty() ? DnsReply::Kind::gone : DnsReply::Kind::found;
  if (reply.addresses.empty()) reply.detail = "the name has no address";
  return reply;
}

}  // namespace siding
