// See origins.h.
#include "proxy/exchange/origins.h"

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
}  // namespace

Backend::Backend(const BackendConfig& c, uint64_t queue_bytes, const std::vector<Loop*>& loops)
    : config(c),
      admission({.concurrency = c.concurrency,
                 .backlog = c.backlog,
                 .queue_size = c.queue.size,
                 .queue_bytes = c.queue.bytes != 0 ? c.queue.bytes : queue_bytes}),
      // Over HTTP/2 its places bound the calls, whatever connections they share.
      pool(pool_options(c.h2c ? 0 : c.concurrency + c.backlog, c.h2c ? 0 : c.concurrency,
                        c.keep_alive ? c.concurrency : 0, c.idle_timeout),
           loops),
      direct_pool(pool_options(0, 0, c.keep_alive ? 16 : 0, c.idle_timeout), loops) {}

Upstream::Upstream(const UpstreamConfig& c, const std::vector<Loop*>& loops)
    : config(c),
      calls({.concurrency = c.concurrency, .backlog = 0, .queue_size = UINT32_MAX}),
      pool(pool_options(0, 0, c.concurrency, c.idle_timeout), loops),
      endpoints(c.breaker, c.endpoint_concurrency),
      rate(c.rate),
      literal(literal_of(c.url)),
      ignored(ignored_names(c)) {}

}  // namespace siding
