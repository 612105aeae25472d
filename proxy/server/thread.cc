// See thread.h. Its drain is in thread_drain.cc, what its listeners are told in thread_options.cc.
#include "proxy/server/thread.h"

#include <functional>
#include <utility>

#include "proxy/exchange/purge_news.h"
#include "proxy/exchange/upkeep.h"

namespace siding {

namespace {
/// How often the files of secrets and certificates are looked at.
constexpr Duration kFileLook = std::chrono::seconds(10);
/// Other threads may just have asked this one for something that belongs to what was replaced.
constexpr Duration kLastWakes = std::chrono::milliseconds(100);
/// How often it is looked whether the connections of an address that was taken away have ended.
constexpr Duration kLeaveLook = std::chrono::milliseconds(100);

Task<> hold_a_while([[maybe_unused]] LoopServicesRef services) {
  co_await SleepUntil(after(Loop::current().now(), kLastWakes));
}
}  // namespace

ServerThread::ServerThread(Process& process, Loop& loop)
    : process_(process),
      loop_(loop),
      work_(loop),
      health_handler_(process.observer, health_options()),
      admin_handler_(process.observer.ring(), *process.services->caches, &teller_of_purges_) {
  loop.adopt_thread();
  process.generations.listen(generation_told_);
  process.ending.tell(drain_told_);
}

ServerThread::~ServerThread() {
  process_.ending.forget(drain_told_);
  process_.generations.forget(generation_told_);
  drain_.reset();
  files_.reset();
  upkeep_.reset();
  news_.reset();
  open_.clear();
  work_.end();
  if (services_) services_->close_idle();
  services_.reset();
  egress_services_.reset();
  loop_.run();  // it has stopped: what was retired goes before that to which it belongs
  process_.observer.flush(loop_);
}

void ServerThread::run() {
  take_generation();
  drain_ = drain_when_told();
  drain_.start();
  if (loop_.index() == 0) {
    files_ = watch_files();
    files_.start();
  }
  loop_.run();
}

void ServerThread::take_generation() {
  const GenerationRef next = process_.generations.now();
  // A drain is of what there was when it began.
  if (!generation_ || (next != generation_ && stage() == Drain::Stage::serving)) {
    generation_ = next;
    LoopServicesRef before = std::move(services_);
    services_ = LoopServices::make(*process_.services, generation_->snapshot, work_, before.get());
    if (services_->snapshot.config->egress) egress_services_ = services_;
    take_listeners(before.get());
    restart_upkeep(before.get());
    if (before) give_up(std::move(before));
  }
  process_.generations.taken(generation_told_, next);
}

void ServerThread::give_up(LoopServicesRef before) {
  if (loop_.index() == 0) services_->snapshot.take_effect();
  before->snapshot.give_way(services_->snapshot, loop_);
  work_.background.run(hold_a_while(std::move(before)));
}

/// Those that are open and stay serve by the new configuration from now on; others leave, and come.
void ServerThread::take_listeners(const LoopServices* old) {
  std::vector<std::unique_ptr<Open>> before = std::exchange(open_, {});
  for (std::unique_ptr<Open>& one : before) {
    const std::optional<size_t> address = generation_->of(one->kind).goes_on(one->address);
    if (address) {
      // Who came in under other rules, by TLS or a PROXY header, does not stay.
      const bool same =
          one->kind != ListenerKind::front || old->snapshot.config->listen[one->address] ==
                                                  services_->snapshot.config->listen[*address];
      if (!same) one->listener->end_connections();
      one->address = *address;
      one->options = options_of(one->kind, *address);
      open_.push_back(std::move(one));
    } else {
      one->listener->drain();
      work_.background.run(see_off(std::move(one)));
    }
  }
  for (size_t kind = 0; kind < kDoors; ++kind) {
    const auto of = static_cast<ListenerKind>(kind);
    for (const ListeningSockets::Taken& socket : generation_->of(of).take(loop_.index())) {
      std::unique_ptr<Open> one(new Open{of, socket.address, options_of(of, socket.address)});
      one->listener = std::make_unique<Listener>(loop_, socket.fd, one->options);
      open_.push_back(std::move(one));
    }
  }
}

Task<> ServerThread::see_off(std::unique_ptr<Open> leaving) {
  while (leaving->listener->connections() > 0) {
    co_await SleepUntil(after(Loop::current().now(), kLeaveLook));
  }
  const bool egress = leaving->kind == ListenerKind::egress;
  if (egress && !services_->snapshot.config->egress) egress_services_.reset();
}

void ServerThread::restart_upkeep(const LoopServices* before) {
  upkeep_.reset();
  upkeep_ = keep_upstreams(*services_);
  upkeep_.start();
  const std::shared_ptr<RedisTier>& redis = services_->redis;
  if (before != nullptr && before->redis == redis) return;
  if (redis) redis->start();
  if (loop_.index() != 0) return;
  news_.reset();
  if (!redis) return;
  news_ = follow_purges(*process_.services->caches, redis);
  news_.start();
}

/// Secrets and certificates. Files block: Disk's thread reads them, and may still do so when this
/// thread has ended.
Task<> ServerThread::watch_files() {
  while (true) {
    co_await SleepUntil(after(loop_.now(), kFileLook));
    const Snapshot& snapshot = *generation_->snapshot;
    const bool any =
        snapshot.secrets->any() || snapshot.tls->any() || generation_->front_tls->any();
    if (!any) continue;
    std::function<void()> look = [secrets = snapshot.secrets, tls = snapshot.tls,
                                  clients = generation_->front_tls] {
      secrets->look();
      tls->look();
      clients->look();
    };
    co_await process_.disk.run(std::move(look));
  }
}

}  // namespace siding
