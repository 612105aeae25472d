// Siding with a fan-out over three upstreams, for the tests of legs.
#pragma once

#include <string>
#include <utility>

#include "tests/harness/proxy.h"

namespace siding::test {

/// Three upstreams: song, video, news. Each answers {"id":"NAME-1","items":[...]} unless told otherwise.
struct FanBed {
  explicit FanBed(const std::string& legs, const std::string& route = "",
                  const std::string& upstream = "", ManualClock* clock = nullptr)
      : proxy(backend, setup(legs, route, upstream, clock)) {
    says(song, "{\"id\":\"s-1\",\"items\":[1, \"two\",{\"n\": 3}]}");
    says(video, " {\"id\":7,\"items\":[\"v\"]}\n");
    says(news, "{\"items\":[]}");
  }
  Setup setup(const std::string& legs, const std::string& route, const std::string& upstream,
              ManualClock* clock) {
    Setup s;
    for (auto [name, origin] :
         {std::pair("song", &song), std::pair("video", &video), std::pair("news", &news)}) {
      s.tables += "[upstream." + std::string(name) + "]\nretries = 0\nurl = \"" + origin->url() +
                  "\"\n" + upstream;
    }
    s.tables += "[[route]]\npath = \"/all\"\n" + route + "[route.fanout]\n" + legs;
    s.clock = clock;
    return s;
  }
  static void says(Origin& origin, const std::string& body, const std::string& fields = "",
                   int status = 200) {
    std::string type = fields.find("Content-Type") == std::string::npos
                           ? "Content-Type: application/json\r\n"
                           : "";
    origin.on_request([=](Origin::Call& call) { call.respond(body, type + fields, status); });
  }
  Message ask(const std::string& query = "") { return get(proxy.front(), "/all" + query); }

  Origin song, video, news, backend;
  Proxy proxy;
};

}  // namespace siding::test
