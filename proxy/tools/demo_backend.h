// The demo's application: GET /search/?q=X makes one blocking HTTP call to the upstream and builds its
// page of it. One worker, one connection at a time, blocking sockets: what `gunicorn -w 1` is, in
// C++. It knows nothing of siding but what any application is told: http_proxy.
// Invariant: one thread serves; whoever else connects waits in the kernel's backlog. The destructor
// interrupts the worker, whatever it waits for, and joins it.
#pragma once

#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "http/h1_head.h"
#include "proxy/net/address.h"
#include "proxy/tools/local_listener.h"

namespace siding {

class DemoBackend {
 public:
  struct Counts {
    size_t requests = 0;
    size_t most_at_once = 0;
  };

  /// Listens at once; the worker begins with start().
  explicit DemoBackend(const SocketAddress& upstream);
  ~DemoBackend();
  DemoBackend(const DemoBackend&) = delete;
  DemoBackend& operator=(const DemoBackend&) = delete;

  /// `http_proxy`: where calls go instead, in absolute form, as HTTP libraries do it.
  void start(std::optional<SocketAddress> http_proxy);

  const SocketAddress& address() const { return listener_.address(); }
  Counts counts() const;
  void reset_counts();

 private:
  class OpenSocket;
  struct Answer {
    int status = 0;  // 0: none came
    std::string body;
  };

  void serve();
  void serve_one(int fd);
  Answer page_for(const RequestHead& head);
  Answer call(std::string_view target);
  bool adopt(int fd);
  void release(int fd);

  const SocketAddress upstream_;
  std::optional<SocketAddress> http_proxy_;
  const HeadLimits limits_;
  LocalListener listener_;

  mutable std::mutex mutex_;  // guards what follows
  bool stopping_ = false;
  std::vector<int> open_;  // what the worker may be waiting on
  Counts counts_;
  size_t inside_ = 0;

  std::thread worker_;
};

}  // namespace siding
