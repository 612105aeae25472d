// A client of siding (or a worker at its egress): a blocking connection to a port of this machine.
#pragma once

#include <string>
#include <string_view>

#include "tests/harness/wire.h"

namespace siding::test {

class Client {
 public:
  explicit Client(uint16_t port) : wire_(connect_local(port)) {}

  /// Bytes as they are.
  Client& send(std::string_view bytes);
  /// A whole request to `shop.example`. `fields` are whole lines.
  Client& get(std::string_view target, std::string_view fields = "");
  Client& head(std::string_view target, std::string_view fields = "");
  Client& post(std::string_view target, std::string_view body, std::string_view fields = "");

  /// The next answer, final or not.
  Message read() { return wire_.read_response(head_); }
  /// The next final answer.
  Message answer();
  /// "closed", "reset" or "timeout".
  std::string end() { return wire_.read_to_end(); }
  void half_close() { wire_.half_close(); }
  void close() { wire_.close(); }
  void reset() { wire_.reset(); }
  Wire& wire() { return wire_; }

 private:
  Wire wire_;
  bool head_ = false;  // the last request was a HEAD
};

/// One request on a connection of its own.
Message get(uint16_t port, std::string_view target, std::string_view fields = "");
Message post(uint16_t port, std::string_view target, std::string_view body,
             std::string_view fields = "");
/// One call of a worker as Python's requests makes it through http_proxy.
Message call_out(uint16_t egress, std::string_view url, std::string_view fields = "");

}  // namespace siding::test
