// One fetch for everybody who asks for the same at the same time: the growing answer, who reads it, and
// what became of it.
// Invariants: it belongs to no client: the fetch goes on while anybody reads, or while its answer is
// worth keeping; each reader has its own pace; an answer that is not for everybody is read by one
// reader only; thread-safe, woken by events.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/list.h"
#include "cache/entry.h"
#include "cache/reuse.h"
#include "cache/storable.h"
#include "proxy/exchange/body_store.h"
#include "proxy/loop/loop.h"
#include "proxy/loop/wait.h"
#include "proxy/observe/record.h"

namespace siding {

/// How many there are in the process.
struct FlightCounts {
  std::atomic<int64_t> fetches{0};
  std::atomic<int64_t> readers{0};  ///< who wait for them, or read them
};

class Flight : public std::enable_shared_from_this<Flight> {
 public:
  enum class State : uint8_t {
    pending,  ///< nothing has come
    open,     ///< the head is there, and the body grows
    whole,    ///< all of it is there
    failed,   ///< there is no answer: outcome() says why
    again,    ///< what came is of no use: ask again, without conditions
    torn,     ///< it broke off after the head
  };

  /// `limit`: bytes of a body that is read by several; more goes to a file.
  Flight(BodyBudgets& budgets, FlightCounts& counts, uint64_t limit)
      : counts_(counts), limit_(limit), held_(budgets.memory), file_(budgets) {
    ++counts_.fetches;
  }
  ~Flight() { --counts_.fetches; }

  class Reader;

  // ---- what readers see, after State::pending

  /// The answer is for whom it was fetched for, and nobody else.
  bool alone() const;
  /// It is a failure of the moment, such as a 503: see is_momentary().
  bool momentary() const;
  /// Why the answer is not stored, or `stored`.
  StoreReason reason() const;
  /// The answer of the origin was a 304, and entry() is the stored one, renewed.
  bool revalidated() const;
  /// entry() has its body.
  bool complete() const;
  /// entry() lay in the store that replicas share.
  bool found() const;
  /// Others than the one that it was fetched for find in it what they may use: else they fetch it
  /// themselves.
  bool reusable() const;
  /// The status that the origin gave.
  int origin_status() const;
  /// As the origin gave it; for others than the leader only entry()'s head counts.
  ResponseHead head() const;
  BodyFraming framing() const;
  /// As it is stored; its body only in State::whole.
  EntryRef entry() const;
  /// The same for whom it was fetched: with what the origin said to that one alone.
  EntryRef own_entry() const;
  Outcome outcome() const;
  std::string detail() const;
  int retry_after() const;
  /// Of a call to an upstream: why there is no answer.
  std::optional<Error> error() const;
  /// Interim answers that have come and were not taken yet: for whom it was fetched for.
  std::vector<ResponseHead> take_interim();
  /// Who answers has the request.
  bool inside() const;

  // ---- the fetch, on its own loop

  /// `wake` is posted when readers have taken something, or when the last one has left.
  void fetched_by(RemoteWake* wake);
  /// `finish`: its answer is waited for, though nobody may want it any more.
  void went_inside(bool finish);
  void interim(ResponseHead head);
  void begin_shared(ResponseHead head, BodyFraming framing, std::shared_ptr<Entry> draft,
                    bool reusable);
  void begin_alone(ResponseHead head, BodyFraming framing, StoreReason reason, bool momentary);
  /// False, and `data` is left alone, if it is to go to file().
  bool append(Buffer& data);
  /// Where an answer goes that became too large while several read it. Appended to by the fetch alone,
  /// which says how far readers may read.
  SpillFile& file() { return file_; }
  void file_grew(uint64_t bytes);
  /// The draft is complete. The entry, if there is one to be stored.
  EntryRef finish(Fields trailers);
  /// `own`: see own_entry(); null: it is the same.
  void renewed(EntryRef entry, EntryRef own, int origin_status, bool reusable);
  void find(EntryRef entry);
  void fail(Outcome outcome, std::string_view detail, int retry_after, std::optional<Error> error);
  void ask_again();
  void tear();
  /// Bytes that wait for a reader who is the only one.
  size_t backlog() const;
  bool has_readers() const;
  /// An answer that is meant to stay is fetched to its end although nobody reads.
  bool worth_keeping() const;
  void keep_anyway();
  /// A refresh that nobody waits for, and that is not inside yet.
  bool stands_back() const;
  /// What it is fetched for was made invalid meanwhile.
  void do_not_store();
  bool may_be_stored() const;

  void record(ExchangeRecord record);
  std::optional<ExchangeRecord> take_record();

 private:
  friend class Reader;
  void change(State state);
  void notify();
  void leave_shared();

  FlightCounts& counts_;
  const uint64_t limit_;
  mutable std::mutex mutex_;
  State state_ = State::pending;
  bool alone_ = false;
  bool momentary_ = false;
  bool reusable_ = true;
  bool revalidated_ = false;
  bool found_ = false;
  bool inside_ = false;
  bool finish_ = false;
  bool keep_ = false;
  bool too_large_ = false;
  bool store_ = true;
  StoreReason reason_ = StoreReason::stored;
  int origin_status_ = 0;
  std::vector<ResponseHead> interim_;
  ResponseHead head_;
  BodyFraming framing_;
  Fields trailers_;
  std::shared_ptr<Entry> draft_;
  EntryRef entry_;
  EntryRef own_;             // null: it is entry_
  std::vector<Slice> body_;  // shared: all of it; alone: what was not taken yet
  uint64_t size_ = 0;        // of body_
  Reservation held_;
  SpillFile file_;
  bool in_file_ = false;
  uint64_t file_size_ = 0;  // that readers may read
  Outcome outcome_ = Outcome::internal;
  std::string detail_;
  std::optional<Error> error_;
  int retry_after_ = 1;
  std::optional<ExchangeRecord> record_;
  List<Reader> readers_;
  RemoteWake* fetch_ = nullptr;
};
using FlightRef = std::shared_ptr<Flight>;

/// Somebody who waits for a flight, on its own loop.
class Flight::Reader : public Link<> {
 public:
  /// `leads`: it is fetched for this one.
  Reader(FlightRef flight, Loop& loop, bool leads);
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  Flight& flight() { return *flight_; }
  bool leads() const { return leads_; }
  State state() const;
  /// Anything has changed.
  Signal& changed() { return changed_; }
  /// The next bytes, at most about `max`; empty: there are none now.
  Task<Result<Buffer>> read(size_t max);
  /// After State::whole and an empty read.
  Fields take_trailers();

 private:
  friend class Flight;
  void wake() { changed_.notify(); }
  Buffer read_memory(size_t max);
  const FlightRef flight_;
  const bool leads_;
  size_t next_ = 0;  // slice of body_
  uint64_t file_offset_ = 0;
  Signal changed_;
  MemberWake<Reader, &Reader::wake> wake_{*this};
  RemoteWake remote_;
};

}  // namespace siding
