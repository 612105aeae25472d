// See dns_server.h.
#include "tests/harness/dns_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>

namespace siding::test {

using SteadyTime = std::chrono::steady_clock::time_point;

struct DnsServer::Connection {
  explicit Connection(int f) : fd(f) {}
  ~Connection() { close(fd); }
  int fd;
  std::string in;
};

struct DnsServer::Out {
  SteadyTime due;
  std::string bytes;
  std::shared_ptr<Connection> tcp;  // or
  std::string peer;                 // a sockaddr
};

namespace {
constexpr size_t kHead = 12;
constexpr size_t kUdpLimit = 512;

void check(bool good, const char* what) {
  if (good) return;
  std::perror(what);
  std::abort();
}

std::string u16(size_t v) { return {static_cast<char>(v >> 8), static_cast<char>(v)}; }
std::string u32(uint32_t v) { return u16(v >> 16) + u16(v & 0xffff); }

std::string wire_name(std::string_view name) {
  std::string out;
  while (!name.empty()) {
    size_t dot = std::min(name.find('.'), name.size());
    out += static_cast<char>(dot);
    out += name.substr(0, dot);
    name.remove_prefix(std::min(dot + 1, name.size()));
  }
  return out + '\0';
}

struct Question {
  std::string name;
  uint16_t type = 0;
  size_t end = 0;
};

std::optional<Question> read_question(std::string_view bytes) {
  Question q;
  size_t at = kHead;
  while (at < bytes.size() && bytes[at] != 0) {
    auto length = static_cast<size_t>(bytes[at]);
    if (length > 63 || at + 1 + length >= bytes.size()) return std::nullopt;
    if (!q.name.empty()) q.name += '.';
    for (char c : bytes.substr(at + 1, length)) q.name += c >= 'A' && c <= 'Z' ? char(c + 32) : c;
    at += 1 + length;
  }
  q.end = at + 5;
  if (bytes.size() < q.end) return std::nullopt;
  q.type = static_cast<uint16_t>(static_cast<uint8_t>(bytes[at + 1]) << 8 |
                                 static_cast<uint8_t>(bytes[at + 2]));
  return q;
}

sockaddr_in loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

bool bind_to(int fd, uint16_t port) {
  sockaddr_in address = loopback(port);
  return bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
}
}  // namespace

DnsRecord address_record(const std::string& ip, uint32_t ttl, std::string owner) {
  char data[16];
  bool v6 = ip.find(':') != std::string::npos;
  check(inet_pton(v6 ? AF_INET6 : AF_INET, ip.c_str(), data) == 1, ip.c_str());
  return {std::move(owner), v6 ? kAaaa : kA, ttl, std::string(data, v6 ? 16 : 4)};
}

DnsRecord cname_record(std::string owner, const std::string& target, uint32_t ttl) {
  return {std::move(owner), kCname, ttl, wire_name(target)};
}

DnsRecord srv_record(const std::string& target, uint16_t port, uint32_t ttl, uint16_t priority,
                     std::string owner) {
  return {std::move(owner), kSrv, ttl, u16(priority) + u16(10) + u16(port) + wire_name(target)};
}

DnsServer::DnsServer() {
  // A port that is free for both.
  for (bool bound = false; !bound;) {
    if (udp_ >= 0) close(udp_);
    if (listener_ >= 0) close(listener_);
    udp_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    check(bind_to(udp_, 0), "bind");
    sockaddr_in address{};
    socklen_t length = sizeof(address);
    getsockname(udp_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    bound = bind_to(listener_, port_);
  }
  check(listen(listener_, 16) == 0, "listen");
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  thread_ = std::thread(&DnsServer::run, this);
}

DnsServer::~DnsServer() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake();
  thread_.join();
  close(udp_);
  close(listener_);
  close(wake_);
}

std::string DnsServer::address() const { return "127.0.0.1:" + std::to_string(port_); }

void DnsServer::on(const std::string& name, uint16_t type, DnsScript script) {
  std::lock_guard lock(mutex_);
  scripts_[name][type] = std::move(script);
}

void DnsServer::on(const std::string& name, const DnsScript& script) {
  on(name, kA, script);
  on(name, kAaaa, script);
}

void DnsServer::has(const std::string& name, const std::vector<std::string>& ips, uint32_t ttl) {
  DnsScript v4;
  DnsScript v6;
  for (const std::string& ip : ips) {
    DnsRecord record = address_record(ip, ttl);
    (record.type == kA ? v4 : v6).records.push_back(record);
  }
  on(name, kA, v4);
  on(name, kAaaa, v6);
}

void DnsServer::serves(const std::string& name, std::vector<DnsRecord> records) {
  DnsScript script;
  script.records = std::move(records);
  on(name, kSrv, std::move(script));
}

void DnsServer::forget(const std::string& name) {
  std::lock_guard lock(mutex_);
  scripts_.erase(name);
}

void DnsServer::hold() {
  std::lock_guard lock(mutex_);
  held_ = true;
}

void DnsServer::release() {
  {
    std::lock_guard lock(mutex_);
    held_ = false;
  }
  wake();
}

int DnsServer::asked(const std::string& name, uint16_t type) const {
  std::lock_guard lock(mutex_);
  auto found = asked_.find({name, type});
  return found == asked_.end() ? 0 : found->second;
}

int DnsServer::asked_by_tcp(const std::string& name) const {
  std::lock_guard lock(mutex_);
  auto found = asked_by_tcp_.find(name);
  return found == asked_by_tcp_.end() ? 0 : found->second;
}

int DnsServer::asked_in_all() const {
  std::lock_guard lock(mutex_);
  int all = 0;
  for (const auto& [name, count] : asked_) all += count;
  return all;
}

void DnsServer::wake() { eventfd_write(wake_, 1); }

std::string DnsServer::answer(std::string_view question, const DnsScript& script, bool tcp) {
  std::optional<Question> q = read_question(question);
  std::string records;
  for (const DnsRecord& r : script.records) {
    std::string owner = r.owner.empty() ? std::string("\xc0\x0c") : wire_name(r.owner);
    records += owner + u16(r.type) + u16(1) + u32(r.ttl) + u16(r.data.size()) + r.data;
  }
  std::string asked(question.substr(kHead, q->end - kHead));
  bool truncated = !tcp && (script.truncated || kHead + asked.size() + records.size() > kUdpLimit);
  size_t flags = 0x8180 | (truncated ? 0x200 : 0) | static_cast<size_t>(script.rcode);
  size_t answers = truncated ? 0 : script.records.size();
  std::string id(question.substr(0, 2));
  if (script.wrong_id) id[0] = static_cast<char>(id[0] ^ 0x55);
  std::string out = id + u16(flags) + u16(1) + u16(answers) + u32(0) + asked;
  if (!truncated) out += records;
  if (script.cut_off) out.resize(kHead + asked.size() + records.size() / 2);
  return out;
}

void DnsServer::question(std::string_view bytes, std::shared_ptr<Connection> tcp,
                         std::string peer) {
  std::optional<Question> q = read_question(bytes);
  if (!q) return;
  DnsScript script;
  {
    std::lock_guard lock(mutex_);
    ++asked_[{q->name, q->type}];
    if (tcp) ++asked_by_tcp_[q->name];
    auto found = scripts_.find(q->name);
    if (found == scripts_.end()) {
      script.rcode = kNxdomain;
    } else if (found->second.count(q->type) > 0) {
      script = found->second[q->type];
    }
  }
  if (script.silent) return;
  Out out{std::chrono::steady_clock::now() + script.delay, {}, std::move(tcp), std::move(peer)};
  out.bytes = script.garbage.empty() ? answer(bytes, script, out.tcp != nullptr) : script.garbage;
  waiting_.push_back(std::move(out));
}

void DnsServer::send(const Out& out) {
  if (!out.tcp) {
    sendto(udp_, out.bytes.data(), out.bytes.size(), 0,
           reinterpret_cast<const sockaddr*>(out.peer.data()),
           static_cast<socklen_t>(out.peer.size()));
    return;
  }
  std::string framed = u16(out.bytes.size()) + out.bytes;
  for (size_t at = 0; at < framed.size();) {
    ssize_t n = ::send(out.tcp->fd, framed.data() + at, framed.size() - at, MSG_NOSIGNAL);
    if (n <= 0) return;
    at += static_cast<size_t>(n);
  }
}

int DnsServer::send_due() {
  {
    std::lock_guard lock(mutex_);
    if (held_) return -1;
  }
  SteadyTime now = std::chrono::steady_clock::now();
  int wait = -1;
  for (auto out = waiting_.begin(); out != waiting_.end();) {
    if (out->due <= now) {
      send(*out);
      out = waiting_.erase(out);
      continue;
    }
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(out->due - now).count() + 1;
    wait = wait < 0 ? static_cast<int>(left) : std::min(wait, static_cast<int>(left));
    ++out;
  }
  return wait;
}

void DnsServer::serve_udp() {
  char buffer[4096];
  for (;;) {
    sockaddr_in peer{};
    socklen_t length = sizeof(peer);
    ssize_t n =
        recvfrom(udp_, buffer, sizeof(buffer), 0, reinterpret_cast<sockaddr*>(&peer), &length);
    if (n < 0) return;
    std::string from(reinterpret_cast<const char*>(&peer), length);
    question({buffer, static_cast<size_t>(n)}, nullptr, std::move(from));
  }
}

void DnsServer::serve_tcp(Connection& connection) {
  char buffer[4096];
  ssize_t n = recv(connection.fd, buffer, sizeof(buffer), 0);
  auto self = std::find_if(connections_.begin(), connections_.end(),
                           [&](const auto& c) { return c.get() == &connection; });
  std::shared_ptr<Connection> kept = *self;
  if (n <= 0) {
    connections_.erase(self);
    return;
  }
  std::string& in = connection.in;
  in.append(buffer, static_cast<size_t>(n));
  while (in.size() >= 2) {
    size_t length =
        static_cast<size_t>(static_cast<uint8_t>(in[0])) << 8 | static_cast<uint8_t>(in[1]);
    if (in.size() < 2 + length) break;
    question(std::string_view(in).substr(2, length), kept, {});
    in.erase(0, 2 + length);
  }
}

void DnsServer::run() {
  for (;;) {
    int wait = send_due();
    std::vector<pollfd> polled{{udp_, POLLIN, 0}, {listener_, POLLIN, 0}, {wake_, POLLIN, 0}};
    std::vector<std::shared_ptr<Connection>> open(connections_.begin(), connections_.end());
    for (const auto& connection : open) polled.push_back({connection->fd, POLLIN, 0});
    poll(polled.data(), polled.size(), wait);
    eventfd_t ignored = 0;
    if (polled[2].revents != 0) eventfd_read(wake_, &ignored);
    {
      std::lock_guard lock(mutex_);
      if (stopping_) return;
    }
    if (polled[0].revents != 0) serve_udp();
    if (polled[1].revents != 0) {
      int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd >= 0) connections_.push_back(std::make_shared<Connection>(fd));
    }
    for (size_t i = 0; i < open.size(); ++i) {
      if (polled[3 + i].revents != 0) serve_tcp(*open[i]);
    }
  }
}

}  // namespace siding::test
