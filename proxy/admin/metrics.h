// Everything that is counted or can be asked for, in Prometheus' text format.
// Invariant: names begin with "siding_" and end in their unit; counters end in "_total"; a series
// whose labels come from an enum is there from the first scrape, with 0.
#pragma once

#include <string>
#include <string_view>

#include "proxy/observe/observer.h"

namespace siding {

inline constexpr std::string_view kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

/// Any thread.
std::string render_metrics(const Observer& observer);

}  // namespace siding
