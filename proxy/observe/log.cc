// See log.h. The only file that includes spdlog, which formats; LogWriter writes.
#include "proxy/observe/log.h"

#include <spdlog/details/null_mutex.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include "proxy/observe/format.h"
#include "proxy/observe/log_writer.h"

namespace siding {

namespace {

constexpr size_t kMaxLogLine = 4096;
constexpr size_t kMaxWarnings = 512;
constexpr Duration kSeldom = std::chrono::minutes(1);
using LogLevel = LogConfig::Level;

spdlog::level::level_enum spd_level(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return spdlog::level::debug;
    case LogLevel::info: return spdlog::level::info;
    case LogLevel::warning: return spdlog::level::warn;
    case LogLevel::error: return spdlog::level::err;
  }
  return spdlog::level::info;
}

// Without a writer: straight to stderr. Called under LogGlobal::mutex.
class WriterSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  explicit WriterSink(LogWriter* writer) : writer_(writer) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    if (writer_ != nullptr) {
      writer_->write({line.data(), line.size()});
    } else if (::write(2, line.data(), line.size()) < 0) {
      // Nowhere to say so.
    }
  }
  void flush_() override {}

 private:
  LogWriter* writer_;
};

std::shared_ptr<spdlog::logger> make_logger(LogLevel level, LogWriter* writer) {
  auto logger = std::make_shared<spdlog::logger>("siding", std::make_shared<WriterSink>(writer));
  logger->set_level(spd_level(level));
  logger->set_formatter(std::make_unique<spdlog::pattern_formatter>(
      "%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc));
  return logger;
}

// Never destroyed: somebody may have something to say while the process ends.
struct LogGlobal {
  std::atomic<LogLevel> level{LogLevel::info};
  std::mutex mutex;  // guards all below
  std::shared_ptr<spdlog::logger> logger = make_logger(LogLevel::info, nullptr);
  LogWriter* writer = nullptr;  // of that logger
  std::set<std::string, std::less<>> warned;
  struct Seldom {
    TimePoint next{};
    uint64_t left_out = 0;
  };
  std::map<std::string, Seldom, std::less<>> seldom;
};
LogGlobal& log_global() {
  static LogGlobal* global = new LogGlobal;
  return *global;
}

void log_line(LogLevel level, std::string_view text) {
  if (!log_enabled(level)) return;
  std::string line;
  append_plain(line, bounded(text, kMaxLogLine));
  LogGlobal& global = log_global();
  std::lock_guard lock(global.mutex);
  global.logger->log(spd_level(level), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace

struct Log::Impl {
  Impl(LogLevel level, int fd) : writer(fd), logger(make_logger(level, &writer)) {}
  LogWriter writer;
  std::shared_ptr<spdlog::logger> logger;
};

Log::Log(LogLevel level, int fd) : impl_(std::make_unique<Impl>(level, fd)) {
  LogGlobal& global = log_global();
  std::lock_guard lock(global.mutex);
  global.logger = impl_->logger;
  global.writer = &impl_->writer;
  global.level = level;
}

Log::~Log() {
  LogGlobal& global = log_global();
  std::lock_guard lock(global.mutex);
  if (global.logger != impl_->logger) return;
  global.logger = make_logger(LogLevel::info, nullptr);
  global.writer = nullptr;
  global.level = LogLevel::info;
}

uint64_t log_lines_dropped() {
  LogGlobal& global = log_global();
  std::lock_guard lock(global.mutex);
  return global.writer == nullptr ? 0 : global.writer->dropped();
}

void set_log_level(LogLevel level) {
  LogGlobal& global = log_global();
  std::lock_guard lock(global.mutex);
  global.level = level;
  global.logger->set_level(spd_level(level));
}

bool log_enabled(LogLevel level) {
  return level >= log_global().level.load(std::memory_order_relaxed);
}

void log_debug(std::string_view text) { log_line(LogLevel::debug, text); }
void log_info(std::string_view text) { log_line(LogLevel::info, text); }
void log_warning(std::string_view text) { log_line(LogLevel::warning, text); }
void log_error(std::string_view text) { log_line(LogLevel::error, text); }

void warn_once(std::string_view key, std::string_view text) {
  {
    LogGlobal& global = log_global();
    std::lock_guard lock(global.mutex);
    if (global.warned.size() > kMaxWarnings || global.warned.contains(key)) return;
    global.warned.emplace(key);
    if (global.warned.size() > kMaxWarnings) {
      text = "more kinds of warnings than are remembered: warnings of new kinds are left out";
    }
  }
  log_warning(text);
}

void warn_seldom(std::string_view key, TimePoint now, std::string_view text) {
  std::string line(text);
  {
    LogGlobal& global = log_global();
    std::lock_guard lock(global.mutex);
    LogGlobal::Seldom& told = global.seldom[std::string(key)];
    if (now < told.next) {
      ++told.left_out;
      return;
    }
    const uint64_t left_out = std::exchange(told.left_out, 0);
    told.next = after(now, kSeldom);
    if (left_out > 0) line += "; " + std::to_string(left_out) + " more since the last such line";
  }
  log_warning(line);
}

void forget_warnings() {
  LogGlobal& global = log_global();
  std::lock_guard lock(global.mutex);
  global.warned.clear();
  global.seldom.clear();
}

}  // namespace siding
