// See h2_pool.h.
#include "proxy/upstream/h2_pool.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "proxy/upstream/h2_upstream.h"

namespace siding {

namespace {
/// Addresses of which something is remembered. Beyond that those are forgotten at which nobody stands.
constexpr size_t kMostDoors = 64;
}  // namespace

// ---- H2Opening

H2Opening& H2Opening::operator=(H2Opening&& o) noexcept {
  std::swap(pool_, o.pool_);
  std::swap(address_, o.address_);
  return *this;
}

H2Opening::~H2Opening() {
  if (pool_ == nullptr) return;
  pool_->door(address_).opening = false;
  pool_->changed_.notify();
}

void H2Opening::opened(bool http2) {
  if (pool_ != nullptr) pool_->door(address_).http1 = !http2;
}

void H2Opening::failed(const Error& why) {
  if (pool_ == nullptr) return;
  H2Pool::Door& door = pool_->door(address_);
  ++door.failures;
  door.why = why;
}

// ---- H2Pool

H2Pool::H2Pool(Loop& loop, Options options, H2Counts& counts)
    : loop_(loop), options_(options), counts_(counts) {}

H2Pool::~H2Pool() { assert(connections_.empty()); }

H2Pool::Door& H2Pool::door(const SocketAddress& address) {
  auto found = std::find_if(doors_.begin(), doors_.end(),
                            [&](const Door& d) { return d.address == address; });
  if (found != doors_.end()) return *found;
  if (doors_.size() >= kMostDoors) {
    std::erase_if(doors_, [](const Door& d) { return !d.opening; });
  }
  doors_.push_back({.address = address});
  return doors_.back();
}

size_t H2Pool::count(const SocketAddress& address) {
  size_t n = 0;
  for (H2Upstream* c = connections_.front(); c != nullptr; c = connections_.next(*c)) {
    n += c->address() == address && c->wanted();
  }
  return n;
}

std::unique_ptr<HttpClient> H2Pool::take(const SocketAddress& address, const void* context) {
  H2Upstream* best = nullptr;
  for (H2Upstream* c = connections_.front(); c != nullptr; c = connections_.next(*c)) {
    if (c->address() != address) continue;
    if (c->context() != context) c->drain();  // its files have been replaced
    // The fullest one that has room: so the others become idle, and are closed.
    if (c->has_room() && (best == nullptr || c->calls() > best->calls())) best = c;
  }
  if (best == nullptr) return nullptr;
  return std::make_unique<H2Call>(*best);
}

Task<Result<H2Pool::Found>> H2Pool::find(std::vector<SocketAddress> addresses, const void* context,
                                         TimePoint deadline) {
  Found found;
  found.call = take(addresses.front(), context);
  const uint64_t failures = door(addresses.front()).failures;
  while (!found.call) {
    Door& first = door(addresses.front());
    if (first.http1) break;
    if (first.failures > failures) co_return first.why;
    if (!first.opening && count(addresses.front()) < kMostToOne) {
      first.opening = true;
      found.opening = H2Opening(*this, addresses.front());
      break;
    }
    bool in_time = co_await Wait(changed_, deadline);
    for (size_t i = 0; i < addresses.size() && !found.call; ++i) {
      found.call = take(addresses[i], context);
      found.at = found.call ? i : 0;
    }
    if (!in_time && !found.call) {
      co_return Error(Failure::timeout, Side::local, true, "no stream of an HTTP/2 connection");
    }
  }
  co_return std::move(found);
}

std::unique_ptr<HttpClient> H2Pool::add(Slot slot, std::unique_ptr<Socket> socket,
                                        const SocketAddress& address) {
  auto* connection = new H2Upstream(*this, std::move(slot), std::move(socket), address);
  connections_.push_back(*connection);
  auto call = std::make_unique<H2Call>(*connection);
  connection->start();
  door(address).http1 = false;
  changed_.notify();
  return call;
}

void H2Pool::retire(H2Upstream& connection) {
  connection.unlink();
  changed_.notify();
  // It may be its own wake or timer that runs now.
  loop_.retire(std::unique_ptr<H2Upstream>(&connection));
}

void H2Pool::close_idle() {
  H2Upstream* next = connections_.front();
  while (H2Upstream* c = next) {
    next = connections_.next(*c);
    if (c->calls() > 0) continue;
    c->say_goodbye();
    delete c;
  }
}

}  // namespace siding
