// Turns a loop until something has happened, for tests that share the loop's thread. Works for manual
// clocks too, with which a loop would otherwise poll without end or block for ever.
#pragma once

#include <event2/event.h>

#include <chrono>

#include "proxy/loop/loop.h"

namespace siding::test {

/// Real time that nothing in a test should need.
inline constexpr std::chrono::seconds kPatience{20};

/// Turns `loop` until `done()`; false if that does not come about in `limit` of real time.
template <class Condition>
bool run_until(Loop& loop, Condition done, std::chrono::milliseconds limit = kPatience) {
  auto end = std::chrono::steady_clock::now() + limit;
  event* tick = event_new(
      loop.base(), -1, EV_PERSIST, [](int, short, void*) {}, nullptr);
  timeval often{0, 1000};
  event_add(tick, &often);
  bool reached = done();
  while (!reached && std::chrono::steady_clock::now() < end) {
    loop.turn(true);
    reached = done();
  }
  event_free(tick);
  return reached;
}

}  // namespace siding::test
