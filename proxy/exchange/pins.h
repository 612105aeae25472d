// Prefetched answers on their way to the worker's own call: hand-overs, not a cache. The pins of one
// key are interchangeable and lie in a pool; each is used once.
// Invariants: process-wide, under one mutex; a pool holds at most as many answers as requests inside
// still expect its key (dropping a request's "own" pin would make another one miss); every
// end-to-end field is compared, credentials too, so a pin is never taken for another user.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/budget.h"
#include "base/clock.h"
#include "http/message.h"
#include "proxy/loop/loop.h"

namespace siding {

class LearnedFields;

/// A whole answer of an upstream; immutable, shared between threads.
struct PinnedAnswer {
  explicit PinnedAnswer(Budget& pins) : reserved(pins) {}
  ResponseHead head;  ///< hop-by-hop fields removed
  Buffer body;
  Fields trailers;
  TimePoint fetched{};
  bool timed_out = false;  ///< handed over as that failure: the worker's connection is closed
  Reservation reserved;
};
using PinnedAnswerRef = std::shared_ptr<const PinnedAnswer>;

/// What a comparison of requests leaves out, besides what belongs to one hop.
class IgnoredFields {
 public:
  /// `more`: of an upstream, in any case.
  explicit IgnoredFields(const std::vector<std::string>& more = {});
  bool ignores(std::string_view name, std::string_view value) const;

 private:
  std::vector<std::string> more_;
};

/// The first end-to-end field in which two requests differ, in lower case; empty if there is none.
std::string first_differing_field(const Fields& a, const Fields& b, const IgnoredFields& ignored);

/// What tells one client from another when learning from its worker's calls.
struct ClientMarks {
  uint64_t address = 0;          ///< as the queue tells clients apart
  uint64_t credentials = 0;      ///< of Cookie and Authorization; the address where there are none
  std::vector<uint64_t> values;  ///< hashes of what the client itself sent, sorted: the application
                                 ///< may pass these on, so they are no habits of its library
};

/// What a request inside expects its worker to call.
struct PinOffer {
  std::string key;                               ///< of cache/key.h
  Fields fields;                                 ///< that the prefetch was, or would be, sent with
  std::shared_ptr<const IgnoredFields> ignored;  ///< of the upstream
  std::shared_ptr<LearnedFields> learned;        ///< of the template
  std::string exchange;  ///< request id, for exact matching by Siding-Exchange
  std::shared_ptr<const ClientMarks> client;
  bool call_made = true;  ///< false: only observed, an answer will never come
};

/// One offer inside the store; all but `offer` is guarded by the store's mutex.
struct Pin {
  PinOffer offer;
  PinnedAnswerRef answer;
  bool available = false;  ///< in its pool: ready or in flight, not taken
  bool taken = false;
  bool joined = false;           ///< taken while it was in flight
  bool failed = false;           ///< will never have an answer
  RemoteWake* joiner = nullptr;  ///< the worker's call that waits for the answer
  // What a worker asked for instead, for the record.
  std::string actual;
  std::string difference;
  std::string reason;
  bool matched = false;  ///< a call with this key and equal fields came
};
using PinRef = std::shared_ptr<Pin>;

class PinStore {
 public:
  PinStore(uint64_t max_bytes, Duration max_age) : bytes_(max_bytes), max_age_(max_age) {}
  ~PinStore();

  /// Pins that are there stay.
  void set_limits(uint64_t max_bytes, Duration max_age);
  /// What all pinned answers, parked or inside, are reserved from.
  Budget& bytes() { return bytes_; }

  /// At dispatch: the request is inside now. `answer` is null while it is in flight.
  PinRef offer(PinOffer offer, PinnedAnswerRef answer);
  /// The answer of an offer that was in flight; null if it failed: the worker's call is to go out.
  void complete(const PinRef& pin, PinnedAnswerRef answer);

  enum class Fate { used, unused, missed, observed };
  /// The worker is done with the request. `missed`: it asked for something else, see the pin's
  /// actual, difference and reason, which nobody changes any more.
  Fate withdraw(const PinRef& pin);
  /// Whether its answer, still in flight, is waited for by a worker's call, or may yet be: another
  /// request counts on it.
  bool wanted(const PinRef& pin) const;

  struct Taken {
    PinnedAnswerRef answer;      ///< ready
    PinRef joined;               ///< in flight: `joiner` will be posted, then ask result()
    std::string reason;          ///< of a miss: "field:x-user-id", "target"; empty: none expected
    std::vector<PinRef> inside;  ///< the offers of this key, to learn from; only `offer` is read
  };
  /// A worker's own call. `joiner` must be taken back by leave() before it goes away.
  Taken take(const std::string& key, const Fields& fields, std::string_view exchange, TimePoint now,
             RemoteWake* joiner);
  struct Joined {
    bool done = false;
    PinnedAnswerRef answer;  ///< null although done: the prefetch failed
  };
  Joined result(const PinRef& pin) const;
  void leave(const PinRef& pin);

  struct Snapshot {
    uint64_t offers = 0;
    uint64_t bytes = 0;
  };
  Snapshot snapshot() const;

 private:
  struct KeyPool {
    std::vector<PinRef> offers;   // not withdrawn
    std::vector<PinRef> answers;  // available, oldest first
    size_t taken = 0;             // by workers' calls; not yet told to the offers that they met
  };
  static bool usable(const PinRef& pin, const Fields& fields, std::string_view exchange,
                     TimePoint oldest, std::string* reason);
  void note_difference(const std::string& key, const Fields& fields, Taken* taken);

  Budget bytes_;
  mutable std::mutex mutex_;
  Duration max_age_;
  std::unordered_map<std::string, KeyPool> pools_;  // of the requests inside: few
};

}  // namespace siding
