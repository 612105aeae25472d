// The server's end of an HTTP/2 connection, by raw frames, so that it can do what no server should.
// Invariant: a state machine without sockets: bytes go in by take(), and come out in `out`.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace siding::test {

class H2Server {
 public:
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  using Settings = std::vector<std::pair<uint16_t, uint32_t>>;
  struct Options {
    Settings settings{};        ///< what it says first
    bool says_settings = true;  ///< false: not by itself
    bool gives_credit = true;   ///< for bodies, as they come
  };
  struct Frame {
    uint8_t type = 0;
    uint8_t flags = 0;
    int32_t id = 0;
    std::string payload;
    uint32_t number(size_t at = 0) const;  ///< four bytes of the payload
  };
  struct Request {
    Pairs fields;  ///< pseudo fields too
    std::string body;
    Pairs trailers;
    bool ended = false;  ///< END_STREAM came
    bool reset = false;
    uint32_t code = 0;  ///< of RST_STREAM
    std::string field(std::string_view name) const;
    int answered = 0;  ///< for scripts
  };

  H2Server() : H2Server(Options()) {}
  explicit H2Server(Options options);
  ~H2Server();
  H2Server(const H2Server&) = delete;
  H2Server& operator=(const H2Server&) = delete;

  void take(std::string_view bytes);

  void frame(uint8_t type, uint8_t flags, int32_t id, std::string_view payload);
  void head(int32_t id, const Pairs& fields, bool last = false);
  void data(int32_t id, std::string_view bytes, bool last = false);
  /// 200, or what is said, with this body.
  void answer(int32_t id, std::string_view body, const std::string& status = "200");
  void reset(int32_t id, uint32_t code);
  void goaway(int32_t last, uint32_t code = NGHTTP2_NO_ERROR);
  void say_settings(const Settings& settings);
  void window(int32_t id, uint32_t more);
  /// A block of fields, as HPACK has it.
  static std::string block(const Pairs& fields);

  /// Whose requests are whole and were not answered yet.
  std::vector<int32_t> waiting() const;
  size_t count(uint8_t type) const;  ///< of the frames that came

  std::string out;
  std::map<int32_t, Request> requests;
  std::vector<Frame> frames;    ///< that came
  bool preface = false;         ///< came
  bool answers_itself = false;  ///< for scripts

 private:
  void take_frame(const Frame& frame);
  Options options_;
  std::string in_;
  std::string fields_;  // of a block that is not whole
  bool ends_ = false;
  nghttp2_hd_inflater* inflater_ = nullptr;
};

}  // namespace siding::test
