// The faults found while loading, each with its place and remedy; they are collected, never thrown,
// so that one run shows them all.
// Invariant: a fault is about something that was written, or about something that is really missing:
// what a broken line may have held is never reported as missing (see lost_key).
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "config/load.h"

namespace siding {

/// A character of a source file, counted from 1 as editors do.
struct Place {
  size_t file = 0;    ///< index of Faults::add_file
  uint32_t line = 0;  ///< 0 = the file as a whole
  uint32_t column = 0;

  Place right(size_t characters) const {
    return {file, line, column + static_cast<uint32_t>(characters)};
  }
};

class Faults {
 public:
  size_t add_file(std::string name);

  void error(Place place, std::string_view message) { add(place, message, false); }
  void warn(Place place, std::string_view message) { add(place, message, true); }

  /// "siding.toml:12:3"
  std::string text(Place place) const;

  /// A line that could not be read may have held this key, or the head of some table.
  void lost_key(std::string_view key) { lost_keys_.emplace(key); }
  void lost_table() { lost_table_ = true; }
  /// Whether to say that a key, or a table that something names, is missing.
  bool surely_missing(std::string_view key) const {
    return !lost_table_ && !lost_keys_.contains(std::string(key));
  }
  bool tables_complete() const { return !lost_table_; }

  bool any_error() const;
  /// All faults, in the order of files and lines.
  std::vector<Diagnostic> take();

 private:
  struct Fault {
    Place place;
    std::string message;
    bool warning;
  };
  void add(Place place, std::string_view message, bool warning);

  std::vector<std::string> files_;
  std::vector<Fault> faults_;
  std::set<std::string> lost_keys_;
  bool lost_table_ = false;
};

/// The candidate that `word` is most likely a slip of, or "" if none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

/// "; did you mean `x`?", else "; <what> are `a`, `b`", else "".
std::string suggestion(std::string_view word, const std::vector<std::string>& candidates,
                       std::string_view what);

/// "`a`, `b`, `c`"
std::string join_quoted(const std::vector<std::string>& words);

}  // namespace siding
