// See backend_call.h.
#include "proxy/exchange/backend_call.h"

#include <cassert>
#include <utility>

namespace siding {

namespace {
constexpr size_t kBodyPiece = 128 * 1024;
/// From this status on the rest of the request is not wanted.
constexpr int kRefused = 400;
/// More 1xx answers than that are an attack or a bug.
constexpr int kMaxInterim = 100;

/// Reads the rest of an answer that nobody waits for.
Task<> finish_abandoned(LoopServicesRef services, std::unique_ptr<BackendCall> call,
                        Duration abandon) {
  struct Counted {
    explicit Counted(LoopServices& s) : in(s) {
      ++in.shared.abandoned;
      in.counters().abandoned_began();
    }
    ~Counted() {
      in.counters().abandoned_ended();
      --in.shared.abandoned;
    }
    LoopServices& in;
  };
  Counted counted(*services);
  TimePoint until = after(services->loop.now(), abandon);
  while (!call->ended() && !call->switched()) {
    bool in_time = co_await Wait(call->changed, until);
    if (!in_time) break;
  }
}
}  // namespace

/// The request body from its beginning.
class BackendCall::Body final : public BodySource {
 public:
  explicit Body(const BodyStore& store) : store_(store) {}
  Task<Result<Buffer>> next() override {
    if (at_ == store_.size()) co_return Buffer();
    Result<Buffer> piece = co_await store_.read(at_, kBodyPiece);
    if (piece) at_ += piece->size();
    co_return std::move(piece);
  }
  bool at_end() const override { return at_ == store_.size(); }

 private:
  const BodyStore& store_;
  uint64_t at_ = 0;
};

BackendCall::BackendCall(LoopServices& services, Request request, std::unique_ptr<BodyStore> body,
                         AccountingRef accounting)
    : spool(services.shared.bodies, request.may_spill),
      services_(services),
      request_(std::move(request)),
      body_(std::move(body)),
      accounting_(std::move(accounting)) {}

BackendCall::~BackendCall() {
  // What the worker did not ask for until now it will not ask for any more.
  task_.reset();
  if (prefetches) prefetches->finish(accounting_->record);
}

bool BackendCall::sent() { return lease_ ? lease_->request_sent() : sent_; }

void BackendCall::start(Lease lease) {
  lease_ = std::move(lease);
  failed.reset();
  send_failed_.reset();
  stale_ = refused_ = false;
  ended_ = false;
  started_ = services_.loop.now();
  ++accounting_->record.attempts;
  if (permit.probing()) services_.loop.arm(lasts_, after(started_, Permit::kLasts));
  task_ = run();
  task_.start();
}

void BackendCall::discard() { spool.discard(); }

void BackendCall::stop_sending() {
  if (!sending_) return;
  if (!sending_.done()) lease_->stop_sending();
  sending_.reset();
}

void BackendCall::account() {
  accounting_->record.worker = services_.loop.now() - started_;
  services_.counters().sent(Peer::backend, lease_->sent_bytes());
  services_.counters().received(Peer::backend, lease_->received_bytes());
}

void BackendCall::end(std::optional<Error> error) {
  ended_ = true;
  lasts_.unlink();
  stop_sending();
  if (send_failed_) error = std::move(send_failed_);
  account();
  sent_ = lease_->request_sent();
  if (error) {
    stale_ = lease_.reused() && !lease_->answer_begun() &&
             (error->kind == Failure::closed || error->kind == Failure::reset);
    refused_ = lease_->refused();
    lease_ = Lease();
    if (!head) {
      failed = std::move(error);  // the permit stays for another try
      changed.notify();
      return;
    }
    spool.fail(std::move(*error));
  } else {
    trailers = lease_->take_trailers();
    lease_.release();
    spool.finish();
  }
  if (prefetches) prefetches->finish(accounting_->record);
  if (spool.throttled() > 0) services_.counters().throttled();
  permit.reset();
  changed.notify();
}

BackendCall::Switched BackendCall::take_switched() {
  assert(switched_ && !ended_);
  ended_ = sent_ = true;
  account();
  if (prefetches) prefetches->finish(accounting_->record);
  return {std::move(permit), std::move(lease_)};
}

/// Beside run(), which may stop it.
Task<> BackendCall::send_request(Slice request_head) {
  HttpClient& client = *lease_;
  std::optional<Body> body;
  if (body_ && (body_->size() > 0 || request_.chunked)) body.emplace(*body_);
  BodySource* source = body ? &*body : nullptr;
  client.read_meanwhile();
  Result<> sent;
  if (H1Client* h1 = lease_.h1()) {
    sent = co_await h1->send(std::move(request_head), source, kNever, request_.chunked,
                             &request_.trailers);
  } else {
    OutRequest out;
    out.head = request_.message.get();
    out.framing = request_.framing;
    out.trailers = &request_.trailers;
    out.wants_trailers = request_.wants_trailers;
    sent = co_await client.send(out, source, kNever);
  }
  if (sent) co_return;
  // No answer will come to half a request.
  send_failed_ = sent.error();
  client.abort();
}

Task<> BackendCall::run() {
  HttpClient& client = *lease_;
  services_.counters().request(Peer::backend);
  H1Client* h1 = lease_.h1();
  if (request_.upgrade) h1->expect_upgrade();
  co_await NextBatch();
  Slice request_head = request_.head;
  if (body_ || h1 == nullptr || !h1->try_send(request_head)) {
    sending_ = send_request(std::move(request_head));
    sending_.start();
  }
  for (int interim_heads = 0; !head;) {
    Result<ResponseHead> next = co_await client.read_head(request_.method, kNever);
    if (!next) {
      end(next.error());
      co_return;
    }
    if (next->status == 101) {
      if (sending_ && !sending_.done()) {
        end(Error(Failure::malformed, Side::upstream, false, "101 before the whole request"));
        co_return;
      }
      sending_.reset();
      lasts_.unlink();
      head = std::move(*next);
      if (permit) permit.answered(services_.loop.now());
      switched_ = true;
      changed.notify();
      co_return;
    }
    if (!next->interim()) {
      framing = client.framing();
      head = std::move(*next);
      if (head->status >= kRefused) stop_sending();
      if (permit) permit.answered(services_.loop.now());
      // What applications already say to nginx in front of event streams.
      if (head->fields.has_token("x-accel-buffering", "no")) spool.stream();
    } else if (++interim_heads > kMaxInterim) {
      end(Error(Failure::malformed, Side::upstream, false, "too many interim answers"));
      co_return;
    } else {
      interim.push_back(std::move(*next));
    }
    changed.notify();
  }
  while (true) {
    Result<Buffer> piece = co_await client.read_body(kNever);
    if (!piece) {
      end(piece.error());
      co_return;
    }
    if (piece->empty()) break;
    Buffer data = std::move(*piece);
    if (!spool.try_put(data)) co_await spool.put(std::move(data));
  }
  end(std::nullopt);
}

CallHandle::~CallHandle() {
  if (!call || call->ended() || !call->sent()) return;
  call->discard();
  services_.background.run(
      finish_abandoned(services_.shared_from_this(), std::move(call), abandon_));
}

}  // namespace siding
