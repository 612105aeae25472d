// The fetch of a flight: a client that is nobody's. It is a Stream, so that whatever answers clients
// answers it, and it turns what comes into something that others may read and the store may keep.
// Invariants: on one loop, owned by it; it ends with its task, or when nobody wants its answer; what is
// stored was whole.
#pragma once

#include <memory>
#include <string>

#include "proxy/downstream/stream.h"
#include "proxy/exchange/accounting.h"
#include "proxy/exchange/caches.h"
#include "proxy/exchange/flight.h"
#include "proxy/exchange/services.h"
#include "proxy/exchange/storing.h"

namespace siding {

class FlightFetch final : public Stream, public Link<> {
 public:
  /// Of a call to an upstream.
  struct Terms {
    bool repeatable = true;
    uint64_t max_body = UINT64_MAX;
  };
  struct Order {
    FlightRef flight;
    const CacheOwner* owner = nullptr;
    std::string key;  ///< in Flights; empty: nobody can join
    StorePlace place;
    EntryRef stale;               ///< to be validated
    bool stale_if_error = false;  ///< it may stand in for a failure of the origin
    bool refresh = false;         ///< nobody waits for it
    SocketAddress peer;           ///< of the client for which it is made
    std::string_view scheme;      ///< by which that came
    Terms terms{};
  };
  /// What the fetch is run by; gets the stream, and may ask for more than a Stream.
  using Run = Task<> (*)(LoopServices& services, FlightFetch& fetch);

  /// `head`: the request as the client sent it.
  static void start(LoopServices& services, Order order, RequestHead head, Buffer body, Run run);
  ~FlightFetch() override;

  /// Nobody waits for it: clients go first.
  bool refresh() const { return order_.refresh; }
  const CacheOwner& owner() const { return *order_.owner; }
  const Terms& terms() const { return order_.terms; }
  /// The request goes to who answers it.
  /// `finish`: see Flight.
  void went_inside(bool finish);
  /// There is no answer.
  void failed(Outcome outcome, std::string_view detail, int retry_after,
              std::optional<Error> error = std::nullopt);
  /// Who gets the record of what was done for it.
  const FlightRef& reporter() const { return order_.flight; }

  // ---- Stream
  const SocketAddress& peer() const override { return order_.peer; }
  void grant(size_t) override {}
  void send_interim(const ResponseHead& interim) override { flight().interim(interim); }
  void send_head(ResponseHead response, BodyFraming body_framing) override;
  void send_data(Buffer data) override;
  void send_end(const Fields* trailers = nullptr) override;
  void open_tunnel(ResponseHead) override { abort(); }  // nobody asks for one here
  void abort() override;
  size_t unsent() const override { return order_.flight->backlog() + to_file_.size(); }
  uint64_t bytes_sent() const override { return 0; }

 private:
  FlightFetch(LoopServices& services, Order order);
  Task<> find_or_fetch(Run how);
  Task<bool> from_tier(RedisTier& tier);
  bool may_send(const Entry& entry) const;
  void end_lease(Duration pass);
  void on_end();
  void on_poke();
  bool take_304(const ResponseHead& response);
  void open(ResponseHead response, BodyFraming body_framing);
  void close();
  void finish();
  void keep(EntryRef entry);
  bool anybody_may_use(const Entry& entry, WallTime now) const;
  void remember_to_pass();
  Task<> write_file();
  Caches& caches() { return *services_.shared.caches; }
  Flight& flight() { return *order_.flight; }

  LoopServices& services_;
  const LoopServicesRef kept_;  // it may outlive who wanted it
  Order order_;
  RequestHead request_;  // as the client sent it
  WallTime sent_at_{};
  bool answered_ = false;  // by something else than a body
  bool ended_ = false;
  bool torn_ = false;  // it could not be written to its file
  bool answered_by_tier_ = false;
  bool leased_ = false;  // no other replica fetches it
  Fields trailers_in_;
  Buffer to_file_;
  Task<> writing_;
  MemberWake<FlightFetch, &FlightFetch::on_end> end_{*this};
  MemberWake<FlightFetch, &FlightFetch::on_poke> poke_{*this};
  RemoteWake remote_;
  Task<> task_;  // last
};

}  // namespace siding
