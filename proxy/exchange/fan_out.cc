// See fan_out.h.
#include "proxy/exchange/fan_out.h"

#include <algorithm>

#include "base/text.h"
#include "http/media_type.h"
#include "proxy/exchange/cached_call.h"
#include "proxy/exchange/merge.h"
#include "proxy/observe/format.h"

namespace siding {

namespace {
/// Bytes that a parsed text may take for each of its own (simdjson: places, tape, strings, a copy).
constexpr uint64_t kParsedCost = 14;
}  // namespace

struct FanOut::Leg {
  explicit Leg(const LegConfig& c) : config(c) {}
  const LegConfig& config;
  bool ended = false;
  LegOutcome outcome = LegOutcome::timeout;
  std::string detail;
  TimePoint began{};
  Duration took{};
  ResponseHead head;
  Slice body;
  bool is_json = false;
  bool asked = false;            // for values in it, or for its items
  std::optional<JsonText> json;  // of one that is asked
};

/// The request's values, and those of legs that have ended.
class FanOut::Values final : public TemplateValues {
 public:
  explicit Values(const FanOut& f) : fan_out_(f), request_(f.values_) {}
  using Text = std::optional<std::string>;
  Text query(std::string_view name) const override { return request_.query(name); }
  Text path(std::string_view name) const override { return request_.path(name); }
  Text header(std::string_view name) const override { return request_.header(name); }
  Text cookie(std::string_view name) const override { return request_.cookie(name); }
  Text form(std::string_view name) const override { return request_.form(name); }
  Text json(std::string_view pointer) const override { return request_.json(pointer); }
  Text client_ip() const override { return request_.client_ip(); }
  Text leg(std::string_view name, std::string_view pointer) const override {
    const Leg* leg = fan_out_.find(name);
    return leg != nullptr && leg->json ? leg->json->scalar(pointer) : std::nullopt;
  }

