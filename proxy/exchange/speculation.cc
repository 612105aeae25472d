// See speculation.h.
#include "proxy/exchange/speculation.h"

#include <algorithm>

#include "proxy/observe/log.h"

namespace siding {

namespace {
constexpr Duration kPause = std::chrono::seconds(60);
constexpr uint32_t kUnusedInARow = 3;
/// For clients of which nothing was used yet: what a route has under way or wasted at once.
constexpr uint32_t kStrangersCalls = 10;  // of one such client at once
constexpr uint64_t kRouteFloor = 20;
constexpr uint64_t kRouteShare = 10;       // above the floor: one in ten of what was made
constexpr uint32_t kTemplateWindow = 100;  // answers
constexpr uint32_t kTemplateShare = 10;    // percent
constexpr uint32_t kTrialEvery = 20;
constexpr size_t kMaxClients = 16 * 1024;
constexpr size_t kMaxTunnels = 256;
}  // namespace

class Speculation::Route {
 public:
  Route(std::string n, size_t calls) : name(std::move(n)), templates(calls) {}
  const std::string name;
  uint64_t made = 0;  // halved each window, so that the past fades
  uint64_t unused = 0;
  uint64_t strangers = 0;  // calls under way for clients of which nothing was used yet
  TimePoint window_ends{};
  std::vector<Template> templates;
};

Speculation::RouteRef Speculation::new_route(std::string name, size_t calls) {
  return std::make_shared<Route>(std::move(name), calls);
}

Speculation::Client& Speculation::client(uint64_t id) {
  auto [at, is_new] = clients_.try_emplace(id);
  if (is_new) {
    at->second.age = by_age_.insert(by_age_.end(), id);
    if (clients_.size() > kMaxClients) {
      // The oldest without a call under way; one that is missing later counts as new.
      for (auto old = by_age_.begin(); old != by_age_.end(); ++old) {
        auto victim = clients_.find(*old);
        if (victim->second.outstanding > 0 || *old == id) continue;
        clients_.erase(victim);
        by_age_.erase(old);
        break;
      }
    }
  } else {
    by_age_.splice(by_age_.end(), by_age_, at->second.age);
  }
  return at->second;
}

void Speculation::fade(Route& route, TimePoint now) {
  if (now < route.window_ends) return;
  route.made /= 2;
  route.unused /= 2;
  route.window_ends = now + kPause;
}

std::optional<PrefetchSkip> Speculation::ask(Asked* asked, TimePoint now) {
  std::lock_guard lock(mutex_);
  Route& r = *asked->route;
  Template& t = r.templates[asked->call];
  Client& c = client(asked->client);
  fade(r, now);
  if (now < c.paused_until) return PrefetchSkip::client_paused;
  if (!c.proven) {
    if (c.outstanding >= kStrangersCalls) return PrefetchSkip::client_paused;
    uint64_t risk = r.unused + r.strangers;
    if (risk >= std::max(kRouteFloor, r.made / kRouteShare)) return PrefetchSkip::budget;
  }
  if (now < t.paused_until) return PrefetchSkip::template_paused;
  if (t.on_trial && t.since_pause++ % kTrialEvery != 0) return PrefetchSkip::template_paused;
  asked->stranger = !c.proven;
  ++c.outstanding;
  if (asked->stranger) ++r.strangers;
  ++r.made;
  return std::nullopt;
}

void Speculation::ended(const Asked& asked, Use use, TimePoint now) {
  std::lock_guard lock(mutex_);
  Route& r = *asked.route;
  Client& c = client(asked.client);
  if (c.outstanding > 0) --c.outstanding;
  if (asked.stranger) --r.strangers;
  if (use == Use::neither) return;
  Template& t = r.templates[asked.call];
  if (use == Use::used) {
    ++t.answers;
    ++t.used;
    c.proven = true;
    c.unused_in_a_row = 0;
  } else {
    // Strangers must not switch off a template that others use.
    if (!asked.stranger) ++t.answers;
    ++r.unused;
    if (++c.unused_in_a_row >= kUnusedInARow) {
      c.unused_in_a_row = 0;
      c.proven = false;
      c.paused_until = now + kPause;
    }
  }
  judge(r, asked.call, t, now);
}

void Speculation::judge(const Route& route, size_t call, Template& t, TimePoint now) {
  const std::string name = "call " + std::to_string(call + 1) + " of route " + route.name;
  if (t.on_trial && t.used > 0) {
    t.on_trial = false;
    t.answers = t.used = 0;
    log_info("prefetch: " + name + " is used again");
    return;
  }
  if (t.answers < kTemplateWindow) return;
  bool too_seldom = t.used * 100 < t.answers * kTemplateShare;
  if (too_seldom) {
    t.paused_until = now + kPause;
    t.on_trial = true;
    t.since_pause = 0;
    log_warning("prefetch: " + name + " pauses for 60 s: used by " + std::to_string(t.used) +
                " of " + std::to_string(t.answers) + " answers; `siding explain` shows what the " +
                "worker calls instead");
  }
  t.answers = t.used = 0;
}

void Speculation::matched(uint64_t id, TimePoint) {
  std::lock_guard lock(mutex_);
  Client& c = client(id);
  c.proven = true;
  c.unused_in_a_row = 0;
}

void Speculation::tunnelled(std::string_view host, TimePoint now) {
  std::lock_guard lock(mutex_);
  if (tunnels_.size() >= kMaxTunnels) tunnels_.clear();
  tunnels_[std::string(host)] = now + kPause;
}

bool Speculation::is_tunnelled(std::string_view host, TimePoint now) const {
  std::lock_guard lock(mutex_);
  auto at = tunnels_.find(std::string(host));
  return at != tunnels_.end() && now < at->second;
}

}  // namespace siding
