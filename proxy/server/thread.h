// What one thread runs: its listeners, their handlers, the upkeep of upstreams; the change from one
// configuration to the next, and the drain.
// Invariants: created, run and destroyed on its own thread; a new configuration comes between two batches,
// and counts for what begins after that; in a drain none comes any more.
#pragma once

#include <memory>
#include <vector>

#include "proxy/admin/admin.h"
#include "proxy/admin/health.h"
#include "proxy/downstream/listener.h"
#include "proxy/exchange/egress.h"
#include "proxy/exchange/exchange.h"
#include "proxy/server/process.h"
#include "proxy/server/purge_told.h"

namespace siding {

class ServerThread {
 public:
  ServerThread(Process& process, Loop& loop);
  ~ServerThread();
  ServerThread(const ServerThread&) = delete;
  ServerThread& operator=(const ServerThread&) = delete;

  /// Until it has drained.
  void run();

 private:
  /// An address that is listened on.
  struct Open {
    ListenerKind kind;
    size_t address;  // its place in the configuration
    ListenerOptions options;
    std::unique_ptr<Listener> listener{};
  };
  // thread.cc
  void take_generation();
  void give_up(LoopServicesRef before);
  void take_listeners(const LoopServices* before);
  Task<> see_off(std::unique_ptr<Open> leaving);
  void restart_upkeep(const LoopServices* before);
  Task<> watch_files();

  // thread_options.cc
  ListenerOptions options_of(ListenerKind kind, size_t address);
  HealthDoor::Options health_options();
  Handler& handler_of(ListenerKind kind);

  // thread_drain.cc
  void drain_listeners(ListenerKind kind, TimePoint until = kNever);
  Task<bool> wait_until_gone(ListenerKind kind, TimePoint until);
  Task<> drain_when_told();
  void end_tunnels(bool& whose);

  void look() { told_.notify(); }
  Drain::Stage stage() const { return process_.ending.stage(); }

  Process& process_;
  Loop& loop_;
  GenerationRef generation_;
  LoopWork work_;
  LoopServicesRef services_;  // in force
  // The last that had an [egress]: its connections may outlive it.
  LoopServicesRef egress_services_;
  FrontHandler front_handler_{services_};
  EgressHandler egress_handler_{egress_services_};
  HealthDoor health_handler_;
  PurgeTold teller_of_purges_{services_};
  AdminDoor admin_handler_;
  std::vector<std::unique_ptr<Open>> open_;
  Signal told_;
  MemberWake<ServerThread, &ServerThread::look> look_{*this};
  RemoteWake drain_told_{loop_, look_};
  MemberWake<ServerThread, &ServerThread::take_generation> take_{*this};
  RemoteWake generation_told_{loop_, take_};
  Task<> drain_;
  Task<> files_;
  Task<> upkeep_;
  Task<> news_;
};

}  // namespace siding
