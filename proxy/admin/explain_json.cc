// See explain_text.h: the rendering for programs.
#include <utility>

#include "http/json_string.h"
#include "proxy/admin/explain_text.h"
#include "proxy/observe/format.h"

namespace siding {

namespace {

// Members of one JSON object, in the order of the calls.
class JsonObject {
 public:
  explicit JsonObject(std::string& out) : out_(out) { out_ += '{'; }
  ~JsonObject() { out_ += '}'; }
  JsonObject(const JsonObject&) = delete;
  JsonObject& operator=(const JsonObject&) = delete;

  void text(std::string_view key, std::string_view value) { append_json(member(key), value); }
  void number(std::string_view key, uint64_t n) { append_number(member(key), n); }
  void ms(std::string_view key, Duration d) { append_ms(member(key), d); }
  void flag(std::string_view key, bool b) { member(key) += b ? "true" : "false"; }
  /// Where the value is to be appended.
  std::string& member(std::string_view key) {
    out_ += std::exchange(comma_, ",");
    append_json(out_, key);
    out_ += ':';
    return out_;
  }

 private:
  std::string& out_;
  std::string_view comma_;
};

void prefetch_json(std::string& out, const PrefetchRecord& p) {
  JsonObject o(out);
  o.text("call", p.call);
  o.text("outcome", p.word());
  o.text("reason", p.why());
  o.text("expected", p.expected);
  o.text("actual", p.actual);
  o.text("difference", p.difference);
  o.number("status", static_cast<uint64_t>(p.status));
  o.ms("took_ms", p.took);
}

void exchange_json(std::string& out, const ExchangeRecord& r) {
  JsonObject o(out);
  o.text("id", r.request_id);
  std::string& time = o.member("time");
  time += '"';
  append_time(time, r.wall);
  time += '"';
  o.text("client", r.client);
  o.text("method", r.method);
  o.text("host", r.host);
  o.text("target", r.target);
  o.text("route", r.route);
  o.text("backend", r.backend);
  o.number("status", static_cast<uint64_t>(r.status));
  o.text("outcome", to_string(r.outcome));
  o.text("detail", r.detail);
  o.number("bytes_in", r.bytes_in);
  o.number("bytes_out", r.bytes_out);
  o.ms("body_wait_ms", r.body_wait);
  o.ms("queue_ms", r.queue_wait);
  o.ms("worker_ms", r.worker);
  o.ms("total_ms", r.total);
  o.number("ahead", r.ahead);
  o.number("attempts", r.attempts);
  o.flag("spilled", r.spilled);
  if (r.cache != CacheResult::none) o.text("cache", to_string(r.cache));
  std::string& list = o.member("prefetches");
  list += '[';
  for (size_t i = 0; i < r.prefetches.size(); ++i) {
    if (i > 0) list += ',';
    prefetch_json(list, r.prefetches[i]);
  }
  list += ']';
  if (r.legs.empty()) return;
  std::string& legs = o.member("legs");
  legs += '[';
  for (size_t i = 0; i < r.legs.size(); ++i) {
    const LegRecord& leg = r.legs[i];
    if (i > 0) legs += ',';
    JsonObject one(legs);
    one.text("name", leg.name);
    one.text("outcome", to_string(leg.outcome));
    one.number("status", static_cast<uint64_t>(leg.status));
    one.ms("took_ms", leg.took);
    one.text("detail", leg.detail);
  }
  legs += ']';
}

}  // namespace

std::string explain_json(const std::vector<Ring::Ref>& records) {
  std::string out = "{\"exchanges\":[";
  for (size_t i = 0; i < records.size(); ++i) {
    out += i > 0 ? ",\n" : "\n";
    exchange_json(out, *records[i]);
  }
  out += "\n]}\n";
  return out;
}

}  // namespace siding
