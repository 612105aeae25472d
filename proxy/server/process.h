// What all threads of one siding share, in the order of its life.
// Invariant: made before the threads, and outlives them.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <vector>

#include "proxy/exchange/services.h"
#include "proxy/loop/disk.h"
#include "proxy/observe/observer.h"
#include "proxy/server/drain.h"
#include "proxy/server/generation.h"

namespace siding {

struct Process {
  Process(const Config& config, const Clock& k, uint32_t count)
      : clock(k),
        threads(count),
        ending(count),
        observer(count, config.log.access, config.admin.ring) {}

  /// The configuration in force.
  ConfigRef config() const { return generations.now()->snapshot->config; }
  std::atomic<uint32_t>& open_at(ListenerKind kind) { return open[static_cast<size_t>(kind)]; }

  const Clock& clock;
  const uint32_t threads;
  Drain ending;
  Observer observer;
  Disk disk;
  std::vector<std::unique_ptr<Loop>> loops;
  std::unique_ptr<Services> services;
  Generations generations;
  std::array<std::atomic<uint32_t>, kDoors> open{};  ///< connections, by ListenerKind
  std::atomic<bool> cut_off{false};                  ///< a drain did not come to its end
};

}  // namespace siding
