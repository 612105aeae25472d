// Who may go to a backend, and who waits: permits (concurrency + backlog) and a bounded queue, exact
// over all threads. Clients are served round robin, in arrival order within a client; lower priority
// numbers first.
// Invariants, all under one mutex: permits out + free = total, once those beyond a lowered one are back; a
// grant makes the ticket the owner of its permit at once, and a ticket destroyed with a permit gives it
// back; while the backend is down at most one permit (the prober's) is granted anew.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/list.h"
#include "base/outcome.h"
#include "proxy/loop/loop.h"
#include "proxy/loop/wait.h"

namespace siding {

class Admission;

/// The right to have one request (and one connection) at the backend. Gives itself back.
class Permit {
 public:
  Permit() = default;
  Permit(Permit&& o) noexcept : admission_(std::exchange(o.admission_, nullptr)) {
    probe_ = std::exchange(o.probe_, 0);
    paces_ = o.paces_;
  }
  Permit& operator=(Permit&& o) noexcept {
    reset();
    admission_ = std::exchange(o.admission_, nullptr);
    probe_ = std::exchange(o.probe_, 0);
    paces_ = o.paces_;
    return *this;
  }
  ~Permit() { reset(); }
  void reset();
  explicit operator bool() const { return admission_ != nullptr; }

  /// How a try ended in vain. After a lost answer a connection proves nothing: the kernel takes it for
  /// a process that is about to end, too.
  enum class Failed : uint8_t { to_connect, to_answer };
  /// Returns when to try again if this permit is now the one that probes; nullopt if another one
  /// does: then give this one back and queue again (Ticket::requeue).
  std::optional<TimePoint> failed(Failed how, TimePoint now);
  /// What proves, after such a failure, that the backend is there, so that all who wait are served
  /// again: a connection, if connecting had failed;
  void connected();
  /// an answer, or a connection that has lasted for kLasts without one, if an answer was lost.
  void answered(TimePoint now);
  void lasts();
  /// It is kept for something that takes its own time: its end tells nothing of the queue's pace.
  void outlasts() { paces_ = false; }
  static constexpr Duration kLasts = std::chrono::seconds(1);
  /// It is the one that tries whether the backend is back: by a connection of its own.
  bool probing() const { return probe_ != 0; }
  /// When the next connection may be tried: later than now only for a prober.
  TimePoint not_before() const;

 private:
  friend class Admission;
  friend class Ticket;
  Permit(Admission* admission, uint64_t probe) : admission_(admission), probe_(probe) {}
  Admission* admission_ = nullptr;
  uint64_t probe_ = 0;  // non-zero: the number of the probe that this permit is
  bool paces_ = true;   // its return tells how fast the queue is
};

/// A place in the queue. Lives in the exchange's frame, on its loop; destroying it leaves the queue.
class Ticket : public Link<> {
 public:
  Ticket(Admission& admission, Loop& loop, uint64_t client, int priority);
  ~Ticket();

  /// Takes a place, or says why there is none (queue_full, queue_bytes, queue_too_slow). `bytes` are
  /// those of the buffered body, `patience` how long it can wait. To be called once, before ready().
  std::optional<Outcome> enter(uint64_t bytes, Duration patience = Duration::max());
  /// Nothing but a worker is missing now. True if it is granted at once.
  bool ready();
  /// Back to where it stood, after a permit that led nowhere was given back.
  void requeue();

  bool granted() const;
  Signal& on_grant() { return granted_signal_; }
  Permit take();
  /// Requests that were before this one when it entered.
  uint32_t ahead() const { return ahead_; }

 private:
  friend class Admission;
  enum class State { outside, waiting, ready, granted };
  void notify() { granted_signal_.notify(); }

  Admission& admission_;
  Loop& loop_;
  const uint64_t client_;
  const int priority_;
  uint64_t bytes_ = 0;
  uint64_t sequence_ = 0;
  uint32_t ahead_ = 0;
  bool entered_ = false;          // until take(): only then may others know of it
  State state_ = State::outside;  // guarded by the admission mutex
  uint64_t probe_ = 0;            // likewise
  Signal granted_signal_;
  MemberWake<Ticket, &Ticket::notify> wake_{*this};
  RemoteWake remote_{loop_, wake_};
};

class Admission {
 public:
  struct Limits {
    uint32_t concurrency = 1;
    uint32_t backlog = 1;
    uint32_t queue_size = 10'000;
    uint64_t queue_bytes = UINT64_MAX;
    uint32_t permits() const { return concurrency + backlog; }
  };
  explicit Admission(Limits limits);
  ~Admission();
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;

  /// On a loop's thread. Fewer permits take effect as they come back. `moved`: it is another backend now,
  /// of which nothing is known.
  void set_limits(const Limits& limits, bool moved = false);

  /// A permit without waiting, only if a worker is really idle: for requests that the backend itself
  /// caused, which must not wait for the worker that waits for them (RFC 8586).
  std::optional<Permit> try_now();

  /// How long all who wait now will take, by the pace of late; zero if nobody waits or none is known.
  Duration expected_wait() const;

  struct Snapshot {
    uint32_t queued = 0;
    uint64_t queued_bytes = 0;
    uint32_t inside = 0;
    bool down = false;
  };
  Snapshot snapshot() const;
  bool down() const;

 private:
  friend class Permit;
  friend class Ticket;
  struct Client : Link<> {
    List<Ticket> tickets;  // ready ones, in arrival order
    uint32_t count = 0;    // of them
  };
  struct Level {
    std::unordered_map<uint64_t, Client> clients;
    List<Client> ring;  // clients with tickets, next one first
  };

  void give_back(uint64_t probe, bool paces);
  void end_probe(uint64_t probe);
  void line_up(Ticket& ticket);
  void leave_line(Ticket& ticket);
  void back();
  bool may_grant() const;
  void grant(Ticket& ticket);
  void grant_waiting();
  void measure(bool paces);
  Duration wait_of(const Ticket& newcomer) const;

  mutable std::mutex mutex_;
  Limits limits_;
  uint32_t out_ = 0;     // permits granted or held
  uint32_t queued_ = 0;  // tickets inside the queue, ready or not
  uint64_t queued_bytes_ = 0;
  uint64_t next_sequence_ = 0;
  std::map<int, Level> levels_;    // by priority; only those with ready tickets
  std::atomic<bool> down_{false};  // written under the mutex
  Permit::Failed failed_{};        // what it was, while down
  uint64_t probe_ = 0;             // the probe whose permit is out; 0: none
  uint64_t next_probe_ = 1;
  TimePoint retry_at_{};
  Duration backoff_{};

  // The pace: the time from one permit that comes back to the next, while somebody waits for it.
  std::optional<Duration> pace_;  // none is known yet
  uint64_t measured_ = 0;         // returns since it was last known for certain,
  Duration measured_time_{};      // and the time that they took
  bool pacing_ = false;           // somebody waited when the last one came back, at last_back_
  TimePoint last_back_{};
};

}  // namespace siding
