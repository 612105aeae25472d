// The life of one request of the front listener: routed, its body taken whole, admitted, its upstream
// calls made ahead, given to a worker, its answer relayed. Where its route has a cache, that is asked
// once the body is there.
// Invariants: destroying the task at any suspension leaves nothing behind but a worker's answer that
// is being read out (Background); whatever happens the client gets one honest answer, or sees that
// the one it was getting is torn.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "proxy/downstream/stream.h"
#include "proxy/exchange/accounting.h"
#include "proxy/exchange/backend_call.h"
#include "proxy/exchange/cache_lookup.h"
#include "proxy/exchange/cached_answer.h"
#include "proxy/exchange/prefetch.h"
#include "proxy/exchange/services.h"

namespace siding {

class Exchange {
 public:
  /// One request, from its head to the last byte of its answer.
  static Task<> run(LoopServicesRef services, Stream& stream);
  /// A fetch for the cache: the same, but that the cache is not asked.
  static Task<> fetch(LoopServices& services, FlightFetch& flight);
  ~Exchange();

 private:
  Exchange(LoopServices& services, Stream& stream, FlightFetch* fetch = nullptr);

  // exchange_intake.cc
  void begin_record();
  /// Refuses what no route could serve. True if the request has been answered.
  bool refuse_early();
  bool find_route();
  Task<bool> take_body();

  // exchange_cache.cc
  Task<bool> from_cache();
  void end_with(Sent sent);
  void take_flight_record(Flight& flight);
  void finish_answer(ResponseHead& head);

  // exchange.cc
  uint64_t queue_client() const;
  Task<> prefetch();
  Task<bool> admit();
  Task<> fan_out();
  Task<> from_origin();
  void answer(Outcome outcome, std::string_view detail);
  int retry_after() const;

  // exchange_backend.cc
  Task<bool> ask_backend();
  Pool& pool();
  void follow_backend();
  Lease take_kept(bool may_reuse);
  Task<> queue_again();
  Task<bool> connect(Lease* lease, bool may_reuse);
  Task<> relay();
  TimePoint patience() const;
  void too_late();

  // exchange_tunnel.cc
  void take_extended_connect();
  bool wants_tunnel();
  bool enter_tunnel();
  void ask_for_upgrade(Fields& fields);
  Task<> carry();

  BackendCall::Request make_request();
  bool past_deadline() const { return services_.loop.now() >= deadline_; }
  Services& shared() { return services_.shared; }
  Snapshot& snapshot() { return services_.snapshot; }

  LoopServices& services_;
  Stream& stream_;
  FlightFetch* const fetch_;  // null: it is for a client
  AccountingRef accounting_;
  ExchangeRecord& record_;
  const RouteConfig* route_ = nullptr;
  Backend* backend_ = nullptr;  // null: a fan-out
  SnapshotRef moved_to_;        // that backend_ belongs to, where it leads elsewhere by now
  PathCaptures captures_;
  std::string peer_ip_;  // empty for a unix socket
  bool trusted_peer_ = false;
  AskedOrigin origin_;  // views of the head's text
  uint64_t client_ = 0;
  bool self_call_ = false;
  bool extended_ = false;  // the client sent an extended CONNECT
  std::string upgrade_;    // what the backend is asked to switch to; empty: nothing
  std::optional<Tunnels::Place> tunnel_place_;
  TimePoint deadline_ = kNever;
  TimePoint queue_deadline_ = kNever;
  std::unique_ptr<CacheLookup> lookup_;  // null: its route has no cache
  std::unique_ptr<StoreWriter> writer_;  // null: its answer is not stored by the way
  WallTime sent_at_{};                   // to the backend
  std::unique_ptr<BodyStore> body_;
  std::unique_ptr<PrefetchSet> prefetches_;
  std::optional<Ticket> ticket_;
  Permit permit_;
  std::optional<CallHandle> handle_;
};

/// Serves the front listener of one loop.
class FrontHandler final : public Handler {
 public:
  /// `now`: where those in force are found, for each new request.
  explicit FrontHandler(const LoopServicesRef& now) : now_(now) {}
  Task<> handle(Stream& stream) override;

 private:
  const LoopServicesRef& now_;
};

}  // namespace siding
