// The demo's slow service: GET /s?word=X is answered after a fixed time, any number at once. It counts
// what it sees, which is the proof that siding changed when calls are made and not how many.
// Invariant: one thread, which alone touches the connections; the destructor ends and joins it.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "http/h1_head.h"
#include "proxy/tools/local_listener.h"

namespace siding {

class DemoUpstream {
 public:
  struct Counts {
    size_t calls = 0;
    size_t most_at_once = 0;
    size_t distinct_words = 0;
  };

  DemoUpstream(Duration delay, const Clock& clock);
  ~DemoUpstream();
  DemoUpstream(const DemoUpstream&) = delete;
  DemoUpstream& operator=(const DemoUpstream&) = delete;

  const SocketAddress& address() const { return listener_.address(); }
  Counts counts() const;
  /// To be called while no call is inside.
  void reset_counts();

 private:
  struct Connection;

  void serve();
  void watch(Connection& connection, uint32_t events, bool add = false);
  void accept_all();
  void on_event(uint64_t id, uint32_t events);
  void receive(Connection& connection);
  void take_request(Connection& connection);
  void answer_due();
  void send(Connection& connection);
  void drop(Connection& connection);

  const Duration delay_;
  const Clock& clock_;
  const HeadLimits limits_;
  LocalListener listener_;
  const int epoll_;
  const int stop_;  // eventfd
  std::map<uint64_t, std::unique_ptr<Connection>> connections_;
  std::deque<std::pair<TimePoint, uint64_t>>
      due_;  // in order, because the delay is the same for all
  uint64_t next_id_;

  mutable std::mutex mutex_;  // guards what follows
  Counts counts_;
  size_t inside_ = 0;
  std::set<std::string> words_;

  std::thread thread_;  // last: it uses all of the above
};

}  // namespace siding