 private:
  const FanOut& fan_out_;
  const TemplateValues& request_;
};

FanOut::FanOut(LoopServices& services, const RouteConfig& route, const TemplateValues& values)
    : services_(services), route_(route), values_(values), held_(services.shared.bodies.memory) {
  for (const LegConfig& leg : route.fanout) {
    legs_.push_back(std::make_unique<Leg>(leg));
    legs_.back()->asked = route.merge.kind == MergeKind::concat;
  }
  for (const LegConfig& leg : route.fanout) {
    for (const std::string& name : leg.legs_used()) find(name)->asked = true;
  }
}

FanOut::~FanOut() = default;

FanOut::Leg* FanOut::find(std::string_view name) const {
  for (const auto& leg : legs_) {
    if (leg->config.leg == name) return leg.get();
  }
  return nullptr;
}

Result<CallRequest> FanOut::make_request(const Leg& leg) {
  const Values values(*this);
  const Upstream& upstream = *services_.snapshot.upstream(leg.config.upstream);
  FilledCall filled = fill_call(leg.config, values);
  if (!filled.missing.empty()) {
    return Error(Failure::internal, Side::local, false, "no value for {" + filled.missing + "}");
  }
  Fields& fields = filled.fields;
  // What comes is put together with others: nobody could say how it is packed.
  if (!fields.has("accept-encoding")) fields.add("Accept-Encoding", "identity");
  if (!fields.has("accept")) fields.add("Accept", "application/json, */*;q=0.1");
  return address_call(services_, upstream, leg.config,
                      upstream.config.url.base_path + filled.target, std::move(fields),
                      filled.body);
}

Task<> FanOut::run_leg(Leg& leg, TimePoint deadline) {
  const std::vector<std::string> needs = leg.config.legs_used();
  for (const std::string& name : needs) {
    while (!find(name)->ended) co_await Wait(changed_);
  }
  leg.began = services_.loop.now();
  Upstream& upstream = *services_.snapshot.upstream(leg.config.upstream);
  Result<CallRequest> request = make_request(leg);
  if (request) {
    Duration timeout = leg.config.timeout.value_or(upstream.config.timeout);
    CallOptions options{.deadline = std::min(deadline, after(leg.began, timeout)),
                        .max_body = leg.config.max_body};
    Result<CallAnswer> got =
        co_await call_cached(services_, upstream, std::move(*request), options);
    take(leg, std::move(got), services_.loop.now() >= options.deadline);
  } else {
    leg.outcome = LegOutcome::value_absent;
    leg.detail = request.error().detail;
  }
  leg.took = services_.loop.now() - leg.began;
  leg.ended = true;
  if (route_.race && winner_ == nullptr && leg.outcome == LegOutcome::ok) winner_ = &leg;
  changed_.notify();
}

void FanOut::take(Leg& leg, Result<CallAnswer> got, bool late) {
  if (!got) {
    leg.detail = got.error().detail;
    switch (got.error().kind) {
      case Failure::timeout:
      case Failure::dns_timeout: leg.outcome = LegOutcome::timeout; break;
      case Failure::too_large: leg.outcome = LegOutcome::too_large; break;
      case Failure::breaker_open: leg.outcome = LegOutcome::breaker_open; break;
      case Failure::rate_limited: leg.outcome = LegOutcome::rate_limited; break;
      default: leg.outcome = late ? LegOutcome::timeout : LegOutcome::failed; break;
    }
    return;
  }
  leg.head = std::move(got->head);
  if (leg.head.status < 200 || leg.head.status > 299) {
    leg.outcome = LegOutcome::status;
    leg.detail = "status " + std::to_string(leg.head.status);
    return;
  }
  std::optional<std::string_view> coding = leg.head.fields.get("content-encoding");
  if (coding && !equals_ignore_case(*coding, "identity")) {
    leg.outcome = LegOutcome::invalid;
    leg.detail = "its Content-Encoding is " + std::string(*coding);
    return;
  }
  if (!held_.add(got->body.footprint() + (leg.asked ? got->body.size() * kParsedCost : 0))) {
    leg.outcome = LegOutcome::no_room;
    leg.detail = "[limits] memory is used up";
    return;
  }
  // The usual answer comes in one piece, and stays where it lies.
  leg.body = got->body.slice_count() == 1 ? got->body.slice(0) : Slice::copy_of(got->body.str());
  leg.outcome = LegOutcome::ok;
  if (leg.body.size() == 0) return;
  JsonText json(leg.body.view());
  leg.is_json = json.valid();
  if (leg.is_json) {
    if (leg.asked) leg.json = std::move(json);
  } else if (says_json(leg.head.fields.get("content-type").value_or(""))) {
    leg.outcome = LegOutcome::invalid;
    leg.detail = "it says that it is JSON, and is not";
  }
}

bool FanOut::over(const Group& calls) const {
  if (winner_ != nullptr || calls.running() == 0) return true;
  return std::any_of(legs_.begin(), legs_.end(), [](const auto& leg) {
    return leg->config.required && leg->ended && leg->outcome != LegOutcome::ok;
  });
}

Task<> FanOut::run(TimePoint deadline) {
  const TimePoint began = services_.loop.now();
  for (auto& leg : legs_) leg->began = began;
  Group calls;
  for (auto& leg : legs_) calls.start(run_leg(*leg, deadline));
  while (!over(calls)) {
    bool changed = co_await Wait(calls.changed(), deadline);
    if (!changed) break;
  }
  for (auto& leg : legs_) {
    if (leg->ended) continue;
    leg->took = services_.loop.now() - leg->began;
    if (services_.loop.now() < deadline) leg->outcome = LegOutcome::lost;
  }
}

std::vector<LegRecord> FanOut::records() const {
  std::vector<LegRecord> out;
  for (const auto& leg : legs_) {
    out.push_back({leg->config.leg, leg->outcome, leg->head.status, leg->took, leg->detail});
  }
  return out;
}

/// "?1", or "?0;video=timeout": a structured field (RFC 8941).
std::string FanOut::completeness() const {
  std::string failed;
  for (const auto& leg : legs_) {
    if (leg->outcome == LegOutcome::ok || leg->outcome == LegOutcome::lost) continue;
    // Keys of parameters are in lower case, and begin with a letter or a star.
    std::string name = leg->config.leg;
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    const bool fit = name[0] >= 'a' && name[0] <= 'z';
    failed += (fit ? ";" : ";*") + name + "=" + std::string(to_string(leg->outcome));
    if (leg->outcome == LegOutcome::status) failed += "-" + std::to_string(leg->head.status);
  }
  return failed.empty() ? "?1" : "?0" + failed;
}

FanOut::Answer FanOut::failure(const Leg& leg) const {
  Answer answer;
  const bool late = leg.outcome == LegOutcome::timeout;
  answer.outcome = late ? Outcome::leg_timeout : Outcome::leg_failed;
  answer.detail = leg.config.leg + ": " + std::string(to_string(leg.outcome));
  return answer;
}

FanOut::Answer FanOut::answer() {
  Answer answer;
  if (route_.race) {
    answer = race_answer();
  } else {
    answer = merged_answer();
  }
  if (answer.outcome != Outcome::ok) return answer;
  Fields& fields = answer.head.fields;
  const std::string complete = completeness();
  fields.add("Siding-Complete", complete);
  // What lacks a part is for this request only.
  if (complete != "?1") fields.add("Cache-Control", "no-store");
  if (route_.server_timing) {
    std::string timing;
    for (const auto& leg : legs_) {
      timing += (timing.empty() ? "" : ", ") + leg->config.leg + ";dur=";
      append_ms(timing, leg->took);
      if (leg->outcome != LegOutcome::ok) timing += ";desc=" + std::string(to_string(leg->outcome));
    }
    fields.add("Server-Timing", timing);
  }
  for (const auto& leg : legs_) {
    if (!leg->config.set_cookie || leg->outcome != LegOutcome::ok) continue;
    for (const Field& f : leg->head.fields) {
      if (equals_ignore_case(f.name, "set-cookie")) fields.add("Set-Cookie", f.value);
    }
  }
  return answer;
}

FanOut::Answer FanOut::race_answer() {
  if (winner_ == nullptr) {
    // Nobody was good. That one was late says more than that another one was broken.
    const Leg* worst = legs_.front().get();
    for (const auto& leg : legs_) {
      if (leg->outcome == LegOutcome::timeout) worst = leg.get();
    }
    return failure(*worst);
  }
  Answer answer;
  answer.head.status = winner_->head.status;
  if (auto type = winner_->head.fields.get("content-type")) {
    answer.head.fields.add("Content-Type", *type);
  }
  answer.body.append(winner_->body);
  return answer;
}

FanOut::Answer FanOut::merged_answer() {
  // Who failed comes before who was waited for in vain because of that.
  for (const bool ended : {true, false}) {
    for (const auto& leg : legs_) {
      const bool lacking = leg->config.required && leg->outcome != LegOutcome::ok;
      if (lacking && leg->ended == ended) return failure(*leg);
    }
  }
  std::vector<LegAnswer> parts;
  for (const auto& leg : legs_) {
    LegAnswer part;
    part.name = leg->config.leg;
    if (leg->outcome == LegOutcome::ok) {
      part.body = &leg->body;
      part.content_type = leg->head.fields.get("content-type").value_or("");
      part.is_json = leg->is_json;
      part.json = leg->json ? &*leg->json : nullptr;
    }
    parts.push_back(part);
  }
  Answer answer;
  answer.head.status = 200;
  answer.head.fields.add("Content-Type", "application/json");
  answer.body = route_.merge.kind == MergeKind::concat ? merge_concat(route_.merge, parts)
                                                       : merge_object(parts);
  return answer;
}

}  // namespace siding
