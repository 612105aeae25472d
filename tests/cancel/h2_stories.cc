// Stories of clients that speak HTTP/2: requests that share a connection, and streams that end before it.
#include <gtest/gtest.h>

#include <memory>

#include "tests/cancel/stories.h"
#include "tests/harness/h2_client.h"

namespace siding::cancel {

using namespace std::chrono_literals;
using test::H2Client;
using test::LoopPeer;
using test::LoopWorld;

namespace {
const std::string kShop =
    "listen = \"127.0.0.1:1\"\n"
    "[backend.shop]\nurl = \"http://127.0.0.1:BACKEND\"\nconcurrency = 1\n"
    "[[route]]\nbackend = \"shop\"\n";

/// What a client does with its connection, each time that something may have come.
struct Script {
  H2Client::Options options{};
  std::function<std::vector<int32_t>(H2Client&)> ask;  ///< the streams that count
  std::function<void(H2Client&)> go_on = [](H2Client&) {};
};

/// Ends, as the other stories see it, with an answer of HTTP/1: 200 if all that count are whole.
Story told(const std::string& name, Script script) {
  Story s{name, kShop, [script](LoopWorld& w) {
            w.backend.script = [](LoopPeer& peer) {
              while (auto request = peer.take()) {
                const std::string body(request->starts_with("POST") ? 100'000 : 4, 'x');
                peer.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) +
                          "\r\n\r\n" + body);
              }
            };
            LoopPeer& peer = w.add_client();
            auto client = std::make_shared<H2Client>(peer, script.options);
            std::vector<int32_t> streams = script.ask(*client);
            peer.on_pump = [client, streams, script](LoopPeer& self) {
              if (self.stage > 0) return;
              script.go_on(*client);
              client->exchange();
              bool whole = true;
              for (int32_t id : streams) {
                if (!client->answer(id).closed) return;
                whole = whole && client->answer(id).status == 200 && client->answer(id).ended;
              }
              self.stage = 1;
              self.in = std::string("HTTP/1.1 ") + (whole ? "200 OK" : "500 Not whole") +
                        "\r\nContent-Length: 0\r\n\r\n";
            };
          }};
  s.answers = {200};
  return s;
}

Story several() {
  return told("H2Several", {.ask = [](H2Client& c) {
                const int32_t post = c.ask("POST", "/", {}, "");
                c.send(post, std::string(100'000, 'b'), true, {{"x-sum", "1"}});
                return std::vector{c.get("/a"), c.get("/b"), post};
              }});
}

/// Opens its windows bit by bit.
Story slow_reader() {
  Story s = told("H2SlowReader", {.options = {.own_updates = false},
                                  .ask =
                                      [](H2Client& c) {
                                        const int32_t post = c.ask("POST", "/", {}, "");
                                        c.send(post, "b", true);
                                        return std::vector{post};
                                      },
                                  .go_on =
                                      [](H2Client& c) {
                                        const size_t got = c.answer(1).body.size();
                                        c.consume(1, got - std::min(got, c.taken));
                                        c.taken = got;
                                      }});
  return s;
}

/// Leaves one request in the queue, one inside, and waits for the third.
Story resets() {
  return told("H2Resets", {.ask =
                               [](H2Client& c) {
                                 c.get("/inside");
                                 c.get("/queued");
                                 return std::vector{c.get("/stays")};
                               },
                           .go_on =
                               [](H2Client& c) {
                                 if (++c.pumps == 4) c.reset(1);
                                 if (c.pumps == 6) c.reset(3);
                               }});
}
}  // namespace

std::vector<Story> h2_stories() { return {several(), slow_reader(), resets()}; }

}  // namespace siding::cancel
