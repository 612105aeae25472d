// The part of resolver.h that is for services: SRV records, then the addresses of their hosts, all at
// the same time. Each address has the rank of its host's priority.
// Invariant: whatever the records say, at most kMaxTargets names are asked for; they are absolute.
#include <algorithm>
#include <map>
#include <optional>

#include "proxy/loop/join.h"
#include "proxy/net/dns_channel.h"
#include "proxy/net/resolver.h"

namespace siding {

namespace {
// How soon a host is asked for again whose servers failed while others had addresses, in seconds.
constexpr uint32_t kAgainIfOneFailed = 8;

// Once the first priority has addresses, those of later ones are waited for that long.
constexpr Duration kLaterGrace = std::chrono::milliseconds(250);

using ReplyOf = std::map<std::string, std::optional<DnsReply>>;  // by host; none: it has not ended
using Targets = std::vector<DnsService>::const_iterator;

Targets end_of_priority(Targets from, Targets end) {
  return std::find_if(from, end, [=](const DnsService& s) { return s.priority != from->priority; });
}

// The first address of each, then the second of each: what is cut off belongs to those with many.
Addresses in_turn(Targets from, Targets to, const ReplyOf& replies) {
  Addresses out;
  for (size_t i = 0; i < Resolver::kMaxAddresses; ++i) {
    for (Targets target = from; target != to; ++target) {
      const std::optional<DnsReply>& reply = replies.at(target->target);
      if (!reply || i >= reply->addresses.size()) continue;
      out.push_back(reply->addresses[i]);
      out.back().set_port(target->port);
    }
  }
  return out;
}

// All of the first priority have ended, and there are addresses.
bool first_is_found(const std::vector<DnsService>& targets, const ReplyOf& replies) {
  const Targets end = end_of_priority(targets.begin(), targets.end());
  auto reply = [&](const DnsService& s) -> const auto& { return replies.at(s.target); };
  return std::all_of(targets.begin(), end, [&](const auto& s) { return reply(s).has_value(); }) &&
         std::any_of(targets.begin(), end,
                     [&](const auto& s) { return reply(s)->kind == DnsReply::Kind::found; });
}

// Without the addresses. Of several that failed the one that leaves most open, as for A and AAAA.
DnsReply sum_of(const ReplyOf& replies) {
  DnsReply sum;
  sum.kind = DnsReply::Kind::gone;
  sum.ttl = INT32_MAX;
  bool found = false;
  for (const auto& [host, ended] : replies) {
    const DnsReply reply = ended.value_or(DnsReply());
    if (reply.kind == DnsReply::Kind::found) {
      found = true;
      sum.ttl = std::min(sum.ttl, reply.ttl);
    } else if (sum.detail.empty() || reply.kind > sum.kind) {
      sum.kind = reply.kind;
      sum.detail = host + ": " + reply.detail;
    }
  }
  if (!found) return sum;
  if (sum.kind != DnsReply::Kind::gone) sum.ttl = std::min(sum.ttl, kAgainIfOneFailed);
  sum.kind = DnsReply::Kind::found;
  sum.detail.clear();
  return sum;
}
}  // namespace

Task<DnsReply> Resolver::ask_service(std::shared_ptr<DnsChannel> channel, std::string name) {
  counters_->queries.fetch_add(1, std::memory_order_relaxed);
  DnsQuery query(channel, name, DnsType::srv, config_.tries, kMaxTargets);
  while (!query.done()) co_await Wait(query.ended());
  DnsReply records = std::move(query.reply());
  if (records.kind != DnsReply::Kind::found) co_return records;
  ReplyOf replies;  // several services on one host ask for it once
  for (const DnsService& target : records.services) replies[target.target];
  Group asking;
  for (auto& [host, reply] : replies) asking.start(ask_target(channel, host, reply));
  TimePoint until = kNever;
  while (asking.running() > 0) {
    const bool enough = until == kNever && first_is_found(records.services, replies);
    if (enough) until = after(loop_.now(), kLaterGrace);
    bool in_time = co_await Wait(asking.changed(), until);
    if (!in_time) break;
  }
  DnsReply result = sum_of(replies);
  result.ttl = std::min(result.ttl, records.ttl);
  uint8_t rank = 0;
  const Targets end = records.services.end();
  for (Targets from = records.services.begin(); from != end; ++rank) {
    const Targets to = end_of_priority(from, end);
    for (SocketAddress& address : in_order(in_turn(from, to, replies))) {
      if (result.addresses.size() == kMaxAddresses) break;
      address.set_rank(rank);
      auto known = std::find(result.addresses.begin(), result.addresses.end(), address);
      if (known == result.addresses.end()) result.addresses.push_back(address);
    }
    from = to;
  }
  co_return result;
}

Task<> Resolver::ask_target(std::shared_ptr<DnsChannel> channel, const std::string& name,
                            std::optional<DnsReply>& ended) {
  std::optional<HostName> host = HostName::parse(name);
  DnsReply reply;
  if (!host) {
    reply.kind = DnsReply::Kind::gone;
    reply.detail = "not a host name";
    ended = std::move(reply);
    co_return;
  }
  reply.addresses = find_locally(host->name);
  if (!reply.addresses.empty()) {
    reply.kind = DnsReply::Kind::found;
    ended = std::move(reply);
    co_return;
  }
  Task<DnsReply> asking = ask_both(std::move(channel), host->name);
  reply = co_await std::move(asking);
  ended = std::move(reply);
}

}  // namespace siding
