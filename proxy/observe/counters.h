// What siding counts: cells per thread, written by their loop's thread alone, summed when somebody
// asks. Counting is a load, an add and a store, without a lock prefix.
// Who counts: all that stands in an ExchangeRecord (outcome, times, bytes of the client, attempts,
// spilled, prefetches with their skips and misses) is counted by Observer::finished() and by nobody
// else; the rest where it happens: connections, egress calls, other peers' requests and bytes,
// connect failures, abandoned work.
// Invariants: here(loop) is used on that loop's thread only. A total never goes back, but totals of
// one reading may be a moment apart.
#pragma once

#include <array>
#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/outcome.h"
#include "proxy/loop/loop.h"
#include "proxy/observe/arriving.h"

namespace siding {

/// What a listener is for.
enum class ListenerKind : uint8_t { front, egress, health, admin, count_ };

/// Whom siding talks to. `client` sends requests to us, `worker` its own calls through egress;
/// `backend` and `upstream` get ours.
enum class Peer : uint8_t { client, worker, backend, upstream, count_ };

/// What became of one request that a worker sent through egress.
enum class EgressCall : uint8_t {
  pinned,     ///< answered from a pin
  joined,     ///< waited for the prefetch in flight
  cached,     ///< answered by the upstream's cache, or by another call's fetch for it
  forwarded,  ///< made like any other call
  tunnel,     ///< CONNECT: passed on unseen
  denied,     ///< unlisted, or an address that is never connected to
  self_call,  ///< the backend called itself
  count_
};

constexpr std::string_view to_string(ListenerKind k) {
  constexpr std::string_view names[] = {"front", "egress", "health", "admin"};
  static_assert(std::size(names) == static_cast<size_t>(ListenerKind::count_));
  return names[static_cast<size_t>(k)];
}
constexpr std::string_view to_string(Peer p) {
  constexpr std::string_view names[] = {"client", "worker", "backend", "upstream"};
  static_assert(std::size(names) == static_cast<size_t>(Peer::count_));
  return names[static_cast<size_t>(p)];
}
constexpr std::string_view to_string(EgressCall c) {
  constexpr std::string_view names[] = {"pinned", "joined", "cached",   "forwarded",
                                        "tunnel", "denied", "self_call"};
  static_assert(std::size(names) == static_cast<size_t>(EgressCall::count_));
  return names[static_cast<size_t>(c)];
}

/// The durations of which the distribution is kept.
enum class Times : uint8_t { queue_wait, worker, total, prefetch, count_ };

/// Upper bounds of the histograms' buckets, inclusive; one more bucket holds what is above.
inline constexpr std::array<Duration, 15> kBuckets{
    std::chrono::microseconds(1000), std::chrono::microseconds(2500),
    std::chrono::milliseconds(5),    std::chrono::milliseconds(10),
    std::chrono::milliseconds(25),   std::chrono::milliseconds(50),
    std::chrono::milliseconds(100),  std::chrono::milliseconds(250),
    std::chrono::milliseconds(500),  std::chrono::milliseconds(1000),
    std::chrono::milliseconds(2500), std::chrono::seconds(5),
    std::chrono::seconds(10),        std::chrono::seconds(30),
    std::chrono::seconds(60)};

namespace counters_detail {
template <class E>
inline constexpr size_t kSize = static_cast<size_t>(E::count_);
inline constexpr size_t kHistogram = kBuckets.size() + 2;  // buckets, what is above, sum in ns

// Where each group of cells begins. All cells are one flat array, so that summing is one loop.
inline constexpr size_t kExchanges = 0;
inline constexpr size_t kPrefetches = kExchanges + kSize<Outcome>;
inline constexpr size_t kSkips = kPrefetches + kSize<PrefetchOutcome>;
inline constexpr size_t kEgress = kSkips + kSize<PrefetchSkip>;
inline constexpr size_t kCache = kEgress + kSize<EgressCall>;
inline constexpr size_t kAbuse = kCache + kSize<CacheResult>;
inline constexpr size_t kAccepted = kAbuse + kSize<Abuse>;
inline constexpr size_t kOpen = kAccepted + kSize<ListenerKind>;
inline constexpr size_t kPauses = kOpen + kSize<ListenerKind>;
inline constexpr size_t kDisplaced = kPauses + kSize<ListenerKind>;
inline constexpr size_t kRequests = kDisplaced + kSize<ListenerKind>;
inline constexpr size_t kReceived = kRequests + kSize<Peer>;
inline constexpr size_t kSent = kReceived + kSize<Peer>;
inline constexpr size_t kConnectFailures = kSent + kSize<Peer>;
inline constexpr size_t kHandshakes = kConnectFailures + kSize<Peer> * kSize<Failure>;
inline constexpr size_t kArrivals = kHandshakes + 2;
inline constexpr size_t kProxyHeaders = kArrivals + kSize<Handshake>;
inline constexpr size_t kRetries = kProxyHeaders + kSize<ProxyHeader>;
inline constexpr size_t kTimes = kRetries + 2;
inline constexpr size_t kAttempts = kTimes + kSize<Times> * kHistogram;
inline constexpr size_t kSpilled = kAttempts + 1;
inline constexpr size_t kThrottled = kSpilled + 1;
inline constexpr size_t kBlocked = kThrottled + 1;
inline constexpr size_t kAbandoned = kBlocked + 1;
inline constexpr size_t kAbandonedNow = kAbandoned + 1;
inline constexpr size_t kCells = kAbandonedNow + 1;

template <class E>
constexpr size_t at(size_t group, E e) {
  return group + static_cast<size_t>(e);
}
}  // namespace counters_detail

class Counters;

/// The cells of one thread. Lines of their own, so that threads do not slow each other down.
class alignas(64) ThreadCounters {
 public:
  void count(Outcome o) { add(counters_detail::at(counters_detail::kExchanges, o)); }
  void count(PrefetchOutcome o) { add(counters_detail::at(counters_detail::kPrefetches, o)); }
  void count(PrefetchSkip s) { add(counters_detail::at(counters_detail::kSkips, s)); }
  void count(EgressCall c) { add(counters_detail::at(counters_detail::kEgress, c)); }
  void count(CacheResult r) { add(counters_detail::at(counters_detail::kCache, r)); }
  /// A client's connection was ended for that.
  void count(Abuse a) { add(counters_detail::at(counters_detail::kAbuse, a)); }
  /// PrefetchOutcome::missed with its label, such as "field:x-user-id". Takes a mutex.
  void missed(std::string_view reason);

