// See exchange.h. Exchange::run, at the end, reads from top to bottom as the life of a request; each
// step that can end it says so with an Outcome. Its first steps are in exchange_intake.cc, what the cache
// does in exchange_cache.cc, what happens at the backend in exchange_backend.cc.
#include "proxy/exchange/exchange.h"

#include <algorithm>

#include "base/small_pool.h"
#include "cache/key.h"
#include "http/template_values.h"
#include "proxy/downstream/local_reply.h"
#include "proxy/exchange/fan_out.h"
#include "proxy/exchange/learning.h"
#include "proxy/exchange/relay.h"

namespace siding {

namespace {

/// Whether a template looks into the request body: only then is it worth a copy in one piece.
bool looks_into_body(const CallConfig& call) {
  const std::vector<const Template*> all = call.templates();
  return std::any_of(all.begin(), all.end(), [](const Template* t) {
    return t->uses(Template::Source::form) || t->uses(Template::Source::json);
  });
}

}  // namespace

Exchange::Exchange(LoopServices& services, Stream& stream, FlightFetch* fetch)
    : services_(services),
      stream_(stream),
      fetch_(fetch),
      accounting_(std::allocate_shared<Accounting>(PoolAllocator<Accounting>(),
                                                   services.shared.observer, services.loop)),
      record_(accounting_->record) {}

Exchange::~Exchange() {
  if (prefetches_) prefetches_->finish(record_);  // of a client that left the queue
  record_.total = services_.loop.now() - stream_.started;
  record_.bytes_out = stream_.bytes_sent();
}

/// Who takes turns with others: the client's address, or what a trusted proxy says.
uint64_t Exchange::queue_client() const {
  const std::string& name = backend_->config.queue.client;
  if (name.empty() || !trusted_peer_) return client_;
  const Field* field = stream_.head.fields.find(name);
  return field == nullptr || field->value.empty() ? client_ : key_hash(field->value);
}

/// The upstream calls. (By itself: what it needs is not held by who only waits for a worker.)
Task<> Exchange::prefetch() {
  const size_t index = snapshot().index_of(*route_);
  auto marks = std::make_shared<const ClientMarks>(client_marks(stream_.head, client_));
  PrefetchSet::Request about{route_, index, std::move(marks), record_.request_id,
                             is_safe(stream_.head.method)};
  prefetches_ = std::make_unique<PrefetchSet>(services_, std::move(about));
  const auto& calls = route_->prefetch.calls;
  const bool body_counts = std::any_of(calls.begin(), calls.end(), looks_into_body);
  std::optional<std::string> text = body_ && body_counts ? body_->text() : std::nullopt;
  std::optional<std::string_view> text_view;
  if (text) text_view = *text;
  RequestValues values(stream_.head, captures_, record_.client, text_view);
  prefetches_->start(values, queue_deadline_);
  TimePoint until = prefetches_->wait_until(queue_deadline_);
  while (!prefetches_->settled()) {
    bool changed = co_await Wait(prefetches_->changed(), until);
    if (!changed) break;
  }
}

/// A place in the queue, the upstream calls, a permit.
Task<bool> Exchange::admit() {
  TimePoint entered = services_.loop.now();
  if (self_call_) {
    // It must not wait for the worker that waits for it.
    std::optional<Permit> permit = backend_->admission.try_now();
    if (!permit) {
      services_.counters().count(EgressCall::self_call);
      answer(Outcome::self_call, "the backend calls itself, and has no idle worker for it");
      co_return false;
    }
    permit_ = std::move(*permit);
    co_return true;
  }
  queue_deadline_ = std::min(deadline_, after(entered, backend_->config.queue.timeout));
  // What nobody waits for lets everybody else go first.
  constexpr int kAfterClients = 1'000'000;
  const bool idle = fetch_ != nullptr && fetch_->refresh();
  const int priority = route_->priority + (idle ? kAfterClients : 0);
  ticket_.emplace(backend_->admission, services_.loop, queue_client(), priority);
  std::optional<Outcome> shed = ticket_->enter(record_.bytes_in, queue_deadline_ - entered);
  record_.ahead = ticket_->ahead();
  if (shed) {
    answer(*shed, "too many requests wait for " + backend_->config.name);
    co_return false;
  }
  if (!route_->prefetch.calls.empty()) co_await prefetch();
  for (bool granted = ticket_->ready(); !granted; granted = ticket_->granted()) {
    bool in_time = co_await Wait(ticket_->on_grant(), queue_deadline_);
    if (in_time || ticket_->granted()) continue;
    record_.queue_wait = services_.loop.now() - entered;
    if (past_deadline()) {
      answer(Outcome::deadline, "no worker was free before the deadline");
    } else if (backend_->admission.down()) {
      answer(Outcome::backend_down, "the backend cannot be reached");
    } else {
      answer(Outcome::queue_timeout, "no worker was free in time");
    }
    co_return false;
  }
  permit_ = ticket_->take();
  record_.queue_wait = services_.loop.now() - entered;
  co_return true;
}

/// A route that siding answers itself.
Task<> Exchange::fan_out() {
  if (self_call_) {  // one of its legs leads back here
    answer(Outcome::self_call, "a leg of a fan-out leads to siding itself");
    co_return;
  }
  const auto& legs = route_->fanout;
  const bool body_counts = std::any_of(legs.begin(), legs.end(), looks_into_body);
  const std::string_view method = stream_.head.method;
  if (!body_counts && method != "GET" && method != "HEAD") {
    answer(Outcome::method_not_allowed, "this answer is made of several, and can only be read");
    co_return;
  }
  std::optional<std::string> text = body_ && body_counts ? body_->text() : std::nullopt;
  std::optional<std::string_view> text_view;
  if (text) text_view = *text;
  RequestValues values(stream_.head, captures_, record_.client, text_view);
  if (fetch_ != nullptr) fetch_->went_inside(true);
  sent_at_ = services_.loop.clock().wall();
  FanOut all(services_, *route_, values);
  co_await all.run(deadline_);
  record_.legs = all.records();
  FanOut::Answer made = all.answer();
  if (made.outcome != Outcome::ok) {
    answer(made.outcome, made.detail);
    co_return;
  }
  record_.status = made.head.status;
  made.head.reason = reason_phrase(made.head.status);
  finish_answer(made.head);
  if (writer_) {
    writer_->append(made.body);
    writer_->finish();
  }
  stream_.send_head(std::move(made.head), BodyFraming::of_length(made.body.size()));
  // At the client's pace: until it has all, the legs' bodies count in the budget.
  while (!made.body.empty()) {
    stream_.send_data(made.body.take(std::min(made.body.size(), stream_.high_watermark())));
    co_await wait_for_room(stream_, kNever);
  }
  stream_.send_end();
  record_.outcome = Outcome::ok;
}

void Exchange::answer(Outcome outcome, std::string_view detail) {
  record_.outcome = outcome;
  record_.status = status_of(outcome);
  if (record_.detail.empty()) record_.detail = detail;
  if (fetch_ != nullptr) {
    fetch_->failed(outcome, detail, retry_after());
    return;
  }
  send_local_reply(stream_, outcome, detail, record_.request_id,
                   record_.status == 503 ? retry_after() : 0);
}

/// Seconds, for a 503: when the queue of now will be through, or up to twice as late, so that those who
/// were refused together do not come back together.
int Exchange::retry_after() const {
  constexpr int64_t kMost = 60;
  if (backend_ == nullptr) return 1;
  auto wait = std::chrono::ceil<std::chrono::seconds>(backend_->admission.expected_wait());
  auto least = static_cast<uint64_t>(std::clamp<int64_t>(wait.count(), 1, kMost));
  return static_cast<int>(least + services_.random() % (least + 1));
}

Task<> Exchange::from_origin() {
  if (!route_->fanout.empty()) {
    co_await fan_out();
    co_return;
  }
  if (route_->queue) {
    bool admitted = co_await admit();
    if (!admitted) co_return;
  } else {
    queue_deadline_ =
        std::min(deadline_, after(services_.loop.now(), backend_->config.queue.timeout));
  }
  bool answered = co_await ask_backend();
  if (prefetches_) prefetches_->finish(record_);
  if (!answered) co_return;
  const int status = handle_->call->head->status;
  if (handle_->call->switched()) {
    co_await carry();
  } else if (extended_ && status >= 200 && status < 300) {
    // The client would take it for a tunnel (RFC 8441 5).
    answer(Outcome::backend_malformed, "the backend did not switch to " + upgrade_);
  } else {
    co_await relay();
  }
}

Task<> Exchange::run(LoopServicesRef services, Stream& stream) {
  Exchange x(*services, stream);
  x.begin_record();
  // Before anything looks at the fields: routes, templates and keys may name them.
  set_client_certificate(stream.head.fields, stream.client_certificate, x.trusted_peer_);
  if (x.refuse_early()) co_return;
  x.take_extended_connect();
  if (!x.find_route()) co_return;
  if (x.wants_tunnel() || x.extended_) {
    if (x.enter_tunnel()) co_await x.from_origin();
    co_return;
  }
  if (!stream.body_ended || !stream.body.empty()) {
    bool whole = co_await x.take_body();
    if (!whole) co_return;
  }
  x.record_.body_wait = services->loop.now() - stream.started;
  bool answered = co_await x.from_cache();
  if (!answered) co_await x.from_origin();
}

Task<> Exchange::fetch(LoopServices& services, FlightFetch& flight) {
  Exchange x(services, flight, &flight);
  x.accounting_->to = [ref = flight.reporter()](ExchangeRecord record) {
    ref->record(std::move(record));
  };
  x.begin_record();
  if (!x.find_route()) co_return;
  if (!flight.body.empty()) {
    bool whole = co_await x.take_body();
    if (!whole) co_return;
  }
  co_await x.from_origin();
}

Task<> FrontHandler::handle(Stream& stream) { return Exchange::run(now_, stream); }

}  // namespace siding
