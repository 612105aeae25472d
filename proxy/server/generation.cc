// See generation.h.
#include "proxy/server/generation.h"

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

void Generations::hand_out(GenerationRef next) {
  std::unique_lock lock(mutex_);
  now_.swap(next);
  have_not_ = tellers_;
  for (RemoteWake* teller : tellers_) teller->post();
  all_have_.wait(lock, [this] { return have_not_.empty(); });
}

void Generations::listen(RemoteWake& teller) {
  std::lock_guard lock(mutex_);
  tellers_.insert(&teller);
}

void Generations::taken(RemoteWake& teller) {
  std::lock_guard lock(mutex_);
  have_not_.erase(&teller);
  if (have_not_.empty()) all_have_.notify_all();
}

void Generations::forget(RemoteWake& teller) {
  std::lock_guard lock(mutex_);
  tellers_.erase(&teller);
  have_not_.erase(&teller);
  if (have_not_.empty()) all_have_.notify_all();
}

}  // namespace siding
