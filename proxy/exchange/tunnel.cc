// See tunnel.h.
#include "proxy/exchange/tunnel.h"

#include <utility>

#include "proxy/exchange/relay.h"
#include "proxy/net/read_block.h"

namespace siding {

namespace {
/// Of what the client sent and the far side has not taken yet.
constexpr size_t kWindow = 64 * 1024;
}  // namespace

Tunnel::Tunnel(LoopServices& services, Stream& stream, Far far, uint64_t& from_client)
    : services_(services), stream_(stream), far_(std::move(far)), from_client_(from_client) {
  moved();
}

Tunnel::~Tunnel() {
  services_.counters().sent(far_.peer, sent_);
  services_.counters().received(far_.peer, received_);
}

Task<> Tunnel::to_far() {
  while (true) {
    stream_.grant(kWindow);
    Buffer out = std::exchange(stream_.body, Buffer());
    if (!out.empty()) from_client_ += out.size();
    while (!out.empty()) {
      const Io io = far_.socket.write(out);
      sent_ += io.bytes;
      if (io.bytes > 0) moved();
      if (io.state == Io::State::error) {
        // Why, and what it said before, is seen by who reads.
        co_return;
      }
      if (io.state == Io::State::again) co_await Wait(far_.socket.writable());
    }
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
      case Io::State::eof: stream_.send_end(); co_return;
      case Io::State::error: broken_ = true; co_return;
      case Io::State::again: co_await Wait(far_.socket.readable()); break;
    }
    co_await wait_for_room(stream_, kNever);
  }
}

Task<Tunnel::End> Tunnel::run(Duration idle) {
  halves_.start(to_far());
  halves_.start(to_client());
  while (halves_.running() > 0 && !broken_) {
    const bool changed = co_await Wait(halves_.changed(), after(last_, idle));
    if (changed || services_.loop.now() < after(last_, idle)) continue;
    stream_.send_end();
    co_return End::idle;
  }
  if (!broken_) co_return End::closed;
  stream_.abort();
  co_return End::broken;
}

}  // namespace siding
