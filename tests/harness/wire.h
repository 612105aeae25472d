// HTTP/1 over a blocking socket as tests want it: every wait has a deadline, nothing is checked that a
// test might want to see, what was received is kept as it came.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace siding::test {

/// Longer than anything in a test should take, also under a sanitizer on a busy machine.
inline constexpr std::chrono::seconds kPatient{20};

/// A request or an answer as it was received. An answer that did not come whole has a `fault`.
struct Message {
  std::string head;   ///< the bytes, with the empty line
  std::string start;  ///< the first line
  std::vector<std::pair<std::string, std::string>> fields{};
  std::string body{};      ///< without its framing
  std::string raw_body{};  ///< with it
  std::vector<std::pair<std::string, std::string>> trailers{};
  std::string
      fault{};  ///< "refused", "closed", "reset", "timeout", "malformed"; empty: it is whole

  bool whole() const { return fault.empty(); }
  int status() const;          ///< 0: there is no answer
  std::string method() const;  ///< of a request
  std::string target() const;
  bool has(std::string_view name) const { return count(name) > 0; }
  size_t count(std::string_view name) const;
  /// All values, joined by ", "; empty if there is none.
  std::string field(std::string_view name) const;
  /// Whether the body has this text: the named reason of an answer that siding made.
  bool says(std::string_view text) const { return body.find(text) != std::string::npos; }
};

/// For people who read why a test failed.
std::ostream& operator<<(std::ostream& out, const Message& message);

class Wire {
 public:
  explicit Wire(int fd) : fd_(fd) {}
  Wire(Wire&& o) noexcept : fd_(std::exchange(o.fd_, -1)), input_(std::move(o.input_)) {}
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;
  ~Wire() { close(); }

  /// False if the peer has gone or takes nothing.
  bool send(std::string_view bytes);
  /// As much as the peer takes now, without waiting; returns how much that is.
  size_t send_some(std::string_view bytes);
  Message read_request_head();
  void read_request_body(Message& request);
  Message read_request();
  /// `no_body`: it answers a HEAD.
  Message read_response(bool no_body = false);
  /// Up to `size` bytes as they come; fewer at the end.
  std::string read_bytes(size_t size);
  /// Waits for the end: "closed", "reset", or "timeout". What comes before is dropped.
  std::string read_to_end();
  /// What has come already, without waiting. Nothing is taken.
  bool readable_now();
  void half_close();
  void close();
  /// Closes so that the peer gets a RST.
  void reset();
  int fd() const { return fd_; }

 private:
  bool fill(std::string* fault);
  bool read_line(std::string* line, std::string* fault);
  void read_head(Message& message);
  void read_fields(Message& message, std::string* raw,
                   std::vector<std::pair<std::string, std::string>>* fields);
  void read_length(Message& message, size_t size);
  void read_chunks(Message& message);

  int fd_;
  std::string input_;
};

/// Connects to a port of 127.0.0.1; the Wire's fd is -1 if nobody listens.
Wire connect_local(uint16_t port);
/// A socket bound to 127.0.0.1, not listening: connecting to it is refused.
int bind_local(uint16_t port, const char* ip = "127.0.0.1");
uint16_t local_port(int fd);

/// Calls `done` until it is true; false after kPatient. `done` must not spin: it asks somebody.
template <class Condition>
bool wait_until(Condition done) {
  auto end = std::chrono::steady_clock::now() + kPatient;
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
  }
  return true;
}

}  // namespace siding::test
