// What the fuzz targets share: choices taken off the front of an input, and bytes that end where their
// allocation ends.
// Invariant: every input means something. What is missing at its end is 0 or empty, so that inputs can be
// written by hand and cut anywhere.
//
// A target is one file NAME_fuzz.cc with a folder corpus/NAME beside it. It opens with its properties,
// holds them by assert(), and gives options in a line `// libFuzzer: -max_len=...`. Of the folders that
// bring sockets (proxy/net, proxy/upstream) it includes the .cc that it is about: linking those libraries
// would build half of siding.
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "http/fields.h"
#include "tests/harness/exact.h"

namespace siding::fuzz {

/// The front of an input says how to use the rest.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}
  explicit Input(std::string_view rest) : rest_(rest) {}

  uint8_t byte() {
    if (rest_.empty()) return 0;
    const auto b = static_cast<uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return b;
  }
  /// A number below `n`; written by hand, '0' is 0 for an `n` up to 16.
  size_t below(size_t n) { return byte() % 16 % n; }
  bool flag() { return below(2) != 0; }
  /// Up to the next LF, which is taken too.
  std::string_view line() {
    const size_t end = std::min(rest_.find('\n'), rest_.size());
    const std::string_view out = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    return out;
  }
  std::string_view rest() const { return rest_; }
  bool empty() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

/// Where bytes that come in three reads are split, by two bytes of the input.
class Splits {
 public:
  explicit Splits(Input& in) : first_(in.byte()), second_(in.byte()) {}
  /// How many bytes are there after each read, of `size` in all.
  std::array<size_t, 3> of(size_t size) const {
    size_t a = size * first_ / 255;
    size_t b = size * second_ / 255;
    return {std::min(a, b), std::max(a, b), size};
  }

 private:
  uint8_t first_;
  uint8_t second_;
};

using test::Exact;

/// CTL but HTAB.
inline bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return (u < 0x20 && u != '\t') || u == 0x7f;
  });
}

/// "Name: value" lines up to an empty one; what has no colon is a field with an empty value.
inline Fields read_fields(Input& in) {
  Fields fields;
  for (std::string_view line = in.line(); !line.empty(); line = in.line()) {
    const size_t colon = std::min(line.find(':'), line.size());
    std::string_view value = line.substr(std::min(colon + 1, line.size()));
    while (value.starts_with(' ')) value.remove_prefix(1);
    fields.add(line.substr(0, colon), value);
  }
  return fields;
}

}  // namespace siding::fuzz
