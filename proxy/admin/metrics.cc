// See metrics.h. The only file that includes prometheus-cpp. To add a metric: count it in
// observe/counters.h, then give it a line in CounterFamilies::collect().
#include "proxy/admin/metrics.h"

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>
#include <vector>

namespace siding {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

double in_seconds(Duration d) { return std::chrono::duration<double>(d).count(); }

// Gathers samples into families: all samples of one name must follow each other.
class FamilySink final : public MetricSink {
 public:
  void histogram(std::string_view name, std::string_view help, const CounterTotals& totals,
                 Times which) {
    ClientMetric::Histogram& h = sample(MetricType::Histogram, name, help, {}).histogram;
    for (size_t i = 0; i < kBuckets.size(); ++i) {
      h.sample_count += totals.bucket(which, i);
      h.bucket.push_back({h.sample_count, in_seconds(kBuckets[i])});
    }
    h.sample_count += totals.bucket(which, kBuckets.size());
    h.sample_sum = in_seconds(totals.sum(which));
  }
  std::vector<MetricFamily> take() { return std::move(families_); }

 private:
  void add(Kind kind, std::string_view name, std::string_view help, double value,
           const Labels& labels) override {
    if (kind == Kind::gauge) {
      sample(MetricType::Gauge, name, help, labels).gauge.value = value;
    } else {
      sample(MetricType::Counter, name, help, labels).counter.value = value;
    }
  }
  ClientMetric& sample(MetricType type, std::string_view name, std::string_view help,
                       const Labels& labels) {
    auto [it, is_new] = index_.try_emplace(std::string(name), families_.size());
    if (is_new) families_.push_back({std::string(name), std::string(help), type, {}});
    ClientMetric& metric = families_[it->second].metric.emplace_back();
    for (auto [key, value] : labels) {
      metric.label.push_back({std::string(key), std::string(value)});
    }
    return metric;
  }

