// The access log: one line an exchange, as text or JSON, to stdout.
//   2026-11-23T21:40:00.123Z 10.0.0.7 GET /search/?q=x 200 ok total=1023.4 queue=500.0 worker=20.1
//   in=0 out=5321 route="path /search/" backend=shop prefetch=used:2,missed:1 id=4f1c (one line)
// Times are milliseconds, in= and out= bytes, "-" is nothing; words with a space are in quotes.
// Never logged: field values, bodies. The target is, cut to 1 KiB.
// Invariants: a line is appended to its thread's buffer and written with others, when 32 KiB are
// full or 200 ms later; a reader that stalls costs lines (dropped(), and a warning), never time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "proxy/loop/loop.h"
#include "proxy/observe/log_writer.h"
#include "proxy/observe/record.h"

namespace siding {

/// Append the line of an exchange, with its newline.
void append_access_text(std::string& out, const ExchangeRecord& record);
void append_access_json(std::string& out, const ExchangeRecord& record);

class AccessLog {
 public:
  static constexpr size_t kFlushBytes = 32 * 1024;
  static constexpr Duration kFlushAfter = std::chrono::milliseconds(200);

  /// For loops with the indices 0 .. threads - 1. With Access::off it does nothing.
  AccessLog(LogConfig::Access format, uint32_t threads, int fd = 1);
  /// After the loops' threads have ended: writes what they left.
  ~AccessLog();
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  /// On `loop`'s thread.
  void write(Loop& loop, const ExchangeRecord& record);
  /// On `loop`'s thread: hands what is buffered to the writer now.
  void flush(const Loop& loop);
  /// Lines that nobody will read.
  uint64_t dropped() const { return writer_ == nullptr ? 0 : writer_->dropped(); }

 private:
  struct Slot;
  const LogConfig::Access format_;
  std::unique_ptr<LogWriter> writer_;
  std::vector<std::unique_ptr<Slot>> slots_;  // by loop index
};

}  // namespace siding
