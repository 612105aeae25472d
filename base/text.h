// Small ASCII text helpers that do not depend on the locale (HTTP is ASCII; <cctype> is not).
#pragma once

#include <charconv>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace siding {

constexpr char ascii_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_alpha(char c) {
  char l = ascii_lower(c);
  return l >= 'a' && l <= 'z';
}
/// The value of a hexadecimal digit, or -1.
constexpr int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  char l = ascii_lower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

namespace text_detail {
/// Eight bytes at once, each as ascii_lower() would make it.
constexpr uint64_t lower8(uint64_t x) {
  constexpr uint64_t kOnes = 0x0101010101010101;
  uint64_t low = x & (kOnes * 0x7f);
  uint64_t from_a = low + kOnes * (0x80 - 'A');
  uint64_t past_z = low + kOnes * (0x7f - 'Z');
  uint64_t upper = (from_a ^ past_z) & ~x & (kOnes * 0x80);
  return x | (upper >> 2);
}
template <class Word>
Word load(const char* at) {
  Word word;
  std::memcpy(&word, at, sizeof(word));
  return word;
}
}  // namespace text_detail

/// Field names are compared so often that it pays to look at words. The last word reaches back over
/// what was compared already.
constexpr bool equals_ignore_case(std::string_view a, std::string_view b) {
  using text_detail::load;
  using text_detail::lower8;
  size_t n = a.size();
  if (n != b.size()) return false;
  if (!std::is_constant_evaluated() && n >= 4) {
    if (n < 8) {
      auto word = [n](std::string_view s) {
        return uint64_t{load<uint32_t>(s.data())} << 32 | load<uint32_t>(s.data() + n - 4);
      };
      return lower8(word(a)) == lower8(word(b));
    }
    auto same = [&](size_t at) {
      return lower8(load<uint64_t>(a.data() + at)) == lower8(load<uint64_t>(b.data() + at));
    };
    for (size_t i = 0; i + 8 < n; i += 8) {
      if (!same(i)) return false;
    }
    return same(n - 8);
  }
  for (size_t i = 0; i < n; ++i) {
    if (ascii_lower(a[i]) != ascii_lower(b[i])) return false;
  }
  return true;
}

inline std::string lower(std::string_view s) {
  std::string out(s);
  for (char& c : out) c = ascii_lower(c);
  return out;
}

/// Without optional white space (SP, HTAB) at both ends (RFC 9110 5.6.3).
constexpr std::string_view trim_ows(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

/// Calls `f(item)` for each non-empty item of a comma-separated list (RFC 9110 5.6.1). Not for
/// fields whose items may hold quoted commas.
template <class F>
void for_each_item(std::string_view list, F f) {
  while (!list.empty()) {
    size_t comma = list.find(',');
    std::string_view item = trim_ows(list.substr(0, comma));
    if (!item.empty()) f(item);
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
}

/// Digits only, no sign, no overflow.
inline std::optional<uint64_t> parse_u64(std::string_view s) {
  if (s.empty() || !is_digit(s.front())) return std::nullopt;
  uint64_t value = 0;
  auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), value);
  if (error != std::errc() || end != s.data() + s.size()) return std::nullopt;
  return value;
}

}  // namespace siding
