// See prefetch.h.
#include "proxy/exchange/prefetch.h"

#include <algorithm>
#include <utility>

#include "cache/key.h"
#include "http/hop.h"
#include "proxy/exchange/call.h"
#include "proxy/exchange/fetch.h"

namespace siding {

/// One call of the set.
struct PrefetchSet::Leg {
  Leg(PrefetchSet& s, const CallConfig& c, size_t i) : set(s), call(c), index(i) {}
  void on_fetch() { set.settle(*this); }

  PrefetchSet& set;
  const CallConfig& call;
  const size_t index;
  PinOffer offer;  // key is empty: there is none
  std::optional<PrefetchSkip> skip;
  std::string detail;                       // of a skip
  std::optional<Speculation::Asked> asked;  // counts in the budget of speculation
  std::shared_ptr<Fetch> fetch;
  PinRef pin;
  TimePoint started{};
  Duration took{};
  MemberWake<Leg, &Leg::on_fetch> wake{*this};
  Signal::Waiter waiter{wake};
};

PrefetchSet::PrefetchSet(LoopServices& services, Request request)
    : services_(services), request_(std::move(request)) {}

PrefetchSet::~PrefetchSet() {
  ExchangeRecord nobody_looks;
  finish(nobody_looks);
}

bool PrefetchSet::condition_met(const TemplateValues& values) const {
  const auto& when = request_.route->prefetch.when;
  return std::all_of(when.begin(), when.end(), [&](const std::string& item) {
    size_t dot = item.find('.');
    std::string_view source = std::string_view(item).substr(0, dot);
    std::string_view name = std::string_view(item).substr(dot + 1);
    if (source == "cookie") return values.cookie(name).has_value();
    if (source == "header") return values.header(name).has_value();
    return values.query(name).has_value();
  });
}

void PrefetchSet::start(const TemplateValues& values, TimePoint deadline) {
  const PrefetchConfig& config = request_.route->prefetch;
  if (config.mode == PrefetchMode::off) return;
  bool condition = condition_met(values);
  legs_.reserve(config.calls.size());
  for (size_t i = 0; i < config.calls.size(); ++i) {
    legs_.push_back(std::make_unique<Leg>(*this, config.calls[i], i));
    Leg& leg = *legs_.back();
    if (!request_.safe && !config.unsafe_methods) {
      leg.skip = PrefetchSkip::unsafe_method;
    } else if (!condition) {
      leg.skip = PrefetchSkip::condition;
    } else {
      prepare(leg, values, deadline);
    }
  }
}

/// Computes what the call would be, and makes it unless something speaks against it.
void PrefetchSet::prepare(Leg& leg, const TemplateValues& values, TimePoint deadline) {
  Services& shared = services_.shared;
  Snapshot& snapshot = services_.snapshot;
  Upstream& upstream = *snapshot.upstream(leg.call.upstream);
  const Snapshot::Route& route = snapshot.routes[request_.route_index];
  const std::shared_ptr<LearnedFields>& learned = route.learned[leg.index];
  FilledCall filled = fill_call(leg.call, values);
  if (!filled.missing.empty()) {
    leg.skip = PrefetchSkip::value_absent;
    leg.detail = filled.missing;
    return;
  }
  if (filled.body.size() > kMostComparedBody) {
    leg.skip = PrefetchSkip::body_too_large;
    return;
  }
  const std::string path = upstream.config.url.base_path + filled.target;
  learned->apply(filled.fields);
  const std::string_view type = filled.fields.get("content-type").value_or("");
  leg.offer.key =
      call_key(upstream.config.name, leg.call.method, path, canonical_body(type, filled.body));
  leg.offer.fields = filled.fields;
  leg.offer.ignored = upstream.ignored;
  leg.offer.learned = learned;
  leg.offer.exchange = request_.id;
  leg.offer.client = request_.client;
  leg.offer.call_made = false;

  PrefetchMode mode = request_.route->prefetch.mode;
  TimePoint now = services_.loop.now();
  if (mode == PrefetchMode::observe || (mode == PrefetchMode::automatic && !learned->matched())) {
    leg.skip = PrefetchSkip::observing;
    leg.detail = learned->obstacle();
    return;
  }
  if (shared.speculation.is_tunnelled(std::string(upstream.config.url.name()), now)) {
    leg.skip = PrefetchSkip::tunnelled;
    return;
  }
  if (shared.pins.bytes().used() >= shared.pins.bytes().limit()) {
    leg.skip = PrefetchSkip::pins_full;
    return;
  }
  Speculation::Asked asked{route.speculation, leg.index, request_.client->address, false};
  leg.skip = shared.speculation.ask(&asked, now);
  if (leg.skip) return;
  leg.asked = asked;
  leg.offer.call_made = true;
  leg.started = now;

  CallRequest request =
      address_call(services_, upstream, leg.call, path, std::move(filled.fields), filled.body);
  TimePoint until = std::min(deadline, after(now, upstream.config.timeout));
  leg.fetch = Fetch::start(services_, upstream, std::move(request), until,
                           request_.route->prefetch.share ? leg.offer.key : std::string());
  if (leg.fetch->ended()) return;
  ++running_;
  leg.waiter.listen(leg.fetch->changed());
}

void PrefetchSet::settle(Leg& leg) {
  if (!leg.fetch->ended()) {
    leg.waiter.listen(leg.fetch->changed());
    return;
  }
  leg.took = services_.loop.now() - leg.started;
  --running_;
  changed_.notify();
}

TimePoint PrefetchSet::wait_until(TimePoint deadline) const {
  Duration longest{};
  for (const auto& leg : legs_) {
    if (!leg->fetch) continue;
    longest = std::max(longest, services_.snapshot.upstream(leg->call.upstream)->config.timeout);
  }
  const BackendConfig& backend = services_.snapshot.backend(request_.route->backend).config;
  Duration wait =
      request_.route->prefetch.wait.value_or(std::min(longest, backend.queue.timeout / 2));
  return std::min(deadline, after(services_.loop.now(), wait));
}

void PrefetchSet::dispatch() {
  for (const auto& leg : legs_) {
    if (leg->offer.key.empty()) continue;
    if (leg->fetch && !leg->fetch->ended() && !leg->fetch->begun()) {
      leg->skip = PrefetchSkip::upstream_busy;
      leg->fetch.reset();
      leg->waiter.unlink();
      leg->wake.unlink();
      --running_;
    }
    bool in_flight = leg->fetch && !leg->fetch->ended();
    PinnedAnswerRef answer = leg->fetch ? leg->fetch->answer() : nullptr;
    leg->offer.call_made = in_flight || answer != nullptr;
    leg->pin = services_.shared.pins.offer(leg->offer, std::move(answer));
    if (in_flight) leg->fetch->complete_later(leg->pin);
  }
}

void PrefetchSet::finish(ExchangeRecord& record) {
  if (std::exchange(finished_, true)) return;
  Services& shared = services_.shared;
  TimePoint now = services_.loop.now();
  for (const auto& leg : legs_) {
    PrefetchRecord out;
    out.call = leg->call.text;
    out.expected = leg->offer.key;
    out.took = leg->took;
    PinStore::Fate fate = PinStore::Fate::observed;
    bool wanted = false;
    if (leg->pin) {
      fate = shared.pins.withdraw(leg->pin);
      wanted = shared.pins.wanted(leg->pin);
      out.actual = leg->pin->actual;
      out.difference = leg->pin->difference;
      out.reason = leg->pin->reason;
      // Its worker asked as expected, although no call was made: its client is no stranger.
      if (leg->pin->matched && leg->skip) {
        shared.speculation.matched(request_.client->address, now);
      }
    }
    const std::optional<Error>* error = leg->fetch ? &leg->fetch->error() : nullptr;
    if (leg->skip) {
      bool missed = fate == PinStore::Fate::missed;
      out.outcome = missed ? PrefetchOutcome::missed : PrefetchOutcome::observed;
      // A call that would have missed is told as that: it is what keeps `auto` off.
      if (!missed) out.skip = leg->skip;
      if (!missed && !leg->detail.empty()) out.difference = leg->detail;
    } else if (!leg->pin) {
      out.outcome = PrefetchOutcome::cancelled;
    } else if (fate == PinStore::Fate::used) {
      bool timed_out = leg->fetch->answer() && leg->fetch->answer()->timed_out;
      out.outcome = timed_out          ? PrefetchOutcome::failed_over
                    : leg->pin->joined ? PrefetchOutcome::joined
                                       : PrefetchOutcome::used;
    } else if (error != nullptr && *error) {
      out.outcome = (*error)->kind == Failure::too_large ? PrefetchOutcome::too_large
                                                         : PrefetchOutcome::connect_failed;
      out.reason = to_string((*error)->kind);
    } else {
      out.outcome =
          fate == PinStore::Fate::missed ? PrefetchOutcome::missed : PrefetchOutcome::unused;
    }
    if (leg->fetch && leg->fetch->answer()) out.status = leg->fetch->answer()->head.status;
    if (leg->asked) {
      bool used = fate == PinStore::Fate::used && leg->pin;
      bool wasted =
          out.outcome == PrefetchOutcome::unused || out.outcome == PrefetchOutcome::missed;
      Speculation::Use use = used     ? Speculation::Use::used
                             : wasted ? Speculation::Use::unused
                                      : Speculation::Use::neither;
      shared.speculation.ended(*leg->asked, use, now);
    }
    // Another request's worker waits for what this one began.
    if (wanted && leg->fetch && !leg->fetch->ended())
      Fetch::finish_in_background(services_, leg->fetch);
    record.prefetches.push_back(std::move(out));
  }
  legs_.clear();
  running_ = 0;
}

}  // namespace siding
