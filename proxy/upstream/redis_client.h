// One connection to a Redis, on one loop: commands go out as they come (pipelined), answers are matched by
// their order. hiredis reads the answers; connecting, TLS and time are siding's own.
// Invariants: no command waits longer than its time, and none at all while there is no connection. A
// late one whose server goes on answering others is given up alone; a server of which nothing is heard
// is left alone for a while, with all that stood behind the late one. What is outstanding is bounded in
// number and bytes.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/buffer.h"
#include "config/config.h"
#include "proxy/net/resolver.h"
#include "proxy/net/socket.h"
#include "proxy/net/tls_context.h"
#include "proxy/upstream/redis_reply.h"

namespace siding {

/// Of all connections of the process.
struct RedisCounters {
  std::atomic<uint64_t> answered{0};
  std::atomic<uint64_t> errors{0};    ///< the server's -ERR
  std::atomic<uint64_t> late{0};      ///< not answered in time
  std::atomic<uint64_t> lost{0};      ///< the connection ended first
  std::atomic<uint64_t> refused{0};   ///< not sent: no connection, or too much outstanding
  std::atomic<uint64_t> failures{0};  ///< connections that were not, or that broke
  std::atomic<int64_t> up{0};         ///< connections that serve
};

/// A command: its words, of which the last may be long and is shared, not copied.
struct RedisCommand {
  std::vector<std::string> words;
  Buffer last{};
};

class RedisClient {
 public:
  struct Options {
    RedisConfig config;
    std::function<std::string()> password;                     ///< the one in force
    std::function<Result<std::shared_ptr<TlsContext>>()> tls;  ///< of rediss
    uint64_t max_reply = 16 << 20;                             ///< bytes
  };
  /// `resolver` and `counters` outlive it.
  RedisClient(Loop& loop, Resolver& resolver, RedisCounters& counters, Options options);
  ~RedisClient();
  RedisClient(const RedisClient&) = delete;
  RedisClient& operator=(const RedisClient&) = delete;

  /// On its loop's thread.
  void start() { task_.start(); }
  bool up() const { return up_; }
  /// It has come up, or gone down.
  Signal& changed() { return changed_; }

  /// Fails at once while it is not up(). An answer that says -ERR is a failure too.
  Task<Result<RedisReply>> ask(RedisCommand command, Duration patience);
  /// Whose answer does not matter. False: it is not sent.
  bool tell(RedisCommand command, Duration patience);

 private:
  struct Pending {
    TimePoint since;
    TimePoint deadline;
    Signal done;
    bool ended = false;
    std::optional<Error> error;
    RedisReply reply;
  };
  using PendingRef = std::shared_ptr<Pending>;

  Task<> run();
  Task<Result<>> connect();
  Task<> serve();
  Task<> greet();
  PendingRef put(RedisCommand command, Duration patience);
  TimePoint hopeless_at(const Pending& pending) const;
  void write_some();
  void read_some();
  void take_replies();
  void go_down(Error why);
  void wake_writer() { work_.notify(); }

  Loop& loop_;
  Resolver& resolver_;
  RedisCounters& counters_;
  const Options options_;
  std::unique_ptr<Socket> socket_;
  std::unique_ptr<RedisReader> reader_;
  Buffer out_;
  std::deque<PendingRef> pending_;  // in the order in which they were sent
  TimePoint heard_{};               // when bytes came last
  uint64_t unanswered_bytes_ = 0;   // that came since the last whole answer
  bool broken_ = false;             // the socket is of no use, and serve() will see it
  bool up_ = false;
  bool failing_ = false;  // and has been told
  Duration pause_{};
  Signal work_;
  Signal changed_;
  MemberWake<RedisClient, &RedisClient::wake_writer> writable_wake_{*this};
  Signal::Waiter writable_{writable_wake_};
  Task<> task_;  // last
};

}  // namespace siding
