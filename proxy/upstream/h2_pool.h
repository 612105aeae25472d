// The HTTP/2 connections of one loop to one origin, which its calls share.
// Invariants: a call gets a stream of a connection that has room; while one opens a connection to an address
// the others wait for it, and share its failure; kMostToOne connections to an address at most are opened so,
// then calls wait for a stream; a connection without calls is closed after idle_timeout.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/list.h"
#include "base/result.h"
#include "http/h1_head.h"
#include "proxy/loop/task.h"
#include "proxy/loop/wait.h"
#include "proxy/net/address.h"
#include "proxy/net/socket.h"
#include "proxy/upstream/client.h"
#include "proxy/upstream/slot.h"

namespace siding {

class H2Upstream;
class H2Pool;

/// Of all loops, for the metrics.
struct H2Counts {
  std::atomic<uint32_t> open{0};   ///< connections
  std::atomic<uint32_t> calls{0};  ///< under way on them
  std::atomic<uint64_t> refused{
      0};  ///< calls that were sent again, because the server had not looked at them
  std::atomic<uint64_t> goaways{0};  ///< connections that servers did not want any more
  std::atomic<uint64_t> broken{0};   ///< connections that we ended for what their servers did
};

/// Held by who opens a connection to an address, for as long as others are to wait for that.
class H2Opening {
 public:
  H2Opening() = default;
  H2Opening(H2Opening&& o) noexcept
      : pool_(std::exchange(o.pool_, nullptr)), address_(o.address_) {}
  H2Opening& operator=(H2Opening&& o) noexcept;
  ~H2Opening();
  /// There is a connection. `http2`: false: its server does not speak that, so nobody waits any more.
  void opened(bool http2);
  /// Those who wait now get this, too.
  void failed(const Error& why);

 private:
  friend class H2Pool;
  H2Opening(H2Pool& pool, const SocketAddress& address) : pool_(&pool), address_(address) {}
  H2Pool* pool_ = nullptr;
  SocketAddress address_;
};

class H2Pool {
 public:
  static constexpr size_t kMostToOne = 8;
  struct Options {
    Duration idle_timeout{};
    bool keep = true;  ///< false: a connection ends with its last call
    HeadLimits head{};
  };
  H2Pool(Loop& loop, Options options, H2Counts& counts);
  ~H2Pool();
  H2Pool(const H2Pool&) = delete;
  H2Pool& operator=(const H2Pool&) = delete;

  /// A place on a connection to that address; null: none has room. `context`: whose trust it must have been
  /// made under; those of another one are closed.
  std::unique_ptr<HttpClient> take(const SocketAddress& address, const void* context = nullptr);

  struct Found {
    std::unique_ptr<HttpClient> call;  ///< null: the caller is to open a connection,
    size_t at = 0;      ///< to that address, or as it likes; of the call: its address
    H2Opening opening;  ///< and to tell this of it
  };
  /// The same, but waits where somebody opens a connection to the first address, or where no more may be
  /// opened. The others will do if they have one by then.
  Task<Result<Found>> find(std::vector<SocketAddress> addresses, const void* context,
                           TimePoint deadline);
  /// A new connection that speaks HTTP/2, with a place on it.
  std::unique_ptr<HttpClient> add(Slot slot, std::unique_ptr<Socket> socket,
                                  const SocketAddress& address);
  /// Closes those without calls.
  void close_idle();
  /// The same, from now on whenever one has none.
  void retire() {
    options_.keep = false;
    close_idle();
  }
  bool connected_to(const SocketAddress& address) { return count(address) > 0; }

  // ---- for H2Upstream
  const Options& options() const { return options_; }
  H2Counts& counts() { return counts_; }
  /// A stream is free, or a connection has come or gone: who waits looks again.
  Signal& changed() { return changed_; }
  void retire(H2Upstream& connection);

 private:
  friend class H2Opening;
  /// What is known of an address.
  struct Door {
    SocketAddress address;
    bool opening = false;
    bool http1 = false;     // by ALPN, the last time
    uint64_t failures = 0;  // of openings
    Error why{};            // the last one
  };
  Door& door(const SocketAddress& address);
  /// Connections to it that calls may use, full ones too.
  size_t count(const SocketAddress& address);

  Loop& loop_;
  Options options_;
  H2Counts& counts_;
  List<H2Upstream> connections_;
  std::vector<Door> doors_;
  Signal changed_;
};

}  // namespace siding
