// Connections to one origin, kept for reuse by loop and, where the origin is a backend, counted
// exactly over all threads. Those that speak HTTP/2 are shared by calls: see h2_pool.h. The rest is about
// those of HTTP/1.
// Invariants: busy + idle connections never exceed the cap; no connection is kept idle while more are
// open than the origin has workers (a blocking server reads on from the one it has served, while
// others wait at its door); an idle connection on which anything
// happens (bytes, FIN, idle_timeout) is closed; a connection never changes its loop.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/list.h"
#include "base/result.h"
#include "http/h1_head.h"
#include "proxy/loop/task.h"
#include "proxy/loop/wait.h"
#include "proxy/upstream/endpoints.h"
#include "proxy/upstream/h1_client.h"
#include "proxy/upstream/h2_pool.h"
#include "proxy/upstream/slot.h"

namespace siding {

class Pool;

/// An open connection with its slot.
class PooledClient : public Link<> {
 public:
  PooledClient(Slot slot, std::unique_ptr<Socket> socket, const SocketAddress& address,
               const HeadLimits& limits)
      : slot_(std::move(slot)), client_(std::move(socket), limits), address_(address) {}
  H1Client& client() { return client_; }

 private:
  friend class Pool;
  void look();  // something happened while it was idle
  void drop();
  Slot slot_;  // given back after the socket is closed
  H1Client client_;
  const SocketAddress address_;  // it leads to
  Pool* pool_ = nullptr;
  uint64_t kept_at_ = 0;  // Loop::polls()
  MemberWake<PooledClient, &PooledClient::look> wake_{*this};
  Signal::Waiter on_readable_{wake_};
  MemberTimer<PooledClient, &PooledClient::drop> idle_timer_{*this};
};

/// A call's means to be made: a connection in use, or a stream of one that speaks HTTP/2. Closes it, unless
/// it was released clean.
class Lease {
 public:
  Lease() = default;
  Lease(Pool& pool, std::unique_ptr<PooledClient> client, bool reused)
      : pool_(&pool), client_(std::move(client)), reused_(reused) {}
  Lease(Pool& pool, std::unique_ptr<HttpClient> stream, bool reused)
      : pool_(&pool), stream_(std::move(stream)), reused_(reused) {}
  explicit operator bool() const { return client_ != nullptr || stream_ != nullptr; }
  HttpClient& operator*() {
    if (stream_) return *stream_;
    return client_->client();
  }
  HttpClient* operator->() { return &**this; }
  /// Null: it is a stream of HTTP/2.
  H1Client* h1() { return client_ ? &client_->client() : nullptr; }
  /// The connection was there already: the peer may have closed it.
  bool reused() const { return reused_; }
  /// The address that it leads to, one of an upstream's: counted there as long as it is leased.
  void goes_by(Endpoints::Turn turn) { turn_ = std::move(turn); }
  Endpoints::Turn& turn() { return turn_; }
  /// Back to the pool if it can be used again, else closed.
  void release();
  /// To the pool, although it has not been used yet.
  void keep_for_later();

 private:
  Pool* pool_ = nullptr;
  std::unique_ptr<PooledClient> client_;
  std::unique_ptr<HttpClient> stream_;
  bool reused_ = false;
  Endpoints::Turn turn_;
};

class Pool : public std::enable_shared_from_this<Pool> {
 public:
  struct Options {
    uint32_t max_connections = 0;  ///< over all threads; 0: unlimited
    uint32_t workers = 0;          ///< more than so many open: none is kept idle; 0: no matter
    uint32_t max_idle = 64;        ///< kept by each thread; of HTTP/2: 0: none is
    Duration idle_timeout = std::chrono::seconds(4);
    HeadLimits head{};
  };
  /// Outlives all leases (if it is shared: with their slots' help); its shards must be emptied on their own
  /// loops first (close_idle, retire).
  Pool(Options options, const std::vector<Loop*>& loops);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  /// The idle connection of this loop that was used last, to this address if one is named; empty if
  /// there is none.
  Lease take_idle(Loop& loop, const SocketAddress* address = nullptr);
  /// A slot for a new connection; closes an idle one, of another loop if need be. Whoever calls it
  /// holds a permit, so that one is or becomes idle.
  Task<Slot> reserve(Loop& loop);
  Lease lease(Slot slot, std::unique_ptr<Socket> socket, const SocketAddress& address = {});
  /// Those of this loop that speak HTTP/2. No bound of above holds for them: calls are counted instead.
  H2Pool& h2(Loop& loop) { return shard(loop).h2; }
  H2Counts& h2_counts() { return h2_counts_; }
  const H2Counts& h2_counts() const { return h2_counts_; }
  /// Closes this loop's idle connections: at the end, and when the origin is found dead.
  void close_idle(Loop& loop);
  /// Any thread: as in Options. Connections beyond lowered bounds end with their calls.
  void set_bounds(uint32_t max_connections, uint32_t workers, uint32_t max_idle);
  /// On each loop: another pool has taken its place, so that nothing is kept idle any more.
  void retire(Loop& loop);
  bool retired() const { return retired_; }

  uint32_t open() const;
  /// What this loop keeps to one address; with one of HTTP/2 there are enough.
  uint32_t idle(Loop& loop, const SocketAddress& address);

 private:
  friend class Slot;
  friend class PooledClient;
  friend class Lease;
  struct Waiter;
  /// What one loop keeps; touched by its thread only, but for the two counts.
  struct Shard {
    Shard(Pool& p, Loop& l);
    void evict();
    Pool& pool;
    Loop& loop;
    H2Pool h2;
    List<PooledClient> idle;  // newest last
    uint32_t idle_count = 0;  // guarded by the pool's mutex
    uint32_t evictions = 0;   // likewise: how many others want closed
    MemberWake<Shard, &Shard::evict> wake{*this};
    RemoteWake remote{loop, wake};
  };

  void keep(std::unique_ptr<PooledClient> client);
  void remove_idle(PooledClient& client);
  void take(Shard& shard, PooledClient& client);
  std::unique_ptr<PooledClient> pop_oldest(Shard& shard);
  void slot_free();
  void serve_waiters();
  bool crowded() const;
  void ask_others(const Shard& mine);
  Shard& shard(Loop& loop) { return *shards_[loop.index()]; }

  Options options_;  // its bounds are guarded by mutex_, the rest is constant
  H2Counts h2_counts_;
  std::vector<std::unique_ptr<Shard>> shards_;
  mutable std::mutex mutex_;
  std::atomic<bool> retired_{false};
  uint32_t open_ = 0;
  List<Waiter> waiters_;
};

}  // namespace siding
