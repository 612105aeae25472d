// See observer.h.
#include "proxy/observe/observer.h"

#include <utility>

#include "proxy/observe/log.h"

namespace siding {

namespace {

/// What was done to get an answer: counted with the exchange, or with the fetch that it waited for.
void count_calls(ThreadCounters& here, const ExchangeRecord& r) {
  here.attempts(r.attempts);
  if (r.spilled) here.spilled();
  // What never came near a backend would make its queue look short.
  if (!r.backend.empty()) here.observe_queue_wait(r.queue_wait);
  if (r.worker > Duration::zero()) here.observe_worker(r.worker);
  for (const PrefetchRecord& p : r.prefetches) {
    if (p.skip.has_value()) {
      here.count(*p.skip);
      continue;
    }
    if (p.outcome == PrefetchOutcome::missed) {
      here.missed(p.reason);
    } else {
      here.count(p.outcome);
    }
    if (p.took > Duration::zero()) here.observe_prefetch(p.took);
  }
}

void count_record(ThreadCounters& here, const ExchangeRecord& r) {
  here.count(r.outcome);
  here.request(Peer::client);
  here.received(Peer::client, r.bytes_in);
  here.sent(Peer::client, r.bytes_out);
  if (r.status != 101) here.observe_total(r.total);  // a tunnel's life is no answer's time
  if (r.cache != CacheResult::none) here.count(r.cache);
  if (!r.by_flight) count_calls(here, r);
}

}  // namespace

Observer::Observer(uint32_t threads, LogConfig::Access access, size_t ring, int access_fd)
    : counters_(threads), access_log_(access, threads, access_fd), ring_(ring) {
  gauges_.add([this](MetricSink& sink) {
    auto report = [&](std::string_view which, uint64_t lines) {
      sink.counter("siding_log_dropped_lines_total",
                   "Log lines lost because their reader was too slow or gone.",
                   static_cast<double>(lines), {{"log", which}});
    };
    report("access", access_log_.dropped());
    report("diagnostics", log_lines_dropped());
  });
}

void Observer::fetched(Loop& loop, const ExchangeRecord& record) {
  count_calls(here(loop), record);
}

void Observer::finished(Loop& loop, ExchangeRecord&& record) {
  count_record(here(loop), record);
  access_log_.write(loop, record);
  ring_.add(std::move(record));
}

}  // namespace siding
