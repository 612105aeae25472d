// A server for tests of HTTP clients: answers each connection with bytes of the test's choice.
// Invariant: one thread, one connection at a time; the destructor ends and joins it.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>

#include "proxy/tools/local_listener.h"

namespace siding {

class ScriptedServer {
 public:
  /// Given the request head, returns all bytes to send before closing.
  using Script = std::function<std::string(const std::string& head)>;

  explicit ScriptedServer(Script script)
      : script_(std::move(script)), listener_(1024, true), thread_([this] { serve(); }) {}
  ~ScriptedServer() {
    stopping_ = true;
    listener_.shut();
    thread_.join();
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  const SocketAddress& address() const { return listener_.address(); }

 private:
  void serve() {
    for (;;) {
      const int fd = accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0 || stopping_) {
        if (fd >= 0) close(fd);
        return;
      }
      std::string in;
      char bytes[4096];
      while (in.find("\r\n\r\n") == std::string::npos) {
        const ssize_t n = recv(fd, bytes, sizeof(bytes), 0);
        if (n <= 0) break;
        in.append(bytes, static_cast<size_t>(n));
      }
      const std::string out = script_(in);
      [[maybe_unused]] const ssize_t sent = send(fd, out.data(), out.size(), MSG_NOSIGNAL);
      close(fd);
    }
  }

  const Script script_;
  std::atomic<bool> stopping_{false};
  LocalListener listener_;
  std::thread thread_;
};

}  // namespace siding
