// Progress of runs that go on side by side: live bars on a terminal, a plain line now and then
// anywhere else (a CI log should not be full of bars).
// Invariant: on a terminal the cursor stands below the bars whenever a call returns, so that whatever
// is printed next starts on a line of its own.
#pragma once

#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

#include "base/clock.h"

namespace siding {

struct ProgressState {
  std::string name;
  size_t done = 0;
  size_t total = 0;
  Duration elapsed{};  ///< since its start; once it has ended, what it took
  bool ended = false;
};

/// "  direct        [#########-----------]  17/40    8.5 s"
std::string progress_bar(const ProgressState& state, size_t name_width, size_t bar_width);
/// "  8.5 s: direct 17/40, with siding 40/40 (0.54 s)"
std::string progress_text(const std::vector<ProgressState>& states, Duration elapsed);

class ProgressView {
 public:
  /// Live if `out` is a terminal.
  explicit ProgressView(std::FILE* out);
  ProgressView(std::FILE* out, bool live) : out_(out), live_(live) {}

  bool live() const { return live_; }
  /// Called often; writes what is new enough.
  void show(const std::vector<ProgressState>& states, Duration elapsed);

 private:
  void show_live(const std::vector<ProgressState>& states);
  void show_plain(const std::vector<ProgressState>& states, Duration elapsed);

  std::FILE* out_;
  bool live_;
  size_t lines_ = 0;  // bars on the screen
  size_t ended_ = 0;  // runs whose end was told in plain lines
  Duration next_{};   // when the next plain line is due
};

}  // namespace siding
