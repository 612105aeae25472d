// The client of `siding explain` and `siding purge` against a server that says what the test wants.
#include "proxy/admin/admin_client.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <thread>

#include "proxy/net/address.h"

namespace siding {
namespace {

// Takes one connection, reads one request head, answers and closes.
class CannedServer {
 public:
  CannedServer(SocketAddress address, std::string answer) : answer_(std::move(answer)) {
    fd_ = socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(bind(fd_, address.raw(), address.length()), 0);
    EXPECT_EQ(listen(fd_, 1), 0);
    sockaddr_storage bound{};
    socklen_t length = sizeof(bound);
    getsockname(fd_, reinterpret_cast<sockaddr*>(&bound), &length);
    address_ = SocketAddress(reinterpret_cast<sockaddr*>(&bound), length).text();
    thread_ = std::thread([this] { serve(); });
  }
  ~CannedServer() { finish(); }
  const std::string& address() const { return address_; }
  /// What it was asked.
  const std::string& finish() {
    if (thread_.joinable()) thread_.join();
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
    return request_;
  }

 private:
  void serve() {
    pollfd p{fd_, POLLIN, 0};
    ASSERT_EQ(poll(&p, 1, 10'000), 1) << "nobody connected";
    int peer = accept(fd_, nullptr, nullptr);
    char part[1024];
    while (request_.find("\r\n\r\n") == std::string::npos) {
      ssize_t n = recv(peer, part, sizeof(part), 0);
      if (n <= 0) break;
      request_.append(part, static_cast<size_t>(n));
    }
    EXPECT_EQ(send(peer, answer_.data(), answer_.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(answer_.size()));
    close(peer);
  }
  std::string answer_;
  std::string request_;
  std::string address_;
  int fd_ = -1;
  std::thread thread_;
};

SocketAddress loopback() { return *SocketAddress::parse("127.0.0.1", 0); }

TEST(ExplainClient, PrintsTheBody) {
  CannedServer server(loopback(), "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nstory\n");
  AdminAnswer answer = ask_explain({.address = server.address(), .what = "last", .count = 3});
  EXPECT_TRUE(answer.ok);
  EXPECT_EQ(answer.text, "story\n");
  EXPECT_EQ(server.finish(),
            "GET /explain/last?n=3 HTTP/1.1\r\nHost: localhost\r\nAccept: text/plain\r\n"
            "Connection: close\r\n\r\n");
}

TEST(HealthClient, AsksWhetherItIsReadyOrAlive) {
  CannedServer ready(loopback(), "HTTP/1.1 503 Service Unavailable\r\n\r\nnot ready: draining\n");
  AdminAnswer answer = ask_health({.address = ready.address()});
  EXPECT_FALSE(answer.ok);
  EXPECT_EQ(answer.text, "not ready: draining\n");
  EXPECT_TRUE(ready.finish().starts_with("GET /readyz HTTP/1.1\r\n"));
  CannedServer live(loopback(), "HTTP/1.1 200 OK\r\n\r\nok\n");
  EXPECT_TRUE(ask_health({.address = live.address(), .live = true}).ok);
  EXPECT_TRUE(live.finish().starts_with("GET /healthz HTTP/1.1\r\n"));
  answer = ask_health({.address = "127.0.0.1:1"});
  EXPECT_FALSE(answer.ok);
  EXPECT_NE(answer.text.find("the [health] door on 127.0.0.1:1"), std::string::npos) << answer.text;
}

TEST(PurgeClient, EncodesWhatIsPurged) {
  CannedServer server(loopback(), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
  AdminAnswer answer = ask_purge({.address = server.address(),
                                  .purge = {Purge::Kind::url, "http://a/?b=1&c=d+e"},
                                  .json = true});
  EXPECT_TRUE(answer.ok);
  EXPECT_EQ(answer.text, "{}");
  EXPECT_EQ(server.finish(),
            "POST /cache/purge?url=http%3A%2F%2Fa%2F%3Fb%3D1%26c%3Dd%2Be HTTP/1.1\r\n"
            "Host: localhost\r\nAccept: application/json\r\nContent-Length: 0\r\n"
            "Connection: close\r\n\r\n");
  CannedServer all(loopback(), "HTTP/1.1 503 Service Unavailable\r\n\r\nonly here\n");
  answer = ask_purge({.address = all.address(), .purge = {Purge::Kind::all, ""}});
  EXPECT_FALSE(answer.ok);
  EXPECT_EQ(answer.text, "only here\n");
  EXPECT_TRUE(all.finish().starts_with("POST /cache/purge?all=1 HTTP/1.1\r\n"));
}

TEST(ExplainClient, OverAUnixSocket) {
  std::string path = ::testing::TempDir() + "siding_explain_" + std::to_string(getpid());
  std::remove(path.c_str());
  CannedServer server(*SocketAddress::unix_socket(path),
                      "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nnone\n");
  AdminAnswer answer = ask_explain({.address = "unix:" + path, .what = "4f1c-A_b.c", .json = true});
  EXPECT_FALSE(answer.ok);
  EXPECT_EQ(answer.text, "none\n");
  EXPECT_TRUE(server.finish().starts_with("GET /explain/4f1c-A_b.c HTTP/1.1\r\n"));
  EXPECT_NE(server.finish().find("Accept: application/json"), std::string::npos);
  std::remove(path.c_str());
}

TEST(ExplainClient, SaysWhatIsWrong) {
  auto says = [](ExplainQuestion q, std::string_view what) {
    AdminAnswer answer = ask_explain(q);
    EXPECT_FALSE(answer.ok);
    EXPECT_NE(answer.text.find(what), std::string::npos) << answer.text;
    EXPECT_TRUE(answer.text.ends_with('\n'));
  };
  says({.address = "nonsense"}, "is no address");
  says({.address = "unix:"}, "is no address");
  says({.address = "10.0.0.1:99999"}, "is no address");
  says({.address = "unix:/nowhere", .what = "../x y"}, "nor a request id");
  says({.address = "unix:/nowhere/at/all"}, "cannot connect");
  says({.address = "unix:/nowhere/at/all"}, "is siding running");
  std::string closed;
  {
    CannedServer other(loopback(), "SSH-2.0-OpenSSH_9\r\n");
    closed = other.address();
    says({.address = other.address()}, "is not siding's [admin] door");
  }
  says({.address = closed}, "Connection refused");
  CannedServer torn(loopback(), "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\nstory\n");
  says({.address = torn.address()}, "broke off");
}

TEST(ExplainClient, DoesNotWaitForEver) {
  // It listens, but nobody accepts or answers.
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  SocketAddress address = loopback();
  ASSERT_EQ(bind(fd, address.raw(), address.length()), 0);
  ASSERT_EQ(listen(fd, 1), 0);
  sockaddr_in bound{};
  socklen_t length = sizeof(bound);
  getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &length);
  AdminAnswer answer = ask_explain({.address = "localhost:" + std::to_string(ntohs(bound.sin_port)),
                                    .timeout = std::chrono::milliseconds(20)});
  EXPECT_FALSE(answer.ok);
  EXPECT_NE(answer.text.find("timed out"), std::string::npos) << answer.text;
  close(fd);
}

}  // namespace
}  // namespace siding
