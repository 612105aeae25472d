// What libnghttp2 tells an H2Connection while it looks at bytes or makes some, and what it asks for. Facts
// are recorded here; what follows from them is done when the library has returned.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>

namespace siding {

class H2Connection;

struct H2Callbacks {
  /// A session of the server's side, with our limits. `extensible`: with the priorities of RFC 9218
  /// instead of RFC 7540's. Never null.
  static nghttp2_session* make_session(H2Connection& connection, bool extensible);

  static ssize_t on_data_wanted(nghttp2_session* session, int32_t id, uint8_t* into, size_t most,
                                uint32_t* flags, nghttp2_data_source* source, void* connection);

 private:
  static int on_begin_frame(nghttp2_session* session, const nghttp2_frame_hd* hd, void* connection);
  static int on_begin_headers(nghttp2_session* session, const nghttp2_frame* frame,
                              void* connection);
  static int on_header(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t* name,
                       size_t name_size, const uint8_t* value, size_t value_size, uint8_t flags,
                       void* connection);
  static int on_bad_header(nghttp2_session* session, const nghttp2_frame* frame,
                           const uint8_t* name, size_t name_size, const uint8_t* value,
                           size_t value_size, uint8_t flags, void* connection);
  static int on_frame(nghttp2_session* session, const nghttp2_frame* frame, void* connection);
  static int on_bad_frame(nghttp2_session* session, const nghttp2_frame* frame, int error,
                          void* connection);
  static int on_data(nghttp2_session* session, uint8_t flags, int32_t id, const uint8_t* data,
                     size_t size, void* connection);
  static int on_stream_close(nghttp2_session* session, int32_t id, uint32_t code, void* connection);
  static int on_frame_sent(nghttp2_session* session, const nghttp2_frame* frame, void* connection);
  static int send_data(nghttp2_session* session, nghttp2_frame* frame, const uint8_t* head,
                       size_t size, nghttp2_data_source* source, void* connection);
  static void on_request(H2Connection& connection, const nghttp2_frame& frame);
};

}  // namespace siding
