// See freshness.h.
#include "cache/freshness.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/text.h"
#include "http/date.h"

namespace siding {

namespace {

constexpr std::array<std::string_view, static_cast<size_t>(LifetimeSource::count_)>
    kLifetimeSources{"none", "s_maxage", "max_age", "expires", "ttl", "heuristic"};
static_assert(!kLifetimeSources.back().empty());

constexpr Seconds kLongestHeuristic{24 * 3600};

int64_t whole_seconds(WallTime t) {
  return std::chrono::floor<Seconds>(t).time_since_epoch().count();
}

/// Expires minus Date. What is no date is in the past (5.3), as are two lines that differ (4.2.1).
Seconds expires_lifetime(const Fields& fields, WallTime response_time) {
  const Field* first = fields.find("expires");
  for (const Field& f : fields) {
    if (equals_ignore_case(f.name, "expires") && f.value != first->value) return Seconds(0);
  }
  std::optional<WallTime> expires = parse_http_date(first->value, response_time);
  if (!expires) return Seconds(0);
  int64_t length = whole_seconds(*expires) - whole_seconds(date_of(fields, response_time));
  return std::clamp(Seconds(length), -kForever, kForever);
}

std::optional<Seconds> heuristic_lifetime(const ResponseHead& head, WallTime response_time) {
  std::optional<WallTime> modified = date_field(head.fields, "last-modified", response_time);
  if (!modified) return std::nullopt;
  int64_t since = whole_seconds(date_of(head.fields, response_time)) - whole_seconds(*modified);
  return std::clamp(Seconds(since / 10), Seconds(0), kLongestHeuristic);
}

}  // namespace

std::string_view to_string(LifetimeSource s) { return kLifetimeSources[static_cast<size_t>(s)]; }

Duration saturating_since(WallTime later, WallTime earlier) {
  int64_t out = 0;
  bool over = __builtin_sub_overflow(later.time_since_epoch().count(),
                                     earlier.time_since_epoch().count(), &out);
  if (over) return later > earlier ? Duration::max() : Duration::min();
  return Duration(out);
}

Duration saturating_add(Duration a, Duration b) {
  int64_t out = 0;
  if (__builtin_add_overflow(a.count(), b.count(), &out)) {
    return a > Duration::zero() ? Duration::max() : Duration::min();
  }
  return Duration(out);
}

std::optional<WallTime> date_field(const Fields& fields, std::string_view name, WallTime now) {
  const Field* f = fields.find(name);
  return f == nullptr ? std::nullopt : parse_http_date(f->value, now);
}

WallTime date_of(const Fields& fields, WallTime response_time) {
  return date_field(fields, "date", response_time).value_or(response_time);
}

Seconds age_field(const Fields& fields) {
  const Field* f = fields.find("age");
  if (f == nullptr) return Seconds(0);
  return parse_delta_seconds(trim_ows(f->value.substr(0, f->value.find(',')))).value_or(Seconds(0));
}

Lifetime lifetime_of(const ResponseHead& head, const ResponseDirectives& directives,
                     const CachePolicy& policy, WallTime response_time) {
  if (directives.s_maxage) return {*directives.s_maxage, LifetimeSource::s_maxage};
  if (directives.max_age) return {*directives.max_age, LifetimeSource::max_age};
  if (!directives.targeted && head.fields.has("expires")) {
    return {expires_lifetime(head.fields, response_time), LifetimeSource::expires};
  }
  if (std::optional<Seconds> ttl = policy.ttl_of(head.status)) {
    return {std::min(*ttl, kForever), LifetimeSource::ttl};
  }
  bool allowed = heuristically_cacheable(head.status) || directives.is_public;
  if (policy.heuristic && allowed) {
    std::optional<Seconds> length = heuristic_lifetime(head, response_time);
    if (length) return {*length, LifetimeSource::heuristic};
  }
  return {};
}

Freshness freshness_of(const ResponseHead& head, const CachePolicy& policy, ResponseTimes times) {
  ResponseDirectives directives = response_directives(head.fields);
  Freshness f;
  f.lifetime = lifetime_of(head, directives, policy, times.response);
  f.response_time = times.response;
  if (times.response >= times.request) {
    Duration apparent = saturating_since(times.response, date_of(head.fields, times.response));
    Duration delay = saturating_since(times.response, times.request);
    f.initial_age = std::max(apparent, saturating_add(age_field(head.fields), delay));
  }
  f.always_validate = directives.no_cache;
  f.never_stale = directives.must_revalidate || directives.proxy_revalidate;
  f.shared_maxage = directives.s_maxage.has_value();
  f.immutable = directives.immutable;
  f.stale_while_revalidate = directives.stale_while_revalidate;
  f.stale_if_error = directives.stale_if_error;
  return f;
}

std::optional<Duration> current_age(const Freshness& f, WallTime now) {
  if (!f.initial_age || now < f.response_time) return std::nullopt;
  return saturating_add(*f.initial_age, saturating_since(now, f.response_time));
}

std::optional<Duration> time_left(const Freshness& f, WallTime now) {
  std::optional<Duration> age = current_age(f, now);
  if (!age) return std::nullopt;
  return saturating_add(f.lifetime.length, -*age);
}

void set_age(Fields& fields, Duration age) {
  int64_t whole = std::chrono::floor<Seconds>(age).count();
  fields.set("Age", std::to_string(std::clamp(whole, int64_t{0}, kForever.count())));
}

}  // namespace siding