  void connection_opened(ListenerKind k) {
    add(counters_detail::at(counters_detail::kAccepted, k));
    add(counters_detail::at(counters_detail::kOpen, k));
  }
  void connection_closed(ListenerKind k) {
    add(counters_detail::at(counters_detail::kOpen, k), -1);
  }
  /// It stopped accepting for a while: at its limit, or without descriptors.
  void listener_paused(ListenerKind k) { add(counters_detail::at(counters_detail::kPauses, k)); }

  /// An idle one was ended because another waited for its place.
  void connection_displaced(ListenerKind k) {
    add(counters_detail::at(counters_detail::kDisplaced, k));
  }

  void request(Peer p) { add(counters_detail::at(counters_detail::kRequests, p)); }
  /// Bytes that came from that peer, and that went to it.
  void received(Peer p, uint64_t n) { add(counters_detail::at(counters_detail::kReceived, p), n); }
  void sent(Peer p, uint64_t n) { add(counters_detail::at(counters_detail::kSent, p), n); }

  void connect_failed(Peer p, Failure f) {
    size_t row = static_cast<size_t>(p) * counters_detail::kSize<Failure>;
    add(counters_detail::at(counters_detail::kConnectFailures + row, f));
  }
  /// TLS to an upstream; `resumed`: an earlier session, without the full price.
  void tls_handshake(bool resumed) { add(counters_detail::kHandshakes + (resumed ? 1 : 0)); }
  /// Of a client's connection.
  void count(Handshake h) { add(counters_detail::at(counters_detail::kArrivals, h)); }
  void count(ProxyHeader p) { add(counters_detail::at(counters_detail::kProxyHeaders, p)); }
  /// A call of siding's own is made again, or is not because the budget is used up.
  void retry(bool allowed) { add(counters_detail::kRetries + (allowed ? 1 : 0)); }
  void attempts(uint64_t n) { add(counters_detail::kAttempts, n); }
  void spilled() { add(counters_detail::kSpilled); }
  /// An answer went at its client's speed because there was room for it nowhere.
  void throttled() { add(counters_detail::kThrottled); }
  /// Of a worker's time: spent in calls through egress.
  void blocked(Duration d) { add(counters_detail::kBlocked, whole(d)); }

  /// Work inside a worker whose client has gone, and its end.
  void abandoned_began() {
    add(counters_detail::kAbandoned);
    add(counters_detail::kAbandonedNow);
  }
  void abandoned_ended() { add(counters_detail::kAbandonedNow, -1); }

  void observe(Times which, Duration d);
  void observe_queue_wait(Duration d) { observe(Times::queue_wait, d); }
  void observe_worker(Duration d) { observe(Times::worker, d); }
  void observe_total(Duration d) { observe(Times::total, d); }
  void observe_prefetch(Duration d) { observe(Times::prefetch, d); }

