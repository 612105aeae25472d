// See server.h. Order of life: observer, disk, loops, services; then a thread per loop, each with its
// own LoopServices and listeners; down again in reverse.
#include "proxy/server/server.h"

#include <atomic>
#include <functional>
#include <thread>
#include <tuple>

#include "proxy/admin/admin.h"
#include "proxy/admin/health.h"
#include "proxy/downstream/listener.h"
#include "proxy/exchange/egress.h"
#include "proxy/exchange/exchange.h"
#include "proxy/exchange/purge_news.h"
#include "proxy/exchange/services.h"
#include "proxy/exchange/upkeep.h"
#include "proxy/observe/log.h"
#include "proxy/server/drain.h"
#include "proxy/server/front_options.h"
#include "proxy/server/front_tls.h"
#include "proxy/server/limits.h"
#include "proxy/server/listening.h"
#include "proxy/server/purge_told.h"

namespace siding {

namespace {
/// How often a drain looks whether what is inside has finished: it counts over all threads.
constexpr Duration kDrainLook = std::chrono::milliseconds(5);
/// For what the doors still have to say at the very end.
constexpr Duration kLastWords = std::chrono::seconds(1);
/// How often the files of secrets and certificates are looked at.
constexpr Duration kFileLook = std::chrono::seconds(10);

/// One kind of listener over all threads.
struct Door {
  explicit Door(ListenerKind k) : kind(k) {}
  const ListenerKind kind;
  ListeningSockets sockets;
  std::atomic<uint32_t> open{0};
};
}  // namespace

struct Server::Impl {
  Impl(ConfigRef c, const Clock& k);
  ~Impl();
  std::string start();
  void thread_main(uint32_t index);
  void drain();
  int wait();

  class Thread;

  const ConfigRef config;
  const Clock& clock;
  const uint32_t threads;
  Drain ending;
  Observer observer;
  Disk disk;
  std::vector<std::unique_ptr<Loop>> loops;
  std::unique_ptr<Services> services;
  std::shared_ptr<FrontTls> front_tls;
  Door front{ListenerKind::front};
  Door egress{ListenerKind::egress};
  Door health{ListenerKind::health};
  Door admin{ListenerKind::admin};
  std::vector<std::thread> running;
  std::atomic<bool> cut_off{false};
};

/// What one thread runs.
class Server::Impl::Thread {
 public:
  Thread(Impl& server, Loop& loop)
      : server_(server),
        loop_(loop),
        services_(*server.services, loop),
        front_handler_(services_),
        front_options_(services_, *server.front_tls),
        egress_handler_(services_),
        health_handler_(server.observer, health_options(server)),
        teller_of_purges_(services_),
        admin_handler_(server.observer.ring(), *server.services->caches,
                       services_.redis ? &teller_of_purges_ : nullptr) {
    loop.adopt_thread();
    uint32_t egress_limit = server.config->egress ? server.config->egress->max_connections : 0;
    front_options_.shared.extended_connect = server.config->tunnels();
    open(server.front, front_options_.shared, front_handler_, front_limit(*server.config));
    open(server.egress, egress_options_, egress_handler_, egress_limit);
    open(server.health, health_options_, health_handler_, 256);
    open(server.admin, admin_options_, admin_handler_, 64);
    // The other side of a worker's connection is a library that may be slow for good reasons.
    egress_options_.head.max_fields = 200;
    egress_options_.send_timeout = std::chrono::hours(1);
    egress_options_.body_timeout = std::chrono::hours(1);
    server.ending.tell(teller_);
  }

  void run() {
    drain_ = drain_when_told();
    drain_.start();
    bool any = server_.services->secrets->any() || server_.services->tls->any() ||
               server_.front_tls->any();
    if (loop_.index() == 0 && any) {
      files_ = watch_files();
      files_.start();
    }
    upkeep_ = keep_upstreams(services_);
    upkeep_.start();
    if (services_.redis) {
      services_.redis->start();
      if (loop_.index() == 0) news_ = follow_purges(services_);
      if (news_) news_.start();
    }
    loop_.run();
  }

  ~Thread() {
    server_.ending.forget(teller_);
    drain_.reset();
    files_.reset();
    upkeep_.reset();
    news_.reset();
    listeners_.clear();
    server_.observer.flush(loop_);
  }

