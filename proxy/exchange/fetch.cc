// See fetch.h.
#include "proxy/exchange/fetch.h"

#include <utility>

#include "http/hop.h"
#include "proxy/exchange/cached_call.h"

namespace siding {

namespace {
bool has_credentials(const Fields& fields) {
  return fields.has("authorization") || fields.has("cookie");
}

Task<> hold_until_end([[maybe_unused]] LoopServicesRef services, std::shared_ptr<Fetch> fetch) {
  while (!fetch->ended()) co_await Wait(fetch->changed());
}

/// Two calls are one if their method, target and fields are.
std::string sharing_key(const std::string& key, const Fields& fields) {
  std::string out = key;
  for (const Field& f : fields) {
    out += '\n';
    out += f.name;
    out += ':';
    out += f.value;
  }
  return out;
}
}  // namespace

std::shared_ptr<Fetch> Fetch::start(LoopServices& services, Upstream& upstream, CallRequest request,
                                    TimePoint deadline, const std::string& share_key) {
  std::string key;
  if (!share_key.empty() && !has_credentials(request.head.fields)) {
    key = sharing_key(share_key, request.head.fields);
    auto known = services.shared_fetches.find(key);
    if (known != services.shared_fetches.end()) {
      if (std::shared_ptr<Fetch> fetch = known->second.lock()) return fetch;
    }
  }
  auto fetch = std::make_shared<Fetch>(services);
  if (!key.empty()) {
    fetch->share_key_ = key;
    services.shared_fetches[key] = fetch;
  }
  fetch->task_ = fetch->run(upstream, std::move(request), deadline);
  fetch->task_.start();
  return fetch;
}

void Fetch::finish_in_background(LoopServices& services, std::shared_ptr<Fetch> fetch) {
  services.background.run(hold_until_end(services.shared_from_this(), std::move(fetch)));
}

Fetch::~Fetch() {
  task_.reset();
  if (!ended_) end();
}

void Fetch::end() {
  ended_ = true;
  if (!share_key_.empty()) services_.shared_fetches.erase(share_key_);
  for (const PinRef& pin : pins_) services_.shared.pins.complete(pin, answer_);
  pins_.clear();
  changed_.notify();
}

Task<> Fetch::run(Upstream& upstream, CallRequest request, TimePoint deadline) {
  CallOptions options{.deadline = deadline,
                      .max_body = services_.snapshot.config->pins.max_pin,
                      .begun = [this] { begun_ = true; }};
  Result<CallAnswer> got = co_await call_cached(services_, upstream, std::move(request), options);
  auto answer = std::make_shared<PinnedAnswer>(services_.shared.pins.bytes());
  if (got) {
    answer->head = std::move(got->head);
    answer->body = std::move(got->body);
    answer->trailers = std::move(got->trailers);
    strip_response_fields(answer->head.fields, !answer->trailers.empty());
    answer->fetched = services_.loop.now();
    uint64_t bytes = answer->head.fields.footprint() + answer->body.footprint();
    if (answer->reserved.add(bytes)) {
      answer_ = std::move(answer);
    } else {
      error_ = Error(Failure::no_buffer, Side::local, false, "the pins' budget is used up");
    }
  } else if (got.error().kind == Failure::timeout && got.error().side == Side::upstream) {
    // The worker would wait as long again: it gets the failure that it would have seen. Not where
    // siding alone was to blame, who had no room to call: the worker's own call needs none.
    answer->fetched = services_.loop.now();
    answer->timed_out = true;
    answer_ = std::move(answer);
    error_ = got.error();
  } else {
    error_ = got.error();
  }
  end();
}

}  // namespace siding
