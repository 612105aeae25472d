// The grammar that heads, trailers and chunk lines share: control bytes, tokens, field lines
// (RFC 9110 5.1, 5.5, 5.6.2; RFC 9112 5). Inline, because every byte of every head passes here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "base/text.h"

namespace siding::h1 {

/// CTL but HTAB: what no line may contain. Bytes from 0x80 on (obs-text) are no control bytes.
struct ControlBytes {
  static constexpr bool has(char c) {
    auto u = static_cast<unsigned char>(c);
    return (u < 0x20 && u != '\t') || u == 0x7f;
  }
#if defined(__SSE2__)
  static __m128i match(__m128i x) {
    __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(0x1f)), x);
    __m128i tab = _mm_cmpeq_epi8(x, _mm_set1_epi8('\t'));
    return _mm_or_si128(_mm_andnot_si128(tab, low), _mm_cmpeq_epi8(x, _mm_set1_epi8(0x7f)));
  }
#endif
};

/// What no request target may contain: SP, CTL, '#', and bytes beyond ASCII. That is less than RFC
/// 3986 forbids, because browsers do send `|`, `{` or `"` in queries.
struct NoTargetBytes {
  static constexpr bool has(char c) {
    auto u = static_cast<unsigned char>(c);
    return u <= 0x20 || u >= 0x7f || u == '#';
  }
#if defined(__SSE2__)
  static __m128i match(__m128i x) {  // compares signed: from 0x80 on, bytes are below SP
    __m128i low = _mm_cmplt_epi8(x, _mm_set1_epi8(0x21));
    __m128i hash = _mm_cmpeq_epi8(x, _mm_set1_epi8('#'));
    return _mm_or_si128(_mm_or_si128(low, hash), _mm_cmpeq_epi8(x, _mm_set1_epi8(0x7f)));
  }
#endif
};

/// The first byte of `Bytes` in `s` at or after `from`, or s.size().
template <class Bytes>
size_t find_first(std::string_view s, size_t from = 0) {
  size_t i = from;
#if defined(__SSE2__)
  for (; i + 16 <= s.size(); i += 16) {
    __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(s.data() + i));
    auto mask = static_cast<unsigned>(_mm_movemask_epi8(Bytes::match(x)));
    if (mask != 0) return i + static_cast<size_t>(__builtin_ctz(mask));
  }
  // The rest in one more load that reaches back over what is known to be clean; values shorter than
  // a load are the most common ones.
  auto rest = [&](size_t width, __m128i x) {
    auto mask = static_cast<unsigned>(_mm_movemask_epi8(Bytes::match(x))) & ((1u << width) - 1);
    mask &= ~0u << (i - (s.size() - width));
    return mask == 0 ? s.size() : s.size() - width + static_cast<size_t>(__builtin_ctz(mask));
  };
  if (i < s.size() && s.size() >= 16) {
    return rest(16, _mm_loadu_si128(reinterpret_cast<const __m128i*>(s.data() + s.size() - 16)));
  }
  if (i + 8 <= s.size()) {
    __m128i x = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(s.data() + i));
    auto mask = static_cast<unsigned>(_mm_movemask_epi8(Bytes::match(x))) & 0xffu;
    if (mask != 0) return i + static_cast<size_t>(__builtin_ctz(mask));
    i += 8;
  }
  if (i < s.size() && s.size() >= 8) {
    return rest(8, _mm_loadl_epi64(reinterpret_cast<const __m128i*>(s.data() + s.size() - 8)));
  }
#endif
  while (i < s.size() && !Bytes::has(s[i])) ++i;
  return i;
}

/// What a reader of lines may take for the end of one.
constexpr bool ends_line(char c) { return c == '\r' || c == '\n' || c == '\0'; }

/// How many such bytes there are.
inline size_t count_line_ends(std::string_view s) {
  size_t count = 0;
  size_t i = 0;
#if defined(__SSE2__)
  const __m128i zero = _mm_setzero_si128();
  while (i + 16 <= s.size()) {
    __m128i sums = zero;  // of each byte's place; 255 rounds fit
    for (int round = 0; round < 255 && i + 16 <= s.size(); ++round, i += 16) {
      __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(s.data() + i));
      __m128i found = _mm_or_si128(
          _mm_cmpeq_epi8(x, _mm_set1_epi8('\r')),
          _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('\n')), _mm_cmpeq_epi8(x, zero)));
      sums = _mm_sub_epi8(sums, found);
    }
    __m128i halves = _mm_sad_epu8(sums, zero);
    count += static_cast<size_t>(_mm_cvtsi128_si64(halves)) +
             static_cast<size_t>(_mm_cvtsi128_si64(_mm_unpackhi_epi64(halves, halves)));
  }
#endif
  for (; i < s.size(); ++i) count += ends_line(s[i]) ? 1 : 0;
  return count;
}

constexpr bool is_control(char c) { return ControlBytes::has(c); }
inline size_t find_control(std::string_view s, size_t from) {
  return find_first<ControlBytes>(s, from);
}

inline constexpr std::array<bool, 256> kTokenTable = [] {
  std::array<bool, 256> table{};
  for (unsigned char c : std::string_view("!#$%&'*+-.^_`|~")) table[c] = true;
  for (size_t c = 0; c < 128; ++c) {
    if (is_digit(static_cast<char>(c)) || is_alpha(static_cast<char>(c))) table[c] = true;
  }
  return table;
}();

constexpr bool is_token_char(char c) { return kTokenTable[static_cast<unsigned char>(c)]; }

/// How many bytes at the front of `s` are token characters.
constexpr size_t token_size(std::string_view s) {
  size_t i = 0;
  while (i < s.size() && is_token_char(s[i])) ++i;
  return i;
}

constexpr bool is_token(std::string_view s) { return !s.empty() && token_size(s) == s.size(); }

/// Splits `line`, which has no line end and no control byte, into `name` and `value`. Returns what is
/// wrong with it, or "".
inline std::string_view split_field_line(std::string_view line, std::string_view& name,
                                         std::string_view& value) {
  size_t n = token_size(line);
  if (n == line.size()) return "no colon in field line";
  if (line[n] != ':') {
    if (line[n] != ' ' && line[n] != '\t') return "bad byte in field name";
    if (n == 0) return "folded field line";
    return trim_ows(line.substr(n)).starts_with(':') ? "space before colon" : "space in field name";
  }
  if (n == 0) return "empty field name";
  name = line.substr(0, n);
  value = trim_ows(line.substr(n + 1));
  return {};
}

}  // namespace siding::h1
