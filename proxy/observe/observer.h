// Where everything that siding knows of itself comes together: counters, gauges, access log, ring.
// Invariant: an exchange is reported once, by finished(), which counts all that its record holds.
#pragma once

#include <cstdint>

#include "config/config.h"
#include "proxy/loop/loop.h"
#include "proxy/observe/access_log.h"
#include "proxy/observe/counters.h"
#include "proxy/observe/gauges.h"
#include "proxy/observe/record.h"
#include "proxy/observe/ring.h"

namespace siding {

class Observer {
 public:
  /// For loops with the indices 0 .. threads - 1. `ring`: AdminConfig::ring.
  Observer(uint32_t threads, LogConfig::Access access, size_t ring, int access_fd = 1);
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;

  /// On `loop`'s thread; from the exchange's destructor, so that a cancelled one is seen too.
  void finished(Loop& loop, ExchangeRecord&& record);
  /// Of a fetch for the cache: it is nobody's exchange, but it called.
  void fetched(Loop& loop, const ExchangeRecord& record);
  /// On `loop`'s thread, when it has drained: nothing stays in its buffers.
  void flush(const Loop& loop) { access_log_.flush(loop); }

  ThreadCounters& here(const Loop& loop) { return counters_.here(loop); }
  Counters& counters() { return counters_; }
  const Counters& counters() const { return counters_; }
  Gauges& gauges() { return gauges_; }
  const Gauges& gauges() const { return gauges_; }
  const Ring& ring() const { return ring_; }

 private:
  Counters counters_;
  AccessLog access_log_;
  Ring ring_;
  Gauges gauges_;
};

}  // namespace siding
