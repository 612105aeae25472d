// A listening address on one loop: accepts connections, bounds their number, and drains.
// Invariants: owns its connections; stops accepting, rather than spinning, when a limit or EMFILE is
// reached, and ends those that have been idle longest in favour of who waits, never one on which
// something is under way; in a drain the descriptor is closed only once its accept queue is empty,
// because closing resets what waits there.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include "base/list.h"
#include "http/date.h"
#include "http/h1_head.h"
#include "proxy/downstream/connection.h"
#include "proxy/downstream/stream.h"
#include "proxy/loop/loop.h"
#include "proxy/net/address.h"
#include "proxy/net/socket.h"

namespace siding {

struct ArrivalOptions;

/// What all connections of a listening address share. Outlives them; may change while they are there (on
/// their loop, between two batches), and counts for what they begin from then on.
struct ListenerOptions {
  Handler* handler = nullptr;
  std::shared_ptr<const ArrivalOptions> arrival;  ///< what comes before HTTP; null: nothing
  HeadLimits head;
  bool extended_connect = false;  ///< offered to clients of HTTP/2 (RFC 8441)
  Duration idle_timeout = std::chrono::seconds(75);
  Duration head_timeout = std::chrono::seconds(10);
  Duration body_timeout = std::chrono::seconds(30);
  Duration send_timeout = std::chrono::seconds(60);
  uint32_t max_requests = 10'000;
  /// Connections of this kind over all threads, and how many are open.
  uint32_t max_connections = 10'000;
  std::atomic<uint32_t>* open = nullptr;
  /// Told of each connection's beginning and end, for counters; may be empty.
  std::function<void()> on_accept;
  std::function<void()> on_close;
  /// Told when a connection is ended for that; may be empty.
  std::function<void(const SocketAddress& peer, Abuse kind)> on_abuse;
  /// Told when it ended an idle connection in favour of one that waits; may be empty.
  std::function<void()> on_displace;
  /// Told when it stops accepting for a while, at the limit or without descriptors; may be empty.
  std::function<void()> on_pause;
  /// Told of requests that were refused before they reached the handler.
  std::function<void(const SocketAddress& peer, Outcome outcome, std::string_view reason)>
      on_refuse;
};

class Listener {
 public:
  /// Takes over a listening, non-blocking `fd`. `options` outlives the listener.
  Listener(Loop& loop, int fd, const ListenerOptions& options);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  /// Empties the accept queue, then closes the descriptor; idle connections are closed, the others
  /// after the response they are at. `until`: nobody's next request is waited for any longer.
  void drain(TimePoint until = kNever);
  /// Lets those who are connected go in the same way; others come on.
  void end_connections();
  /// Drops everything at once.
  void close_all();
  bool draining() const { return draining_; }
  TimePoint drain_until() const { return drain_until_; }
  size_t connections() const { return count_; }
  const ListenerOptions& options() const { return options_; }
  /// RFC 9110 6.6.1: every final answer has a Date, and who has a clock adds one that is missing.
  void add_date(ResponseHead& response) {
    if (!response.fields.has("date")) response.fields.add("Date", date_.at(loop_.clock().wall()));
  }
  /// An answer of HTTP/1 without a request, after which the connection ends.
  Buffer last_reply(Outcome outcome, std::string_view detail);
  Loop& loop() const { return loop_; }

  /// For the connection itself: it has ended.
  void remove(Connection& connection);
  /// For the connection itself: nothing is under way on it, from now on (rests), or something is
  /// (works). One that never says so is taken to be at work.
  void rests(Connection& connection);
  void works(Connection& connection);
  /// For the connection itself: `next`, which has its socket, goes on in its place.
  void replace(Connection& connection, std::unique_ptr<Connection> next);

 private:
  void accept_ready() { accept_some(false); }
  void accept_some(bool over_limit);
  std::unique_ptr<Connection> make(std::unique_ptr<Socket> socket, const SocketAddress& peer);
  void pause();
  void resume();
  bool somebody_waits() const;
  bool make_room();

  Loop& loop_;
  std::unique_ptr<Socket> socket_;  // null once it has drained
  const ListenerOptions& options_;
  bool paused_ = false;  // since the last connection that it could accept
  bool draining_ = false;
  TimePoint drain_until_ = kNever;
  size_t count_ = 0;
  DateCache date_;
  TimePoint room_since_{};
  uint32_t displaced_ = 0;        // since then
  List<Connection> connections_;  // at work
  List<Connection> idle_;         // the longest idle first
  MemberWake<Listener, &Listener::accept_ready> acceptable_{*this};
  Signal::Waiter on_acceptable_{acceptable_};
  MemberTimer<Listener, &Listener::resume> resume_{*this};
};

/// Opens a listening socket; unix sockets get their stale file removed first. `error` says what went
/// wrong and what to do about it. Returns -1 then.
int open_listener(const SocketAddress& address, bool reuse_port, std::string* error);

}  // namespace siding
