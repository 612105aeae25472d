// One speculative call under way, and its answer. Held by the requests that want it; the call ends
// with its last holder.
// Invariants: on one loop; whoever was promised the answer (complete_later) hears of its end, however
// it ends.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/exchange/call.h"
#include "proxy/exchange/pins.h"
#include "proxy/exchange/services.h"

namespace siding {

class Fetch {
 public:
  /// With a `share_key`, an equal call under way on this loop is joined instead, unless it carries
  /// credentials.
  static std::shared_ptr<Fetch> start(LoopServices& services, Upstream& upstream,
                                      CallRequest request, TimePoint deadline,
                                      const std::string& share_key);
  /// Lets it run to its end although nobody holds it any more.
  static void finish_in_background(LoopServices& services, std::shared_ptr<Fetch> fetch);
  explicit Fetch(LoopServices& services) : services_(services) {}
  ~Fetch();
  Fetch(const Fetch&) = delete;
  Fetch& operator=(const Fetch&) = delete;

  bool begun() const { return begun_; }  ///< it has found room within the upstream's bounds
  bool ended() const { return ended_; }
  Signal& changed() { return changed_; }
  /// After the end: the answer, or one that says `timed_out`; null if it failed.
  const PinnedAnswerRef& answer() const { return answer_; }
  const std::optional<Error>& error() const { return error_; }
  void complete_later(const PinRef& pin) { pins_.push_back(pin); }

 private:
  Task<> run(Upstream& upstream, CallRequest request, TimePoint deadline);
  void end();

  LoopServices& services_;
  bool begun_ = false;
  bool ended_ = false;
  PinnedAnswerRef answer_;
  std::optional<Error> error_;
  std::vector<PinRef> pins_;
  std::string share_key_;
  Signal changed_;
  Task<> task_;  // last
};

}  // namespace siding
