// A server that does what a test says: a backend or an upstream with blocking sockets, a thread for
// each connection, and gates by which the test orders events instead of sleeping.
// Invariant: every request is recorded before its script runs, so that who has seen its effect finds
// it in the log.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/harness/wire.h"

namespace siding::test {

class Origin {
 public:
  /// One request, and what a script may do about it. The script runs on its connection's thread.
  class Call {
   public:
    Call(Message r, int c, int n, Wire& w)
        : request(std::move(r)), connection(c), number(n), wire(w) {}
    Message request;
    const int connection;  ///< of all connections of the origin, from 1
    const int number;      ///< of all its requests, from 1
    Wire& wire;
    bool done = false;  ///< the connection has no next request
    std::function<void()> before_answer{};

    /// A whole answer with a Content-Length. `fields` are whole lines.
    void respond(std::string_view body, std::string_view fields = "", int status = 200);
    void send(std::string_view bytes) { wire.send(bytes); }
    void close();
    void reset();
  };
  using Script = std::function<void(Call&)>;

  /// Listens at once. Answers 200 with the target as the body, unless there is a script.
  Origin() : Origin(Script()) {}
  explicit Origin(Script script);
  struct Down {};
  /// Connecting is refused until start(). `ip` is one of this machine's, 127.x.
  explicit Origin(Down, const char* ip = "127.0.0.1", uint16_t port = 0);
  ~Origin();
  Origin(const Origin&) = delete;
  Origin& operator=(const Origin&) = delete;

  uint16_t port() const { return port_; }
  std::string host() const;  ///< "127.0.0.1:1234"
  std::string url() const { return "http://" + host(); }

  /// From the next request on.
  void on_request(Script script);
  /// Instead: as soon as the head is there; the script reads the body itself, if it likes.
  void on_head(Script script);
  void start();
  /// Resets all connections; connecting is refused until start().
  void stop();

  /// From now on requests are recorded, and then wait until release().
  void hold();
  void release();
  /// Lets `n` of those through that wait, or will.
  void release(int n);

  /// Waits until `n` requests in all have come.
  bool wait_for(int n);
  bool wait_for_connections(int n);
  /// Waits until no more than `n` connections are open.
  bool wait_for_open(int n);

  int requests() const;
  int opened() const;     ///< connections in all
  int open() const;       ///< now
  int most_open() const;  ///< at once: what its peer has closed does not count
  int most_busy() const;  ///< requests at once, held ones too
  int silent() const;     ///< connections that ended without a byte of a request
  std::vector<Message> log() const;
  std::vector<std::string> targets() const;
  /// The `n`-th request, from 1.
  Message request(int n) const;

 private:
  void listen_now();
  void accept_all(int listener);
  int live() const;
  void serve(int fd, int number);
  bool serve_one(Wire& wire, int connection, bool first);
  template <class Condition>
  bool wait(Condition condition);

  const std::string ip_;
  uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  int listener_ = -1;
  std::thread acceptor_;
  std::vector<std::thread> threads_;
  std::map<int, int> fds_;  // by connection number
  Script script_;
  Script head_script_;
  std::vector<Message> log_;
  bool stopping_ = false;
  bool holding_ = false;
  int passes_ = 0;
  int opened_ = 0;
  int open_ = 0;
  int most_open_ = 0;
  int busy_ = 0;
  int most_busy_ = 0;
  int silent_ = 0;
};

/// A listening address whose accept queue is full: connecting to it hangs.
class BlackHole {
 public:
  explicit BlackHole(const char* ip = "127.0.0.1", uint16_t port = 0);
  ~BlackHole();
  std::string url() const { return "http://127.0.0.1:" + std::to_string(local_port(fd_)); }

 private:
  int fd_;
  std::vector<int> fillers_;
};

}  // namespace siding::test
