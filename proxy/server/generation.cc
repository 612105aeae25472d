// See generation.h.
#include "proxy/server/generation.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace siding {

std::string Generation::listen(uint32_t threads, Inherited& inherited, const Generation* before) {
  const Config& config = *snapshot->config;
  const std::vector<ListenAddress> none;
  const auto& egress = config.egress ? config.egress->listen : none;
  // A door that only people and probes use needs one thread; the others get no socket.
  for (const auto& [kind, addresses, each] :
       {std::tuple{ListenerKind::front, &config.listen, threads},
        std::tuple{ListenerKind::egress, &egress, threads},
        std::tuple{ListenerKind::health, &config.health.listen, 1u},
        std::tuple{ListenerKind::admin, &config.admin.listen, 1u}}) {
    const ListeningSockets* old = before == nullptr ? nullptr : &before->of(kind);
    std::string error = of(kind).open(*addresses, each, inherited, old);
    if (!error.empty()) return error;
  }
  return {};
}

GenerationRef Generations::now() const {
  std::lock_guard lock(mutex_);
  return now_;
}

void Generations::begin(GenerationRef first) {
  std::lock_guard lock(mutex_);
  now_ = std::move(first);
}

bool Generations::wait_until_taken(size_t threads) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, kPatience, [&] {
    return taken_.size() >= threads &&
           std::all_of(taken_.begin(), taken_.end(),
                       [&](const auto& one) { return one.second == now_; });
  });
}

void Generations::hand_out(GenerationRef next) {
  std::lock_guard lock(mutex_);
  now_.swap(next);
  for (auto& [teller, which] : taken_) teller->post();
}

void Generations::listen(RemoteWake& teller) {
  std::lock_guard lock(mutex_);
  taken_.emplace(&teller, nullptr);
}

void Generations::taken(RemoteWake& teller, const GenerationRef& which) {
  std::lock_guard lock(mutex_);
  taken_[&teller] = which;
  changed_.notify_all();
}

void Generations::forget(RemoteWake& teller) {
  std::lock_guard lock(mutex_);
  taken_.erase(&teller);
  changed_.notify_all();
}

}  // namespace siding
