// See tunnel.h.
#include "proxy/exchange/tunnel.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "proxy/exchange/relay.h"
#include "proxy/net/read_block.h"

namespace siding {

namespace {
/// Of what the client sends ahead of what the far side takes, in HTTP/1.
constexpr size_t kWindow = 64 * 1024;
}  // namespace

Tunnel::Tunnel(LoopServices& services, Stream& stream, Far far, uint64_t& from_client)
    : services_(services), stream_(stream), far_(std::move(far)), from_client_(from_client) {
  moved();
}

Tunnel::~Tunnel() {
  // RFC 9113 8.5: the client's end was no end of its half.
  if (!ended_ && far_.peer == Peer::upstream) far_.socket.reset_on_close();
  services_.counters().sent(far_.peer, sent_);
  services_.counters().received(far_.peer, received_);
}

Task<> Tunnel::to_far() {
  while (true) {
    Buffer out = std::exchange(stream_.body, Buffer());
    from_client_ += out.size();
    while (!out.empty()) {
      const Io io = far_.socket.write(out);
      sent_ += io.bytes;
      if (io.bytes > 0) moved();
      if (io.state == Io::State::error) {
        // Who reads goes on to what was said before; the kernel tells of a reset only once.
        torn_ = io.error == ECONNRESET;
        co_return;
      }
      if (io.state == Io::State::again) co_await Wait(far_.socket.writable());
    }
    // Credit follows what the far side has taken, and none is kept while there is nothing to do.
    stream_.grant(kWindow);
    if (!stream_.body.empty()) continue;
    if (stream_.body_ended) {
      far_.socket.shutdown_write();
      co_return;
    }
    co_await Wait(stream_.body_changed);
  }
}

Task<> Tunnel::to_client() {
  if (!far_.early.empty()) stream_.send_data(std::move(far_.early));
  while (true) {
    ReadBlock& block = ReadBlock::here();
    const Io io = far_.socket.read(block.data(), block.capacity());
    switch (io.state) {
      case Io::State::ok: {
        received_ += io.bytes;
        moved();
        Buffer data;
        data.append(block.take(io.bytes));
        stream_.send_data(std::move(data));
        break;
      }
      case Io::State::eof:
        broken_ = torn_;
        if (!torn_) stream_.send_end();
        co_return;
      case Io::State::error: broken_ = true; co_return;
      case Io::State::again: co_await Wait(far_.socket.readable()); break;
    }
    co_await wait_for_room(stream_, kNever);
  }
}

/// Siding has no more time for it.
bool Tunnel::drained() const {
  const TunnelsEnd& end = services_.tunnels_end;
  return far_.peer == Peer::backend ? end.clients : end.workers;
}

Task<Tunnel::End> Tunnel::run(Patience patience) {
  halves_.start(to_far());
  halves_.start(to_client());
  End end = End::closed;
  while (halves_.running() > 0 && !broken_ && end == End::closed) {
    // Who has ended his half may have gone altogether.
    const bool half = halves_.running() < halves_.size();
    const Duration quiet = half ? std::min(patience.idle, patience.half_closed) : patience.idle;
    if (drained()) {
      end = End::drained;
    } else if (services_.loop.now() >= after(last_, quiet)) {
      end = End::idle;
    } else {
      co_await Wait(halves_.changed(), services_.tunnels_end.told, after(last_, quiet));
    }
  }
  ended_ = true;
  if (broken_) {
    stream_.abort();
    co_return End::broken;
  }
  if (end != End::closed) stream_.send_end();
  co_return end;
}

}  // namespace siding
