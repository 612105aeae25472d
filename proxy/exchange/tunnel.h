// Bytes both ways between a client's stream and a connection, once both speak something that is not
// HTTP: after a 101, or for CONNECT (RFC 9110 7.8 and 9.3.6).
// Invariants: bytes go in order and unchanged; each side is read only as fast as the other takes it; a
// half that is closed is closed on the other side once all before it has gone; destroying it ends both.
#pragma once

#include <cstdint>
#include <utility>

#include "base/buffer.h"
#include "proxy/downstream/stream.h"
#include "proxy/exchange/services.h"
#include "proxy/loop/join.h"
#include "proxy/net/socket.h"

namespace siding {

class Tunnel {
 public:
  enum class End : uint8_t {
    closed,   ///< by both sides
    broken,   ///< by the far side, in the middle
    idle,     ///< no byte went through it for long
    drained,  ///< by siding, which ends
  };
  struct Far {
    Socket& socket;
    Buffer early;  ///< what has come from it already
    Peer peer;     ///< what it is, for counters
  };
  /// `stream` is a tunnel already. Adds to `from_client` what the client sends.
  Tunnel(LoopServices& services, Stream& stream, Far far, uint64_t& from_client);
  ~Tunnel();
  Tunnel(const Tunnel&) = delete;
  Tunnel& operator=(const Tunnel&) = delete;

  struct Patience {
    Duration idle;         ///< without a byte either way
    Duration half_closed;  ///< the same, once one half has ended
  };
  /// Until it ends, by itself, for want of bytes, or because siding ends; the stream is finished then.
  Task<End> run(Patience patience);

 private:
  Task<> to_far();
  Task<> to_client();
  bool drained() const;
  void moved() { last_ = services_.loop.now(); }

  LoopServices& services_;
  Stream& stream_;
  Far far_;
  uint64_t& from_client_;
  uint64_t sent_ = 0;      // to the far side
  uint64_t received_ = 0;  // from it
  TimePoint last_{};       // that a byte went through
  bool torn_ = false;      // a write met a reset: what is still to be read comes first
  bool broken_ = false;
  bool ended_ = false;
  Group halves_;  // last: its tasks use the rest
};

}  // namespace siding
