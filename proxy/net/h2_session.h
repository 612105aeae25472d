// What a session of libnghttp2 needs on either side, client's or server's: the constants of frames, what is
// told of unknown ones, how frames become bytes.
// Invariant: only files that talk to libnghttp2 include this.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/buffer.h"
#include "http/h1_head.h"

namespace siding {

inline constexpr size_t kH2FrameHead = 9;  ///< bytes (RFC 9113 4.1)
/// A piece of a body that the peer's window cut to less is one that it had cut on purpose.
inline constexpr size_t kH2LeastPiece = 1024;

inline std::string_view h2_text(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// A block of fields so far beyond the limits of a head is no mistake: it is not even read to its end. A byte
/// of it may mean a field of any size, in trailers too (RFC 7541 7.3).
inline bool far_beyond(const HeadLimits& most, size_t fields, size_t bytes) {
  constexpr size_t kTimes = 16;
  return fields > kTimes * most.max_fields || bytes > kTimes * most.max_head;
}

/// Unknown frames are "ours", so that on_begin_frame is told of them; none is looked at (RFC 9113 5.5).
/// `but`: one that is known.
inline void hear_of_all_frames(nghttp2_option& options, unsigned but = 0) {
  for (unsigned type = NGHTTP2_CONTINUATION + 1; type <= 0xff; ++type) {
    if (type == but) continue;
    nghttp2_option_set_user_recv_extension_type(&options, static_cast<uint8_t>(type));
  }
}

inline void skip_unknown_frames(nghttp2_session_callbacks& callbacks) {
  nghttp2_session_callbacks_set_on_extension_chunk_recv_callback(
      &callbacks,
      [](nghttp2_session*, const nghttp2_frame_hd*, const uint8_t*, size_t, void*) { return 0; });
  nghttp2_session_callbacks_set_unpack_extension_callback(
      &callbacks, [](nghttp2_session*, void**, const nghttp2_frame_hd*, void*) {
        return static_cast<int>(NGHTTP2_ERR_CANCEL);
      });
}

/// Makes frames, not many ahead of what the socket takes, so that what is urgent is not late. False: the
/// library cannot go on.
inline bool fill_with_frames(nghttp2_session* session, Buffer& out) {
  constexpr size_t kMost = 64 * 1024;
  while (out.size() < kMost) {
    const uint8_t* data = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session, &data);
    if (size < 0) return false;
    if (size == 0) return true;
    out.append_copy(h2_text(data, static_cast<size_t>(size)));
  }
  return true;
}

}  // namespace siding
