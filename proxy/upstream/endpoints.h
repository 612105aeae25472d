// The addresses of one upstream and how each fares: which one a call goes to, and which ones get none
// for a while (a circuit breaker an address).
// - A call goes where the fewest are under way, in turn between equals; to addresses of a later rank only
//   if no earlier one is well, or when those took no connection.
// - At most `cap` of siding's own calls are under way to an address; who finds none waits for room.
// - A breaker opens after `failures` in a row, or when `percent` of the last calls failed, for `pause`,
//   doubled each time up to 30 s; then one call at a time tries the address again, and closes it.
// - An address that fails its probe is as good as one with an open breaker, until it passes one.
// Invariants: process-wide, exact over all threads; a Turn gives back what it took, whatever ends it;
// at most kMaxKept addresses that nobody uses are remembered.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/list.h"
#include "base/small_pool.h"
#include "config/config.h"
#include "proxy/loop/loop.h"
#include "proxy/loop/wait.h"
#include "proxy/net/address.h"
#include "proxy/net/dns_cache.h"

namespace siding {

class Endpoints {
  struct Endpoint;

 public:
  static constexpr size_t kMaxKept = 64;
  static constexpr Duration kMaxPause = std::chrono::seconds(30);
  /// Of `percent`: the calls of so long, and not fewer than so many.
  static constexpr Duration kWindow = std::chrono::seconds(10);
  static constexpr uint32_t kLeastCalls = 20;

  /// How long an address says nothing to calls under way before one that was given up counts against it.
  static constexpr Duration kSilence = std::chrono::seconds(1);
  /// An address that no turn and no probe has named for so long, while others were, has left its name.
  static constexpr Duration kLeft = std::chrono::minutes(1);
  /// Probes that fail in a row before it counts as down.
  static constexpr uint32_t kProbes = 2;

  /// `cap`: of calls to one address; 0: any number.
  explicit Endpoints(const BreakerConfig& config, uint32_t cap = 0) : config_(config), cap_(cap) {}
  ~Endpoints();
  /// On a loop's thread: takes effect from the next call on. `probed`: addresses are.
  void set(const BreakerConfig& config, uint32_t cap, bool probed);
  Endpoints(const Endpoints&) = delete;
  Endpoints& operator=(const Endpoints&) = delete;

  /// Whom one call may try, and where it is under way.
  class Turn {
   public:
    Turn() = default;
    Turn(Turn&& o) noexcept
        : owner_(std::exchange(o.owner_, nullptr)),
          candidates_(std::move(o.candidates_)),
          at_(std::exchange(o.at_, nullptr)),
          began_(o.began_),
          capped_(o.capped_),
          probing_(o.probing_),
          full_(o.full_) {}
    Turn& operator=(Turn&& o) noexcept;
    ~Turn() { end(); }

    /// The best first, where the call counts as under way from now on; none: all breakers are open, or
    /// full().
    size_t size() const { return candidates_.size(); }
    /// None, because those that would do have no room.
    bool full() const { return full_; }
    const SocketAddress& address(size_t i) const;
    /// Tries the i-th as well: the call counts as under way there too. False: it has no room any more.
    bool join(size_t i);
    /// It could not be connected to, or not before another one.
    void missed(size_t i, TimePoint now);
    /// The call goes there, and nowhere else: it counts there until the Turn ends.
    void use(size_t i);
    /// Where it goes.
    const SocketAddress& used() const { return at_->address; }
    /// What came of it. Not told: it was cancelled, which says nothing about the address ...
    void answered(bool well, TimePoint now);
    /// ... unless siding gave it up, and the address has said nothing for a while.
    void gave_up(TimePoint now);

   private:
    friend class Endpoints;
    struct Candidate {
      Endpoint* endpoint;
      uint8_t rank;
      bool inside = false;  // under way there
    };
    void enter(Candidate& candidate);
    void leave(Candidate& candidate);
    void end();
    Endpoints* owner_ = nullptr;
    PooledVector<Candidate> candidates_;
    Endpoint* at_ = nullptr;
    TimePoint began_{};
    bool capped_ = false;
    bool probing_ = false;  // the first one
    bool full_ = false;
  };

  /// `even_open`: open breakers and full addresses are tried too, last. For calls that are not siding's
  /// own.
  Turn turn(const Addresses& addresses, bool even_open, TimePoint now);

  /// Who wants a Turn, in line for room if there is none. Who leaves room hands it to the first one that
  /// may use it, as the owner: nobody overtakes, and one that goes away passes it on.
  class RoomWaiter : public Link<> {
   public:
    /// `addresses` must outlive it.
    RoomWaiter(Endpoints& owner, const Addresses& addresses, Loop& loop);
    ~RoomWaiter();
    RoomWaiter(const RoomWaiter&) = delete;
    RoomWaiter& operator=(const RoomWaiter&) = delete;
    Signal& woken() { return signal_; }
    /// Nothing while it waits. Once; without candidates if there is no more room to wait for.
    std::optional<Turn> take();

   private:
    friend class Endpoints;
    void wake() { signal_.notify(); }
    Endpoints& owner_;
    const Addresses& addresses_;
    Turn turn_;  // guarded by the owner's mutex while it is in line
    Signal signal_;
    MemberWake<RoomWaiter, &RoomWaiter::wake> wake_{*this};
    RemoteWake remote_;
  };

  /// What a probe found. True if the address is up, or down, since then.
  bool probed(const SocketAddress& address, bool well, TimePoint now);

  struct Snapshot {
    SocketAddress address;
    uint32_t under_way = 0;
    bool open = false;
    bool down = false;
  };
  /// Without those that have left.
  std::vector<Snapshot> snapshot() const;

 private:
  struct Endpoint {
    explicit Endpoint(const SocketAddress& a) : address(a) {}
    const SocketAddress address;
    uint32_t turns = 0;  // that name it
    uint32_t under_way = 0;
    uint32_t failures = 0;  // in a row
    bool open = false;
    bool down = false;           // by its probes
    uint32_t probes_failed = 0;  // in a row
    // How long the calls that were given up were under way since its last answer, at silent_until.
    Duration silence{};
    TimePoint silent_until{};
    TimePoint named{};    // by a turn or a probe, last
    bool probed = false;  // a turn tries whether it can be closed
    uint32_t pauses = 0;  // in a row
    TimePoint open_until{};
    TimePoint window_begin{};
    uint32_t calls = 0;  // of this window
    uint32_t failed = 0;
  };
  Endpoint& find(const SocketAddress& address, TimePoint now);
  void forget_unused();
  bool full(const Endpoint& endpoint) const { return cap_ != 0 && endpoint.under_way >= cap_; }
  Turn look(const Addresses& addresses, bool even_open, TimePoint now);
  void serve_line(const Endpoint& changed);
  void count(Endpoint& endpoint, bool well, TimePoint now);
  void trip(Endpoint& endpoint, TimePoint now);

  mutable std::mutex mutex_;
  BreakerConfig config_;  // guarded by mutex_, as all below
  uint32_t cap_;
  std::vector<std::unique_ptr<Endpoint>> endpoints_;
  List<RoomWaiter> line_;
  TimePoint named_{};  // any of them, last
  size_t rotation_ = 0;
};

}  // namespace siding
