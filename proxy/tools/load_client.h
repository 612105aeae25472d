// A small HTTP/1.1 load client: a burst of GETs over connections of their own, each timed and its
// answer checked. `siding demo` and `siding try` measure both ways with it.
// Invariants: every request of the plan has exactly one sample, whatever happens; at most
// `concurrency` connections are open; a run ends by its time-out.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/outcome.h"
#include "proxy/net/address.h"

namespace siding {

struct LoadPlan {
  SocketAddress address;
  std::string host;                                 ///< of the Host field
  std::function<std::string(size_t index)> target;  ///< path and query of each request
  size_t requests = 100;
  size_t concurrency = 0;                       ///< connections at once; 0 = as many as requests
  Duration timeout = std::chrono::seconds(60);  ///< of the whole run
  /// Whether a 2xx answer is the right one; empty = any is.
  std::function<bool(size_t index, std::string_view body)> check;
};

/// How one request ended.
struct LoadSample {
  enum class End : uint8_t { unfinished, ok, failed, bad_status, wrong_answer };
  End end = End::unfinished;
  int status = 0;
  std::optional<Failure> failure;  ///< of End::failed
  Duration latency{};              ///< from opening the connection to the last byte

  bool ok() const { return end == End::ok; }
  /// Why it is not ok, in words: "timeout", "status 503", "wrong answer", "interrupted".
  std::string reason() const;
};

struct LoadResult {
  std::vector<LoadSample> samples;  ///< in the order of the plan
  Duration took{};                  ///< from the first connection to the last answer
  size_t most_at_once = 0;          ///< connections
};

/// What others may watch, and ask for, while a run goes on.
struct LoadProgress {
  std::atomic<size_t> done{0};    ///< ended, in whatever way
  std::atomic<size_t> failed{0};  ///< of these
  std::atomic<bool> stop{false};  ///< set it to end the run soon
};

/// Runs the plan on the calling thread.
LoadResult run_load(const LoadPlan& plan, const Clock& clock, LoadProgress& progress);

}  // namespace siding
