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

/// Whether stale responses may be sent within `window`, which is the response's own word or, where it
/// has none, the route's. s-maxage forbids it as proxy-revalidate does (RFC 9111 5.2.2.10), but an
/// origin that writes an RFC 5861 directive next to it means what it says.
bool within(const Freshness& stored, std::optional<Seconds> own, Seconds route,
            Duration staleness) {
  if (stored.always_validate || stored.never_stale) return false;
  if (stored.shared_maxage && !own) return false;
  Seconds window = std::min(own.value_or(route), kForever);
  return window > Seconds(0) && staleness <= window;
}

/// Fresh, and as fresh as the client wants it. A reload sends max-age=0; `immutable` says that it need
/// not be asked for (RFC 8246 section 2).
bool fresh_enough(const Freshness& stored, const RequestDirectives& wants, Duration age,
                  Duration left) {
  if (left <= Duration::zero()) return false;
  if (wants.max_age && age > *wants.max_age && !stored.immutable) return false;
  return !wants.min_fresh || left >= *wants.min_fresh;
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
  // Without a clock that one can trust, there is nothing to reckon with (RFC 9111 section 4).
  Duration left = d.time_left.value_or(Duration::min());
  Duration age = d.age.value_or(Duration::max());
  Duration staleness = left == Duration::min() ? Duration::max() : -left;

  bool usable = d.age && !stored.always_validate && !wants.no_cache;
  bool forbidden = stored.never_stale || stored.shared_maxage;
  // A client that says how old or how fresh an answer may be wants no stale one, unless it says that.
  bool particular = wants.max_age || wants.min_fresh;
  bool old_enough_for = !wants.max_age || age <= *wants.max_age;
  if (usable && fresh_enough(stored, wants, age, left)) {
    d.kind = Reuse::fresh;
  } else if (usable && left <= Duration::zero() && !forbidden && wants.max_stale &&
             staleness <= *wants.max_stale && old_enough_for && !wants.min_fresh) {
    d.kind = Reuse::stale;
  } else if (usable && left <= Duration::zero() && !particular &&
             within(stored, stored.stale_while_revalidate, policy.stale_while_revalidate,
                    staleness)) {
    d.kind = Reuse::stale_while_revalidate;
  } else {
    d.kind = wants.only_if_cached ? Reuse::only_if_cached : Reuse::validate;
    d.by_request = left > Duration::zero() && !stored.always_validate;
    bool still_fresh = left > Duration::zero() && !stored.always_validate;
    Seconds route = std::max(policy.stale_if_error, wants.stale_if_error.value_or(Seconds(0)));
    bool may = d.kind == Reuse::validate && !wants.no_cache;
    d.stale_if_error =
        may && (still_fresh || within(stored, stored.stale_if_error, route, staleness));
    d.stale_if_unreachable = may && (still_fresh || within(stored, stored.stale_if_error,
                                                           policy.stale_if_unreachable, staleness));
  }
  return d;
}

}  // namespace siding
