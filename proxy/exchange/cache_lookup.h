// What the cache has for a request: a stored answer, a fetch to read from, or nothing. It decides who
// fetches, who waits for whom, and what a failure of the origin means.
// Invariants: every wait ends at the deadline at the latest; nobody waits for a fetch that may turn out
// to be of no use to it more than once.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cache/cache_key.h"
#include "cache/cache_status.h"
#include "cache/reuse.h"
#include "http/forwarded.h"
#include "proxy/exchange/flight_fetch.h"

namespace siding {

class CacheLookup {
 public:
  struct Ask {
    const CacheOwner* owner = nullptr;
    RequestHead request;         ///< as the client sent it
    AskedOrigin origin;          ///< of its key
    std::string content_digest;  ///< of a QUERY: see cache_key()
    Buffer body;                 ///< likewise
    SocketAddress peer;          ///< see FlightFetch::Order
    std::string_view scheme;
    std::string_view request_id;
    bool waits_for_others = true;  ///< false: it would wait for itself
    bool own_try = false;      ///< others' limits are not its own: where they fail it tries itself
    Stream* client = nullptr;  ///< whose FIN means less once its request is inside
    FlightFetch::Run run = nullptr;
    FlightFetch::Terms terms{};
    std::function<void()> begun{};  ///< see CallOptions; of the fetch that it waits for
  };
  CacheLookup(LoopServices& services, Ask ask) : services_(services), ask_(std::move(ask)) {}

  enum class Kind : uint8_t {
    direct,  ///< nothing: the request goes its way as if there were no cache
    stored,  ///< send `entry`
    flight,  ///< send what `reader` reads
    failed,  ///< answer with `outcome`
  };
  Task<Kind> find(TimePoint deadline);

  CacheResult result = CacheResult::pass;
  CacheStatus status;
  EntryRef entry;
  std::optional<Duration> age;
  std::unique_ptr<Flight::Reader> reader;
  Outcome outcome = Outcome::internal;
  std::string detail;
  int retry_after = 1;
  std::optional<Error> error;  ///< of a call to an upstream
  bool called = false;         ///< whoever answers was asked: a fetch that it waited for went out
  const RequestHead& request() const { return ask_.request; }

  /// For Kind::direct, once the answer's head is there: says in it what the cache did, and renews what is
  /// stored, or gives who stores the answer while it passes; null: it is not stored.
  std::unique_ptr<StoreWriter> note(ResponseHead& head, WallTime sent_at);

 private:
  void renew_by_head(const ResponseHead& head, ResponseTimes times);
  Flights::Joined enter(const std::string& key, bool waits);
  std::optional<Kind> look();
  Kind direct(Forward forward);
  Kind fail(Outcome why, std::string_view text, int seconds);
  Kind send_stale(std::string_view why, int origin_status);
  FlightRef new_flight() const;
  void join();
  void refresh();
  FlightFetch::Order order(FlightRef flight, std::string key) const;
  std::string flight_key() const;
  bool may_join() const;
  void see(Flight& flight);
  void tell_client(Flight& flight);
  std::optional<Kind> decide();
  std::optional<Kind> decide_shared(Flight& flight);
  std::optional<Kind> once_more(bool alone);

  LoopServices& services_;
  Ask ask_;
  MemoryStore::Found found_;
  ReuseDecision decision_;
  std::optional<StorePlace> place_;  // where its answer is stored, if it may be
  std::string vary_;  // what the request says in the fields that a flight's answer names
  int round_ = 0;
  bool alone_ = false;  // nobody else's fetch is of use
};

}  // namespace siding
