// See server.h. Order of life: observer, disk, loops, services; then a thread per loop, each with its
// own ServerThread; down again in reverse.
#include "proxy/server/server.h"

#include <atomic>
#include <thread>

#include "proxy/observe/log.h"
#include "proxy/server/limits.h"
#include "proxy/server/process.h"
#include "proxy/server/restart_only.h"
#include "proxy/server/thread.h"

namespace siding {

namespace {
Shares shares_of(const Config& config) {
  const uint64_t cache = cache_budget(config);
  const uint64_t memory = memory_budget(config);
  return {.memory = memory - std::min(cache, memory / 2),
          .cache = cache,
          .tunnels = tunnel_limit(config)};
}
}  // namespace

struct Server::Impl {
  Impl(ConfigRef c, const Clock& clock)
      : started(std::move(c)), process(*started, clock, thread_count(*started)) {}
  ~Impl();
  std::string start();
  std::string reload(ConfigRef next);
  std::string replace(ConfigRef next);
  void collect(MetricSink& sink) const;
  int wait();
  bool serving() const { return process.ending.stage() == Drain::Stage::serving; }
  std::vector<SocketAddress> addresses(ListenerKind kind) const {
    return process.generations.now()->of(kind).addresses();
  }

  const ConfigRef started;  // with it
  Process process;
  std::atomic<uint64_t> reloads{0};
  std::atomic<uint64_t> refused{0};
  std::atomic<bool> last_refused{false};
  std::atomic<int64_t> loaded_at{0};  // seconds since 1970
  std::vector<std::thread> running;
};

Server::Impl::~Impl() {
  process.ending.stop();
  process.ending.stop();
  wait();
}

std::string Server::Impl::start() {
  auto first = std::make_shared<Generation>();
  first->front_tls = std::make_shared<FrontTls>(started->listen, process.clock);
  std::string unusable = first->front_tls->fault();
  if (!unusable.empty()) return unusable;
  std::vector<Loop*> all;
  for (uint32_t i = 0; i < process.threads; ++i) {
    process.loops.push_back(std::make_unique<Loop>(process.clock, i));
    all.push_back(process.loops.back().get());
  }
  process.services =
      std::make_unique<Services>(started, process.observer, process.disk, shares_of(*started), all);
  first->snapshot = process.services->now();
  Inherited inherited = Inherited::from_environment();
  std::string error = first->listen(process.threads, inherited);
  if (!error.empty()) return error;
  if (const std::string left = inherited.left(); !left.empty()) {
    log_warning("the supervisor handed over sockets that no `listen` names, and that are closed: " +
                left);
  }
  std::string fault = spill_fault(*started);
  if (!fault.empty()) {
    log_warning(fault + "; bodies stay in memory only. Make the folder writable, or name another " +
                "with [limits] spill_dir");
  }
  process.generations.begin(std::move(first));
  loaded_at = unix_seconds(process.clock);
  process.observer.gauges().add(loop_gauges({all.begin(), all.end()}));
  process.observer.gauges().add(uptime_gauge(process.clock));
  process.observer.gauges().add([this](MetricSink& sink) { collect(sink); });
  for (const auto& loop : process.loops) {
    running.emplace_back([this, &loop = *loop] { ServerThread(process, loop).run(); });
  }
  // Whoever is told that siding listens finds it so.
  const bool begun = process.generations.wait_until_taken(process.threads);
  return begun ? std::string() : "its threads do not start";
}

void Server::Impl::collect(MetricSink& sink) const {
  process.services->collect(sink);
  process.generations.now()->front_tls->collect(sink);
  constexpr std::string_view name = "siding_reloads_total";
  constexpr std::string_view help = "Configurations that were to replace the one in force";
  sink.counter(name, help, static_cast<double>(reloads), {{"result", "done"}});
  sink.counter(name, help, static_cast<double>(refused), {{"result", "refused"}});
  sink.gauge("siding_reload_refused",
             "1 while the newest configuration is not in force, because it cannot be",
             last_refused ? 1 : 0);
  sink.gauge("siding_configuration_loaded_seconds",
             "When the configuration in force was loaded, in seconds since 1970",
             static_cast<double>(loaded_at));
}

std::string Server::Impl::reload(ConfigRef next) {
  std::string error = replace(std::move(next));
  if (!error.empty()) return error;
  ++reloads;
  loaded_at = unix_seconds(process.clock);
  last_refused = false;
  return {};
}

std::string Server::Impl::replace(ConfigRef next) {
  if (!serving()) return "siding is about to end";
  if (!process.generations.wait_until_taken(0)) return "a thread has not taken the last one yet";
  const GenerationRef before = process.generations.now();
  auto generation = std::make_shared<Generation>();
  generation->front_tls =
      std::make_shared<FrontTls>(next->listen, process.clock, before->front_tls.get());
  std::string unusable = generation->front_tls->fault();
  if (!unusable.empty()) return unusable;
  const Shares shares = shares_of(*next);
  generation->snapshot = process.services->snapshot_of(next, shares);
  Inherited none;
  std::string error = generation->listen(process.threads, none, before.get());
  if (!error.empty()) return error;
  process.services->put_in_force(generation->snapshot, shares);
  process.generations.hand_out(std::move(generation));
  process.generations.wait_until_taken(0);
  set_log_level(next->log.level);
  if (const std::string names = restart_only(*started, *next); !names.empty()) {
    log_warning("these stay as they were until siding is started again: " + names);
  }
  return {};
}

int Server::Impl::wait() {
  for (std::thread& t : running) t.join();
  running.clear();
  return process.cut_off ? 1 : 0;
}

// ---- Server

Server::Server(ConfigRef config, const Clock& clock)
    : impl_(std::make_unique<Impl>(std::move(config), clock)) {}
Server::~Server() = default;

std::string Server::start() { return impl_->start(); }
std::string Server::reload(ConfigRef next) { return impl_->reload(std::move(next)); }
bool Server::serving() const { return impl_->serving(); }
void Server::reload_refused() {
  ++impl_->refused;
  impl_->last_refused = true;
}
std::vector<SocketAddress> Server::front_addresses() const {
  return impl_->addresses(ListenerKind::front);
}
std::vector<SocketAddress> Server::egress_addresses() const {
  return impl_->addresses(ListenerKind::egress);
}
std::vector<SocketAddress> Server::health_addresses() const {
  return impl_->addresses(ListenerKind::health);
}
std::vector<SocketAddress> Server::admin_addresses() const {
  return impl_->addresses(ListenerKind::admin);
}
std::vector<int> Server::listening_descriptors() const {
  std::vector<int> all;
  for (const ListeningSockets& door : impl_->process.generations.now()->sockets) {
    const std::vector<int> some = door.descriptors();
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}
void Server::drain() { impl_->process.ending.stop(); }
void Server::hand_over() { impl_->process.ending.hand_over(); }
int Server::wait() { return impl_->wait(); }

}  // namespace siding
