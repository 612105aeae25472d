// What one configuration brings to the threads, and how a new one comes to all of them.
// Invariants: a thread has one at a time, and takes the next between two batches of its loop; it misses
// none, for what goes on is told from one to the next.
#pragma once

#include <array>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>

#include "proxy/exchange/snapshot.h"
#include "proxy/observe/counters.h"
#include "proxy/server/front_tls.h"
#include "proxy/server/listening.h"

namespace siding {

inline constexpr size_t kDoors = static_cast<size_t>(ListenerKind::count_);

struct Generation {
  SnapshotRef snapshot;
  std::shared_ptr<FrontTls> front_tls;
  std::array<ListeningSockets, kDoors> sockets;  ///< by ListenerKind

  /// Opens what `before` has not got open; returns what went wrong, or nothing.
  std::string listen(uint32_t threads, Inherited& inherited, const Generation* before = nullptr);
  const ListeningSockets& of(ListenerKind kind) const { return sockets[static_cast<size_t>(kind)]; }
  ListeningSockets& of(ListenerKind kind) { return sockets[static_cast<size_t>(kind)]; }
};
using GenerationRef = std::shared_ptr<Generation>;

class Generations {
 public:
  /// Any thread. Null before the first one.
  GenerationRef now() const;
  static constexpr Duration kPatience = std::chrono::seconds(10);
  /// Before there are threads.
  void begin(GenerationRef first);
  /// Waits until so many threads, all there are, have what is now; kPatience at most. Whether they have.
  bool wait_until_taken(size_t threads);
  /// Only where all have what is now.
  void hand_out(GenerationRef next);

  // ---- of a thread
  /// `teller` is posted when there is a new one.
  void listen(RemoteWake& teller);
  /// It follows that one from now on; or drains, and follows none.
  void taken(RemoteWake& teller, const GenerationRef& which);
  void forget(RemoteWake& teller);

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  GenerationRef now_;                           // guarded by mutex_, as all below
  std::map<RemoteWake*, GenerationRef> taken_;  // by thread; null: none yet
};

}  // namespace siding
