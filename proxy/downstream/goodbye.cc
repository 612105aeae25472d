// See goodbye.h.
#include "proxy/downstream/goodbye.h"

#include "proxy/downstream/listener.h"
#include "proxy/net/read_block.h"

namespace siding {

namespace {
constexpr Duration kPatience = std::chrono::seconds(2);
constexpr uint64_t kMostDropped = 1 << 20;
constexpr int kReadsPerTurn = 8;
}  // namespace

Goodbye::Goodbye(Listener& listener, std::unique_ptr<Socket> socket, Buffer out)
    : listener_(listener),
      loop_(listener.loop()),
      socket_(std::move(socket)),
      out_(std::move(out)) {}

void Goodbye::start() {
  loop_.arm(timer_, after(loop_.now(), kPatience));
  loop_.wake(step_);
}

void Goodbye::step() {
  if (closed_) return;
  if (!said_all_) {
    if (!write_all()) return;
    socket_->shutdown_write();
    said_all_ = true;
    listener_.rests(*this);
  }
  for (int reads = 0; !closed_ && reads < kReadsPerTurn; ++reads) read_some();
  if (!closed_) on_readable_.listen(socket_->readable());
}

/// False: not yet, or never.
bool Goodbye::write_all() {
  const Io io = socket_->write(out_);
  if (io.state == Io::State::again) on_writable_.listen(socket_->writable());
  if (io.state == Io::State::error) close();
  return io.state == Io::State::ok;
}

void Goodbye::read_some() {
  ReadBlock& block = ReadBlock::here();
  const Io io = socket_->read(block.data(), block.capacity());
  if (io.state == Io::State::again) return;
  dropped_ += io.bytes;
  if (io.state != Io::State::ok || dropped_ > kMostDropped) close();
}

bool Goodbye::give_way() {
  if (closed_) return false;
  close();
  return true;
}

void Goodbye::give_up() {
  if (!out_.empty()) socket_->reset_on_close();
  close();
}

void Goodbye::close() {
  if (closed_) return;
  closed_ = true;
  listener_.remove(*this);
}

}  // namespace siding
