// See origins.h.
#include "proxy/exchange/origins.h"

#include <tuple>

namespace siding {

namespace {
// Answers may carry more than clients may send: the backend is ours.
constexpr HeadLimits kAnswerHead{.max_head = 256 * 1024, .max_fields = 200, .max_target = 0};

Pool::Options pool_options(uint32_t cap, uint32_t workers, uint32_t idle, Duration idle_timeout) {
  return {.max_connections = cap,
          .workers = workers,
          .max_idle = idle,
          .idle_timeout = idle_timeout,
          .head = kAnswerHead};
}
Addresses literal_of(const OriginUrl& url) {
  std::optional<SocketAddress> address = SocketAddress::parse(url.host, url.port);
  return address ? Addresses(1, *address) : Addresses();
}

std::vector<std::string> ignored_names(const UpstreamConfig& c) {
  std::vector<std::string> names = c.ignore_headers;
  for (const auto& [name, value] : c.headers) names.push_back(name);
  return names;
}

/// Over HTTP/2 its places bound the calls, whatever connections they share.
uint32_t most_connections(const BackendConfig& c) { return c.h2c ? 0 : c.concurrency + c.backlog; }
uint32_t workers(const BackendConfig& c) { return c.h2c ? 0 : c.concurrency; }
uint32_t most_idle(const BackendConfig& c) { return c.keep_alive ? c.concurrency : 0; }

Pool::Options options_of(const BackendConfig& c) {
  return pool_options(most_connections(c), workers(c), most_idle(c), c.idle_timeout);
}
Pool::Options direct_options_of(const BackendConfig& c) {
  return pool_options(0, 0, c.keep_alive ? 16 : 0, c.idle_timeout);
}

Admission::Limits limits_of(const BackendConfig& c, uint64_t queue_bytes) {
  return {.concurrency = c.concurrency,
          .backlog = c.backlog,
          .queue_size = c.queue.size,
          .queue_bytes = c.queue.bytes != 0 ? c.queue.bytes : queue_bytes};
}
Admission::Limits limits_of(const UpstreamConfig& c) {
  return {.concurrency = c.concurrency, .backlog = 0, .queue_size = UINT32_MAX};
}

/// Connections that were made under the one are as the other would have them.
bool same_connections(const BackendConfig& a, const BackendConfig& b) {
  auto facts = [](const BackendConfig& c) {
    return std::tie(c.url, c.h2c, c.keep_alive, c.idle_timeout);
  };
  return facts(a) == facts(b);
}
bool same_connections(const UpstreamConfig& a, const UpstreamConfig& b) {
  auto facts = [](const UpstreamConfig& c) {
    return std::tie(c.url, c.http2, c.h2c, c.tls, c.idle_timeout, c.public_only, c.loopback);
  };
  return facts(a) == facts(b);
}

/// What was there, or a new one.
template <class T, class... Args>
std::shared_ptr<T> keep_or_make(const std::shared_ptr<T>* kept, const Args&... args) {
  return kept != nullptr ? *kept : std::make_shared<T>(args...);
}
}  // namespace

Backend::Backend(const BackendConfig& c, uint64_t queue_bytes, const std::vector<Loop*>& loops,
                 const Backend* before)
    : config(c),
      kept_admission(
          keep_or_make(before ? &before->kept_admission : nullptr, limits_of(c, queue_bytes))),
      kept_pool(
          keep_or_make(before && same_connections(c, before->config) ? &before->kept_pool : nullptr,
                       options_of(c), loops)),
      kept_direct_pool(keep_or_make(
          before && same_connections(c, before->config) ? &before->kept_direct_pool : nullptr,
          direct_options_of(c), loops)),
      moved(before && kept_pool != before->kept_pool) {}

void Backend::take_effect(uint64_t queue_bytes) {
  admission.set_limits(limits_of(config, queue_bytes), moved);
  pool.set_bounds(most_connections(config), workers(config), most_idle(config));
}

Upstream::Upstream(const UpstreamConfig& c, const std::vector<Loop*>& loops, const Upstream* before)
    : config(c),
      kept_calls(keep_or_make(before ? &before->kept_calls : nullptr, limits_of(c))),
      kept_pool(
          keep_or_make(before && same_connections(c, before->config) ? &before->kept_pool : nullptr,
                       pool_options(0, 0, c.concurrency, c.idle_timeout), loops)),
      kept_endpoints(keep_or_make(before ? &before->kept_endpoints : nullptr, c.breaker,
                                  c.endpoint_concurrency)),
      kept_retries(keep_or_make(before ? &before->kept_retries : nullptr)),
      kept_rate(keep_or_make(before && c.rate == before->config.rate ? &before->kept_rate : nullptr,
                             c.rate)),
      kept_latency(keep_or_make(before ? &before->kept_latency : nullptr)),
      literal(literal_of(c.url)),
      ignored(std::make_shared<const IgnoredFields>(ignored_names(c))) {}

void Upstream::take_effect() {
  calls.set_limits(limits_of(config));
  pool.set_bounds(0, 0, config.concurrency);
  endpoints.set(config.breaker, config.endpoint_concurrency, !config.probe.path.empty());
}

}  // namespace siding
