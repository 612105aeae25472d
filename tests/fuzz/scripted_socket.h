// A Socket without a kernel, for targets that fuzz what reads and writes one: it gives out a script in three
// reads, and takes as much as the target says.
// Invariant: defines Socket's members, so that a target includes it once, and links no proxy/net.
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "base/buffer.h"
#include "proxy/loop/loop.h"
#include "proxy/net/socket.h"
#include "proxy/net/tls.h"

namespace siding {

namespace fuzz {

struct Script {
  enum class End { close, reset, open };
  std::string_view bytes;
  std::array<size_t, 3> reads{};  ///< see Splits
  End end = End::close;
  size_t at = 0;           ///< how far it got
  size_t room = SIZE_MAX;  ///< bytes that are still taken
  int refusals = 0;        ///< writes that find no room, first
  Signal* waits_to_read = nullptr;
  Signal* waits_to_write = nullptr;
};
inline Script script;

}  // namespace fuzz

Socket::Socket(Loop& loop, int fd) : loop_(loop), fd_(fd) {}
Socket::~Socket() {
  if (fuzz::script.waits_to_read == &readable_) fuzz::script.waits_to_read = nullptr;
  if (fuzz::script.waits_to_write == &writable_) fuzz::script.waits_to_write = nullptr;
}
Signal& Socket::readable() {
  fuzz::script.waits_to_read = &readable_;
  return readable_;
}
Signal& Socket::writable() {
  fuzz::script.waits_to_write = &writable_;
  return writable_;
}
void Socket::disarm_read() { fuzz::script.waits_to_read = nullptr; }
bool Socket::quiet() { return true; }
void Socket::shutdown_write() {}
void Socket::shutdown_both() {}
void Socket::reset_on_close() {}
std::string Socket::fault_text(const Io&) const { return "reset"; }

Io Socket::read(char* into, size_t max) {
  fuzz::Script& s = fuzz::script;
  if (s.at == s.bytes.size()) {
    switch (s.end) {
      case fuzz::Script::End::close: return {Io::State::eof, 0, 0};
      case fuzz::Script::End::reset: return {Io::State::error, 0, 0};
      case fuzz::Script::End::open: return {Io::State::again, 0, 0};
    }
  }
  size_t end = s.bytes.size();
  for (size_t read : s.reads) {
    if (read > s.at) {
      end = read;
      break;
    }
  }
  const size_t n = std::min(end - s.at, max);
  std::memcpy(into, s.bytes.data() + s.at, n);
  s.at += n;
  return {Io::State::ok, n, 0};
}

Io Socket::write(const iovec* parts, int count) {
  fuzz::Script& s = fuzz::script;
  size_t size = 0;
  for (int i = 0; i < count; ++i) size += parts[i].iov_len;
  const size_t n = s.refusals-- > 0 ? 0 : std::min(size, s.room);
  s.room -= n;
  return {n > 0 ? Io::State::ok : Io::State::again, n, 0};
}

Io Socket::write(Buffer& out) {
  if (out.empty()) return {Io::State::ok, 0, 0};
  const iovec all{nullptr, out.size()};
  Io io = write(&all, 1);
  out.consume(io.bytes);
  if (!out.empty()) io.state = Io::State::again;
  return io;
}

namespace fuzz {

/// Turns the loop until nothing moves: what is waited for happens, as long as the script goes on.
inline void turn(Loop& loop) {
  for (int quiet = 0, turns = 0; quiet < 3; ++turns) {
    assert(turns < 100'000);
    const bool more = script.at < script.bytes.size() || script.end != Script::End::open;
    if (script.waits_to_read != nullptr && more) {
      std::exchange(script.waits_to_read, nullptr)->notify();
    }
    if (script.waits_to_write != nullptr && script.room > 0) {
      std::exchange(script.waits_to_write, nullptr)->notify();
    }
    quiet = loop.turn(false) ? 0 : quiet + 1;
  }
}

}  // namespace fuzz

}  // namespace siding
