// One request inside a backend: it owns the permit, the connection and the request body, sends it and
// reads the worker's answer at the same time, each as fast as the worker wants, and hands the answer on
// through a Spool.
// Invariants: once a byte has gone to the backend, permit and connection belong to the worker's
// answer, not to the client: CallHandle moves the call to Background when the exchange ends first;
// the permit goes back at the worker's last byte.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/small_pool.h"
#include "proxy/exchange/accounting.h"
#include "proxy/exchange/admission.h"
#include "proxy/exchange/body_store.h"
#include "proxy/exchange/prefetch.h"
#include "proxy/exchange/services.h"
#include "proxy/upstream/pool.h"

namespace siding {

class BackendCall : public Pooled {
 public:
  struct Request {
    Slice head;                                  ///< as HTTP/1 sends it
    std::unique_ptr<const RequestHead> message;  ///< instead, to a backend that speaks HTTP/2
    BodyFraming framing;                         ///< likewise
    bool wants_trailers = false;                 ///< likewise: `TE: trailers`
    std::string method;
    bool chunked = false;  ///< the body goes as chunks, because it has trailers
    Fields trailers;
    bool may_spill = true;  ///< false: the answer goes at the client's speed
    bool upgrade = false;   ///< asks for another protocol: no body, and a 101 is an answer
  };
  BackendCall(LoopServices& services, Request request, std::unique_ptr<BodyStore> body,
              AccountingRef accounting);
  ~BackendCall();

  Permit permit;                            ///< empty for routes outside the queue
  std::unique_ptr<PrefetchSet> prefetches;  ///< its pins, while the worker is inside

  /// Sends the request on `lease` and reads the answer. May be called again after a failure.
  void start(Lease lease);

  /// Interim heads that have come and were not taken yet.
  std::vector<ResponseHead> interim;
  std::optional<ResponseHead> head;
  Framing framing;              ///< with `head`
  std::optional<Error> failed;  ///< before the head; later ones are in the spool
  Spool spool;
  Fields trailers;
  Signal changed;

  bool sent();  ///< a byte has gone to the backend
  /// It failed in the way of a kept connection that the server had closed: nothing of an answer came.
  bool stale() const { return stale_; }
  /// The backend had not looked at it: it may be sent again, whatever it asks for.
  bool refused() const { return refused_; }
  bool ended() const { return ended_; }
  /// The backend has switched to what it was asked for: `head` is its 101, and nobody reads on.
  bool switched() const { return switched_; }
  struct Switched {
    Permit permit;
    Lease lease;
  };
  /// Then: what it holds goes on without it, and the call has ended.
  Switched take_switched();
  void discard();

 private:
  class Body;
  Task<> run();
  Task<> send_request(Slice head);
  void stop_sending();
  void lasts() { permit.lasts(); }
  void end(std::optional<Error> error);
  /// What it came to until now, once.
  void account();

  LoopServices& services_;
  const Request request_;
  std::unique_ptr<BodyStore> body_;
  AccountingRef accounting_;
  TimePoint started_{};
  bool sent_ = false;
  bool stale_ = false;
  bool refused_ = false;
  bool ended_ = false;
  bool switched_ = false;
  Lease lease_;
  MemberTimer<BackendCall, &BackendCall::lasts> lasts_{*this};  // armed for a probe
  std::optional<Error> send_failed_;
  Task<> sending_;
  Task<> task_;  // last: it uses the rest
};

/// Owns the call for the exchange; gives it to Background if the worker is still at it.
class CallHandle {
 public:
  CallHandle(LoopServices& services, Duration abandon) : services_(services), abandon_(abandon) {}
  CallHandle(const CallHandle&) = delete;
  CallHandle& operator=(const CallHandle&) = delete;
  ~CallHandle();
  std::unique_ptr<BackendCall> call;

 private:
  LoopServices& services_;
  const Duration abandon_;
};

}  // namespace siding
