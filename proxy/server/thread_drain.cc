// How one thread ends: see thread.h, and drain.h for what all of them share.
#include "proxy/server/thread.h"

namespace siding {

namespace {
/// How often a drain looks whether what is inside has finished: it counts over all threads.
constexpr Duration kDrainLook = std::chrono::milliseconds(5);
/// So long before the end of a drain nobody is waited for on whose connection nothing is under way.
constexpr Duration kNothingUnderWay = std::chrono::milliseconds(100);
/// For what the doors still have to say at the very end.
constexpr Duration kLastWords = std::chrono::seconds(1);
}  // namespace

void ServerThread::drain_listeners(ListenerKind kind, TimePoint until) {
  for (const std::unique_ptr<Open>& one : open_) {
    if (one->kind == kind) one->listener->drain(until - kNothingUnderWay);
  }
}

/// Work whose client has gone counts too: its worker is still inside, and may still call out.
Task<bool> ServerThread::wait_until_gone(ListenerKind kind, TimePoint until) {
  const std::atomic<uint32_t>& open = process_.open_at(kind);
  while (open > 0 || process_.services->abandoned > 0) {
    if (loop_.now() >= until || stage() == Drain::Stage::now) co_return open == 0;
    co_await Wait(told_, after(loop_.now(), kDrainLook));
  }
  co_return true;
}

/// New requests first, then what is inside, then the workers' calls: nobody inside may lose its
/// way out before it has finished.
Task<> ServerThread::drain_when_told() {
  Drain& drain = process_.ending;
  while (stage() == Drain::Stage::serving) co_await Wait(told_);
  const ConfigRef config = services_->snapshot.config;
  if (drain.handed_over()) {
    // Who asks at the doors means the process that serves.
    drain_listeners(ListenerKind::health);
    drain_listeners(ListenerKind::admin);
  } else {
    // Who sends requests here learns only after a while that this one is not ready any more.
    const TimePoint served = after(loop_.now(), config->drain_delay);
    while (loop_.now() < served && stage() != Drain::Stage::now) co_await Wait(told_, served);
  }
  TimePoint until = after(loop_.now(), config->drain_time());
  drain_listeners(ListenerKind::front, until);
  bool finished = co_await wait_until_gone(ListenerKind::front, until);
  if (!finished && process_.services->tunnels.open() > 0) {
    // These end by themselves only if they like: no fault of theirs.
    end_tunnels(work_.tunnels_end.clients);
    const TimePoint last = after(loop_.now(), kLastWords);
    finished = co_await wait_until_gone(ListenerKind::front, last);
  }
  drain.clients_have_gone();
  if (stage() < Drain::Stage::all) {
    while (stage() < Drain::Stage::all) co_await Wait(told_);
    until = after(loop_.now(), config->drain_time());
  }
  drain_listeners(ListenerKind::egress, until);
  // Nobody inside needs them any more.
  end_tunnels(work_.tunnels_end.workers);
  bool quiet = co_await wait_until_gone(ListenerKind::egress, until);
  if (!finished || !quiet) process_.cut_off = true;
  // The doors stay open as long as any thread still works, and until they have said so.
  drain.has_ended();
  while (!drain.nobody_works()) co_await SleepUntil(after(loop_.now(), kDrainLook));
  drain_listeners(ListenerKind::health);
  const TimePoint told = after(loop_.now(), kLastWords);
  while (process_.open_at(ListenerKind::health) > 0 && loop_.now() < told &&
         stage() != Drain::Stage::now) {
    co_await Wait(told_, after(loop_.now(), kDrainLook));
  }
  loop_.stop();
}

void ServerThread::end_tunnels(bool& whose) {
  whose = true;
  work_.tunnels_end.told.notify();
}

}  // namespace siding
