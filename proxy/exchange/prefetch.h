// The upstream calls that siding makes for a request while it waits for a worker.
// Invariants: never made for a request that was not admitted; what is fetched is offered as pins only
// while the request is inside its backend; finish() accounts for each call exactly once.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "http/template.h"
#include "proxy/exchange/pins.h"
#include "proxy/exchange/services.h"
#include "proxy/observe/record.h"

namespace siding {

class PrefetchSet {
 public:
  struct Request {
    const RouteConfig* route = nullptr;
    size_t route_index = 0;
    std::shared_ptr<const ClientMarks> client;
    std::string id;
    bool safe = true;
  };
  PrefetchSet(LoopServices& services, Request request);
  ~PrefetchSet();
  PrefetchSet(const PrefetchSet&) = delete;
  PrefetchSet& operator=(const PrefetchSet&) = delete;

  /// After the request has its place: starts every call whose values are there. `values` is not
  /// kept.
  void start(const TemplateValues& values, TimePoint deadline);
  /// Until when a worker may be kept waiting for the answers.
  TimePoint wait_until(TimePoint deadline) const;
  /// All calls that were started have ended.
  bool settled() const { return running_ == 0; }
  Signal& changed() { return changed_; }

  /// The request goes to its worker now: what was fetched, and what still is, becomes pins.
  void dispatch();
  /// The worker is done, or the request was never given to one. Fills `record`; later calls do
  /// nothing.
  void finish(ExchangeRecord& record);

 private:
  struct Leg;
  bool condition_met(const TemplateValues& values) const;
  void prepare(Leg& leg, const TemplateValues& values, TimePoint deadline);
  void settle(Leg& leg);

  LoopServices& services_;
  const Request request_;
  std::vector<std::unique_ptr<Leg>> legs_;
  size_t running_ = 0;
  bool finished_ = false;
  Signal changed_;
};

}  // namespace siding
