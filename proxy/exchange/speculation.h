// Who may have upstream calls made ahead of its worker: speculation comes before the application's
// own login and limits, so it has a budget per client, per route and per template.
// Invariants: process-wide and thread-safe; the clients table is bounded; one client's unused
// prefetches stop that client first, and never a client whose own are used.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/outcome.h"

namespace siding {

class Speculation {
 public:
  /// What a prefetch came to, as far as waste is concerned.
  enum class Use { used, unused, neither };

  class Route;
  using RouteRef = std::shared_ptr<Route>;
  /// What is known of a route with so many templates: nothing yet. `name`: for messages.
  static RouteRef new_route(std::string name, size_t calls);

  /// One call that was allowed, until it is told how it ended.
  struct Asked {
    RouteRef route;
    size_t call = 0;
    uint64_t client = 0;
    bool stranger = false;  ///< nothing of its client had been used
  };
  /// Asked once for each call of a request, before it starts; nullopt: go ahead, and tell ended().
  /// Sets `asked->stranger`. Calls that are only observed are not asked for.
  std::optional<PrefetchSkip> ask(Asked* asked, TimePoint now);
  void ended(const Asked& asked, Use use, TimePoint now);
  /// A worker's call matched although none was made (`auto` before its dry match): its client is no
  /// stranger.
  void matched(uint64_t client, TimePoint now);

  /// Host names to which a worker opened a tunnel: a prefetch of it would only double the calls.
  void tunnelled(std::string_view host, TimePoint now);
  bool is_tunnelled(std::string_view host, TimePoint now) const;

 private:
  struct Client {
    uint32_t outstanding = 0;
    uint32_t unused_in_a_row = 0;
    bool proven = false;  // one of its prefetches was used
    TimePoint paused_until{};
    std::list<uint64_t>::iterator age;
  };
  struct Template {
    uint32_t answers = 0;  // of the present window
    uint32_t used = 0;
    uint32_t since_pause = 0;  // requests while it is being tried again
    TimePoint paused_until{};
    bool on_trial = false;
  };
  Client& client(uint64_t id);
  static void fade(Route& route, TimePoint now);
  static void judge(const Route& route, size_t call, Template& t, TimePoint now);

  mutable std::mutex mutex_;  // guards all below, and what is in a Route
  std::unordered_map<uint64_t, Client> clients_;
  std::list<uint64_t> by_age_;  // least recently seen first
  std::unordered_map<std::string, TimePoint> tunnels_;
};

}  // namespace siding
