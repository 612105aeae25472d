// One HTTP/2 connection to a server (RFC 9113), from our side, by libnghttp2: its streams are the H2Calls.
// Invariants: belongs to the H2Pool of one loop; no coroutine runs inside a callback of the library; what is
// held of answers is bounded by the streams' windows, of what we say by what the server takes; a server
// that breaks the rules of the connection, or abuses it (h2_guard.h), loses it, and all its calls fail.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/buffer.h"
#include "base/list.h"
#include "http/h2_guard.h"
#include "http/h2_head.h"
#include "proxy/loop/loop.h"
#include "proxy/net/socket.h"
#include "proxy/upstream/h2_call.h"
#include "proxy/upstream/slot.h"

struct nghttp2_session;

namespace siding {

class H2Pool;

class H2Upstream : public Link<> {
 public:
  H2Upstream(H2Pool& owner, Slot slot, std::unique_ptr<Socket> socket,
             const SocketAddress& address);
  ~H2Upstream();

  void start() { wake(); }
  const SocketAddress& address() const { return address_; }
  /// Whose trust it was made under; null: in clear.
  const void* context() const;
  /// Calls may use it, as soon as it has room.
  bool wanted() const { return !closed_ && !draining_ && !doubtful_ && fault_.empty(); }
  /// Another call can have a stream now.
  bool has_room() const;
  size_t calls() const { return call_count_; }
  /// From now on no stream is opened; it closes with its last call.
  void drain();
  /// Tells the server, if that can be done at once. The caller destroys it.
  void say_goodbye();

 private:
  friend class H2Call;
  friend struct H2UpstreamCallbacks;

  // ---- for H2Call
  void call_begins(H2Call& call);
  void call_ends(H2Call& call);
  void stream_opens() {
    guard_.stream_opened();
    wake();
  }
  void give_credit(H2Call& call, size_t bytes);
  std::string_view scheme() const;
  void wake() { loop_.wake(step_); }

  void step();
  void on_timer();
  bool read_some();
  bool feed(const Slice& bytes);
  bool write_some();
  void set_timer();
  void spend(Abuse kind);
  void break_off(std::string_view what);
  void end(Failure kind, std::string_view what);
  H2Call* find(int32_t id);

  H2Pool& owner_;
  Loop& loop_;
  const Slot slot_;  // given back after the socket is closed
  std::unique_ptr<Socket> socket_;
  const SocketAddress address_;
  nghttp2_session* session_;
  Slice reading_;  // what the library is looking at
  H2ResponseReader reader_;
  Fields trailers_;  // of the block that is being read
  H2Guard guard_;
  List<H2Call> calls_;
  size_t call_count_ = 0;
  Buffer out_;               // frames
  uint64_t heard_ = 0;       // bytes
  size_t block_fields_ = 0;  // of the block of fields that is being read
  size_t block_bytes_ = 0;   // likewise, as decoded
  bool draining_ = false;    // it takes no new calls: GOAWAY, or we do not want it any more
  bool doubtful_ =
      false;             // it has not said a word since a call was given up: likewise until it does
  bool closed_ = false;  // and about to be destroyed
  std::string_view fault_{};  // why it is being broken off; empty: it is not
  TimePoint idle_since_{};

  MemberWake<H2Upstream, &H2Upstream::step> step_{*this};
  MemberTimer<H2Upstream, &H2Upstream::on_timer> timer_{*this};
  Signal::Waiter on_readable_{step_};
  Signal::Waiter on_writable_{step_};
};

}  // namespace siding
