// An upstream with three addresses behind one name, and siding in front of a view that makes no call.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "tests/harness/dns_server.h"
#include "tests/harness/proxy.h"

namespace siding::test {

inline constexpr uint32_t kLong = 3600;  // seconds
inline constexpr std::array kIps{"127.0.0.1", "127.0.0.2", "127.0.0.3"};

/// Three origins behind one name and port; a view that makes no call, and whose route prefetches one.
struct ThreeBed {
  /// `keys` of [upstream.music], whose name is known to have so many `addresses` from the start.
  explicit ThreeBed(const std::string& keys = "", ManualClock* clock = nullptr,
                    const std::string& tables = "", size_t addresses = 3)
      : a(Origin::Down()),
        b(Origin::Down(), kIps[1], a.port()),
        c(Origin::Down(), kIps[2], a.port()),
        proxy(backend, setup(keys, clock, tables, addresses)) {
    for (Origin* o : {&a, &b, &c}) {
      o->on_request([](Origin::Call& call) { call.respond("song"); });
    }
  }
  Setup setup(const std::string& keys, ManualClock* clock, const std::string& tables,
              size_t addresses) {
    Setup s;
    dns.has("music.test", {kIps.begin(), kIps.begin() + addresses}, kLong);
    s.tables = "[dns]\nhosts_file = false\nservers = [\"" + dns.address() +
               "\"]\n[upstream.music]\nloopback = true\nurl = \"http://music.test:" +
               std::to_string(a.port()) + "\"\n" + keys + tables;
    s.route =
        "[route.prefetch]\nmode = \"on\"\n[route.prefetch.calls.song]\n"
        "call = \"music:/s?word={query.q}\"\n";
    s.clock = clock;
    return s;
  }
  /// The worker's own call.
  Message call() {
    return call_out(proxy.egress(), "http://music.test:" + std::to_string(a.port()) + "/");
  }
  /// A request whose call is prefetched; the speculation's budget lets ten go unused.
  void prefetch(const std::string& q) { EXPECT_EQ(200, get(proxy.front(), "/?q=" + q).status()); }
  std::string label(const char* ip) {
    return "address=" + std::string(ip) + ":" + std::to_string(a.port());
  }
  double open(const char* ip) { return proxy.metric("siding_endpoint_open", {label(ip)}); }

  DnsServer dns;
  Origin a, b, c;
  Origin backend;
  Proxy proxy;
};

/// Only `a` is behind the name.
struct OneBed : ThreeBed {
  explicit OneBed(const std::string& keys = "", ManualClock* clock = nullptr,
                  const std::string& tables = "")
      : ThreeBed(keys, clock, tables, 1) {}
};

}  // namespace siding::test
