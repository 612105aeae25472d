// A route that siding answers itself: calls to several upstreams at once, under one deadline, and one
// answer out of theirs (DESIGN 3.6).
// Invariants: a leg is called as soon as the values that it needs are there; what has come at the
// deadline is sent then; destroying it cancels what is under way.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/budget.h"
#include "http/message.h"
#include "http/template_values.h"
#include "proxy/exchange/call.h"
#include "proxy/exchange/services.h"
#include "proxy/loop/join.h"
#include "proxy/observe/record.h"

namespace siding {

class FanOut {
 public:
  /// `values`: of the client's request. All of it outlives the fan-out.
  FanOut(LoopServices& services, const RouteConfig& route, const TemplateValues& values);
  ~FanOut();
  FanOut(const FanOut&) = delete;
  FanOut& operator=(const FanOut&) = delete;

  /// Until all legs have ended, the race is won, a required leg has failed, or the deadline; then no call
  /// is left.
  Task<> run(TimePoint deadline);

  struct Answer {
    Outcome outcome = Outcome::ok;  ///< else nothing else counts but the detail
    std::string detail;
    ResponseHead head;
    Buffer body;
  };
  /// Once, after run().
  Answer answer();
  std::vector<LegRecord> records() const;

 private:
  struct Leg;
  class Values;
  Task<> run_leg(Leg& leg, TimePoint deadline);
  Result<CallRequest> make_request(const Leg& leg);
  void take(Leg& leg, Result<CallAnswer> got, bool late);
  Leg* find(std::string_view name) const;
  bool over(const Group& calls) const;
  Answer failure(const Leg& leg) const;
  Answer race_answer();
  Answer merged_answer();
  std::string completeness() const;

  LoopServices& services_;
  const RouteConfig& route_;
  const TemplateValues& values_;
  std::vector<std::unique_ptr<Leg>> legs_;
  Leg* winner_ = nullptr;
  Reservation held_;  // the bodies of the legs
  Signal changed_;
};

}  // namespace siding
