// See reuse.h.
#include "cache/reuse.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "cache/directives.h"

namespace siding {

namespace {

constexpr std::array<std::string_view, static_cast<size_t>(Reuse::count_)> kReuses{
    "fresh", "stale", "stale_while_revalidate", "validate", "bypass", "only_if_cached"};
static_assert(!kReuses.back().empty());

constexpr std::array<std::string_view, 10> kNotForCaches{
    "if-match",      "if-unmodified-since", "x-original-url",
    "x-rewrite-url", "x-original-uri",      "x-http-method-override",
    "x-http-method", "x-method-override",   "x-original-host",
    "x-host"};

/// Ages and lifetimes of years are possible; kForever is no number of them, but no bound at all.
bool no_more_than(Duration staleness, Seconds window) {
  return window >= kForever || staleness <= window;
}

/// Whether stale responses may be sent within `window`, which is the response's own word or, where it
/// has none, the route's. s-maxage forbids it as proxy-revalidate does (RFC 9111 5.2.2.10), but an
/// origin that writes an RFC 5861 directive next to it means what it says.
bool within(const Freshness& stored, std::optional<Seconds> own, Seconds route,
            Duration staleness) {
  if (stored.always_validate || stored.never_stale) return false;
  if (stored.shared_maxage && !own) return false;
  Seconds window = own.value_or(route);
  return window > Seconds(0) && no_more_than(staleness, window);
}

/// Whether the client takes one that is past its lifetime, if somebody allows it. Who says how old or
/// how fresh it may be wants none, unless max-stale says how stale; and then that is what it wants.
bool takes_stale(const RequestDirectives& wants, Duration age, Duration staleness) {
  if (wants.min_fresh) return false;
  if (wants.max_age && (!wants.max_stale || age > *wants.max_age)) return false;
  return !wants.max_stale || no_more_than(staleness, *wants.max_stale);
}

/// Fresh, and as fresh as the client wants it. A reload sends max-age=0; `immutable` says that it need
/// not be asked for (RFC 8246 section 2).
bool fresh_enough(const Freshness& stored, const RequestDirectives& wants, Duration age,
                  Duration left) {
  if (left <= Duration::zero()) return false;
  if (wants.max_age && age > *wants.max_age && !stored.immutable) return false;
  return !wants.min_fresh || left >= *wants.min_fresh;
}

Duration staleness_of(Duration left) { return left == Duration::min() ? Duration::max() : -left; }

/// What may be done without a word of the origin; `validate` if nothing.
Reuse without_origin(const Freshness& stored, const RequestDirectives& wants,
                     const CachePolicy& policy, Duration age, Duration left) {
  if (fresh_enough(stored, wants, age, left)) return Reuse::fresh;
  const Duration staleness = staleness_of(left);
  if (left > Duration::zero() || !takes_stale(wants, age, staleness)) return Reuse::validate;
  if (wants.max_stale && !stored.never_stale && !stored.shared_maxage) return Reuse::stale;
  return within(stored, stored.stale_while_revalidate, policy.stale_while_revalidate, staleness)
             ? Reuse::stale_while_revalidate
             : Reuse::validate;
}

}  // namespace

std::string_view to_string(Reuse r) { return kReuses[static_cast<size_t>(r)]; }

bool has_content(const RequestHead& request) {
  std::optional<std::string_view> length = request.fields.get("content-length");
  return (length && *length != "0") || request.fields.has("transfer-encoding");
}

bool may_look_up(const RequestHead& request) {
  bool safe = request.method == "GET" || request.method == "HEAD";
  if (!safe && request.method != "QUERY") return false;
  if (safe && has_content(request)) return false;
  return std::none_of(request.fields.begin(), request.fields.end(), [](const Field& f) {
    return std::any_of(kNotForCaches.begin(), kNotForCaches.end(),
                       [&](std::string_view name) { return equals_ignore_case(f.name, name); });
  });
}

bool refuses_forwarding(const RequestHead& request) {
  return request_directives(request.fields).only_if_cached;
}

ReuseDecision may_reuse(const RequestHead& request, const Freshness& stored,
                        const CachePolicy& policy, WallTime now) {
  ReuseDecision d;
  RequestDirectives wants = request_directives(request.fields);
  if (!policy.enabled || !may_look_up(request) || wants.no_store) {
    d.kind = policy.enabled && wants.only_if_cached ? Reuse::only_if_cached : Reuse::bypass;
    return d;
  }
  d.age = current_age(stored, now);
  d.time_left = time_left(stored, now);
  // Without a clock that one can trust each use has to be validated (RFC 9111 section 4).
  const bool may = d.age && !stored.always_validate && !wants.no_cache;
  if (may) d.kind = without_origin(stored, wants, policy, *d.age, *d.time_left);
  if (d.send_now()) return d;
  const bool in_time = d.age && *d.time_left > Duration::zero() && !stored.always_validate;
  d.by_request = in_time;
  if (wants.only_if_cached) {
    d.kind = Reuse::only_if_cached;
  } else if (may) {
    const Duration staleness = staleness_of(*d.time_left);
    const Seconds error =
        std::max(policy.stale_if_error, wants.stale_if_error.value_or(Seconds(0)));
    // An origin that cannot be reached would be a 502 or 504, of which RFC 5861 speaks too.
    const Seconds unreachable = std::max(policy.stale_if_unreachable, error);
    d.stale_if_error = in_time || within(stored, stored.stale_if_error, error, staleness);
    d.stale_if_unreachable =
        in_time || within(stored, stored.stale_if_error, unreachable, staleness);
  }
  return d;
}

}  // namespace siding
