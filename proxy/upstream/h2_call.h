// One call over HTTP/2: a stream of an H2Upstream (RFC 9113 8.1).
// Invariants: what the server may send ahead is the stream's window, and credit goes back only for what was
// read; a call that is destroyed before its end is reset, and its connection stays; what breaks the rules
// of HTTP in one stream is an Error of that stream alone.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/list.h"
#include "base/small_pool.h"
#include "proxy/loop/wait.h"
#include "proxy/upstream/client.h"

namespace siding {

class H2Upstream;

class H2Call final : public HttpClient, public Link<>, public Pooled {
 public:
  /// Holds a place on `connection`. No stream is opened before send().
  explicit H2Call(H2Upstream& connection);
  ~H2Call() override;

  Task<Result<>> send(const OutRequest& request, BodySource* body, TimePoint deadline) override;
  void read_meanwhile() override { read_meanwhile_ = true; }
  void stop_sending() override;
  void abort() override;
  Task<Result<ResponseHead>> read_head(std::string_view method, TimePoint deadline) override;
  const Framing& framing() const override { return framing_; }
  Task<Result<Buffer>> read_body(TimePoint deadline) override;
  Fields take_trailers() override { return std::move(trailers_); }
  uint64_t sent_bytes() const override { return sent_bytes_; }
  uint64_t received_bytes() const override { return received_bytes_; }
  bool refused() const override { return refused_; }

 private:
  friend class H2Upstream;
  friend struct H2UpstreamCallbacks;
  struct Arrived {
    ResponseHead head;
    bool ended;  // nothing comes behind it
  };

  void submit(const OutRequest& request, bool has_body);
  void submit_trailers();
  bool sending() const;
  void reset(uint32_t code);
  void take_head(ResponseHead head, bool ended);
  void take_data(Buffer data);
  void take_end();
  /// Nothing more comes. `processed`: the server may have acted on the request.
  void fail(Failure kind, std::string_view what, bool processed);
  void count_sent(size_t size);

  H2Upstream* connection_;  // null once it has ended
  int32_t id_ = 0;          // 0: no stream yet
  bool closed_ = false;     // the stream, as far as frames go

  // ---- request
  Buffer out_;  // bytes of the body that are no frames yet
  Fields out_trailers_;
  bool out_whole_ = false;    // nothing comes behind `out_`
  bool out_stopped_ = false;  // the rest is not sent
  bool out_gone_ = false;     // END_STREAM has gone out
  bool read_meanwhile_ = false;
  uint64_t sent_bytes_ = 0;
  Signal moved_;  // less of `out_`, or no use of it any more

  // ---- answer
  std::vector<Arrived> heads_;  // that were not read
  int interim_ = 0;
  bool final_head_ = false;  // has come
  bool refuses_ = false;     // the request: its status is 400 or above
  Buffer in_;
  Fields trailers_;
  bool ended_ = false;  // END_STREAM has come
  Framing framing_;
  uint64_t received_bytes_ = 0;
  uint64_t heard_before_ = 0;  // bytes of the connection, when the request went out
  bool reset_by_peer_ = false;
  bool refused_ = false;
  std::optional<Error> error_;
  Signal changed_;
};

}  // namespace siding
