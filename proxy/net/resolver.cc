// See resolver.h. A resolve() waits in its cache entry; a look_up() belongs to the resolver and fills
// the entry: local names, then each name of the search list, A and AAAA at the same time.
#include "proxy/net/resolver.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "proxy/loop/wait.h"
#include "proxy/net/dns_channel.h"
#include "proxy/net/hosts_file.h"

namespace siding {

namespace {
constexpr Duration kBetweenFileChecks = std::chrono::seconds(1);
// Once there are IPv4 addresses, IPv6 ones are waited for that long: some servers drop the question.
constexpr Duration kAaaaGrace = std::chrono::milliseconds(250);

void count(ResolverCounters::Count& counter) { counter.fetch_add(1, std::memory_order_relaxed); }

Addresses alternate(const Addresses& v6, const Addresses& v4) {
  Addresses out;
  for (size_t i = 0; i < std::max(v6.size(), v4.size()); ++i) {
    if (i < v6.size()) out.push_back(v6[i]);
    if (i < v4.size()) out.push_back(v4[i]);
  }
  if (out.size() > Resolver::kMaxAddresses) out.resize(Resolver::kMaxAddresses);
  return out;
}

// Those of a service have theirs.
Addresses with_port(Addresses addresses, uint16_t port) {
  for (SocketAddress& address : addresses) {
    if (address.port() == 0) address.set_port(port);
  }
  return addresses;
}

// Of A and AAAA. Addresses of one family are an answer even if the other one failed.
DnsReply merge(const DnsReply& v6, const DnsReply& v4) {
  DnsReply out;
  bool found6 = v6.kind == DnsReply::Kind::found;
  bool found4 = v4.kind == DnsReply::Kind::found;
  if (found6 || found4) {
    out.kind = DnsReply::Kind::found;
    out.addresses = alternate(v6.addresses, v4.addresses);
    out.ttl = std::min(found6 ? v6.ttl : v4.ttl, found4 ? v4.ttl : v6.ttl);
    return out;
  }
  // The kinds are in the order of what they leave open: only two times "gone" is gone.
  const DnsReply& worse = v6.kind > v4.kind ? v6 : v4;
  out.kind = worse.kind;
  out.detail = worse.detail;
  return out;
}
}  // namespace

Addresses Resolver::in_order(const Addresses& mixed) {
  std::array<Addresses, 2> families;  // IPv6, IPv4
  for (const SocketAddress& address : mixed) {
    Addresses& family = families[address.family() == AF_INET6 ? 0 : 1];
    bool known = std::find(family.begin(), family.end(), address) != family.end();
    if (!known && family.size() < kMaxAddresses) family.push_back(address);
  }
  return alternate(families[0], families[1]);
}

Resolver::FileStamp Resolver::FileStamp::of(const std::string& path) {
  struct stat st {};
  if (stat(path.c_str(), &st) != 0) return {};
  return {st.st_dev, st.st_ino, st.st_size,
          int64_t{st.st_mtim.tv_sec} * 1'000'000'000 + st.st_mtim.tv_nsec};
}

Resolver::Resolver(Loop& loop, const DnsConfig& config, ResolverFiles files,
                   std::shared_ptr<ResolverCounters> counters)
    : loop_(loop),
      config_(config),
      files_(std::move(files)),
      counters_(std::move(counters)),
      cache_(kMaxNames, {config.min_ttl, config.max_ttl}),
      random_(static_cast<uint32_t>(loop.clock().now().time_since_epoch().count()) + loop.index()) {
}

Resolver::~Resolver() = default;

Task<Result<Addresses>> Resolver::resolve(std::string host, uint16_t port, TimePoint deadline) {
  // A NUL would end the text for inet_pton().
  std::optional<SocketAddress> literal;
  if (host.find('\0') == std::string::npos) literal = SocketAddress::parse(host, port);
  if (literal) co_return Addresses(1, *literal);

  std::optional<HostName> name = HostName::parse(host);
  if (!name) {
    count(counters_->refused_names);
    co_return Error(Failure::dns_error, Side::local, false, "not a host name");
  }
  DnsCache::Ref entry = cache_.get(name->key());
  if (!entry) {
    count(counters_->overflows);
    co_return Error(Failure::dns_error, Side::local, true, "too many names are looked up at once");
  }

  TimePoint now = loop_.now();
  bool fresh = entry->fresh(now);
  if (fresh) count(counters_->hits);
  ask_if_due(entry, *name);
  bool asking = entry->busy;
  if (asking && !fresh) {
    // Who has an old answer to go on with waits for one try only, and not at all for servers that
    // failed the last time.
    TimePoint until = deadline;
    if (entry->kept(now)) {
      until = entry->failure() ? now : std::min(deadline, after(now, config_.timeout));
    }
    if (until > now) co_await Wait(entry->settled, until);
  }
  Result<Addresses> result = known(*entry, port);
  if (!asking && !result.ok()) count(counters_->backed_off);
  co_return result;
}

void Resolver::ask_if_due(DnsCache::Ref& entry, const HostName& host) {
  if (entry->busy || !entry->may_ask(loop_.now())) return;
  entry->busy = true;
  lookups_.run(look_up(entry, host));
}

bool Resolver::known_now(std::string_view host, uint16_t port, Addresses& addresses) {
  std::optional<HostName> name = HostName::parse(host);
  DnsCache::Ref entry = name ? cache_.find(name->key()) : DnsCache::Ref();
  if (!entry || !entry->fresh(loop_.now())) return false;
  ask_if_due(entry, *name);
  count(counters_->hits);
  addresses = with_port(entry->addresses(), port);
  return true;
}

Result<Addresses> Resolver::known(const DnsEntry& entry, uint16_t port) {
  TimePoint now = loop_.now();
  if (entry.kept(now)) {
    if (!entry.fresh(now)) count(entry.gone() ? counters_->stale_gone : counters_->stale_failed);
    return with_port(entry.addresses(), port);
  }
  if (!entry.busy && entry.failure()) return *entry.failure();
  return Error(Failure::dns_timeout, Side::upstream, true, entry.key() + ": no answer in time");
}

void Resolver::forget(std::string_view host) {
  std::optional<HostName> name = HostName::parse(host);
  if (!name) return;
  DnsCache::Ref entry = cache_.find(name->key());
  if (entry) entry->forget(loop_.now());
}

Task<> Resolver::look_up(DnsCache::Ref entry, HostName host) {
  count(counters_->lookups);
  DnsReply reply;
  if (!host.is_service()) reply.addresses = find_locally(host.name);
  if (!reply.addresses.empty()) {
    reply.kind = DnsReply::Kind::found;
  } else {
    Task<DnsReply> asking = ask_dns(std::move(host));
    reply = co_await std::move(asking);
  }
  settle(*entry, std::move(reply));
}

Addresses Resolver::find_locally(const std::string& name) const {
  Addresses found;
  if (config_.hosts_file) found = find_in_hosts_file(files_.hosts, name);
  if (found.empty() && (name == "localhost" || name.ends_with(".localhost"))) {  // RFC 6761
    found = {*SocketAddress::parse("::1", 0), *SocketAddress::parse("127.0.0.1", 0)};
  }
  return in_order(found);
}

Task<DnsReply> Resolver::ask_dns(HostName host) {
  DnsReply result;
  std::shared_ptr<DnsChannel> servers = channel(result.detail);
  if (!servers) co_return result;
  std::vector<std::string> names = host.candidates(servers->search(), servers->ndots());
  result.kind = DnsReply::Kind::gone;
  for (const std::string& name : names) {
    Task<DnsReply> asking;
    if (host.is_service()) {
      asking = ask_service(servers, name);
    } else {
      asking = ask_both(servers, name);
    }
    DnsReply reply = co_await std::move(asking);
    // As glibc does: what one name's servers fail at, the next name may have. But where none
    // answers, none will.
    bool last = reply.kind == DnsReply::Kind::found || reply.kind == DnsReply::Kind::timeout;
    if (last || result.kind == DnsReply::Kind::gone) result = std::move(reply);
    if (last) break;
  }
  co_return result;
}

Task<DnsReply> Resolver::ask_both(std::shared_ptr<DnsChannel> channel, std::string name) {
  count(counters_->queries);
  DnsQuery v4(channel, name, DnsType::a, config_.tries, kMaxAddresses);
  DnsQuery v6(channel, name, DnsType::aaaa, config_.tries, kMaxAddresses);
  while (!v4.done()) co_await Wait(v4.ended());
  TimePoint until = kNever;
  if (v4.reply().kind == DnsReply::Kind::found) until = after(loop_.now(), kAaaaGrace);
  while (!v6.done() && loop_.now() < until) co_await Wait(v6.ended(), until);
  co_return merge(v6.reply(), v4.reply());
}

void Resolver::settle(DnsEntry& entry, DnsReply reply) {
  TimePoint now = loop_.now();
  if (reply.kind == DnsReply::Kind::found) {
    count(counters_->answers);
    entry.set_good(std::move(reply.addresses), cache_.clamp(reply.ttl), now);
  } else {
    bool timeout = reply.kind == DnsReply::Kind::timeout;
    bool gone = reply.kind == DnsReply::Kind::gone;
    ResolverCounters& c = *counters_;
    count(timeout ? c.timeouts : gone ? c.no_such_name : c.server_failures);
    Error error(timeout ? Failure::dns_timeout : Failure::dns_error, Side::upstream, true,
                entry.key() + ": " + reply.detail);
    double spread = static_cast<double>(random_() - random_.min()) /
                    static_cast<double>(random_.max() - random_.min());
    entry.set_failed(std::move(error), gone, now, spread);
  }
  entry.busy = false;
  entry.settled.notify();
}

std::shared_ptr<DnsChannel> Resolver::channel(std::string& error) {
  TimePoint now = loop_.now();
  bool of_file = config_.servers.empty();
  if (channel_ && (!of_file || now < check_files_at_)) return channel_;
  check_files_at_ = after(now, kBetweenFileChecks);
  FileStamp stamp = of_file ? FileStamp::of(files_.resolv_conf) : FileStamp();
  if (channel_ && stamp == resolv_conf_) return channel_;
  // Questions that are open keep the old channel until they have ended.
  std::shared_ptr<DnsChannel> made = DnsChannel::make(loop_, config_, files_.resolv_conf, error);
  if (made) {
    channel_ = std::move(made);
    resolv_conf_ = stamp;
  }
  return channel_;
}

}  // namespace siding
