// Random cases for the model of RFC 9111.
// Invariant: a seed always makes the same case.
#pragma once

#include <array>
#include <cstdint>
#include <utility>

#include "tests/cache/model_facts.h"

namespace siding::cache_model {

/// splitmix64: quick, and the same everywhere.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  uint64_t below(uint64_t n) { return next() % n; }
  bool percent(unsigned p) { return below(100) < p; }
  template <class T, size_t N>
  const T& pick(const std::array<T, N>& from) {
    return from[below(N)];
  }

 private:
  uint64_t state_;
};

struct Case {
  Facts facts;
  uint64_t style = 0;  ///< of the writing; 0: the plainest
};

/// Few values, so that they often meet at a boundary.
inline constexpr std::array<int64_t, 18> kSeconds = {
    0, 1, 2, 4, 5, 5, 10, 10, 15, 60, 60, 61, 70, 3600, 86400, 2147483647, 2147483648, 2147483649};

class Generator {
 public:
  /// `out` keeps its memory from case to case.
  Generator(uint64_t seed, Case& out) : random_(seed), facts_(out.facts) {
    facts_.clear();
    directives(Place::cache_control, random_.below(5));
    if (random_.percent(15)) directives(Place::cdn, random_.below(4));
    if (random_.percent(10)) directives(Place::siding, random_.below(4));
    if (random_.percent(50)) directives(Place::request, 1 + random_.below(3));
    fields();
    happenings();
    route();
    for (size_t i = facts_.size(); i > 1; --i) {
      std::swap(facts_[i - 1], facts_[random_.below(i)]);
    }
    out.style = random_.percent(20) ? 0 : random_.next();
  }

 private:
  void add(Kind kind, int64_t value = 0, Form form = Form::plain,
           Place place = Place::cache_control) {
    facts_.push_back({.kind = kind, .place = place, .form = form, .value = value});
  }
  void maybe(unsigned percent, Kind kind, int64_t value = 0, Form form = Form::plain) {
    if (random_.percent(percent)) add(kind, value, form);
  }
  int64_t seconds() {
    if (random_.percent(3)) return random_.percent(50) ? INT64_MAX : 1'000'000'000'000'000;
    return random_.pick(kSeconds);
  }

  void directives(Place place, size_t n) {
    static constexpr std::array<Kind, 30> kOfResponse = {Kind::max_age,
                                                         Kind::max_age,
                                                         Kind::max_age,
                                                         Kind::max_age,
                                                         Kind::max_age,
                                                         Kind::max_age,
                                                         Kind::s_maxage,
                                                         Kind::s_maxage,
                                                         Kind::s_maxage,
                                                         Kind::stale_while_revalidate,
                                                         Kind::stale_while_revalidate,
                                                         Kind::stale_if_error,
                                                         Kind::stale_if_error,
                                                         Kind::public_,
                                                         Kind::public_,
                                                         Kind::must_revalidate,
                                                         Kind::must_revalidate,
                                                         Kind::proxy_revalidate,
                                                         Kind::must_understand,
                                                         Kind::immutable,
                                                         Kind::immutable,
                                                         Kind::no_store,
                                                         Kind::no_cache,
                                                         Kind::no_cache_names,
                                                         Kind::private_,
                                                         Kind::private_names,
                                                         Kind::unknown,
                                                         Kind::unknown,
                                                         Kind::min_fresh,
                                                         Kind::only_if_cached};
    static constexpr std::array<Kind, 16> kOfRequest = {
        Kind::no_cache,  Kind::no_store,       Kind::only_if_cached, Kind::only_if_cached,
        Kind::max_age,   Kind::max_age,        Kind::max_age,        Kind::min_fresh,
        Kind::min_fresh, Kind::max_stale,      Kind::max_stale,      Kind::max_stale,
        Kind::max_stale, Kind::stale_if_error, Kind::unknown,        Kind::s_maxage};
    for (; n > 0; --n) {
      Kind kind = place == Place::request ? random_.pick(kOfRequest) : random_.pick(kOfResponse);
      Form form = Form::plain;
      int64_t value = static_cast<int64_t>(random_.below(6));
      if (is_number(kind)) {
        value = seconds();
        form = number_form();
      } else if (kind == Kind::no_cache_names || kind == Kind::private_names) {
        value = static_cast<int64_t>(random_.below(kNameLists.size()));
        // One name may stand without quotes, but not where only a String is right.
        if (place == Place::cache_control && value % 2 == 0 && value < 4 && random_.percent(30)) {
          form = Form::word;
        }
      } else if (kind != Kind::no_cache && kind != Kind::private_ && random_.percent(10)) {
        // A client's flag with an argument means what each cache likes.
        form = place == Place::request || kind == Kind::unknown || random_.percent(50)
                   ? Form::quoted
                   : Form::word;
      }
      const bool structured = place == Place::cdn || place == Place::siding;
      if (structured && random_.percent(3)) form = Form::upper;
      add(kind, value, form, place);
    }
  }
  Form number_form() {
    static constexpr std::array<Form, 7> kOdd = {Form::bare,  Form::bare,    Form::empty,
                                                 Form::word,  Form::decimal, Form::negative,
                                                 Form::spaced};
    if (random_.percent(82)) return Form::plain;
    return random_.percent(45) ? Form::quoted : random_.pick(kOdd);
  }

