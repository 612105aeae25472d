// A second reading of RFC 9111 (sections 3, 4.2, 5.2), RFC 5861, 8246 and 9213, over facts instead of
// text. What the RFCs leave open it decides as the comments in cache/*.h say.
// Invariant: it shares no code with cache/, only the names of the outcomes. So it is written the slow
// way, with sums that cannot overflow.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <optional>

#include "cache/freshness.h"
#include "cache/reuse.h"
#include "cache/storable.h"
#include "tests/cache/model_directives.h"

namespace siding::cache_model {

/// What the model says. `refusals` has a bit for each StoreReason that speaks against storing.
struct Verdict {
  uint32_t refusals = 0;
  std::optional<Wide> age;
  int64_t lifetime = 0;
  LifetimeSource source = LifetimeSource::none;
  bool looked_at = false;  ///< the stored one
  Reuse kind = Reuse::validate;
  bool by_request = false;
  bool stale_if_error = false;
  bool stale_if_unreachable = false;
};

/// One case, read as the RFCs say.
class Model {
 public:
  explicit Model(const Facts& facts) : facts_(facts) {}

  Verdict verdict() {
    wants_ = read_list(facts_, Place::request);
    told_ = read_response();
    Verdict v;
    set_lifetime(v);
    v.age = current_age();
    v.refusals = refusals(v);
    reuse(v);
    return v;
  }

 private:
  Told read_response() const {
    for (Place p : {Place::siding, Place::cdn}) {
      if (std::optional<Told> t = read_targeted(facts_, p)) return *t;
    }
    return read_list(facts_, Place::cache_control);
  }

  /// The first fact of that kind.
  const Fact* find(Kind k) const {
    for (const Fact& f : facts_) {
      if (f.kind == k) return &f;
    }
    return nullptr;
  }
  bool has(Kind k) const { return find(k) != nullptr; }
  int64_t value(Kind k, int64_t otherwise) const {
    const Fact* f = find(k);
    return f == nullptr ? otherwise : f->value;
  }
  Wide time(Kind k) const { return Wide{kStart} * kSecond + value(k, 0); }
  /// A date in nanoseconds from 1970; for what WallTime cannot say its nearest end, in whole seconds
  /// and one short of it (http/date.h).
  std::optional<Wide> date(Kind k) const {
    const Fact* f = find(k);
    if (f == nullptr || f->form == Form::bad) return std::nullopt;
    if (f->form == Form::far_past) return -kLastDate * kSecond;
    if (f->form == Form::far_future) return kLastDate * kSecond;
    return (Wide{kStart} + f->value) * kSecond;
  }
  int64_t status() const { return value(Kind::status, 200); }
  bool method_is(size_t i) const { return value(Kind::method, 0) == static_cast<int64_t>(i); }
  Wide date_value() const { return date(Kind::date).value_or(time(Kind::response_time)); }

  static int64_t floor_seconds(Wide ns) {
    Wide s = ns / kSecond;
    if (ns % kSecond < 0) --s;
    return static_cast<int64_t>(s);
  }
  static bool one_of(int64_t status, std::initializer_list<int> list) {
    return std::find(list.begin(), list.end(), status) != list.end();
  }
  /// RFC 9110 15.1; siding stores no 206.
  bool heuristic_status() const {
    return one_of(status(), {200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501});
  }
  bool understood_status() const {
    return heuristic_status() || one_of(status(), {302, 303, 307, 400, 403, 500, 502, 503, 504});
  }

  /// 4.2.1 for a shared cache, the route's ttl, 4.2.2.
  void set_lifetime(Verdict& v) const {
    auto set = [&](int64_t seconds, LifetimeSource source) {
      v.lifetime = seconds;
      v.source = source;
    };
    if (auto n = told_.number(Kind::s_maxage).lifetime()) return set(*n, LifetimeSource::s_maxage);
    if (auto n = told_.number(Kind::max_age).lifetime()) return set(*n, LifetimeSource::max_age);
    if (has(Kind::expires) && !told_.targeted) {
      return set(expires_minus_date(), LifetimeSource::expires);
    }
    if (has(Kind::ttl)) return set(std::min(value(Kind::ttl, 0), kInfinite), LifetimeSource::ttl);
    auto modified = date(Kind::last_modified);
    if (has(Kind::heuristic) && modified && (heuristic_status() || told_.well(Kind::public_))) {
      int64_t tenth = (floor_seconds(date_value()) - floor_seconds(*modified)) / 10;
      return set(std::clamp<int64_t>(tenth, 0, 86400), LifetimeSource::heuristic);
    }
  }
  /// 5.3: what is no date is in the past, and so are two that differ (4.2.1). Where Date is missing a
  /// cache adds one (RFC 9110 6.6.1), and that has whole seconds.
  int64_t expires_minus_date() const {
    const Fact* first = find(Kind::expires);
    for (const Fact& f : facts_) {
      const bool same = f.value == first->value && f.form == first->form;
      if (f.kind == Kind::expires && !same) return 0;
    }
    auto expires = date(Kind::expires);
    if (!expires) return 0;
    int64_t length = floor_seconds(*expires) - floor_seconds(date_value());
    return std::clamp(length, -kInfinite, kInfinite);
  }

