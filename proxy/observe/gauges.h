// Numbers that are asked for at scrape time instead of being counted: depths, sizes, ages. Whoever
// owns such a number registers a source; who renders /metrics collects them all.
// Invariant: sources run on the thread that collects, which may be any loop's: each reads only what
// is atomic or locks for itself. A source must not outlive what it reads.
#pragma once

#include <functional>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "proxy/loop/loop.h"

namespace siding {

/// Takes one sample after another. Samples of one name share type and help, and are given with
/// different labels; they need not come in one go.
class MetricSink {
 public:
  using Labels = std::vector<std::pair<std::string_view, std::string_view>>;
  virtual ~MetricSink() = default;

  /// May go up and down. Names are "siding_" + what + unit, such as "siding_pin_bytes".
  void gauge(std::string_view name, std::string_view help, double value,
             const Labels& labels = {}) {
    add(Kind::gauge, name, help, value, labels);
  }
  /// Only goes up; its name ends in "_total".
  void counter(std::string_view name, std::string_view help, double value,
               const Labels& labels = {}) {
    add(Kind::counter, name, help, value, labels);
  }

 protected:
  enum class Kind { gauge, counter };
  virtual void add(Kind kind, std::string_view name, std::string_view help, double value,
                   const Labels& labels) = 0;
};

using GaugeSource = std::function<void(MetricSink&)>;

class Gauges {
 public:
  /// Any thread.
  void add(GaugeSource source) {
    std::lock_guard lock(mutex_);
    sources_.push_back(std::move(source));
  }
  void collect(MetricSink& sink) const {
    std::lock_guard lock(mutex_);
    for (const GaugeSource& source : sources_) source(sink);
  }

 private:
  mutable std::mutex mutex_;
  std::vector<GaugeSource> sources_;  // guarded by mutex_
};

/// Threads, coroutine frames and their bytes. The loops must outlive the source.
GaugeSource loop_gauges(std::vector<const Loop*> loops);
/// Seconds since now. The clock must outlive the source.
GaugeSource uptime_gauge(const Clock& clock);

}  // namespace siding
