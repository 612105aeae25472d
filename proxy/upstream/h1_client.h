// One HTTP/1 connection to a backend or upstream, from our side: sends a request, reads its answer.
// Invariants: one request at a time; an answer is whole or an Error; reusable() only if not one byte
// is left over on either side.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/buffer.h"
#include "base/result.h"
#include "http/h1_body.h"
#include "http/h1_head.h"
#include "http/message.h"
#include "proxy/loop/task.h"
#include "proxy/net/socket.h"
#include "proxy/upstream/client.h"

namespace siding {

class H1Client final : public HttpClient {
 public:
  /// `limits` of answers' heads; outlives the client.
  H1Client(std::unique_ptr<Socket> socket, const HeadLimits& limits);

  Task<Result<>> send(const OutRequest& request, BodySource* body, TimePoint deadline) override;
  /// The same of a head that is written. `chunked`: the body as chunks, with `trailers` at the end.
  Task<Result<>> send(Slice head, BodySource* body, TimePoint deadline, bool chunked = false,
                      const Fields* trailers = nullptr);
  void read_meanwhile() override { read_meanwhile_ = true; }
  void stop_sending() override { whole_request_ = last_byte_sent_; }
  void abort() override { socket_->shutdown_both(); }
  /// The usual request, a head without a body, goes out at once: takes off `head` what was written.
  /// False if something is left, for send().
  bool try_send(Slice& head);
  /// The request asks for another protocol: a 101 is an answer to it.
  void expect_upgrade() { upgrade_asked_ = true; }
  /// After a 101: what came behind it. The rest is to be read from the socket.
  Buffer take_rest();
  Task<Result<ResponseHead>> read_head(std::string_view method, TimePoint deadline) override;
  const Framing& framing() const override { return framing_; }
  Task<Result<Buffer>> read_body(TimePoint deadline) override;
  Fields take_trailers() override { return decoder_.take_trailers(); }

  /// Since the last begin().
  uint64_t sent_bytes() const override { return sent_bytes_; }
  uint64_t received_bytes() const override { return received_bytes_; }
  /// For a connection that is used again.
  void begin();
  bool reusable() const;
  Socket& socket() { return *socket_; }

 private:
  Task<Result<>> write(Buffer out, TimePoint deadline, bool last);
  /// Reads what has come while we are still writing; false if there is no point in writing on.
  bool read_early();
  /// One read: false at EOF.
  Task<Result<bool>> read_more(TimePoint deadline);
  Error broken(Failure kind, std::string_view what) const;

  std::unique_ptr<Socket> socket_;
  ResponseHeadParser parser_;
  std::string head_text_;  // of an incomplete head
  Slice pending_;          // bytes read and not parsed yet
  std::string early_;      // bytes that came before the whole request was sent
  BodyDecoder decoder_;
  Framing framing_;
  uint64_t sent_bytes_ = 0;
  uint64_t received_bytes_ = 0;
  bool read_meanwhile_ = false;
  bool last_byte_sent_ = false;  // its send() may not have been resumed since
  bool whole_request_ = true;    // everything was sent
  bool keep_alive_ = true;
  bool upgrade_asked_ = false;
  bool more_waits_ = false;  // the last read filled its buffer
};

}  // namespace siding
