// The client's end of an HTTP/2 connection, by libnghttp2, over a pumped peer: for tests on the loop's
// own thread.
// Invariant: does nothing but in exchange(), which its peer's on_pump calls; the peer is not pumped any more
// once it has gone.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/harness/loop_peer.h"

namespace siding::test {

class H2Client {
 public:
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  struct Options {
    uint32_t window = 65535;     ///< of each stream
    bool own_updates = true;     ///< credit goes back as bytes come; else by consume()
    bool extensible = false;     ///< SETTINGS_NO_RFC7540_PRIORITIES
    bool http_messaging = true;  ///< false: sends whatever it is told to
  };
  struct Answer {
    std::vector<int> interim;
    int status = 0;
    Pairs fields;
    std::string body;
    Pairs trailers;
    bool ended = false;   ///< END_STREAM came
    bool closed = false;  ///< the stream is over, both ways
    uint32_t code = 0;    ///< of RST_STREAM, once it is closed
    std::string field(std::string_view name) const;
  };

  H2Client(LoopPeer& peer, Options options);
  explicit H2Client(LoopPeer& peer) : H2Client(peer, Options()) {}
  ~H2Client();
  H2Client(const H2Client&) = delete;
  H2Client& operator=(const H2Client&) = delete;

  /// Opens a stream; its id. `body`: more of it comes by send(); none: the request ends with its head.
  int32_t ask(std::string_view method, std::string_view path, const Pairs& fields = {},
              std::optional<std::string> body = std::nullopt);
  int32_t get(std::string_view path, const Pairs& fields = {}) { return ask("GET", path, fields); }
  /// The same, with pseudo fields and all as they are.
  int32_t ask_raw(const Pairs& fields, std::optional<std::string> body = std::nullopt);
  void send(int32_t id, std::string_view more, bool last, const Pairs& trailers = {});
  void reset(int32_t id, uint32_t code = NGHTTP2_CANCEL);
  /// Of bytes that came; for those who give credit themselves.
  void consume(int32_t id, size_t bytes);

  /// Takes what came, and says what there is to say.
  void exchange();

  Answer& answer(int32_t id) { return answers_[id]; }
  nghttp2_session* session() { return session_; }

  std::vector<std::pair<int32_t, uint32_t>> goaways;  ///< last id and code of each
  size_t taken = 0;                                   ///< for scripts
  int pumps = 0;                                      ///< likewise
  std::vector<int32_t> data_order;                    ///< stream of each frame of DATA that came

 private:
  struct Body {
    std::string rest;
    bool last = false;
    Pairs trailers;
  };
  static H2Client& of(void* self) { return *static_cast<H2Client*>(self); }
  static ssize_t read_body(nghttp2_session* session, int32_t id, uint8_t* into, size_t most,
                           uint32_t* flags, nghttp2_data_source* source, void* self);
  static int on_header(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t* name,
                       size_t name_size, const uint8_t* value, size_t value_size, uint8_t flags,
                       void* self);

  LoopPeer& peer_;
  nghttp2_session* session_ = nullptr;
  std::map<int32_t, Answer> answers_;
  std::map<int32_t, Body> bodies_;
};

}  // namespace siding::test
