// One HTTP/2 connection of a client (RFC 9113), by libnghttp2: each stream is an H2Request with a task
// of its own.
// Invariants: no handler runs inside a callback of the library, so that what is opened and reset in one
// read never begins; what is held of requests is bounded by the windows, of responses by what the
// client takes; a client that abuses the connection loses it (h2_guard.h), with its reason counted.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "http/h2_guard.h"
#include "http/h2_head.h"
#include "proxy/downstream/connection.h"
#include "proxy/downstream/h2_request.h"
#include "proxy/loop/loop.h"
#include "proxy/net/socket.h"

struct nghttp2_session;

namespace siding {

class Listener;

class H2Connection final : public Connection {
 public:
  /// What a client sends first (RFC 9113 3.4).
  static constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

  /// `first`: bytes that have come already.
  H2Connection(Listener& listener, std::unique_ptr<Socket> socket, const SocketAddress& peer,
               std::string first);
  ~H2Connection() override;

  void start() override;
  void drain() override;
  bool give_way() override;

 private:
  friend class H2Request;
  friend struct H2Callbacks;

  void step();
  void on_timer();
  bool read_some();
  bool take_input(Slice bytes);
  bool open_session();
  bool feed(const Slice& bytes);
  void begin_requests();
  void reap();
  void write_some();
  void set_timer();
  void request_ended(H2Request& request);
  void punish(Abuse kind);
  void spend(Abuse kind);
  void begin_drain();
  void finish_drain();
  /// No request is under way, nor on its way.
  bool idle() const { return requests_.empty() && block_since_ == kNever; }
  void refuse(H2Request& request);
  void close();
  void end();

  Listener& listener_;
  Loop& loop_;
  std::unique_ptr<Socket> socket_;
  const SocketAddress peer_;
  nghttp2_session* session_ = nullptr;  // made when the client has said how it wants it
  std::string opening_;                 // what came before there was a session
  Slice reading_;                       // what the library is looking at
  H2RequestReader reader_;
  Fields trailers_;  // of the block that is being read
  H2Guard guard_;
  List<H2Request> requests_;
  std::vector<H2Request*> begun_;  // their heads are whole; no handler has seen them
  std::vector<H2Request*> closed_requests_;
  Buffer out_;            // frames
  bool closed_ = false;   // and about to be destroyed
  bool ending_ = false;   // GOAWAY for an error is on its way
  bool stalled_ = false;  // the socket took less of out_ than there was
  bool draining_ = false;
  bool drained_ = false;              // the last GOAWAY is said
  uint32_t opened_ = 0;               // streams
  uint64_t fed_ = 0;                  // bytes that came
  uint64_t useful_ = 0;               // of fields, and of bodies that somebody wants
  int32_t last_seen_ = 0;             // stream id
  std::array<int32_t, 64> resets_{};  // ids that we reset last
  size_t reset_count_ = 0;
  size_t block_fields_ = 0;         // of the block of fields that is being read
  size_t block_bytes_ = 0;          // likewise, as decoded
  TimePoint block_since_ = kNever;  // first frame of the block of fields that is being read
  size_t unsent_ = 0;               // response bytes of all requests that are no frames yet
  uint64_t written_ = 0;            // bytes since `progress_`
  TimePoint progress_{};            // of output, or of idleness
  TimePoint drain_until_ = kNever;

  MemberWake<H2Connection, &H2Connection::step> step_{*this};
  MemberTimer<H2Connection, &H2Connection::on_timer> timer_{*this};
  Signal::Waiter on_readable_{step_};
  Signal::Waiter on_writable_{step_};
};

}  // namespace siding
