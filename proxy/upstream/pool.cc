// See pool.h.
#include "proxy/upstream/pool.h"

#include <algorithm>
#include <cassert>

namespace siding {

/// Somebody with a permit for whom all slots are taken, by idle connections of other loops.
struct Pool::Waiter : Link<> {
  Waiter(Pool& p, Loop& loop) : pool(p), remote(loop, wake) {}
  ~Waiter() {
    std::lock_guard lock(pool.mutex_);
    unlink();
    // A slot that came too late goes to the next one.
    if (granted && !taken) pool.slot_free();
  }
  void notify() { signal.notify(); }
  Pool& pool;
  bool granted = false;  // guarded by the pool's mutex
  bool taken = false;
  Signal signal;
  MemberWake<Waiter, &Waiter::notify> wake{*this};
  RemoteWake remote;
};

// ---- Slot

Slot::Slot(Pool& pool) : pool_(&pool), kept_(pool.weak_from_this().lock()) {}

Slot& Slot::operator=(Slot&& o) noexcept {
  std::swap(pool_, o.pool_);
  std::swap(kept_, o.kept_);
  return *this;
}

Slot::~Slot() {
  if (pool_ == nullptr) return;
  std::lock_guard lock(pool_->mutex_);
  pool_->slot_free();
}

// ---- PooledClient, Lease

void PooledClient::look() {
  Socket& socket = client_.socket();
  if (socket.quiet()) {  // TLS had something to say for itself, such as a ticket
    on_readable_.listen(socket.readable());
  } else {
    drop();
  }
}

void PooledClient::drop() { pool_->remove_idle(*this); }

void Lease::keep_for_later() {
  assert(!(*this)->request_sent());
  if (client_) pool_->keep(std::move(client_));
  stream_.reset();
  turn_ = Endpoints::Turn();
}

void Lease::release() {
  turn_ = {};
  stream_.reset();
  if (!client_) return;
  std::unique_ptr<PooledClient> client = std::move(client_);
  if (client->client().reusable()) pool_->keep(std::move(client));
}

// ---- Pool

Pool::Shard::Shard(Pool& p, Loop& l)
    : pool(p),
      loop(l),
      h2(l,
         {.idle_timeout = p.options_.idle_timeout,
          .keep = p.options_.max_idle > 0,
          .head = p.options_.head},
         p.h2_counts_) {}

Pool::Pool(Options options, const std::vector<Loop*>& loops) : options_(options) {
  for (Loop* loop : loops) shards_.push_back(std::make_unique<Shard>(*this, *loop));
}

Pool::~Pool() {
  for (auto& s : shards_) assert(s->idle.empty());
  assert(open_ == 0);
}

/// Under the mutex: one connection fewer; its slot goes to who waits for one.
void Pool::slot_free() {
  --open_;
  serve_waiters();
}

/// Under the mutex.
void Pool::serve_waiters() {
  while (options_.max_connections == 0 || open_ < options_.max_connections) {
    Waiter* waiter = waiters_.pop_front();
    if (waiter == nullptr) return;
    ++open_;
    waiter->granted = true;
    waiter->remote.post();
  }
}

void Pool::set_bounds(uint32_t max_connections, uint32_t workers, uint32_t max_idle) {
  std::lock_guard lock(mutex_);
  options_.max_connections = max_connections;
  options_.workers = workers;
  options_.max_idle = max_idle;
  serve_waiters();
  if (max_connections == 0) return;
  // Idle ones beyond the bound would be waited for.
  uint32_t excess = open_ - std::min(open_, max_connections);
  for (auto& s : shards_) {
    const uint32_t more = std::min(excess, s->idle_count - std::min(s->idle_count, s->evictions));
    if (more == 0) continue;
    s->evictions += more;
    excess -= more;
    s->remote.post();
  }
}

void Pool::retire(Loop& loop) {
  retired_ = true;
  close_idle(loop);
  shard(loop).h2.retire();
}

/// Off the list: it is the caller's.
void Pool::take(Shard& shard, PooledClient& client) {
  client.unlink();
  client.on_readable_.unlink();
  client.wake_.unlink();
  client.idle_timer_.unlink();
  std::lock_guard lock(mutex_);
  --shard.idle_count;
}

std::unique_ptr<PooledClient> Pool::pop_oldest(Shard& shard) {
  PooledClient* oldest = shard.idle.front();
  if (oldest != nullptr) take(shard, *oldest);
  return std::unique_ptr<PooledClient>(oldest);
}

Lease Pool::take_idle(Loop& loop, const SocketAddress* address) {
  Shard& mine = shard(loop);
  while (true) {
    PooledClient* newest = mine.idle.back();
    while (newest != nullptr && address != nullptr && newest->address_ != *address) {
      newest = mine.idle.prev(*newest);
    }
    if (newest == nullptr) return {};
    bool noted = newest->wake_.linked();  // something happened: see look()
    take(mine, *newest);
    std::unique_ptr<PooledClient> client(newest);
    // Bytes that nobody asked for would be taken for the next answer. The polls since it was kept
    // would have told of them.
    bool watched = loop.polls() > client->kept_at_ && !noted;
    if (!watched && !client->client().socket().quiet()) continue;
    client->client().begin();
    return Lease(*this, std::move(client), true);
  }
}

void Pool::keep(std::unique_ptr<PooledClient> client) {
  Shard& s = shard(client->client().socket().loop());
  {
    std::lock_guard lock(mutex_);
    bool wanted_elsewhere = !waiters_.empty() || crowded();
    if (retired_ || wanted_elsewhere || s.idle_count >= options_.max_idle) {
      // Closed by the caller's unique_ptr, after the lock is free.
    } else {
      ++s.idle_count;
      PooledClient* kept = client.release();
      kept->pool_ = this;
      kept->kept_at_ = s.loop.polls();
      s.idle.push_back(*kept);
      kept->on_readable_.listen(kept->client_.socket().readable());
      s.loop.arm(kept->idle_timer_, after(s.loop.now(), options_.idle_timeout));
    }
  }
}

void Pool::remove_idle(PooledClient& client) {
  Shard& s = shard(client.client_.socket().loop());
  client.unlink();
  client.on_readable_.unlink();
  client.wake_.unlink();  // both may come in one turn
  client.idle_timer_.unlink();
  {
    std::lock_guard lock(mutex_);
    --s.idle_count;
  }
  // It may be its own wake or timer that runs now.
  s.loop.retire(std::unique_ptr<PooledClient>(&client));
}

/// Under the mutex: a kept connection may hold a worker that another connection waits for.
bool Pool::crowded() const { return options_.workers != 0 && open_ > options_.workers; }

Task<Slot> Pool::reserve(Loop& loop) {
  Shard& mine = shard(loop);
  bool got = false;
  bool crowd = false;
  {
    std::lock_guard lock(mutex_);
    if (options_.max_connections == 0 || open_ < options_.max_connections) {
      ++open_;
      got = true;
      crowd = crowded();
      if (crowd && mine.idle_count == 0) ask_others(mine);
    }
  }
  if (got) {
    if (crowd) pop_oldest(mine);  // closes it, if there is one
    co_return Slot(*this);
  }
  if (std::unique_ptr<PooledClient> own = pop_oldest(mine)) {
    Slot slot = std::move(own->slot_);
    co_return std::move(slot);  // its connection closes with `own`
  }
  Waiter waiter(*this, loop);
  {
    std::lock_guard lock(mutex_);
    // Between the two looks a slot may have become free.
    if (options_.max_connections == 0 || open_ < options_.max_connections) {
      ++open_;
      co_return Slot(*this);
    }
    waiters_.push_back(waiter);
    ask_others(mine);
  }
  while (true) {
    {
      std::lock_guard lock(mutex_);
      if (waiter.granted) {
        waiter.taken = true;
        co_return Slot(*this);
      }
    }
    co_await Wait(waiter.signal);
  }
}

/// Under the mutex: has one idle connection closed by the loop that keeps it.
void Pool::ask_others(const Shard& mine) {
  for (auto& s : shards_) {
    if (s.get() == &mine || s->idle_count <= s->evictions) continue;
    ++s->evictions;
    s->remote.post();
    return;
  }
  // None is idle right now: the next one that is released goes to the waiter (keep()).
}

void Pool::Shard::evict() {
  uint32_t wanted = 0;
  {
    std::lock_guard lock(pool.mutex_);
    wanted = std::exchange(evictions, 0);
  }
  for (; wanted > 0; --wanted) {
    if (std::unique_ptr<PooledClient> client = pool.pop_oldest(*this)) continue;
    // It was taken meanwhile; another loop may have one.
    std::lock_guard lock(pool.mutex_);
    if (!pool.waiters_.empty()) pool.ask_others(*this);
  }
}

Lease Pool::lease(Slot slot, std::unique_ptr<Socket> socket, const SocketAddress& address) {
  auto client =
      std::make_unique<PooledClient>(std::move(slot), std::move(socket), address, options_.head);
  return Lease(*this, std::move(client), false);
}

void Pool::close_idle(Loop& loop) {
  while (std::unique_ptr<PooledClient> client = pop_oldest(shard(loop))) {
  }
  shard(loop).h2.close_idle();
}

uint32_t Pool::idle(Loop& loop, const SocketAddress& address) {
  if (h2(loop).connected_to(address)) return UINT32_MAX;
  uint32_t count = 0;
  List<PooledClient>& all = shard(loop).idle;
  for (PooledClient* c = all.back(); c != nullptr; c = all.prev(*c))
    count += c->address_ == address;
  return count;
}

uint32_t Pool::open() const {
  std::lock_guard lock(mutex_);
  return open_;
}

}  // namespace siding
