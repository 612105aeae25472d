// The blocking worker of the stories: its own call through siding, then its answer, for one request after
// the other. A search for x asks the upstream for /s?word=x.
#pragma once

#include <optional>
#include <string>

#include "tests/harness/loop_world.h"

namespace siding::cancel {

/// `fields` are whole lines.
inline std::string answer_with(const std::string& body, const std::string& fields = "") {
  return "HTTP/1.1 200 OK\r\n" + fields + "Content-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}
inline std::string search_for(const std::string& word) {
  return "GET /?q=" + word + " HTTP/1.1\r\nHost: shop\r\n\r\n";
}
inline std::string word_in(const std::string& request) {
  size_t at = request.find('=');
  return at == std::string::npos ? "" : request.substr(at + 1, request.find(' ', at) - at - 1);
}
inline void blocking_worker(test::LoopPeer& peer, test::LoopWorld& w,
                            const std::string& rest_of_call = "\r\n") {
  if (peer.stage == 0) {
    std::optional<std::string> request = peer.take();
    if (!request) return;
    std::string host = "127.0.0.1:" + std::to_string(w.upstream.port());
    peer.call = test::LoopPeer::connect(w.egress_port());
    peer.call->send((rest_of_call == "\r\n" ? "GET" : "POST") + (" http://" + host) +
                    "/s?word=" + word_in(*request) + " HTTP/1.1\r\nHost: " + host +
                    "\r\nAccept: */*\r\n" + rest_of_call);
    peer.stage = 1;
    return;
  }
  std::optional<std::string> answer = peer.call->take();
  if (!answer && !peer.call->eof) return;
  std::string got = answer ? answer->substr(answer->find("\r\n\r\n") + 4) : "library error";
  peer.send(answer_with("page with " + got));
  peer.call.reset();
  peer.stage = 0;
}
inline void work(test::LoopWorld& w) {
  w.backend.script = [&w](test::LoopPeer& peer) { blocking_worker(peer, w); };
}

}  // namespace siding::cancel
