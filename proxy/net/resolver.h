// Names to addresses, one Resolver per loop: literals, /etc/hosts, then DNS through a cache that keeps
// the last good answer for the time when the servers fail. A name such as "_http._tcp.search" is that of
// a service: its SRV records (RFC 2782) name hosts with their ports. Their addresses are one entry under
// the service's name. Priorities are their ranks; weights do not count, since a call goes where the
// fewest are under way (Endpoints), which is what weights try to foresee.
// Invariants: one name is asked for once at a time, however many wait for it; a lookup belongs to the
// Resolver, never to a waiter, so any waiter may be destroyed at any time; no name is asked for twice
// within a second; nothing blocks (no getaddrinfo).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "config/config.h"
#include "proxy/loop/background.h"
#include "proxy/loop/loop.h"
#include "proxy/loop/task.h"
#include "proxy/net/address.h"
#include "proxy/net/dns_cache.h"
#include "proxy/net/host_name.h"

namespace siding {

class DnsChannel;
struct DnsReply;
struct DnsService;

/// Totals, of one resolver or of several: their loops add, any thread may read.
struct ResolverCounters {
  using Count = std::atomic<uint64_t>;
  Count hits{0};     ///< answered by a fresh entry
  Count lookups{0};  ///< names looked up (a miss; those who join one are not counted)
  /// Names put to the servers, A and AAAA together; more with search domains, and for a service.
  Count queries{0};
  Count answers{0};          ///< lookups that found addresses
  Count no_such_name{0};     ///< lookups that ended with NXDOMAIN or without any address
  Count server_failures{0};  ///< SERVFAIL, REFUSED, garbage, no server reachable
  Count timeouts{0};         ///< no server answered
  Count stale_failed{0};     ///< last good answer given because the servers failed or were slow
  Count stale_gone{0};       ///< last good answer given although the name is gone: worth an alarm
  Count backed_off{0};       ///< failures answered from memory
  Count refused_names{0};    ///< not a host name, or an odd spelling of an address
  Count overflows{0};        ///< too many lookups at once
};

/// Where the system keeps its own; tests name others.
struct ResolverFiles {
  std::string resolv_conf = "/etc/resolv.conf";
  std::string hosts = "/etc/hosts";
};

class Resolver {
 public:
  static constexpr size_t kMaxAddresses = 32;
  static constexpr size_t kMaxNames = 1024;
  static constexpr size_t kMaxTargets = 16;  ///< hosts of a service with their ports

  /// Reads no file and opens no socket before the first lookup. Must outlive all who wait in it.
  Resolver(Loop& loop, const DnsConfig& config, ResolverFiles files = {},
           std::shared_ptr<ResolverCounters> counters = std::make_shared<ResolverCounters>());
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// `host`: a name, or an IP literal without brackets (which needs no query). At most kMaxAddresses,
  /// none twice, in the order in which to try them: the families alternate, IPv6 first, so that a
  /// dead family costs one attempt; within a family as the server sent them. Not filtered: whoever
  /// connects asks connect_allowed(). `port` is for hosts; the addresses of a service have theirs.
  /// Fails with Failure::dns_error (no such name, no usable answer, not a host name) or
  /// Failure::dns_timeout (also when `deadline` passes first); a name that had addresses before goes on
  /// having them, see dns_cache.h.
  Task<Result<Addresses>> resolve(std::string host, uint16_t port, TimePoint deadline);

  /// Without waiting, if the addresses are known and fresh: true. Looks them up in the background when
  /// they will not be for long.
  bool known_now(std::string_view host, uint16_t port, Addresses& addresses);

  /// To be called when no address of `host` took a connection: the next resolve() asks again, at the
  /// earliest a second after the last time. Until there is an answer the old one is kept.
  void forget(std::string_view host);

  const ResolverCounters& counters() const { return *counters_; }

 private:
  /// Enough of stat() to see that a file was changed or replaced.
  struct FileStamp {
    uint64_t device = 0;
    uint64_t inode = 0;
    int64_t size = 0;
    int64_t changed_ns = 0;
    bool operator==(const FileStamp&) const = default;
    static FileStamp of(const std::string& path);
  };

  void ask_if_due(DnsCache::Ref& entry, const HostName& host);
  Task<> look_up(DnsCache::Ref entry, HostName host);
  Task<DnsReply> ask_dns(HostName host);
  Task<DnsReply> ask_both(std::shared_ptr<DnsChannel> channel, std::string name);
  // resolver_service.cc
  Task<DnsReply> ask_service(std::shared_ptr<DnsChannel> channel, std::string name);
  Task<> ask_target(std::shared_ptr<DnsChannel> channel, const std::string& name,
                    std::optional<DnsReply>& ended);
  static Addresses in_order(const Addresses& mixed);
  Addresses find_locally(const std::string& name) const;
  void settle(DnsEntry& entry, DnsReply reply);
  Result<Addresses> known(const DnsEntry& entry, uint16_t port);
  std::shared_ptr<DnsChannel> channel(std::string& error);

  Loop& loop_;
  const DnsConfig config_;
  const ResolverFiles files_;
  const std::shared_ptr<ResolverCounters> counters_;
  DnsCache cache_;
  std::shared_ptr<DnsChannel> channel_;  // replaced when resolv.conf changes
  FileStamp resolv_conf_;                // as it was then
  TimePoint check_files_at_{};
  std::minstd_rand random_;
  Background lookups_;  // last: its tasks hold references into the cache
};

}  // namespace siding