  Form date_form() {
    if (random_.percent(88)) return Form::plain;
    if (random_.percent(60)) return Form::bad;
    return random_.percent(50) ? Form::far_past : Form::far_future;
  }
  void fields() {
    static constexpr std::array<int64_t, 12> kDates = {0,  0,     0,     -1,           1, -5, -60,
                                                       60, -3600, 86400, -86400 * 400, 10};
    static constexpr std::array<int64_t, 8> kExpires = {0, 1, 5, 10, 60, 3600, -1, -86400 * 30};
    static constexpr std::array<int64_t, 9> kModified = {0,       -9,      -10, -50,         -600,
                                                         -863999, -864000, 5,   -500'000'000};
    if (random_.percent(4)) add(Kind::pragma, random_.percent(20), Form::plain, Place::request);
    if (random_.percent(4)) add(Kind::pragma, random_.percent(20));
    if (random_.percent(25)) add(Kind::expires, random_.pick(kExpires), date_form());
    maybe(2, Kind::expires, random_.pick(kExpires));
    if (random_.percent(45)) add(Kind::date, random_.pick(kDates), date_form());
    maybe(2, Kind::date, random_.pick(kDates));
    if (random_.percent(30)) add(Kind::last_modified, random_.pick(kModified), date_form());
    if (random_.percent(20)) {
      Form form = random_.percent(70) ? Form::plain : random_.percent(50) ? Form::list : Form::bad;
      add(Kind::age, seconds(), form);
    }
    maybe(1, Kind::age, seconds());
    maybe(30, Kind::etag, 0, random_.percent(85) ? Form::plain : Form::bad);
    maybe(5, Kind::set_cookie);
    maybe(2, Kind::vary_star);
    static constexpr std::array<int64_t, 5> kLengths = {1000, 1000, 1000, 8 << 20, (8 << 20) + 1};
    maybe(10, Kind::content_length, random_.pick(kLengths));
    maybe(10, Kind::authorization);
    maybe(3, Kind::request_content);
    maybe(2, Kind::precondition);
    maybe(2, Kind::rewritten);
  }
  void happenings() {
    static constexpr std::array<int64_t, 32> kStatuses = {
        200, 201, 203, 204, 206, 299, 300, 301, 302, 303, 304, 307, 308, 400, 403, 404,
        405, 410, 412, 414, 416, 417, 418, 500, 501, 502, 503, 504, 100, 199, 599, 999};
    if (random_.percent(15)) {
      int64_t method = static_cast<int64_t>(random_.below(kMethods.size()));
      add(Kind::method, method);
      maybe(method == 3 ? 80 : 5, Kind::content_location, 0,
            random_.percent(80) ? Form::plain : Form::bad);
    }
    maybe(25, Kind::status, random_.pick(kStatuses));
    if (random_.percent(40)) add(Kind::request_time, -moment());
    if (random_.percent(15)) add(Kind::response_time, random_.percent(50) ? moment() : -moment());
    if (random_.percent(85)) add(Kind::now, moment());
    if (random_.percent(3)) {
      static constexpr std::array<Kind, 3> kTimes = {Kind::request_time, Kind::response_time,
                                                     Kind::now};
      // The ends of WallTime, a century, a moment in the wrong direction.
      static constexpr std::array<int64_t, 6> kOdd = {INT64_MIN,
                                                      INT64_MAX - kStart * 1'000'000'000,
                                                      3'155'760'000'000'000'000,
                                                      -3'155'760'000'000'000'000,
                                                      -1,
                                                      1};
      add(random_.pick(kTimes), random_.pick(kOdd));
    }
  }
  /// In nanoseconds: at, just before and just behind a whole second.
  int64_t moment() {
    static constexpr std::array<int64_t, 8> kBeside = {0, 0, 0, 0, 0, 1, -1, 500'000'000};
    return random_.pick(kSeconds) * 1'000'000'000 + random_.pick(kBeside);
  }
  void route() {
    maybe(2, Kind::disabled);
    maybe(20, Kind::store_set_cookie);
    maybe(50, Kind::heuristic);
    maybe(15, Kind::ttl, random_.pick(kSeconds));
    maybe(15, Kind::route_stale_while_revalidate, random_.pick(kSeconds));
    maybe(15, Kind::route_stale_if_error, random_.pick(kSeconds));
    maybe(20, Kind::route_stale_if_unreachable, random_.pick(kSeconds));
    maybe(3, Kind::max_object, 1000);
    maybe(2, Kind::max_object, 999);
  }

  Random random_;
  Facts& facts_;
};

}  // namespace siding::cache_model
