// One call of a worker, from its head to the last byte of its answer. egress.cc has its way in (who may call,
// where it goes, a pin that answers it), egress_forward.cc its way out, and what the cache does for it,
// egress_tunnel.cc all of a CONNECT.
// Invariant: it belongs to its Stream's task, and ends with it.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "http/fields.h"
#include "http/uri.h"
#include "proxy/downstream/stream.h"
#include "proxy/exchange/cached_call.h"
#include "proxy/exchange/egress.h"
#include "proxy/exchange/lease.h"
#include "proxy/exchange/storing.h"

namespace siding {

class StreamBody;

class EgressCallRun {
 public:
  EgressCallRun(LoopServices& services, Stream& stream) : services_(services), stream_(stream) {}
  ~EgressCallRun() {
    if (fetch_ == nullptr && !stream_.tunnel)
      services_.counters().blocked(services_.loop.now() - stream_.started);
  }
  Task<> run();
  /// For the cache: the call of the worker whose request `flight` has, made as that would be.
  static Task<> fetch(LoopServices& services, FlightFetch& flight);

 private:
  /// How one try ended that answered nothing.
  struct Failed {
    bool stale = false;      // the kept connection had been closed
    bool untouched = false;  // not a byte of an answer came
    bool refused = false;    // the server had not looked at it
  };

  bool authorized() const;
  void refuse_unauthorized();
  bool refuse_early();
  Task<> tunnel();
  const UpstreamConfig* listed(const HostPort& host) const;
  Task<bool> hold_body();
  Task<bool> from_pin();
  void learn(const std::vector<PinRef>& inside, std::string_view exchange);
  void send_pinned(const PinnedAnswer& answer);
  Task<bool> from_cache();
  RequestHead end_to_end() const;
  void guard();
  void finish_answer(ResponseHead& head);
  Task<> forward();
  Task<bool> attempt(Lease lease, const RequestHead& head, StreamBody* body, Failed* failed);
  Task<bool> pause_within_budget(uint32_t tries);
  Task<> relay(HttpClient& client, ResponseHead head);
  void answer(Outcome outcome, std::string_view detail);
  Services& shared() { return services_.shared; }
  Snapshot& snapshot() { return services_.snapshot; }

  LoopServices& services_;
  Stream& stream_;
  EgressDestination to_;
  bool guarded_ = false;  // the file says that siding looks after this call
  TimePoint deadline_ = kNever;
  Fields call_fields_;  // end-to-end, as the worker sent them
  FlightFetch* fetch_ = nullptr;
  std::unique_ptr<CacheLookup> lookup_;  // null: its destination has no cache
  std::unique_ptr<StoreWriter> writer_;  // null: its answer is not stored by the way
  WallTime sent_at_{};
};

}  // namespace siding
