// A shop behind siding with a cache, and a clock that only the test moves.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "tests/harness/proxy.h"

namespace siding::test {

struct CachedShop {
  /// `cache`: the value of the route's key; `keys`: other keys of it.
  explicit CachedShop(const std::string& cache = "true", Setup setup = {})
      : proxy(backend, with(cache, std::move(setup))) {}
  Setup with(const std::string& cache, Setup setup) {
    setup.route += "cache = " + cache + "\n";
    setup.clock = &clock;
    return setup;
  }
  /// What the backend answers from now on; `fields` are whole lines.
  void says(const std::string& body, const std::string& fields, int status = 200) {
    backend.on_request([=](Origin::Call& call) { call.respond(body, fields, status); });
  }
  Message ask(std::string_view target = "/", std::string_view fields = "") {
    return get(proxy.front(), target, fields);
  }
  /// Requests by what the cache did for them.
  double did(std::string_view what) {
    return proxy.metric("siding_cache_requests_total", {"result=" + std::string(what)});
  }
  /// Until so many wait for fetches, or read them.
  bool read(int n) { return proxy.metric_becomes(n, "siding_cache_readers"); }

  ManualClock clock;
  Origin backend;
  Proxy proxy;
};

}  // namespace siding::test
