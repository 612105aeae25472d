// The part of resolver.h that is for services: SRV records, then the addresses of their hosts, all at
// the same time. The hosts of the lowest priority number count; those of the next one if none of the
// former has an address.
// Invariant: whatever the records say, at most kMaxTargets names are asked for; they are absolute.
#include <algorithm>
#include <map>

#include "proxy/loop/join.h"
#include "proxy/net/dns_channel.h"
#include "proxy/net/resolver.h"

namespace siding {

namespace {
// How soon a host is asked for again whose servers failed while others had addresses, in seconds.
constexpr uint32_t kAgainIfOneFailed = 8;

using ReplyOf = std::map<std::string, DnsReply>;  // by host

// The first address of each, then the second of each: what is cut off belongs to those with many.
Addresses in_turn(const std::vector<DnsService>& targets, const ReplyOf& replies) {
  Addresses out;
  for (size_t i = 0; i < Resolver::kMaxAddresses; ++i) {
    for (const DnsService& target : targets) {
      const Addresses& addresses = replies.at(target.target).addresses;
      if (i >= addresses.size()) continue;
      out.push_back(addresses[i]);
      out.back().set_port(target.port);
    }
  }
  return out;
}

// Without the addresses. Of several that failed the one that leaves most open, as for A and AAAA.
DnsReply sum_of(const ReplyOf& replies) {
  DnsReply sum;
  sum.kind = DnsReply::Kind::gone;
  sum.ttl = INT32_MAX;
  bool found = false;
  for (const auto& [host, reply] : replies) {
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
  DnsReply result;
  for (auto from = records.services.begin(); from != records.services.end();) {
    const uint16_t priority = from->priority;
    auto to = std::find_if(from, records.services.end(),
                           [=](const DnsService& s) { return s.priority != priority; });
    Task<DnsReply> asking = ask_targets(channel, std::vector<DnsService>(from, to));
    DnsReply reply = co_await std::move(asking);
    // As with search domains: where no server answers, none will.
    const bool last = reply.kind == DnsReply::Kind::found || reply.kind == DnsReply::Kind::timeout;
    const bool first = from == records.services.begin();
    if (last || first || reply.kind > result.kind) result = std::move(reply);
    if (last) break;
    from = to;
  }
  result.ttl = std::min(result.ttl, records.ttl);
  co_return result;
}

Task<DnsReply> Resolver::ask_targets(std::shared_ptr<DnsChannel> channel,
                                     std::vector<DnsService> targets) {
  ReplyOf replies;  // several services on one host ask for it once
  for (const DnsService& target : targets) replies[target.target];
  Group asking;
  for (auto& [host, reply] : replies) asking.start(ask_target(channel, host, reply));
  co_await asking.all();
  DnsReply result = sum_of(replies);
  result.addresses = in_order(in_turn(targets, replies));
  co_return result;
}

Task<> Resolver::ask_target(std::shared_ptr<DnsChannel> channel, const std::string& name,
                            DnsReply& reply) {
  std::optional<HostName> host = HostName::parse(name);
  if (!host) {
    reply.kind = DnsReply::Kind::gone;
    reply.detail = "not a host name";
    co_return;
  }
  reply.addresses = find_locally(host->name);
  if (!reply.addresses.empty()) {
    reply.kind = DnsReply::Kind::found;
    co_return;
  }
  Task<DnsReply> asking = ask_both(std::move(channel), host->name);
  reply = co_await std::move(asking);
}

}  // namespace siding