  /// 4.2.3; nullopt if the clock went back.
  std::optional<Wide> current_age() const {
    Wide asked = time(Kind::request_time);
    Wide came = time(Kind::response_time);
    Wide now = time(Kind::now);
    if (asked > came || came > now) return std::nullopt;
    Wide apparent = std::max<Wide>(0, came - date_value());
    const Fact* age = find(Kind::age);
    Wide age_value = 0;
    if (age != nullptr && age->form != Form::bad) {
      age_value = std::min<Wide>(age->value, kInfinite) * kSecond;
    }
    Wide corrected = age_value + (came - asked);
    return std::max(apparent, corrected) + (now - came);
  }

  bool has_validator() const {
    if (status() < 200 || status() > 299) return false;
    const Fact* tag = find(Kind::etag);
    return (tag != nullptr && tag->form != Form::bad) || date(Kind::last_modified).has_value();
  }
  /// 3.5
  bool shared_in_so_many_words() const {
    return told_.well(Kind::public_) || told_.well(Kind::must_revalidate) ||
           told_.well(Kind::s_maxage);
  }

  /// Section 3.
  uint32_t refusals(const Verdict& v) const {
    uint32_t bits = 0;
    auto refuse = [&](StoreReason r, bool yes) {
      if (yes) bits |= uint32_t{1} << static_cast<unsigned>(r);
    };
    refuse(StoreReason::disabled, has(Kind::disabled));
    const bool explicit_lifetime = v.source == LifetimeSource::s_maxage ||
                                   v.source == LifetimeSource::max_age ||
                                   v.source == LifetimeSource::expires;
    const Fact* location = find(Kind::content_location);
    const bool post_as_get = method_is(3) && status() == 200 && explicit_lifetime &&
                             location != nullptr && location->form == Form::plain;
    refuse(StoreReason::method, !method_is(0) && !method_is(2) && !post_as_get);
    refuse(StoreReason::request_content, method_is(0) && has(Kind::request_content));
    refuse(StoreReason::status, status() < 200 || one_of(status(), {206, 304, 412, 416, 417}));
    refuse(StoreReason::request_no_store, wants_.has(Kind::no_store));
    const bool must_understand = told_.well(Kind::must_understand);
    refuse(StoreReason::must_understand, must_understand && !understood_status());
    refuse(StoreReason::no_store, told_.has(Kind::no_store) && !must_understand);
    refuse(StoreReason::private_, told_.has(Kind::private_));
    refuse(StoreReason::authorization, has(Kind::authorization) && !shared_in_so_many_words());
    refuse(StoreReason::set_cookie,
           has(Kind::set_cookie) && !has(Kind::store_set_cookie) && !told_.without_cookie);
    refuse(StoreReason::vary_star, has(Kind::vary_star));
    refuse(StoreReason::not_cacheable,
           v.source == LifetimeSource::none && !heuristic_status() && !told_.well(Kind::public_));
    refuse(StoreReason::useless, !has_validator() && !ever_sent(v));
    refuse(StoreReason::too_large,
           value(Kind::content_length, 0) > value(Kind::max_object, 8 << 20));
    return bits;
  }

  static std::optional<int64_t> least(const Number& n) {
    return n.good() ? std::optional<int64_t>(n.least) : std::nullopt;
  }
  /// RFC 5861: the response's own window, else the route's.
  int64_t window(Kind own, Kind route, int64_t otherwise = 0) const {
    const Number& n = told_.number(own);
    if (n.seen) return n.bad ? 0 : n.least;
    return value(route, otherwise);
  }
  /// Whether it is at most so far past its lifetime. A cache that cannot trust its clock asks for
  /// each use (section 4, at its end).
  static bool within(std::optional<Wide> staleness, int64_t window) {
    if (!staleness) return false;
    return window >= kInfinite || (window > 0 && *staleness <= window * kSecond);
  }
  /// 4.2.4, 5.2.2.2, 5.2.2.8; s-maxage speaks as proxy-revalidate does (5.2.2.10), but an origin that
  /// adds a window of RFC 5861 means it.
  bool forbids_stale(std::optional<Kind> own_window = std::nullopt) const {
    return told_.has(Kind::no_cache) || told_.has(Kind::must_revalidate) ||
           told_.has(Kind::proxy_revalidate) ||
           (told_.number(Kind::s_maxage).seen && !(own_window && told_.number(*own_window).seen));
  }
  /// At any time, without the origin's word and while the origin is well.
  bool ever_sent(const Verdict& v) const {
    if (told_.has(Kind::no_cache)) return false;
    return v.lifetime > 0 ||
           (!forbids_stale(Kind::stale_while_revalidate) &&
            window(Kind::stale_while_revalidate, Kind::route_stale_while_revalidate) > 0);
  }

