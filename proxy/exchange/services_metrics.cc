// What the process's services are at, for /metrics: see Services::collect().
#include <initializer_list>
#include <string>
#include <utility>

#include "proxy/exchange/services.h"

namespace siding {

namespace {
void collect_dns(const ResolverCounters& dns, MetricSink& sink) {
  for (const auto& [event, count] : std::initializer_list<std::pair<const char*, uint64_t>>{
           {"hit", dns.hits},
           {"lookup", dns.lookups},
           {"query", dns.queries},
           {"answer", dns.answers},
           {"no_such_name", dns.no_such_name},
           {"server_failure", dns.server_failures},
           {"timeout", dns.timeouts},
           {"stale_failed", dns.stale_failed},
           {"stale_gone", dns.stale_gone},
           {"backed_off", dns.backed_off},
           {"refused_name", dns.refused_names},
           {"overflow", dns.overflows}}) {
    sink.counter("siding_dns_total", "What became of names that were to be resolved",
                 static_cast<double>(count), {{"event", event}});
  }
}

/// What is spoken by HTTP/2 with a backend or upstream.
void collect_h2(const H2Counts& h2, MetricSink& sink, const MetricSink::Labels& of) {
  sink.gauge("siding_http2_connections", "Open connections of HTTP/2 to backends and upstreams",
             h2.open, of);
  sink.gauge("siding_http2_calls", "Calls under way on them", h2.calls, of);
  for (const auto& [event, count] : std::initializer_list<std::pair<const char*, uint64_t>>{
           {"refused", h2.refused}, {"goaway", h2.goaways}, {"broken", h2.broken}}) {
    MetricSink::Labels labels = of;
    labels.push_back({"event", event});
    sink.counter(
        "siding_http2_events_total",
        "Calls sent again because the server had refused them, connections that it did not "
        "want any more, and those that broke the rules",
        static_cast<double>(count), labels);
  }
}
}  // namespace

void Services::collect(MetricSink& sink) const {
  const SnapshotRef in_force = now();
  sink.gauge("siding_configurations",
             "Configurations in use: the one in force, and those that exchanges began with",
             static_cast<double>(snapshots()));
  for (const auto& b : in_force->backends) {
    const Admission::Snapshot queue = b->admission.snapshot();
    MetricSink::Labels labels{{"backend", b->config.name}};
    sink.gauge("siding_queue_depth", "Requests that wait for a worker", queue.queued, labels);
    sink.gauge("siding_queue_bytes", "Bytes of their bodies",
               static_cast<double>(queue.queued_bytes), labels);
    sink.gauge("siding_backend_inside", "Requests that are inside the backend", queue.inside,
               labels);
    sink.gauge("siding_backend_connections", "Open connections to the backend", b->pool.open(),
               labels);
    sink.gauge("siding_backend_down", "1 while the backend takes no connection", queue.down ? 1 : 0,
               labels);
    if (b->config.h2c) collect_h2(b->pool.h2_counts(), sink, labels);
  }
  for (const auto& u : in_force->upstreams) {
    if (u->config.h2c || (u->config.http2 && u->config.url.scheme == "https")) {
      collect_h2(u->pool.h2_counts(), sink, {{"upstream", u->config.name}});
    }
    for (const Endpoints::Snapshot& e : u->endpoints.snapshot()) {
      const std::string address = e.address.text();
      MetricSink::Labels labels{{"upstream", u->config.name}, {"address", address}};
      sink.gauge("siding_endpoint_calls", "Calls under way to an address of an upstream",
                 e.under_way, labels);
      sink.gauge("siding_endpoint_open", "1 while siding's own calls leave it alone",
                 e.open ? 1 : 0, labels);
      if (u->config.probe.path.empty()) continue;
      sink.gauge("siding_endpoint_down", "1 while an address fails its probe", e.down ? 1 : 0,
                 labels);
    }
  }
  caches->collect(sink);
  if (!in_force->config->cache.redis.url.text.empty()) {
    redis.collect(sink);
    sink.gauge("siding_redis_followed",
               "1 while the purges of other replicas are known; else the Redis is not asked",
               in_force->purge_news->followed() ? 1 : 0);
  }
  for (const auto& [of, all] : {std::pair("clients", &tunnels), {"workers", &worker_tunnels}}) {
    sink.gauge("siding_tunnels", "Tunnels that are open, or about to be", all->open(),
               {{"of", of}});
    sink.counter("siding_tunnels_total", "Tunnels that were opened",
                 static_cast<double>(all->opened()), {{"of", of}});
  }
  in_force->secrets->collect(sink);
  in_force->tls->collect(sink);
  collect_dns(*dns, sink);
  const PinStore::Snapshot held = pins.snapshot();
  sink.gauge("siding_pin_bytes", "Bytes of prefetched answers", static_cast<double>(held.bytes));
  sink.gauge("siding_pin_offers", "Calls that requests inside are expected to make",
             static_cast<double>(held.offers));
  sink.gauge("siding_body_memory_bytes", "Bytes of bodies held in memory",
             static_cast<double>(bodies.memory.used()));
  sink.gauge("siding_body_memory_limit_bytes", "Their limit",
             static_cast<double>(bodies.memory.limit()));
  sink.gauge("siding_body_spill_bytes", "Bytes of bodies in temporary files",
             static_cast<double>(bodies.spill.used()));
}

}  // namespace siding
