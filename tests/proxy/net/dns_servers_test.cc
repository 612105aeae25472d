// The resolver against real servers, unbound and dnsmasq, run without privileges on loopback.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <set>

#include "proxy/net/resolver.h"
#include "tests/proxy/net/resolver_bed.h"

namespace siding {
namespace {

using namespace std::chrono_literals;
using test::RealTimeResolverBed;
using test::ScratchFile;

// A program that runs until the end of the test.
class Program {
 public:
  explicit Program(std::vector<std::string> words) {
    int log[2];
    EXPECT_EQ(pipe2(log, O_CLOEXEC), 0);
    log_ = log[0];
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, log[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, log[1], STDERR_FILENO);
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    if (posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ) != 0) pid_ = -1;
    posix_spawn_file_actions_destroy(&actions);
    close(log[1]);
  }
  ~Program() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    close(log_);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // Reads what it logs until `words` come; false when it ends or is silent before.
  bool says(const std::string& words) {
    while (output_.find(words) == std::string::npos) {
      pollfd readable{log_, POLLIN, 0};
      if (poll(&readable, 1, 20'000) <= 0) return false;
      char part[4096];
      ssize_t n = read(log_, part, sizeof(part));
      if (n <= 0) return false;
      output_.append(part, static_cast<size_t>(n));
    }
    return true;
  }
  const std::string& output() const { return output_; }

 private:
  pid_t pid_ = -1;
  int log_ = -1;
  std::string output_;
};

// A port of loopback that was free for UDP and TCP a moment ago.
std::string free_port() { return std::to_string(test::DnsServer().port()); }

void ask_instead(RealTimeResolverBed& bed, const std::string& port) {
  bed.config.servers = {"127.0.0.1:" + port};
  bed.config.search = {"test"};
  bed.config.timeout = 5s;
  bed.make();
}

TEST(RealServers, Unbound) {
  const char* const path = "/usr/sbin/unbound";
  if (access(path, X_OK) != 0) FAIL() << "Debian's package unbound is not installed";
  std::string port = free_port();
  std::string text =
      "server:\n"
      "  interface: 127.0.0.1@" +
      port +
      "\n"
      "  username: \"\"\n  chroot: \"\"\n  directory: \"/tmp\"\n  pidfile: \"\"\n"
      "  use-syslog: no\n  logfile: \"\"\n  do-daemonize: no\n  num-threads: 1\n"
      "  module-config: \"iterator\"\n"
      "  local-zone: \"test.\" static\n"
      "  local-data: \"a.test. 7 IN A 127.0.0.11\"\n"
      "  local-data: \"a.test. 5 IN AAAA fd00::11\"\n"
      "  local-data: \"empty.test. 5 IN TXT 'no address'\"\n"
      "  local-data: \"_http._tcp.s.test. 9 IN SRV 0 5 8081 a.test.\"\n"
      "  local-data: \"_http._tcp.s.test. 9 IN SRV 1 5 8082 many.test.\"\n"
      "  local-zone: \"refuse.test.\" refuse\n"
      "remote-control:\n  control-enable: no\n";
  for (int i = 0; i < 60; ++i) {
    text += "server:\n  local-data: \"many.test. 60 IN A 10.0.0." + std::to_string(i) + "\"\n";
  }
  ScratchFile config(text);
  Program unbound({path, "-d", "-c", config.path()});
  ASSERT_TRUE(unbound.says("start of service")) << unbound.output();

  RealTimeResolverBed bed;
  ask_instead(bed, port);
  EXPECT_EQ(bed.text("a.test"), "[fd00::11]:80 127.0.0.11:80");
  EXPECT_EQ(bed.text("a"), "[fd00::11]:80 127.0.0.11:80");
  EXPECT_TRUE(bed.text("_http._tcp.s.test").starts_with("[fd00::11]:8081 127.0.0.11:8081 10.0.0."))
      << "those of the next priority are behind";
  EXPECT_EQ(bed.text("none.test."), "dns_error: none.test.: no such name");
  EXPECT_EQ(bed.text("empty.test."), "dns_error: empty.test.: the name has no address");
  EXPECT_EQ(bed.resolve("refuse.test.").error().kind, Failure::dns_error);
  EXPECT_EQ(bed.resolver->counters().server_failures, 1u);
  Result<Addresses> many = bed.resolve("many.test");  // by TCP
  ASSERT_TRUE(many.ok()) << many.error().detail;
  EXPECT_EQ(many->size(), Resolver::kMaxAddresses);
}

TEST(RealServers, Dnsmasq) {
  const char* const path = "/usr/sbin/dnsmasq";
  if (access(path, X_OK) != 0) FAIL() << "Debian's package dnsmasq-base is not installed";
  std::string port = free_port();
  Program dnsmasq({path, "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
                   "--pid-file=", "--port=" + port, "--listen-address=127.0.0.1",
                   "--bind-interfaces", "--local-ttl=4",
                   "--host-record=m.test,127.0.0.22,fd00::22,60", "--cname=alias.test,m.test,3",
                   "--address=/b.test/127.0.0.21", "--srv-host=_http._tcp.s.test,m.test,8081,10,5",
                   "--srv-host=_http._tcp.s.test,alias.test,8082,10,5",
                   "--srv-host=_http._tcp.s.test,x.b.test,8083,20,5"});
  ASSERT_TRUE(dnsmasq.says("started")) << dnsmasq.output();

  RealTimeResolverBed bed;
  ask_instead(bed, port);
  EXPECT_EQ(bed.text("m.test"), "[fd00::22]:80 127.0.0.22:80");
  EXPECT_EQ(bed.text("m"), "[fd00::22]:80 127.0.0.22:80");
  EXPECT_EQ(bed.text("alias.test"), "[fd00::22]:80 127.0.0.22:80");
  EXPECT_EQ(bed.text("x.b.test"), "127.0.0.21:80");
  Result<Addresses> service = bed.resolve("_http._tcp.s.test");
  ASSERT_TRUE(service.ok()) << service.error().detail;
  std::set<std::string> places;
  for (const SocketAddress& address : *service) {
    if (address.rank() == 0) places.insert(address.text());
  }
  EXPECT_EQ(places, (std::set<std::string>{"[fd00::22]:8081", "127.0.0.22:8081", "[fd00::22]:8082",
                                           "127.0.0.22:8082"}));
  EXPECT_EQ(service->back().text(), "127.0.0.21:8083") << "of the next priority";
  EXPECT_EQ(bed.resolve("none.test").error().kind, Failure::dns_error);  // REFUSED
  EXPECT_EQ(bed.resolver->counters().hits, 0u);
  bed.text("alias.test");
  EXPECT_EQ(bed.resolver->counters().hits, 1u);
}

}  // namespace
}  // namespace siding