 private:
  void open(Door& door, ListenerOptions& options, Handler& handler, uint32_t most) {
    const LimitsConfig& limits = server_.config->limits;
    options.handler = &handler;
    options.head = {limits.max_head, limits.max_fields, limits.max_target};
    options.idle_timeout = limits.idle_timeout;
    options.head_timeout = limits.head_timeout;
    options.body_timeout = limits.body_timeout;
    options.send_timeout = limits.send_timeout;
    options.max_requests = limits.max_requests_per_connection;
    options.max_connections = most;
    options.open = &door.open;
    ListenerKind kind = door.kind;
    options.on_accept = [this, kind] { services_.counters().connection_opened(kind); };
    options.on_close = [this, kind] {
      services_.counters().connection_closed(kind);
      if (stage() != Drain::Stage::serving) told_.notify();
    };
    options.on_displace = [this, kind] { services_.counters().connection_displaced(kind); };
    options.on_abuse = [this](const SocketAddress& peer, Abuse abuse) {
      services_.counters().count(abuse);
      const std::string reason(to_string(abuse));
      warn_seldom("abuse:" + reason, loop_.now(),
                  "a connection of client " + peer.ip() + " was ended for " + reason);
    };
    options.on_pause = [this, kind] { services_.counters().listener_paused(kind); };
    options.on_refuse = [this, kind](const SocketAddress& peer, Outcome outcome,
                                     std::string_view reason) {
      if (kind != ListenerKind::front) return;
      ExchangeRecord record;
      record.wall = loop_.clock().wall();
      record.client = peer.ip();
      record.outcome = outcome;
      record.status = status_of(outcome);
      record.detail = reason;
      server_.observer.finished(loop_, std::move(record));
    };
    for (const ListeningSockets::Taken& socket : door.sockets.take(loop_.index())) {
      const bool of_clients = kind == ListenerKind::front;
      const ListenerOptions& its = of_clients ? front_options_.of(socket.address) : options;
      listeners_.push_back(std::make_unique<Listener>(loop_, socket.fd, its));
      kinds_.push_back(kind);
    }
  }

  void drain_listeners(ListenerKind kind) {
    for (size_t i = 0; i < listeners_.size(); ++i) {
      if (kinds_[i] == kind) listeners_[i]->drain();
    }
  }

  /// Work whose client has gone counts too: its worker is still inside, and may still call out.
  Task<bool> wait_until_gone(const std::atomic<uint32_t>& open, TimePoint until) {
    while (open > 0 || server_.services->abandoned > 0) {
      if (loop_.now() >= until || stage() == Drain::Stage::now) co_return open == 0;
      co_await Wait(told_, after(loop_.now(), kDrainLook));
    }
    co_return true;
  }

  /// New requests first, then what is inside, then the workers' calls: nobody inside may lose its
  /// way out before it has finished.
  Task<> drain_when_told() {
    Drain& drain = server_.ending;
    while (stage() == Drain::Stage::serving) co_await Wait(told_);
    // Who sends requests here learns only after a while that this one is not ready any more.
    const TimePoint served = after(loop_.now(), server_.config->drain_delay);
    while (loop_.now() < served && stage() != Drain::Stage::now) co_await Wait(told_, served);
    TimePoint until = after(loop_.now(), server_.config->drain_time());
    drain_listeners(ListenerKind::front);
    bool finished = co_await wait_until_gone(server_.front.open, until);
    if (!finished && server_.services->tunnels.open() > 0) {
      // These end by themselves only if they like: no fault of theirs.
      end_tunnels(services_.tunnels_end.clients);
      const TimePoint last = after(loop_.now(), kLastWords);
      finished = co_await wait_until_gone(server_.front.open, last);
    }
    drain.clients_have_gone();
    if (stage() < Drain::Stage::all) {
      while (stage() < Drain::Stage::all) co_await Wait(told_);
      until = after(loop_.now(), server_.config->drain_time());
    }
    drain_listeners(ListenerKind::egress);
    // Nobody inside needs them any more.
    end_tunnels(services_.tunnels_end.workers);
    bool quiet = co_await wait_until_gone(server_.egress.open, until);
    if (!finished || !quiet) server_.cut_off = true;
    // The doors stay open as long as any thread still works, and until they have said so.
    drain.has_ended();
    while (!drain.nobody_works()) co_await SleepUntil(after(loop_.now(), kDrainLook));
    drain_listeners(ListenerKind::health);
    const TimePoint told = after(loop_.now(), kLastWords);
    while (server_.health.open > 0 && loop_.now() < told && stage() != Drain::Stage::now) {
      co_await Wait(told_, after(loop_.now(), kDrainLook));
    }
    loop_.stop();
  }
  void look() { told_.notify(); }
  void end_tunnels(bool& whose) {
    whose = true;
    services_.tunnels_end.told.notify();
  }
  Drain::Stage stage() const { return server_.ending.stage(); }

  static HealthDoor::Options health_options(Impl& server) {
    Drain& drain = server.ending;
    HealthDoor::Options options;
    options.not_ready = [&drain] {
      return std::string(drain.stage() == Drain::Stage::serving ? "" : "draining");
    };
    options.drained = [&drain] { return drain.no_clients(); };
    if (server.config->health.may_drain) options.begin_drain = [&drain] { drain.begin(); };
    return options;
  }