  /// Section 4, 4.2.4, 5.2.1.
  void reuse(Verdict& v) const {
    const bool looked_up = (method_is(0) || method_is(1) || method_is(2)) &&
                           (method_is(2) || !has(Kind::request_content)) &&
                           !has(Kind::precondition) && !has(Kind::rewritten);
    // 5.2.1.5 leaves open whether a client that wants nothing stored gets what is; siding asks.
    if (has(Kind::disabled) || !looked_up || wants_.has(Kind::no_store)) {
      const bool refused = !has(Kind::disabled) && wants_.has(Kind::only_if_cached);
      v.kind = refused ? Reuse::only_if_cached : Reuse::bypass;
      return;
    }
    v.looked_at = true;
    std::optional<Wide> staleness;
    if (v.age) staleness = *v.age - v.lifetime * kSecond;
    const bool in_time = staleness && *staleness < 0 && !told_.has(Kind::no_cache);
    const bool unforced = !wants_.has(Kind::no_cache);

    const Number& min_fresh = wants_.number(Kind::min_fresh);
    const bool long_enough =
        !min_fresh.good() || (staleness && -*staleness >= min_fresh.greatest * kSecond);
    auto max_age = least(wants_.number(Kind::max_age));
    const bool young = !max_age || (v.age && *v.age <= *max_age * kSecond);
    // RFC 8246 2: a reload does not ask anew for a fresh one; no-cache does.
    const bool as_it_is = told_.well(Kind::immutable);
    if (in_time && unforced && (young || as_it_is) && long_enough) {
      v.kind = Reuse::fresh;
      return;
    }
    v.by_request = in_time;
    if (!in_time && unforced && staleness && young && !min_fresh.good()) {
      v.kind = stale_kind(*staleness, max_age.has_value());
    }
    if (v.kind != Reuse::validate) return;
    if (wants_.has(Kind::only_if_cached)) {
      v.kind = Reuse::only_if_cached;
      return;
    }
    // 5.2.1.4: not without successful validation, whatever happens.
    if (unforced) when_it_fails(v, staleness, in_time);
  }

  /// What the client says of stale ones (5.2.1.1, 5.2.1.2), and the origin.
  Reuse stale_kind(Wide staleness, bool max_age) const {
    const Number& n = wants_.number(Kind::max_stale);
    const bool any = n.bare && !n.good();
    const bool told = any || n.good();
    const bool takes =
        any || (n.good() && (n.least >= kInfinite || staleness <= n.least * kSecond));
    if (takes && !forbids_stale()) return Reuse::stale;
    // Who says how old it may be wants no stale one, and who says how stale means that.
    if (told ? !takes : max_age) return Reuse::validate;
    const bool by_window =
        !forbids_stale(Kind::stale_while_revalidate) &&
        within(staleness, window(Kind::stale_while_revalidate, Kind::route_stale_while_revalidate));
    return by_window ? Reuse::stale_while_revalidate : Reuse::validate;
  }

  /// RFC 5861 section 4; an origin that cannot be reached would be a 502 or 504, of which it speaks
  /// too. The response's own word counts before the client's and the route's.
  void when_it_fails(Verdict& v, std::optional<Wide> staleness, bool in_time) const {
    const bool allowed = !forbids_stale(Kind::stale_if_error);
    int64_t error = window(Kind::stale_if_error, Kind::route_stale_if_error);
    int64_t unreachable = window(Kind::stale_if_error, Kind::route_stale_if_unreachable, kInfinite);
    if (!told_.number(Kind::stale_if_error).seen) {
      error = std::max(error, least(wants_.number(Kind::stale_if_error)).value_or(0));
      unreachable = std::max(unreachable, error);
    }
    v.stale_if_error = in_time || (allowed && within(staleness, error));
    v.stale_if_unreachable = in_time || (allowed && within(staleness, unreachable));
  }

  const Facts& facts_;
  Told wants_;
  Told told_;
};

}  // namespace siding::cache_model
