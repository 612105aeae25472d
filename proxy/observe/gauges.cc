// See gauges.h.
#include "proxy/observe/gauges.h"

namespace siding {

GaugeSource loop_gauges(std::vector<const Loop*> loops) {
  return [loops = std::move(loops)](MetricSink& sink) {
    int64_t frames = 0;
    int64_t bytes = 0;
    for (const Loop* loop : loops) {
      frames += loop->frames();
      bytes += loop->frame_bytes();
    }
    sink.gauge("siding_threads", "Event loops, one a thread.", static_cast<double>(loops.size()));
    sink.gauge("siding_coroutine_frames", "Coroutine frames that are alive.",
               static_cast<double>(frames));
    sink.gauge("siding_coroutine_frame_bytes", "Bytes of the coroutine frames that are alive.",
               static_cast<double>(bytes));
  };
}

GaugeSource uptime_gauge(const Clock& clock) {
  return [&clock, start = clock.now()](MetricSink& sink) {
    sink.gauge("siding_uptime_seconds", "Since this process began to serve.",
               std::chrono::duration<double>(clock.now() - start).count());
  };
}

}  // namespace siding
