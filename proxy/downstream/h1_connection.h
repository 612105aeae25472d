// One HTTP/1 connection of a client: reads heads and bodies, runs the handler for one request at a
// time, in order, and writes its response.
// A client that begins with the preface of HTTP/2 gets an H2Connection instead (RFC 9113 3.3).
// Invariants: nothing is read that there is no room for; a response is written whole, or the
// connection ends in a way that shows it was not; what follows a fault is never parsed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "http/h1_body.h"
#include "http/h1_head.h"
#include "proxy/downstream/connection.h"
#include "proxy/downstream/stream.h"
#include "proxy/loop/loop.h"
#include "proxy/net/socket.h"

namespace siding {

class Listener;

class H1Connection final : public Connection {
 public:
  H1Connection(Listener& listener, std::unique_ptr<Socket> socket, const SocketAddress& peer);
  ~H1Connection() override;

  void start() override;
  void drain() override;
  bool give_way() override;

 private:
  struct Request;

  void step();
  void on_timer();
  bool read_some();
  void take_input(Slice bytes);
  size_t decode_body(const Slice& bytes);
  bool begins_http2(std::string_view bytes);
  void try_head();
  void begin_request();
  void move_tunnel();
  void end_request();
  void refuse(const ParseFault& fault);
  void flush();
  void say_goodbye();
  void close();
  bool wants_read() const;
  bool awaits_request() const;
  void await_request_since(TimePoint since);
  void set_timer();

  Listener& listener_;
  Loop& loop_;
  std::unique_ptr<Socket> socket_;
  SocketAddress peer_;
  RequestHeadParser parser_;
  std::string input_;  // bytes not parsed yet; empty while idle
  std::unique_ptr<Request> request_;
  Buffer out_;  // response bytes not written yet
  uint64_t sent_total_ = 0;
  uint32_t requests_ = 0;
  bool closed_ = false;  // and about to be destroyed
  bool keep_alive_ = true;
  bool draining_ = false;
  bool fin_received_ = false;
  bool head_incomplete_ = false;  // input_ holds the beginning of a head
  bool reset_on_close_ = false;
  bool stalled_ = false;       // the socket took less of out_ than there was
  TimePoint request_until_{};  // in a drain: when the next request must have begun
  TimePoint head_since_{};     // first byte of the head being read
  TimePoint progress_{};       // last time that body or output moved on
  uint64_t body_mark_ = 0;     // body bytes at `progress_`
  uint64_t sent_mark_ = 0;     // and those of responses

  MemberWake<H1Connection, &H1Connection::step> step_{*this};
  MemberTimer<H1Connection, &H1Connection::on_timer> timer_{*this};
  Signal::Waiter on_readable_{step_};
  Signal::Waiter on_writable_{step_};
};

}  // namespace siding