  std::vector<MetricFamily> families_;
  std::map<std::string, size_t> index_;
};

template <class E, class F>
void for_each_value(F f) {
  for (int i = 0; i < static_cast<int>(E::count_); ++i) f(static_cast<E>(i));
}

// One family with a series for each value of an enum.
template <class E, class F>
void counter_by(FamilySink& sink, std::string_view name, std::string_view help,
                std::string_view label, F value) {
  for_each_value<E>([&](E e) {
    sink.counter(name, help, static_cast<double>(value(e)), {{label, to_string(e)}});
  });
}

void collect_exchanges(FamilySink& sink, const CounterTotals& t) {
  counter_by<Outcome>(sink, "siding_exchanges_total", "Exchanges that ended, by outcome.",
                      "outcome", [&](Outcome o) { return t.of(o); });
  for_each_value<Outcome>([&](Outcome o) {
    if (status_of(o) != 503) return;
    sink.counter("siding_shed_total", "Exchanges answered 503 by siding itself, by reason.",
                 static_cast<double>(t.of(o)), {{"reason", to_string(o)}});
  });
  sink.histogram("siding_queue_wait_seconds", "From entering a queue until a worker was free.", t,
                 Times::queue_wait);
  sink.histogram("siding_worker_seconds", "From the first byte sent to a worker to its last byte.",
                 t, Times::worker);
  sink.counter("siding_worker_blocked_seconds_total",
               "Of the workers' time: spent waiting for their calls through egress.",
               in_seconds(t.blocked()));
  sink.histogram("siding_exchange_seconds", "From the first byte of a request to its end.", t,
                 Times::total);
  sink.counter("siding_backend_attempts_total", "Connections to backends that were tried.",
               static_cast<double>(t.attempts()));
  sink.counter("siding_throttled_answers_total",
               "Answers that went at their client's speed, for want of room.",
               static_cast<double>(t.throttled()));
  sink.counter("siding_spilled_bodies_total", "Exchanges of which a body went to a file.",
               static_cast<double>(t.spilled()));
  sink.counter("siding_abandoned_total", "Requests whose client left while a worker was at them.",
               static_cast<double>(t.abandoned()));
  sink.gauge("siding_abandoned", "Workers busy with a request whose client has left.",
             static_cast<double>(t.abandoned_now()));
}

void collect_prefetches(FamilySink& sink, const CounterTotals& t) {
  constexpr std::string_view name = "siding_prefetch_total";
  constexpr std::string_view help = "Prefetches by what became of them; reason: why not used.";
  auto add = [&](std::string_view result, std::string_view reason, uint64_t n) {
    MetricSink::Labels labels{{"result", result}};
    if (!reason.empty()) labels.push_back({"reason", reason});
    sink.counter(name, help, static_cast<double>(n), labels);
  };
  for_each_value<PrefetchOutcome>([&](PrefetchOutcome o) {
    if (o != PrefetchOutcome::missed) add(to_string(o), {}, t.of(o));
  });
  // The labelled ones are counted a moment after their sum; what has no label (yet) has its series.
  uint64_t rest = t.of(PrefetchOutcome::missed);
  for (const auto& [reason, n] : t.missed()) {
    add("missed", reason, n);
    rest -= std::min(rest, n);
  }
  if (!t.missed().contains("unknown")) add("missed", "unknown", rest);
  for_each_value<PrefetchSkip>([&](PrefetchSkip s) { add("skipped", to_string(s), t.of(s)); });
  sink.histogram("siding_prefetch_seconds", "How long prefetches took.", t, Times::prefetch);
  counter_by<EgressCall>(sink, "siding_egress_calls_total",
                         "Calls of the workers through egress, by what became of them.", "result",
                         [&](EgressCall c) { return t.of(c); });
}

void collect_connections(FamilySink& sink, const CounterTotals& t) {
  counter_by<ListenerKind>(sink, "siding_connections_accepted_total", "Accepted connections.",
                           "listener", [&](ListenerKind k) { return t.accepted(k); });
  counter_by<ListenerKind>(sink, "siding_listener_pauses_total",
                           "Times that a listener stopped accepting for a while: at its limit, or "
                           "without descriptors.",
                           "listener", [&](ListenerKind k) { return t.paused(k); });
  counter_by<ListenerKind>(sink, "siding_connections_displaced_total",
                           "Idle connections that were ended because others waited for their "
                           "places.",
                           "listener", [&](ListenerKind k) { return t.displaced(k); });
  counter_by<Abuse>(sink, "siding_connections_ended_total",
                    "Clients' connections that were ended for what they did, by reason.", "reason",
                    [&](Abuse a) { return t.of(a); });
  for_each_value<ListenerKind>([&](ListenerKind k) {
    sink.gauge("siding_connections", "Accepted connections that are open.",
               static_cast<double>(t.open(k)), {{"listener", to_string(k)}});
  });
  counter_by<Peer>(sink, "siding_requests_total",
                   "Requests, from clients and workers, to backends and upstreams.", "peer",
                   [&](Peer p) { return t.requests(p); });
  counter_by<Peer>(sink, "siding_received_bytes_total", "Bytes that came from that peer.", "peer",
                   [&](Peer p) { return t.received(p); });
  counter_by<Peer>(sink, "siding_sent_bytes_total", "Bytes that went to that peer.", "peer",
                   [&](Peer p) { return t.sent(p); });
  for (Peer p : {Peer::backend, Peer::upstream}) {
    for_each_value<Failure>([&](Failure f) {
      sink.counter("siding_connect_failures_total", "Connections that could not be opened.",
                   static_cast<double>(t.connect_failures(p, f)),
                   {{"peer", to_string(p)}, {"reason", to_string(f)}});
    });
  }
  for (bool allowed : {false, true}) {
    sink.counter("siding_upstream_retries_total",
                 "Calls to upstreams that were made again, or were not for want of budget.",
                 static_cast<double>(t.retries(allowed)),
                 {{"result", allowed ? "made" : "no_budget"}});
  }
  for (bool resumed : {false, true}) {
    sink.counter("siding_tls_handshakes_total", "Connections to upstreams by TLS.",
                 static_cast<double>(t.tls_handshakes(resumed)),
                 {{"resumed", resumed ? "yes" : "no"}});
  }
}

void collect_arrivals(FamilySink& sink, const CounterTotals& t) {
  counter_by<Handshake>(sink, "siding_client_handshakes_total",
                        "TLS handshakes with clients, by what became of them.", "result",
                        [&](Handshake h) { return t.of(h); });
  counter_by<ProxyHeader>(sink, "siding_proxy_headers_total",
                          "PROXY headers, by what became of them.", "result",
                          [&](ProxyHeader p) { return t.of(p); });
}

void collect_cache(FamilySink& sink, const CounterTotals& t) {
  for_each_value<CacheResult>([&](CacheResult r) {
    if (r == CacheResult::none) return;
    sink.counter("siding_cache_requests_total",
                 "Requests to routes with a cache, by what it did for them.",
                 static_cast<double>(t.of(r)), {{"result", to_string(r)}});
  });
}

class CounterFamilies final : public prometheus::Collectable {
 public:
  explicit CounterFamilies(const Observer& observer) : observer_(observer) {}
  std::vector<MetricFamily> Collect() const override {
    FamilySink sink;
    CounterTotals totals = observer_.counters().totals();
    collect_exchanges(sink, totals);
    collect_prefetches(sink, totals);
    collect_connections(sink, totals);
    collect_arrivals(sink, totals);
    collect_cache(sink, totals);
    observer_.gauges().collect(sink);
    return sink.take();
  }

 private:
  const Observer& observer_;
};

}  // namespace

std::string render_metrics(const Observer& observer) {
  return prometheus::TextSerializer().Serialize(CounterFamilies(observer).Collect());
}

}  // namespace siding
