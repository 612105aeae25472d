// See upkeep.h.
#include "proxy/exchange/upkeep.h"

#include <algorithm>

#include "proxy/exchange/call.h"
#include "proxy/exchange/lease.h"
#include "proxy/loop/join.h"
#include "proxy/observe/log.h"

namespace siding {

namespace {
constexpr Duration kWarmLook = std::chrono::seconds(1);
constexpr uint64_t kMaxProbeAnswer = 64 * 1024;

CallRequest probe_request(const LoopServices& services, const Upstream& upstream) {
  CallConfig call;
  Fields fields;
  fields.add("User-Agent", "siding-probe");
  fields.add("Accept", "*/*");
  return address_call(services, upstream, call,
                      upstream.config.url.base_path + upstream.config.probe.path, std::move(fields),
                      {});
}

Task<> probe(LoopServices& services, Upstream& upstream, SocketAddress address) {
  CallOptions options;
  options.deadline = after(services.loop.now(), upstream.config.probe.timeout);
  options.max_body = kMaxProbeAnswer;
  CallRequest request = probe_request(services, upstream);
  const std::string target(request.head.target);
  Result<CallAnswer> answer =
      co_await probe_address(services, upstream, address, std::move(request), options);
  const bool well = answer && answer->head.status < 400;
  const bool changed = upstream.endpoints.probed(address, well, services.loop.now());
  if (!changed) co_return;
  const std::string who = "upstream " + upstream.config.name + ": " + address.text();
  if (well) {
    log_info(who + " passes its probe again");
  } else {
    log_warning(who + " fails its probe of " + target + " (" +
                (answer ? "status " + std::to_string(answer->head.status) : answer.error().detail) +
                "); siding's own calls leave it alone until it passes one");
  }
}

/// How many connections are kept to each address: not more than the pool keeps in all.
uint32_t warm_each(const UpstreamConfig& config, size_t addresses) {
  const auto most = static_cast<uint32_t>(config.concurrency / std::max<size_t>(addresses, 1));
  if (most >= config.warm) return config.warm;
  warn_once("warm:" + config.name,
            "upstream " + config.name + ": `warm = " + std::to_string(config.warm) +
                "` for each of " + std::to_string(addresses) +
                " addresses is more than its `concurrency`, so " + std::to_string(most) +
                " are kept open to each; raise `concurrency`, or lower `warm`");
  return most;
}

/// One round over the addresses of an upstream.
Task<> probe_all(LoopServices& services, Upstream& upstream) {
  const TimePoint until = after(services.loop.now(), upstream.config.probe.timeout);
  Result<Addresses> addresses = co_await addresses_of(services, upstream, until);
  if (!addresses) co_return;  // there is nobody to ask
  Group probes;
  for (const SocketAddress& a : *addresses) probes.start(probe(services, upstream, a));
  while (probes.running() > 0) co_await Wait(probes.changed());
}

Task<> keep_probing(LoopServices& services, Upstream& upstream) {
  while (true) {
    co_await probe_all(services, upstream);
    // Replicas that were started together do not ask together.
    const Duration interval = upstream.config.probe.interval;
    const auto spread = static_cast<int64_t>(services.random() % 256);
    co_await SleepUntil(
        after(services.loop.now(), interval - interval / 8 + interval * spread / 1024));
  }
}

Task<> warm_up(LoopServices& services, Upstream& upstream, SocketAddress address) {
  const TimePoint until = after(services.loop.now(), upstream.config.connect_timeout);
  Result<Lease> lease = co_await lease_address(services, upstream, address, false, until);
  if (lease) lease->keep_for_later();
}

Task<> keep_warm(LoopServices& services, Upstream& upstream) {
  while (true) {
    const TimePoint until = after(services.loop.now(), upstream.config.connect_timeout);
    Result<Addresses> addresses = co_await addresses_of(services, upstream, until);
    const uint32_t wanted = addresses ? warm_each(upstream.config, addresses->size()) : 0;
    Group opening;
    for (size_t i = 0; addresses && i < addresses->size(); ++i) {
      const SocketAddress& address = (*addresses)[i];
      for (uint32_t n = upstream.pool.idle(services.loop, address); n < wanted; ++n) {
        opening.start(warm_up(services, upstream, address));
      }
    }
    while (opening.running() > 0) co_await Wait(opening.changed());
    co_await SleepUntil(after(services.loop.now(), kWarmLook));
  }
}
}  // namespace

Task<> keep_upstreams(LoopServices& services) {
  Group all;
  for (auto& upstream : services.snapshot.upstreams) {
    const UpstreamConfig& config = upstream->config;
    const bool first = services.loop.index() == 0;
    if (!config.probe.path.empty() && first) all.start(keep_probing(services, *upstream));
    if (config.warm > 0) all.start(keep_warm(services, *upstream));
  }
  while (all.running() > 0) co_await Wait(all.changed());
}

}  // namespace siding
