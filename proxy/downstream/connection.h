// A client's connection, whatever is spoken on it.
// Invariants: owned by its Listener, which it tells when it has ended; belongs to one loop.
#pragma once

#include "base/clock.h"
#include "base/list.h"

namespace siding {

class Connection : public Link<> {
 public:
  virtual ~Connection() = default;

  /// Starts reading. May end (and retire) the connection later, never inside this call.
  virtual void start() = 0;
  /// The listener drains: an idle connection ends now, a new one has a moment for its request,
  /// another one ends after its responses.
  virtual void drain() = 0;
  /// Somebody waits for its place: it ends now if nothing is under way on it. False: something is.
  virtual bool give_way() { return false; }

 private:
  friend class Listener;
  TimePoint idle_since_{};  // the listener's: see Listener::rests()
};

}  // namespace siding
