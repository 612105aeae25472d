// A DNS server that does what a script says, on a thread of its own: UDP and TCP on one loopback port.
// Invariant: nothing but the script decides; a name without a script is NXDOMAIN, a type without one
// is an empty answer. Answers that do not fit 512 bytes are truncated over UDP, so they go by TCP.
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace siding::test {

inline constexpr uint16_t kA = 1;
inline constexpr uint16_t kCname = 5;
inline constexpr uint16_t kAaaa = 28;
inline constexpr uint16_t kSrv = 33;

inline constexpr int kServfail = 2;
inline constexpr int kNxdomain = 3;
inline constexpr int kRefused = 5;

struct DnsRecord {
  std::string owner;  ///< empty: the name that was asked for
  uint16_t type;
  uint32_t ttl;
  std::string data;  ///< as it goes on the wire
};

/// An address record; its type follows from the text.
DnsRecord address_record(const std::string& ip, uint32_t ttl, std::string owner = {});
DnsRecord cname_record(std::string owner, const std::string& target, uint32_t ttl);
DnsRecord srv_record(const std::string& target, uint16_t port, uint32_t ttl, uint16_t priority = 0,
                     std::string owner = {});

/// What to do with a question.
struct DnsScript {
  std::vector<DnsRecord> records{};
  int rcode = 0;
  bool silent = false;
  bool wrong_id = false;
  bool truncated = false;  ///< over UDP; TCP gets the records
  bool cut_off = false;    ///< the second half of the answer is missing
  std::string garbage{};   ///< bytes instead of an answer
  std::chrono::milliseconds delay{0};
};

class DnsServer {
 public:
  DnsServer();
  ~DnsServer();
  DnsServer(const DnsServer&) = delete;
  DnsServer& operator=(const DnsServer&) = delete;

  uint16_t port() const { return port_; }
  /// "127.0.0.1:12345", for DnsConfig::servers.
  std::string address() const;

  /// From now on. `name` in lower case and without a dot at the end.
  void on(const std::string& name, uint16_t type, DnsScript script);
  /// The same for A and AAAA.
  void on(const std::string& name, const DnsScript& script);
  /// Answers `name` with these addresses of both families.
  void has(const std::string& name, const std::vector<std::string>& ips, uint32_t ttl = 60);
  /// Answers a question for services with these.
  void serves(const std::string& name, std::vector<DnsRecord> records);
  void forget(const std::string& name);

  /// Answers are kept back until release().
  void hold();
  void release();

  /// How often a name was asked for.
  int asked(const std::string& name, uint16_t type = kA) const;
  int asked_by_tcp(const std::string& name) const;
  int asked_in_all() const;

 private:
  struct Connection;
  struct Out;
  void run();
  void serve_udp();
  void serve_tcp(Connection& connection);
  void question(std::string_view bytes, std::shared_ptr<Connection> tcp, std::string peer);
  int send_due();
  void send(const Out& out);
  void wake();
  static std::string answer(std::string_view question, const DnsScript& script, bool tcp);

  int udp_ = -1;
  int listener_ = -1;
  int wake_ = -1;
  uint16_t port_ = 0;
  std::list<std::shared_ptr<Connection>> connections_;  // of the server's thread
  std::list<Out> waiting_;                              // likewise

  mutable std::mutex mutex_;
  std::map<std::string, std::map<uint16_t, DnsScript>> scripts_;
  std::map<std::pair<std::string, uint16_t>, int> asked_;
  std::map<std::string, int> asked_by_tcp_;
  bool held_ = false;
  bool stopping_ = false;
  std::thread thread_;  // last
};

}  // namespace siding::test
