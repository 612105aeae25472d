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

void keep_address(const Record& r, DnsType type, const uint8_t* data, size_t max_kept,
                  DnsReply& reply) {
  if (r.size != (type == DnsType::a ? 4 : 16)) return;
  reply.ttl = std::min(reply.ttl, r.ttl);
  if (reply.addresses.size() >= max_kept) return;
  SocketAddress address = address_of(type, data);
  auto known = std::find(reply.addresses.begin(), reply.addresses.end(), address);
  if (known == reply.addresses.end()) reply.addresses.push_back(address);
}

// Sorted in as it comes, so that no answer holds more than `max_kept`. Its weight is read over. False
// if it is malformed.
bool keep_service(Reader& in, const Record& r, size_t max_kept, DnsReply& reply) {
  DnsService service;
  in.seek(r.data);
  service.priority = in.u16();
  in.skip(2);
  service.port = in.u16();
  service.target = in.name();
  if (!in.ok() || in.at() != r.data + r.size) return false;
  reply.ttl = std::min(reply.ttl, r.ttl);
  // The root says that there is no such service; nobody listens at port 0.
  if (service.target.empty() || service.port == 0) return true;
  service.target.pop_back();  // the dot
  std::vector<DnsService>& all = reply.services;
  auto less = [](const DnsService& a, const DnsService& b) { return a.priority < b.priority; };
  auto place = std::upper_bound(all.begin(), all.end(), service, less);
  bool known = std::any_of(all.begin(), place, [&](const DnsService& s) {
    return s.target == service.target && s.port == service.port;
  });
  if (!known) all.insert(place, std::move(service));
  if (all.size() > max_kept) all.pop_back();
  return true;
}
}  // namespace

const char* nothing_of(DnsType type) {
  return type == DnsType::srv ? "the name has no SRV record that leads anywhere"
                              : "the name has no address";
}

DnsReply read_dns_answer(std::span<const uint8_t> message, DnsType type, size_t max_kept) {
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
    if (!is_type(r, type) || r.owner != name) continue;
    if (type != DnsType::srv) {
      keep_address(r, type, message.data() + r.data, max_kept, reply);
    } else if (!keep_service(in, r, max_kept, reply)) {
      return nonsense("a service is spoilt");
    }
  }
  if (!reply.addresses.empty() || !reply.services.empty()) {
    reply.kind = DnsReply::Kind::found;
  } else {
    reply.kind = DnsReply::Kind::gone;
    reply.detail = nothing_of(type);
  }
  return reply;
}

}  // namespace siding