 private:
  friend class Counters;
  static uint64_t whole(Duration d) { return d.count() < 0 ? 0 : static_cast<uint64_t>(d.count()); }
  // Only this thread writes, so no read-modify-write is needed; -1 wraps as unsigned does.
  void add(size_t cell, uint64_t n = 1) {
    std::atomic<uint64_t>& c = cells_[cell];
    c.store(c.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }

  std::array<std::atomic<uint64_t>, counters_detail::kCells> cells_{};
  Counters* all_ = nullptr;
};

/// The sums over all threads at one moment.
class CounterTotals {
 public:
  uint64_t of(Outcome o) const { return at(counters_detail::kExchanges, o); }
  uint64_t of(PrefetchOutcome o) const { return at(counters_detail::kPrefetches, o); }
  uint64_t of(PrefetchSkip s) const { return at(counters_detail::kSkips, s); }
  uint64_t of(EgressCall c) const { return at(counters_detail::kEgress, c); }
  uint64_t of(CacheResult r) const { return at(counters_detail::kCache, r); }
  uint64_t of(Abuse a) const { return at(counters_detail::kAbuse, a); }
  uint64_t accepted(ListenerKind k) const { return at(counters_detail::kAccepted, k); }
  int64_t open(ListenerKind k) const { return now(at(counters_detail::kOpen, k)); }
  uint64_t paused(ListenerKind k) const { return at(counters_detail::kPauses, k); }
  uint64_t displaced(ListenerKind k) const { return at(counters_detail::kDisplaced, k); }
  uint64_t requests(Peer p) const { return at(counters_detail::kRequests, p); }
  uint64_t received(Peer p) const { return at(counters_detail::kReceived, p); }
  uint64_t sent(Peer p) const { return at(counters_detail::kSent, p); }
  uint64_t connect_failures(Peer p, Failure f) const {
    size_t row = static_cast<size_t>(p) * counters_detail::kSize<Failure>;
    return at(counters_detail::kConnectFailures + row, f);
  }
  uint64_t tls_handshakes(bool resumed) const {
    return cells_[counters_detail::kHandshakes + (resumed ? 1 : 0)];
  }
  uint64_t of(Handshake h) const { return at(counters_detail::kArrivals, h); }
  uint64_t of(ProxyHeader p) const { return at(counters_detail::kProxyHeaders, p); }
  uint64_t retries(bool allowed) const {
    return cells_[counters_detail::kRetries + (allowed ? 1 : 0)];
  }
  uint64_t attempts() const { return cells_[counters_detail::kAttempts]; }
  uint64_t throttled() const { return cells_[counters_detail::kThrottled]; }
  uint64_t spilled() const { return cells_[counters_detail::kSpilled]; }
  Duration blocked() const { return Duration(now(cells_[counters_detail::kBlocked])); }
  uint64_t abandoned() const { return cells_[counters_detail::kAbandoned]; }
  int64_t abandoned_now() const { return now(cells_[counters_detail::kAbandonedNow]); }

  /// Observations in bucket `i` alone; i == kBuckets.size() is what is above them all.
  uint64_t bucket(Times which, size_t i) const { return cells_[histogram(which) + i]; }
  Duration sum(Times which) const {
    return Duration(now(cells_[histogram(which) + counters_detail::kHistogram - 1]));
  }
  uint64_t observations(Times which) const;

  /// Misses by label; at most Counters::kMissLabels of them and "other".
  const std::map<std::string, uint64_t>& missed() const { return missed_; }

 private:
  friend class Counters;
  friend class ThreadCounters;
  static int64_t now(uint64_t cell) { return static_cast<int64_t>(cell); }
  static constexpr size_t histogram(Times which) {
    return counters_detail::kTimes + static_cast<size_t>(which) * counters_detail::kHistogram;
  }
  template <class E>
  uint64_t at(size_t group, E e) const {
    return cells_[counters_detail::at(group, e)];
  }

  std::array<uint64_t, counters_detail::kCells> cells_{};
  std::map<std::string, uint64_t> missed_;
};

class Counters {
 public:
  static constexpr size_t kMissLabels = 64;  // labels come from the wire: they must be bounded
  static constexpr size_t kMissLabelBytes = 80;

  /// For loops with the indices 0 .. threads - 1.
  explicit Counters(uint32_t threads);
  Counters(const Counters&) = delete;
  Counters& operator=(const Counters&) = delete;

  ThreadCounters& here(const Loop& loop) {
    assert(loop.index() < threads_);
    return cells_[loop.index()];
  }
  /// Any thread.
  CounterTotals totals() const;

 private:
  friend class ThreadCounters;
  void count_miss(std::string_view reason);

  const uint32_t threads_;
  std::unique_ptr<ThreadCounters[]> cells_;
  mutable std::mutex missed_mutex_;
  std::map<std::string, uint64_t> missed_;  // guarded by missed_mutex_
};

}  // namespace siding
