// The directives of one message for the model of RFC 9111: 5.2, 5.4, and RFC 9213 for targeted fields.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "tests/cache/model_facts.h"

namespace siding::cache_model {

/// All numbers that one directive was given.
struct Number {
  bool seen = false;
  bool bare = false;
  bool bad = false;  ///< one of them is no delta-seconds
  int64_t least = kInfinite;
  int64_t greatest = -1;
  bool good() const { return greatest >= 0; }
  void add(const Fact& f) {
    seen = true;
    if (f.form == Form::bare) bare = true;
    if (f.form == Form::plain || f.form == Form::quoted || f.form == Form::upper) {
      least = std::min(least, std::min(f.value, kInfinite));
      greatest = std::max(greatest, std::min(f.value, kInfinite));
    } else {
      bad = true;
    }
  }
  /// 4.2.1: of an age that is badly written, or has two values, the response is stale.
  std::optional<int64_t> lifetime() const {
    if (!seen) return std::nullopt;
    return bad || least != greatest ? 0 : greatest;
  }
};

/// The facts of one message's directives.
struct Told {
  std::array<bool, kDirectives> flags{};  ///< there, in any writing
  std::array<bool, kDirectives> good{};   ///< there and well-formed
  std::array<Number, kDirectives - kFirstNumber> numbers{};
  bool without_cookie = false;  ///< no-cache="Set-Cookie", or private
  bool targeted = false;
  bool any = false;

  bool has(Kind k) const { return flags[static_cast<size_t>(k)]; }
  bool well(Kind k) const { return good[static_cast<size_t>(k)]; }
  const Number& number(Kind k) const { return numbers[static_cast<size_t>(k) - kFirstNumber]; }
  void add(const Fact& f) {
    any = true;
    Kind k = f.kind;
    if (is_number(k)) numbers[static_cast<size_t>(k) - kFirstNumber].add(f);
    if (k == Kind::no_cache_names || k == Kind::private_names) {
      if (names_cookie(f.value)) without_cookie = true;
      if (names_whole_response(f.value)) k = key_of(k);
    }
    flags[static_cast<size_t>(k)] = true;
    if (f.form == Form::plain || f.form == Form::quoted || f.form == Form::upper) {
      good[static_cast<size_t>(k)] = true;
    }
  }
};

/// RFC 9651: these break the grammar, and with it the whole field.
inline bool breaks_grammar(const Fact& f) {
  if (f.form == Form::upper || f.form == Form::spaced || f.form == Form::empty) return true;
  return is_number(f.kind) && f.form == Form::plain && f.value > 999'999'999'999'999;
}
/// RFC 9213 2.1: a delta-seconds is an Integer, a flag a Boolean.
inline bool has_its_type(const Fact& f) {
  const bool of_requests =
      f.kind == Kind::min_fresh || f.kind == Kind::max_stale || f.kind == Kind::only_if_cached;
  if (f.kind == Kind::unknown || of_requests) return true;  // whatever a response means by it
  if (is_number(f.kind)) return f.form == Form::plain || f.form == Form::negative;
  return f.form == Form::plain || f.form == Form::quoted;
}
/// A targeted field; nullopt if it is absent, empty or invalid (RFC 9213 2.1).
inline std::optional<Told> read_targeted(const Facts& facts, Place place) {
  Told told;
  for (size_t i = 0; i < facts.size(); ++i) {
    const Fact& f = facts[i];
    if (!is_directive(f.kind) || f.place != place) continue;
    if (breaks_grammar(f)) return std::nullopt;
    bool last = true;  // RFC 9651 4.2.2: a later member of the same key replaces it
    for (size_t j = i + 1; j < facts.size(); ++j) {
      if (is_directive(facts[j].kind) && facts[j].place == place &&
          key_of(facts[j].kind) == key_of(f.kind)) {
        last = facts[j].kind == Kind::unknown;
      }
    }
    if (!last) continue;
    if (!has_its_type(f)) return std::nullopt;
    told.add(f);
  }
  if (!told.any) return std::nullopt;
  told.targeted = true;
  return told;
}
inline Told read_list(const Facts& facts, Place place) {
  Told told;
  bool pragma = false;
  for (const Fact& f : facts) {
    if (f.place != place) continue;
    if (is_directive(f.kind)) told.add(f);
    if (f.kind == Kind::pragma && f.value == 0) pragma = true;
  }
  // 5.4: Pragma counts where there is no Cache-Control.
  if (!told.any && pragma) {
    told.add({.kind = Kind::no_cache, .place = place, .form = Form::plain, .value = 0});
  }
  return told;
}

}  // namespace siding::cache_model
