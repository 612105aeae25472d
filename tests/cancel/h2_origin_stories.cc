// Stories of upstreams and backends that speak HTTP/2: calls that share a connection.
#include <gtest/gtest.h>

#include <memory>

#include "tests/cancel/stories.h"
#include "tests/harness/h2_origin.h"

namespace siding::cancel {

using namespace std::chrono_literals;
using test::H2Origin;
using test::H2Server;
using test::LoopPeer;
using test::LoopWorld;

namespace {
const std::string kH2Doors =
    "listen = \"127.0.0.1:1\"\n[egress]\nlisten = \"127.0.0.1:2\"\n"
    "[upstream.music]\nurl = \"http://127.0.0.1:UPSTREAM\"\nh2c = true\nretries = 0\n"
    "timeout = \"500ms\"\n"
    "[backend.shop]\nurl = \"http://127.0.0.1:BACKEND\"\nh2c = true\nconcurrency = 2\n";

/// In two pieces, so that there are steps between them.
void in_pieces(H2Server& server, int32_t id) {
  H2Server::Request& r = server.requests[id];
  ++r.answered;
  server.head(id, {{":status", "200"}});
  server.data(id, "\"song ");
  server.data(id, "of x\"", true);
}

struct H2Servers {
  H2Servers(LoopWorld& world, const H2Origin::Answer& how)
      : music(world.upstream, how), shop(world.backend, how) {}
  H2Origin music;
  H2Origin shop;
};

/// `requests`: one of each client. `answer` is that of both servers.
Story over_h2(const std::string& name, const std::string& config,
              const std::vector<std::string>& requests, H2Origin::Answer answer) {
  auto servers = std::make_shared<std::unique_ptr<H2Servers>>();
  Story s{name, config, [=](LoopWorld& w) {
            *servers = std::make_unique<H2Servers>(w, answer);
            for (const std::string& request : requests) w.add_client().send(request);
          }};
  s.answers.assign(requests.size(), 200);
  s.tick = 50ms;  // who was refused twice waits a moment
  s.fresh = "GET /s HTTP/1.1\r\nHost: x\r\n\r\n";
  s.fresh_answer = "song";
  s.mend = [servers](LoopWorld& w) {
    w.backend.close_all();
    w.upstream.close_all();
    *servers = std::make_unique<H2Servers>(w, in_pieces);
  };
  return s;
}
}  // namespace

std::vector<Story> h2_origin_stories() {
  const std::string get = "GET /s HTTP/1.1\r\nHost: x\r\n\r\n";
  const std::string post =
      "POST /s HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n" + std::string(9000, 'b');
  const std::string to_shop = kH2Doors + "[[route]]\nbackend = \"shop\"\n";
  const std::string legs = kH2Doors +
                           "[[route]]\n[route.fanout]\na = { call = \"music:/a\" }\n"
                           "b = { call = \"music:/b\" }\n";
  auto refused_once = [](H2Server& server, int32_t id) {
    if (id > 1) return in_pieces(server, id);
    ++server.requests[id].answered;
    server.reset(id, NGHTTP2_REFUSED_STREAM);
  };
  auto goes_away = [](H2Server& server, int32_t id) {
    in_pieces(server, id);
    if (id == 3) server.goaway(3);
  };
  return {over_h2("H2Backend", to_shop, {get, post, get}, in_pieces),
          over_h2("H2BackendRefuses", to_shop, {post, get}, refused_once),
          over_h2("H2BackendGoesAway", to_shop, {get, post, get}, goes_away),
          over_h2("H2Legs", legs, {get, get}, in_pieces),
          over_h2("H2LegsRefused", legs, {get, get}, refused_once)};
}

}  // namespace siding::cancel
