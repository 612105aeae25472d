// The diagnostics log: what siding has to say about itself, one line each, to stderr.
//   2026-11-23T21:40:00.123Z warning upstream music: no address for api.music.example
// Invariants: while a Log lives a call never blocks on the reader (LogWriter); before and after,
// when nothing is served, lines go to stderr at once. What others sent is escaped: a line is one
// line. Nothing secret is put in: that is the callers' part.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/clock.h"
#include "config/config.h"

namespace siding {

/// While it lives, log lines of at least `level` go to `fd` through a LogWriter. One at a time
/// counts: the last that was made.
class Log {
 public:
  explicit Log(LogConfig::Level level, int fd = 2);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Any thread: of the present Log.
void set_log_level(LogConfig::Level level);

/// Any thread. A text longer than 4 KiB is cut.
void log_debug(std::string_view text);
void log_info(std::string_view text);
void log_warning(std::string_view text);
void log_error(std::string_view text);

/// Whether lines of that level are written: for texts that cost something to build.
bool log_enabled(LogConfig::Level level);
/// Lines that the reader of the present Log was too slow for.
uint64_t log_lines_dropped();

/// A warning that is shown once in the life of the process for each `key`, whoever asks. Keys come
/// from a bounded set; when 512 were used, the last line says that there will be no more.
void warn_once(std::string_view key, std::string_view text);
/// A warning that is shown once a minute at most for each `key`; the next line of that key says how
/// many were left out. Keys come from a bounded set.
void warn_seldom(std::string_view key, TimePoint now, std::string_view text);
/// For tests: both kinds.
void forget_warnings();

}  // namespace siding
