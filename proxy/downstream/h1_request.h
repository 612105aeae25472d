// The one request that an HTTP/1 connection is serving: the Stream that its handler sees, and the handler's
// task.
// Invariant: belongs to its H1Connection, which is woken by each call on it; a response is framed as the
// client's version wants it (RFC 9112 6), and one that is not whole makes the connection end.
#pragma once

#include <cstdint>

#include "base/small_pool.h"
#include "http/h1_body.h"
#include "proxy/downstream/h1_connection.h"
#include "proxy/downstream/stream.h"
#include "proxy/loop/loop.h"

namespace siding {

struct H1Connection::Request final : Stream, Pooled {
  explicit Request(H1Connection& c) : connection(c), ended(c) {}

  const SocketAddress& peer() const override { return connection.peer_; }
  void grant(size_t bytes) override;
  void send_interim(const ResponseHead& interim) override;
  void send_head(ResponseHead response, BodyFraming body_framing) override;
  void send_data(Buffer data) override;
  void send_end(const Fields* fields) override;
  void abort() override;
  void open_tunnel(ResponseHead response) override;
  size_t unsent() const override { return connection.out_.size(); }
  uint64_t bytes_sent() const override { return connection.sent_total_ - sent_before; }

  void write_interim(const ResponseHead& interim);

  H1Connection& connection;
  BodyDecoder decoder;
  BodyFraming out_framing;
  size_t window = 0;
  uint64_t body_sent = 0;
  uint64_t sent_before = 0;
  bool continue_wanted = false;
  bool is_head = false;
  bool http10 = false;
  bool no_body = false;
  bool may_go_on = false;  // its answer did not say that the connection ends
  bool aborted = false;
  bool half_closed = false;  // a tunnel's: the client has seen our end
  MemberWake<H1Connection, &H1Connection::step> ended;
  Task<> task;  // last: destroyed first
};

}  // namespace siding
