// The far ends of siding's connections, for tests on the loop's own thread: raw loopback sockets that
// are pumped between the turns of the loop, so that each step of a test is the same in every run.
// Invariant: nothing here waits, owns a coroutine or stands in the loop.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "tests/harness/tls_end.h"

namespace siding::test {

/// One end of a TCP connection.
class LoopPeer {
 public:
  /// `tls`: it is a server that speaks TLS.
  explicit LoopPeer(int fd, const TlsIdentity* tls = nullptr)
      : fd_(fd), tls_(tls == nullptr ? nullptr : std::make_unique<TlsEnd>(*tls)) {}
  /// A connection to 127.0.0.1, which the kernel makes at once. Not open() if nobody listens.
  /// `receive_buffer` bounds what the kernel takes for a slow reader; 0: its own choice.
  static std::unique_ptr<LoopPeer> connect(uint16_t port, int receive_buffer = 0);
  /// RST: of thousands of connections that have served their turn none is to keep a port for a minute.
  ~LoopPeer() { reset(); }
  LoopPeer(const LoopPeer&) = delete;
  LoopPeer& operator=(const LoopPeer&) = delete;

  /// Moves bytes both ways; whether there were any, or an end.
  bool pump();
  void send(std::string_view bytes) {
    if (tls_) {
      tls_->send(bytes);
    } else {
      out_ += bytes;
    }
  }
  /// All that was to be sent is with the kernel.
  bool sent() const { return gone_ == out_.size(); }
  void shutdown_write();
  void reset();  ///< RST
  void close();
  bool open() const { return fd_ >= 0; }
  /// Takes a whole message off `in`; see take_message().
  std::optional<std::string> take();

  std::string in;                          ///< what came and was not taken
  bool eof = false;                        ///< FIN or RST came
  bool broken = false;                     ///< RST came
  bool reading = true;                     ///< false: a slow reader
  int stage = 0;                           ///< for scripts: what they did so far
  std::function<void(LoopPeer&)> on_pump;  ///< for clients: their script
  std::unique_ptr<LoopPeer> call;          ///< for scripts: a call that they make meanwhile

 private:
  void take_in(std::string_view bytes);
  int fd_;
  std::string out_;
  size_t gone_ = 0;  // of it, to the kernel: it is not moved up for each piece
  std::unique_ptr<TlsEnd> tls_;
};

/// Removes one whole HTTP/1 message (Content-Length, chunked, or without a body) from the front.
std::optional<std::string> take_message(std::string& in);
/// The number after "HTTP/1.1 ".
int status_of_message(std::string_view message);

/// A server that does what its script says with each connection, each time something may have moved.
class LoopOrigin {
 public:
  using Script = std::function<void(LoopPeer&)>;
  explicit LoopOrigin(Script script);
  ~LoopOrigin();
  LoopOrigin(const LoopOrigin&) = delete;
  LoopOrigin& operator=(const LoopOrigin&) = delete;

  uint16_t port() const { return port_; }
  bool pump();
  /// Connections are refused until start(), on the same port.
  void stop();
  void start();
  void close_all() { peers_.clear(); }
  /// From now on the kernel takes some hundred KiB for it, and not the megabytes of loopback: who sends it
  /// more than that has to wait for it.
  void narrow();
  std::list<std::unique_ptr<LoopPeer>>& peers() { return peers_; }
  size_t accepted() const { return accepted_; }
  size_t most_open() const { return most_open_; }

  Script script;
  const TlsIdentity* tls = nullptr;  ///< set before the first connection

 private:
  int fd_ = -1;
  uint16_t port_ = 0;
  const int
      place_;  // keeps the port while it is stopped: others would get it for their connections
  bool narrow_ = false;
  size_t accepted_ = 0;
  size_t most_open_ = 0;
  std::list<std::unique_ptr<LoopPeer>> peers_;
};

/// A listening, non-blocking socket of 127.0.0.1; `*port` 0 is chosen by the kernel.
int listen_on_loopback(uint16_t* port);

}  // namespace siding::test
