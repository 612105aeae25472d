// See pins.h.
#include "proxy/exchange/pins.h"

#include <algorithm>
#include <array>
#include <cassert>

#include "base/text.h"
#include "cache/key.h"

namespace siding {

namespace {
// Fields that say nothing about what is asked for, or belong to one hop.
constexpr std::array<std::string_view, 18> kIgnored{"user-agent",
                                                    "accept-encoding",
                                                    "host",
                                                    "connection",
                                                    "keep-alive",
                                                    "via",
                                                    "traceparent",
                                                    "tracestate",
                                                    "x-request-id",
                                                    "te",
                                                    "trailer",
                                                    "upgrade",
                                                    "transfer-encoding",
                                                    "cdn-loop",
                                                    "siding-exchange",
                                                    "proxy-connection",
                                                    "proxy-authorization",
                                                    "expect"};

bool contains(const auto& list, std::string_view name) {
  return std::any_of(list.begin(), list.end(),
                     [&](std::string_view item) { return equals_ignore_case(item, name); });
}

/// The first field of `a` that `b` has not, or has with another value.
std::string missing_in(const Fields& a, const Fields& b, const IgnoredFields& ignored) {
  for (const Field& f : a) {
    if (ignored.ignores(f.name, f.value)) continue;
    if (a.joined(f.name) != b.joined(f.name)) return lower(f.name);
  }
  return {};
}

bool encoding_acceptable(const Fields& answer, const Fields& call) {
  std::string coding = lower(answer.joined("content-encoding"));
  if (coding.empty() || coding == "identity") return true;
  std::string accepted = lower(call.joined("accept-encoding"));
  bool found = false;
  for_each_item(accepted, [&](std::string_view item) {
    std::string_view name = trim_ows(item.substr(0, item.find(';')));
    bool refused =
        item.find("q=0") != std::string_view::npos && item.find("q=0.") == std::string_view::npos;
    if ((name == coding || name == "*") && !refused) found = true;
  });
  return found;
}

/// Why this answer may not be given to this call; empty if it may (RFC 9111 4.1 for Vary).
std::string refusal(const PinnedAnswer& answer, const Fields& prefetch, const Fields& call) {
  std::string name;
  for (const Field& f : answer.head.fields) {
    if (!equals_ignore_case(f.name, "vary")) continue;
    for_each_item(f.value, [&](std::string_view item) {
      if (!name.empty()) return;
      if (item == "*" || prefetch.joined(item) != call.joined(item)) name = lower(item);
    });
  }
  if (!name.empty()) return "vary:" + name;
  return encoding_acceptable(answer.head.fields, call) ? "" : "content-encoding";
}
}  // namespace

IgnoredFields::IgnoredFields(const std::vector<std::string>& more) {
  for (const std::string& name : more) more_.push_back(lower(name));
}

bool IgnoredFields::ignores(std::string_view name, std::string_view value) const {
  if (contains(kIgnored, name) || contains(more_, name)) return true;
  if (equals_ignore_case(name, "accept")) return value == "*/*";
  if (equals_ignore_case(name, "content-length")) return true;  // the body is in the key
  return false;
}

std::string first_differing_field(const Fields& a, const Fields& b, const IgnoredFields& ignored) {
  std::string name = missing_in(a, b, ignored);
  return name.empty() ? missing_in(b, a, ignored) : name;
}

PinStore::~PinStore() { assert(pools_.empty()); }

void PinStore::set_limits(uint64_t max_bytes, Duration max_age) {
  bytes_.set_limit(max_bytes);
  std::lock_guard lock(mutex_);
  max_age_ = max_age;
}

PinRef PinStore::offer(PinOffer offer, PinnedAnswerRef answer) {
  auto pin = std::make_shared<Pin>();
  pin->offer = std::move(offer);
  pin->answer = std::move(answer);
  std::lock_guard lock(mutex_);
  KeyPool& pool = pools_[pin->offer.key];
  pool.offers.push_back(pin);
  if (pin->offer.call_made) {
    pin->available = true;
    pool.answers.push_back(pin);
  }
  return pin;
}

void PinStore::complete(const PinRef& pin, PinnedAnswerRef answer) {
  std::lock_guard lock(mutex_);
  pin->answer = std::move(answer);
  if (!pin->answer) {
    pin->failed = true;
    auto pool = pools_.find(pin->offer.key);
    if (pool != pools_.end()) {
      if (pin->available) std::erase(pool->second.answers, pin);
      if (pin->taken && pool->second.taken > 0) --pool->second.taken;
    }
    pin->available = false;
  }
  if (pin->joiner != nullptr) pin->joiner->post();
}

PinStore::Fate PinStore::withdraw(const PinRef& pin) {
  std::lock_guard lock(mutex_);
  auto found = pools_.find(pin->offer.key);
  assert(found != pools_.end());
  KeyPool& pool = found->second;
  std::erase(pool.offers, pin);
  // Its worker may have got another's answer, and its expectation been met by another's call: who
  // ends first takes the credit. An answer that merely stays for others is nobody's success.
  bool used = pin->offer.call_made && !pin->failed && (pin->matched || pool.taken > 0);
  if (used && pool.taken > 0) --pool.taken;
  while (pool.answers.size() > pool.offers.size()) {
    // Its own if nobody took it (it may be in flight, and its fetch ends now), else the oldest.
    PinRef victim = pin->available ? pin : pool.answers.front();
    victim->available = false;
    std::erase(pool.answers, victim);
  }
  if (pool.offers.empty() && pool.answers.empty()) pools_.erase(found);
  if (used) return Fate::used;
  if (!pin->reason.empty() && !pin->matched) return Fate::missed;
  return pin->offer.call_made ? Fate::unused : Fate::observed;
}

bool PinStore::wanted(const PinRef& pin) const {
  std::lock_guard lock(mutex_);
  return !pin->answer && !pin->failed && (pin->available || pin->joiner != nullptr);
}

/// Whether this pin may be given to this call; else `reason` says why not.
bool PinStore::usable(const PinRef& pin, const Fields& fields, std::string_view exchange,
                      TimePoint oldest, std::string* reason) {
  const PinOffer& offer = pin->offer;
  if (!exchange.empty() && offer.exchange != exchange) return false;
  if (pin->answer && pin->answer->fetched < oldest) {
    *reason = "age";
    return false;
  }
  std::string field = first_differing_field(offer.fields, fields, *offer.ignored);
  if (!field.empty()) {
    *reason = "field:" + field;
    return false;
  }
  if (!pin->answer || pin->answer->timed_out) return true;
  std::string refused = refusal(*pin->answer, offer.fields, fields);
  if (refused.empty()) return true;
  *reason = refused;
  pin->matched = false;
  pin->reason = refused;
  return false;
}

PinStore::Taken PinStore::take(const std::string& key, const Fields& fields,
                               std::string_view exchange, TimePoint now, RemoteWake* joiner) {
  Taken taken;
  std::lock_guard lock(mutex_);
  auto found = pools_.find(key);
  if (found == pools_.end()) {
    note_difference(key, fields, &taken);
    return taken;
  }
  KeyPool& pool = found->second;
  taken.inside = pool.offers;
  // One call meets one expectation.
  for (const PinRef& pin : pool.offers) {
    if (pin->matched) continue;
    pin->matched = first_differing_field(pin->offer.fields, fields, *pin->offer.ignored).empty();
    if (pin->matched) break;
  }
  // A ready answer is better than one in flight, and that better than a time-out.
  PinRef best;
  auto rank = [](const PinRef& pin) { return !pin->answer ? 1 : pin->answer->timed_out ? 0 : 2; };
  for (const PinRef& pin : pool.answers) {
    if (!usable(pin, fields, exchange, now - max_age_, &taken.reason)) continue;
    if (!best || rank(pin) > rank(best)) best = pin;
  }
  if (best) {
    std::erase(pool.answers, best);
    best->available = false;
    best->taken = true;
    ++pool.taken;
    taken.reason.clear();
    if (best->answer) {
      taken.answer = best->answer;
    } else {
      best->joined = true;
      best->joiner = joiner;
      taken.joined = best;
    }
    return taken;
  }
  if (taken.reason.empty() || taken.reason.starts_with("field:")) {
    note_difference(key, fields, &taken);
  }
  return taken;
}

/// Under the mutex: tells the offer that comes nearest to this call what it missed by.
void PinStore::note_difference(const std::string& key, const Fields& fields, Taken* taken) {
  // Keys begin with upstream and method: an offer of another upstream is not near.
  size_t target = key.find(' ', key.find(' ') + 1);
  Pin* nearest = nullptr;
  size_t best = target;
  for (auto& [other, pool] : pools_) {
    auto [a, b] = std::mismatch(key.begin(), key.end(), other.begin(), other.end());
    auto common = static_cast<size_t>(a - key.begin());
    if (common < best) continue;
    for (const PinRef& pin : pool.offers) {
      // One that was met or has its difference already gives way to one that has not.
      bool open = !pin->matched && !pin->taken && pin->reason.empty();
      if (nearest != nullptr && common == best && !open) continue;
      nearest = pin.get();
      best = common;
    }
  }
  if (nearest == nullptr) return;
  // Upstream, method and target are alike, then: only a body has spaces before it.
  const size_t body = key.find(' ', target + 1);
  std::string reason = body != std::string::npos && best > body ? "body" : "target";
  std::string difference = first_difference(nearest->offer.key, key);
  if (nearest->offer.key == key) {
    std::string field =
        first_differing_field(nearest->offer.fields, fields, *nearest->offer.ignored);
    if (field.empty()) return;  // it was met before: a second identical call is a call of its own
    reason = "field:" + field;
    // Names only: a value may be a credential.
    difference = "field " + field + " differs, or stands on one side only";
  }
  taken->reason = reason;
  if (nearest->matched || nearest->taken) return;
  nearest->actual = key;
  nearest->difference = difference;
  nearest->reason = reason;
}

PinStore::Joined PinStore::result(const PinRef& pin) const {
  std::lock_guard lock(mutex_);
  return {pin->answer != nullptr || pin->failed, pin->answer};
}

void PinStore::leave(const PinRef& pin) {
  std::lock_guard lock(mutex_);
  pin->joiner = nullptr;
}

PinStore::Snapshot PinStore::snapshot() const {
  std::lock_guard lock(mutex_);
  Snapshot s;
  for (const auto& [key, pool] : pools_) s.offers += pool.offers.size();
  s.bytes = bytes_.used();
  return s;
}

}  // namespace siding
