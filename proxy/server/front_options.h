// The options of the front's addresses on one thread: what they share, and what comes before HTTP at each.
// Invariant: each lives at its place as long as this object, and so longer than the listeners.
#pragma once

#include <deque>

#include "config/config.h"
#include "proxy/downstream/arrival.h"
#include "proxy/downstream/listener.h"
#include "proxy/exchange/services.h"
#include "proxy/server/front_tls.h"

namespace siding {

class FrontOptions {
 public:
  explicit FrontOptions(LoopServices& services, const FrontTls& tls)
      : services_(services), tls_(tls) {}

  /// Of all addresses at which nothing comes before HTTP.
  ListenerOptions shared;
  /// Of the address at place `index` of the configuration; `shared` is complete.
  const ListenerOptions& of(size_t index);

 private:
  struct Own {
    ListenerOptions listener;
    ArrivalOptions arrival;
  };
  LoopServices& services_;
  const FrontTls& tls_;
  std::deque<Own> own_;
};

}  // namespace siding
