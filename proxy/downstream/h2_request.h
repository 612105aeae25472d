// One stream of an HTTP/2 connection: the request and response that a handler sees (RFC 9113 8.1).
// Invariants: belongs to its H2Connection; what the client may send ahead is the stream's window, and
// credit goes back only for what the handler has taken; a response ends with END_STREAM, or with
// RST_STREAM if it is not whole.
#pragma once

#include <cstdint>

#include "base/list.h"
#include "base/small_pool.h"
#include "http/h1_head.h"
#include "proxy/downstream/stream.h"
#include "proxy/loop/loop.h"

namespace siding {

class H2Connection;

class H2Request final : public Stream, public Link<>, public Pooled {
 public:
  H2Request(H2Connection& connection, int32_t id);
  ~H2Request();

  // ---- Stream
  const SocketAddress& peer() const override;
  void grant(size_t window) override;
  void send_interim(const ResponseHead& interim) override;
  void send_head(ResponseHead response, BodyFraming body_framing) override;
  void send_data(Buffer data) override;
  void send_end(const Fields* fields) override;
  void abort() override;
  void open_tunnel(ResponseHead response) override;
  size_t unsent() const override { return out_.size(); }
  size_t high_watermark() const override;
  uint64_t bytes_sent() const override { return sent_bytes_; }

 private:
  friend class H2Connection;
  friend struct H2Callbacks;

  void run(Handler& handler);
  void on_task_end();
  void on_timer();
  void set_timer();
  void submit_head(const ResponseHead& response, BodyFraming shown, bool final);
  void submit_trailers();
  void stop_client();
  void take_data(Buffer data);
  void count_sent(size_t size);
  bool waits_for_body() const { return !body_ended && !body_fault && body.size() < window_; }
  /// Nobody sends or receives on the stream any more.
  bool over() const { return closed_ && (!task_ || task_.done()); }

  H2Connection& connection_;
  const int32_t id_;
  size_t window_ = 0;
  size_t held_ = 0;         // bytes of the body that the client has no credit back for
  uint64_t received_ = 0;   // bytes of the body
  uint64_t body_mark_ = 0;  // those at `progress_`
  Buffer out_;              // response bytes that are no frames yet
  BodyFraming out_framing_;
  uint64_t body_sent_ = 0;
  uint64_t sent_bytes_ = 0;
  uint64_t sent_mark_ = 0;  // those at `progress_`
  Fields out_trailers_;
  TimePoint progress_{};  // last time that the body, or the response, moved on
  bool continue_wanted_ = false;
  bool is_head_ = false;
  bool no_body_ = false;   // END_STREAM goes with the response's head
  bool end_sent_ = false;  // END_STREAM has gone out
  bool closed_ = false;    // as far as frames go
  bool refused_ = false;   // no handler will see it
  ParseFault fault_;       // why
  MemberWake<H2Request, &H2Request::on_task_end> ended_{*this};
  MemberTimer<H2Request, &H2Request::on_timer> timer_{*this};
  Task<> task_;  // last: destroyed first
};

}  // namespace siding
