// The application of the talk, with siding around it: a view that calls an upstream, blocking, through
// siding's egress, and answers with what came back. The route prefetches that call.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "tests/harness/proxy.h"

namespace siding::test {

class Shop {
 public:
  struct Options {
    std::string prefetch = "";  ///< keys of [route.prefetch]
    std::string call = "call = \"music:/s?word={query.q}\"\n";
    std::string upstream = "";  ///< keys of [upstream.music], but for its url
    std::string backend = "concurrency = 1\n";
    std::string tables = "";
    std::string top = "";
    std::string egress = "";
    std::string health = "";
    int threads = 1;
    ManualClock* clock = nullptr;
    bool upstream_is_down = false;
  };
  Shop() : Shop(Options()) {}
  explicit Shop(Options options);
  /// Views may still be running: they end while what they use is there.
  ~Shop() {
    upstream.release();
    backend.stop();
  }

  Origin upstream;
  Origin backend;
  Proxy proxy;

  Message ask(std::string_view q, std::string_view fields = "") {
    return get(proxy.front(), "/search/?q=" + std::string(q), fields);
  }
  /// What a view does in the place of the usual one: given the call that reached the backend, the
  /// answer of the upstream. `call_music` makes the usual call.
  using View = std::function<std::string(const Message& request)>;
  void view(View v);
  /// The view's usual call with more fields; "failed: closed" if it fails as a library would see it.
  std::string call_music(const Message& request, std::string_view fields = "");
  /// What the upstream says to a word.
  static std::string song(std::string_view q) { return "song of /s?word=" + std::string(q); }
  static std::string q_of(const Message& request);
  double egress_calls(std::string_view result) {
    return proxy.metric("siding_egress_calls_total", {"result=" + std::string(result)});
  }
};

inline std::string setup_tables(const Origin& upstream, const Shop::Options& o) {
  return "[upstream.music]\nurl = \"" + upstream.url() + "\"\n" + o.upstream + o.tables;
}

inline Setup shop_setup(const Origin& upstream, const Shop::Options& o) {
  Setup s;
  s.backend = o.backend;
  s.route = "[route.prefetch]\n" + o.prefetch + "[route.prefetch.calls.song]\n" + o.call;
  s.tables = setup_tables(upstream, o);
  s.top = o.top;
  s.egress = o.egress;
  s.health = o.health;
  s.threads = o.threads;
  s.clock = o.clock;
  return s;
}

inline Shop::Shop(Options o) : upstream(Origin::Down()), proxy(backend, shop_setup(upstream, o)) {
  upstream.on_request([](Origin::Call& call) { call.respond("song of " + call.request.target()); });
  if (!o.upstream_is_down) upstream.start();
  view([this](const Message& request) { return call_music(request); });
}

inline void Shop::view(View v) {
  backend.on_request([v = std::move(v)](Origin::Call& call) { call.respond(v(call.request)); });
}

inline std::string Shop::q_of(const Message& request) {
  std::string target = request.target();
  size_t at = target.find("q=");
  return at == std::string::npos ? "" : target.substr(at + 2);
}

inline std::string Shop::call_music(const Message& request, std::string_view fields) {
  Message got = call_out(proxy.egress(), upstream.url() + "/s?word=" + q_of(request), fields);
  return got.whole() ? got.body : "failed: " + got.fault;
}

}  // namespace siding::test
