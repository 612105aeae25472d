// See format.h.
#include "proxy/observe/format.h"

#include <algorithm>
#include <charconv>
#include <chrono>

namespace siding {

namespace {

void append_padded(std::string& out, uint64_t n, int width) {
  char digits[20];
  auto end = std::to_chars(digits, digits + sizeof(digits), n).ptr;
  for (int64_t i = end - digits; i < width; ++i) out += '0';
  out.append(digits, end);
}

void append_hex(std::string& out, std::string_view prefix, unsigned char byte) {
  constexpr char kHex[] = "0123456789abcdef";
  out += prefix;
  out += kHex[byte >> 4];
  out += kHex[byte & 15];
}

// How many bytes at the front are printable ASCII.
size_t printable_run(std::string_view text) {
  size_t n = 0;
  while (n < text.size() && text[n] >= ' ' && text[n] <= '~') ++n;
  return n;
}

}  // namespace

void append_number(std::string& out, uint64_t n) { append_padded(out, n, 1); }

void append_time(std::string& out, WallTime t) {
  auto day = std::chrono::floor<std::chrono::days>(t);
  std::chrono::year_month_day date(day);
  auto ms = static_cast<uint64_t>(to_ms(t - day));
  append_padded(out, static_cast<uint64_t>(static_cast<int>(date.year())), 4);
  out += '-';
  append_padded(out, static_cast<unsigned>(date.month()), 2);
  out += '-';
  append_padded(out, static_cast<unsigned>(date.day()), 2);
  out += 'T';
  append_padded(out, ms / 3'600'000, 2);
  out += ':';
  append_padded(out, ms / 60'000 % 60, 2);
  out += ':';
  append_padded(out, ms / 1'000 % 60, 2);
  out += '.';
  append_padded(out, ms % 1'000, 3);
  out += 'Z';
}

void append_ms(std::string& out, Duration d) {
  uint64_t tenths = d.count() < 0 ? 0 : (static_cast<uint64_t>(d.count()) + 50'000) / 100'000;
  append_padded(out, tenths / 10, 1);
  out += '.';
  append_padded(out, tenths % 10, 1);
}

void append_plain(std::string& out, std::string_view text) {
  while (!text.empty()) {
    size_t run = printable_run(text);
    out += text.substr(0, run);
    if (run < text.size()) append_hex(out, "\\x", static_cast<unsigned char>(text[run++]));
    text.remove_prefix(run);
  }
}

void append_word(std::string& out, std::string_view text) {
  if (text.empty()) {
    out += '-';
    return;
  }
  if (text != "-" && text.find_first_of(" \"\\") == std::string_view::npos) {
    append_plain(out, text);
    return;
  }
  out += '"';
  while (!text.empty()) {
    size_t run = std::min(text.find_first_of("\"\\"), text.size());
    append_plain(out, text.substr(0, run));
    if (run < text.size()) {
      out += '\\';
      out += text[run++];
    }
    text.remove_prefix(run);
  }
  out += '"';
}

std::string bounded(std::string_view text, size_t max) {
  if (text.size() <= max) return std::string(text);
  size_t end = max < 3 ? 0 : max - 3;
  // Back to the beginning of the sequence that would be cut; not further, if it is none.
  size_t back = end;
  while (back > 0 && end - back < 3 && (static_cast<unsigned char>(text[back]) & 0xc0) == 0x80) {
    --back;
  }
  if ((static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) end = back;
  return std::string(text.substr(0, end)) + "...";
}

}  // namespace siding
