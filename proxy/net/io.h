// What one read or write on a stream socket did.
#pragma once

#include <cstddef>

namespace siding {

/// `again` means: wait for the socket's `readable()` or `writable()`.
struct Io {
  enum class State { ok, again, eof, error };
  State state = State::ok;
  size_t bytes = 0;
  int error = 0;  ///< errno; EPROTO: a fault of TLS, of which Socket::fault_text() tells
};

}  // namespace siding
