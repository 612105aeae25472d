// A resolver, its loop and a scripted DNS server, for the tests of names.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include "proxy/net/resolver.h"
#include "tests/harness/dns_server.h"
#include "tests/harness/run_until.h"

namespace siding::test {

/// "10.0.0.1:80 [::1]:80", or "dns_error: why".
inline std::string text_of(const Result<Addresses>& result) {
  if (!result.ok())
    return std::string(to_string(result.error().kind)) + ": " + result.error().detail;
  std::string out;
  for (const SocketAddress& address : *result) out += (out.empty() ? "" : " ") + address.text();
  return out;
}

/// A file for one test, named after nothing that matters.
class ScratchFile {
 public:
  explicit ScratchFile(const std::string& text) {
    char name[] = "/tmp/siding_test_XXXXXX";
    int fd = mkstemp(name);
    EXPECT_GE(fd, 0);
    close(fd);
    path_ = name;
    write(text);
  }
  ~ScratchFile() { unlink(path_.c_str()); }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  void write(const std::string& text) { std::ofstream(path_) << text; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// T is ManualClock where time to live matters, SystemClock where time-outs do (those of c-ares run on
/// the system's clock).
template <class T>
struct BasicResolverBed {
  BasicResolverBed() {
    config.servers = {server.address()};
    config.hosts_file = false;
    config.timeout = std::chrono::milliseconds(500);
    config.tries = 2;
    make();
  }

  /// A new resolver, with the configuration as it is now.
  void make() { resolver = std::make_unique<Resolver>(loop, config, files); }

  Result<Addresses> resolve(std::string host, Duration within = std::chrono::hours(1)) {
    loop.turn(false);  // so that the loop has seen what time it is
    auto task = resolver->resolve(std::move(host), 80, after(loop.now(), within));
    task.start();
    EXPECT_TRUE(run_until(loop, [&] { return task.done(); }));
    if (!task.done()) return Error(Failure::internal, Side::local, false, "the test gave up");
    return task.take();
  }
  std::string text(std::string host) { return text_of(resolve(std::move(host))); }

  T clock;
  Loop loop{clock};
  DnsServer server;
  DnsConfig config;
  ResolverFiles files;
  std::unique_ptr<Resolver> resolver;
};

using ResolverBed = BasicResolverBed<ManualClock>;
using RealTimeResolverBed = BasicResolverBed<SystemClock>;

}  // namespace siding::test
