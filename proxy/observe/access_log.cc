// See access_log.h.
#include "proxy/observe/access_log.h"

#include <cassert>
#include <utility>

#include "http/json_string.h"
#include "proxy/observe/format.h"
#include "proxy/observe/log.h"

namespace siding {

namespace {

constexpr size_t kMaxTarget = 1024;
constexpr size_t kMaxWord = 256;

// "used" -> 2, in the order in which the words first come.
using PrefetchWords = std::vector<std::pair<std::string_view, uint32_t>>;

PrefetchWords prefetch_words(const ExchangeRecord& record) {
  PrefetchWords words;
  for (const PrefetchRecord& p : record.prefetches) {
    auto it = words.begin();
    while (it != words.end() && it->first != p.word()) ++it;
    if (it == words.end()) it = words.insert(it, {p.word(), 0});
    ++it->second;
  }
  return words;
}

void text_item(std::string& out, std::string_view key, std::string_view value,
               size_t max = kMaxWord) {
  out += key;
  if (value.size() <= max) {
    append_word(out, value);
  } else {
    append_word(out, bounded(value, max));
  }
}

void json_item(std::string& out, std::string_view key, std::string_view value,
               size_t max = kMaxWord) {
  out += key;
  if (value.size() <= max) {
    append_json(out, value);
  } else {
    append_json(out, bounded(value, max));
  }
}

void number_item(std::string& out, std::string_view key, uint64_t n) {
  out += key;
  append_number(out, n);
}

void ms_item(std::string& out, std::string_view key, Duration d) {
  out += key;
  append_ms(out, d);
}

}  // namespace

void append_access_text(std::string& out, const ExchangeRecord& r) {
  append_time(out, r.wall);
  text_item(out, " ", r.client);
  text_item(out, " ", r.method);
  text_item(out, " ", r.target, kMaxTarget);
  number_item(out, " ", static_cast<uint64_t>(r.status));
  text_item(out, " ", to_string(r.outcome));
  ms_item(out, " total=", r.total);
  ms_item(out, " queue=", r.queue_wait);
  ms_item(out, " worker=", r.worker);
  number_item(out, " in=", r.bytes_in);
  number_item(out, " out=", r.bytes_out);
  text_item(out, " route=", r.route);
  text_item(out, " backend=", r.backend);
  out += " prefetch=";
  if (r.prefetches.empty()) out += '-';
  std::string_view comma;
  for (auto [word, n] : prefetch_words(r)) {
    out += std::exchange(comma, ",");
    out += word;
    number_item(out, ":", n);
  }
  std::string_view before = " legs=";
  for (const LegRecord& leg : r.legs) {
    out += std::exchange(before, ",");
    append_plain(out, leg.name);
    out += ':';
    out += to_string(leg.outcome);
    ms_item(out, ":", leg.took);
  }
  if (r.cache != CacheResult::none) text_item(out, " cache=", to_string(r.cache));
  text_item(out, " id=", r.request_id);
  out += '\n';
}

void append_access_json(std::string& out, const ExchangeRecord& r) {
  out += "{\"time\":\"";
  append_time(out, r.wall);
  json_item(out, "\",\"client\":", r.client);
  json_item(out, ",\"method\":", r.method);
  json_item(out, ",\"host\":", r.host);
  json_item(out, ",\"target\":", r.target, kMaxTarget);
  number_item(out, ",\"status\":", static_cast<uint64_t>(r.status));
  json_item(out, ",\"outcome\":", to_string(r.outcome));
  ms_item(out, ",\"total_ms\":", r.total);
  ms_item(out, ",\"queue_ms\":", r.queue_wait);
  ms_item(out, ",\"worker_ms\":", r.worker);
  number_item(out, ",\"bytes_in\":", r.bytes_in);
  number_item(out, ",\"bytes_out\":", r.bytes_out);
  json_item(out, ",\"route\":", r.route);
  json_item(out, ",\"backend\":", r.backend);
  number_item(out, ",\"attempts\":", r.attempts);
  out += ",\"prefetch\":{";
  std::string_view comma;
  for (auto [word, n] : prefetch_words(r)) {
    out += std::exchange(comma, ",");
    append_json(out, word);
    number_item(out, ":", n);
  }
  out += "},\"prefetch_reasons\":[";
  comma = {};
  for (const PrefetchRecord& p : r.prefetches) {
    if (!p.why().empty()) json_item(out, std::exchange(comma, ","), p.why());
  }
  out += ']';
  std::string_view before = ",\"legs\":[";
  for (const LegRecord& leg : r.legs) {
    out += std::exchange(before, ",");
    json_item(out, "{\"name\":", leg.name);
    json_item(out, ",\"outcome\":", to_string(leg.outcome));
    number_item(out, ",\"status\":", static_cast<uint64_t>(leg.status));
    ms_item(out, ",\"ms\":", leg.took);
    out += '}';
  }
  if (!r.legs.empty()) out += ']';
  if (r.cache != CacheResult::none) json_item(out, ",\"cache\":", to_string(r.cache));
  json_item(out, ",\"id\":", r.request_id);
  out += "}\n";
}

// What one thread has gathered. Its timer is linked to that thread's loop, or to none.
struct alignas(64) AccessLog::Slot {
  explicit Slot(LogWriter& w) : writer(w), timer(*this) {}
  void flush() {
    timer.unlink();
    if (lines == 0) return;
    if (!writer.write(buffer, lines)) {
      warn_once("access_log_dropped",
                "access log: stdout is read too slowly, lines are dropped "
                "(siding_log_dropped_lines_total counts them)");
    }
    buffer.clear();
    lines = 0;
  }

  LogWriter& writer;
  std::string buffer;
  size_t lines = 0;
  MemberTimer<Slot, &Slot::flush> timer;
};

AccessLog::AccessLog(LogConfig::Access format, uint32_t threads, int fd) : format_(format) {
  if (format == LogConfig::Access::off) return;
  writer_ = std::make_unique<LogWriter>(fd);
  for (uint32_t i = 0; i < threads; ++i) slots_.push_back(std::make_unique<Slot>(*writer_));
}

AccessLog::~AccessLog() {
  for (auto& slot : slots_) slot->flush();
}

void AccessLog::write(Loop& loop, const ExchangeRecord& record) {
  if (format_ == LogConfig::Access::off) return;
  assert(loop.index() < slots_.size());
  Slot& slot = *slots_[loop.index()];
  if (format_ == LogConfig::Access::json) {
    append_access_json(slot.buffer, record);
  } else {
    append_access_text(slot.buffer, record);
  }
  ++slot.lines;
  if (slot.buffer.size() >= kFlushBytes) {
    slot.flush();
  } else if (!slot.timer.linked()) {
    loop.arm(slot.timer, after(loop.now(), kFlushAfter));
  }
}

void AccessLog::flush(const Loop& loop) {
  if (loop.index() < slots_.size()) slots_[loop.index()]->flush();
}

}  // namespace siding