  /// Secrets and certificates. Files block: Disk's thread reads them, and may still do so when this
  /// thread has ended.
  Task<> watch_files() {
    while (true) {
      co_await SleepUntil(after(loop_.now(), kFileLook));
      std::function<void()> look = [secrets = server_.services->secrets,
                                    tls = server_.services->tls, clients = server_.front_tls] {
        secrets->look();
        tls->look();
        clients->look();
      };
      co_await server_.disk.run(std::move(look));
    }
  }

  Impl& server_;
  Loop& loop_;
  LoopServices services_;
  FrontHandler front_handler_;
  FrontOptions front_options_;
  EgressHandler egress_handler_;
  HealthDoor health_handler_;
  PurgeTold teller_of_purges_;
  AdminDoor admin_handler_;
  ListenerOptions egress_options_;
  ListenerOptions health_options_;
  ListenerOptions admin_options_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::vector<ListenerKind> kinds_;  // of listeners_
  Signal told_;
  MemberWake<Thread, &Thread::look> look_{*this};
  RemoteWake teller_{loop_, look_};
  Task<> drain_;
  Task<> files_;
  Task<> upkeep_;
  Task<> news_;
};

Server::Impl::Impl(ConfigRef c, const Clock& k)
    : config(std::move(c)),
      clock(k),
      threads(thread_count(*config)),
      ending(threads),
      observer(threads, config->log.access, config->admin.ring) {}

Server::Impl::~Impl() {
  drain();
  drain();
  wait();
}

std::string Server::Impl::start() {
  front_tls = std::make_shared<FrontTls>(config->listen, clock);
  std::string unusable = front_tls->fault();
  if (!unusable.empty()) return unusable;
  Inherited inherited = Inherited::from_environment();
  const std::vector<ListenAddress> none;
  const auto& egress_addresses = config->egress ? config->egress->listen : none;
  for (const auto& [door, addresses, each] : {std::tuple{&front, &config->listen, threads},
                                              std::tuple{&egress, &egress_addresses, threads},
                                              std::tuple{&health, &config->health.listen, 1u},
                                              std::tuple{&admin, &config->admin.listen, 1u}}) {
    // A door that only people and probes use needs one thread; the others get no socket.
    std::string error = door->sockets.open(*addresses, each, inherited);
    if (!error.empty()) return error;
  }
  if (const std::string left = inherited.left(); !left.empty()) {
    log_warning("the supervisor handed over sockets that no `listen` names, and that are closed: " +
                left);
  }
  std::vector<Loop*> all;
  std::vector<const Loop*> all_const;
  for (uint32_t i = 0; i < threads; ++i) {
    loops.push_back(std::make_unique<Loop>(clock, i));
    all.push_back(loops.back().get());
    all_const.push_back(loops.back().get());
  }
  const uint64_t cache = cache_budget(*config);
  const uint64_t memory = memory_budget(*config);
  services = std::make_unique<Services>(config, observer, disk,
                                        memory - std::min(cache, memory / 2), cache, all);
  services->tunnels.set_most(tunnel_limit(*config));
  std::string fault = spill_fault(*config);
  if (!fault.empty()) {
    log_warning(fault + "; bodies stay in memory only. Make the folder writable, or name another " +
                "with [limits] spill_dir");
  }
  observer.gauges().add(loop_gauges(all_const));
  observer.gauges().add(uptime_gauge(clock));
  observer.gauges().add([this](MetricSink& sink) {
    services->collect(sink);
    front_tls->collect(sink);
  });
  for (uint32_t i = 0; i < threads; ++i) running.emplace_back([this, i] { thread_main(i); });
  return {};
}

void Server::Impl::thread_main(uint32_t index) {
  Thread thread(*this, *loops[index]);
  thread.run();
}

void Server::Impl::drain() { ending.stop(); }

int Server::Impl::wait() {
  for (std::thread& t : running) t.join();
  running.clear();
  return cut_off ? 1 : 0;
}

// ---- Server

Server::Server(ConfigRef config, const Clock& clock)
    : impl_(std::make_unique<Impl>(std::move(config), clock)) {}
Server::~Server() = default;

std::string Server::start() { return impl_->start(); }
std::vector<SocketAddress> Server::front_addresses() const {
  return impl_->front.sockets.addresses();
}
std::vector<SocketAddress> Server::egress_addresses() const {
  return impl_->egress.sockets.addresses();
}
std::vector<SocketAddress> Server::health_addresses() const {
  return impl_->health.sockets.addresses();
}
std::vector<SocketAddress> Server::admin_addresses() const {
  return impl_->admin.sockets.addresses();
}
void Server::drain() { impl_->drain(); }
int Server::wait() { return impl_->wait(); }

}  // namespace siding
