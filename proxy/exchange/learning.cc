// See learning.h.
#include "proxy/exchange/learning.h"

#include <array>

#include "base/text.h"

namespace siding {

namespace {
constexpr size_t kMaxFields = 64;
/// A value that three different clients' calls carried is the application's, not a client's.
constexpr size_t kClients = 3;

constexpr std::array<std::string_view, 3> kFromTheFirst{"user-agent", "accept", "accept-encoding"};
constexpr std::array<std::string_view, 9> kNever{
    "authorization", "cookie",      "range",      "x-request-id", "traceparent",
    "tracestate",    "x-amzn-trace-id", "x-b3-traceid", "idempotency-key"};
constexpr std::array<std::string_view, 3> kNeverPrefixes{"proxy-", "if-", "content-"};

bool from_the_first(std::string_view name) {
  for (std::string_view n : kFromTheFirst) {
    if (n == name) return true;
  }
  return false;
}

bool never(std::string_view name) {
  for (std::string_view n : kNever) {
    if (n == name) return true;
  }
  for (std::string_view prefix : kNeverPrefixes) {
    if (name.starts_with(prefix)) return true;
  }
  return false;
}
}  // namespace

void LearnedFields::apply(Fields& prefetch) const {
  std::lock_guard lock(mutex_);
  apply_locked(prefetch);
}

void LearnedFields::apply_locked(Fields& prefetch) const {
  for (const auto& [name, seen] : seen_) {
    if (seen.known && !seen.varying && !prefetch.has(name)) prefetch.add(seen.name, seen.value);
  }
}

bool LearnedFields::matched() const {
  std::lock_guard lock(mutex_);
  return matched_;
}

std::string LearnedFields::obstacle() const {
  std::lock_guard lock(mutex_);
  return obstacle_;
}

std::string LearnedFields::learn(const Fields& call, const PinOffer& offer) {
  std::lock_guard lock(mutex_);
  for (const Field& field : call) {
    std::string name = lower(field.name);
    bool first_counts = from_the_first(name);
    if (never(name) || (!first_counts && offer.ignored->ignores(name, field.value))) continue;
    std::string value = call.joined(field.name);
    auto [at, is_new] = seen_.try_emplace(name);
    Seen& seen = at->second;
    if (is_new) {
      if (seen_.size() > kMaxFields) {
        seen_.erase(at);
        continue;
      }
      seen.name = field.name;
      seen.value = value;
    } else if (seen.value != value) {
      // What is ignored in comparisons (User-Agent) stays as it was first; what counts must not.
      if (!offer.ignored->ignores(name, value)) seen.varying = true;
      continue;
    }
    if (first_counts) {
      seen.known = true;
    } else if (!seen.known && seen.clients.size() < kClients) {
      seen.clients.insert(offer.client);
      seen.known = seen.clients.size() >= kClients;
    }
  }
  Fields would_send = offer.fields;
  apply_locked(would_send);
  std::string field = first_differing_field(would_send, call, *offer.ignored);
  if (field.empty()) {
    matched_ = true;
    obstacle_.clear();
  } else if (!matched_) {
    obstacle_ = "field:" + field + " not known";
  }
  return field;
}

}  // namespace siding
