// Kept connections to a backend: what may go on one, and what happens when it was closed meanwhile.
#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "tests/harness/proxy.h"

namespace siding::test {
namespace {

TEST(Reuse, OnlyWhatMayBeRepeatedGoesOnAKeptConnection) {
  std::mutex mutex;
  std::map<int, std::vector<std::string>> by_connection;
  Origin backend([&](Origin::Call& call) {
    {
      std::lock_guard lock(mutex);
      by_connection[call.connection].push_back(call.request.method());
    }
    call.respond("x");
  });
  Proxy proxy(backend);
  Client client(proxy.front());
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(200, client.get("/").answer().status());
    EXPECT_EQ(200, client.post("/", "body").answer().status());
    EXPECT_EQ(200, client.get("/").answer().status());
    client.send("PATCH / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx");
    EXPECT_EQ(200, client.answer().status());
  }
  std::lock_guard lock(mutex);
  bool any_reuse = false;
  for (const auto& [number, methods] : by_connection) {
    for (size_t i = 1; i < methods.size(); ++i) {
      any_reuse = true;
      EXPECT_EQ("GET", methods[i]) << "request " << i + 1 << " on connection " << number;
    }
  }
  EXPECT_TRUE(any_reuse);
  EXPECT_LE(backend.most_open(), 2);
}

/// Answers the first request of each connection; closes in place of a second answer.
Origin::Script forgetful(bool by_reset) {
  auto seen = std::make_shared<std::map<int, int>>();
  auto mutex = std::make_shared<std::mutex>();
  return [=](Origin::Call& call) {
    std::lock_guard lock(*mutex);
    if (++(*seen)[call.connection] == 1) {
      call.respond(call.request.target() + call.request.body);
    } else if (by_reset) {
      call.reset();
    } else {
      call.close();
    }
  };
}

void stale_connection(bool by_reset) {
  Origin backend(forgetful(by_reset));
  Proxy proxy(backend);
  Client client(proxy.front());
  EXPECT_EQ("/1", client.get("/1").answer().body);
  EXPECT_EQ("/2", client.get("/2").answer().body);
  EXPECT_EQ((std::vector<std::string>{"/1", "/2", "/2"}), backend.targets());
  EXPECT_EQ("/3", client.post("/3", "").answer().body);
  EXPECT_EQ("/4body", client.post("/4", "body").answer().body);
  EXPECT_EQ(5, backend.requests()) << "a POST is never sent twice";
  EXPECT_TRUE(proxy.inside(0));
}

TEST(Reuse, AStaleConnectionIsReplacedOnce) { stale_connection(false); }
TEST(Reuse, AStaleConnectionIsReplacedOnceAfterAReset) { stale_connection(true); }

TEST(Reuse, ARepeatedRequestHasItsWholeBody) {
  Origin backend(forgetful(false));
  Proxy proxy(backend);
  Client client(proxy.front());
  std::string body(3 << 20, 'b');
  std::string put = "PUT /2 HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) +
                    "\r\n\r\n" + body;
  EXPECT_EQ("/1", client.get("/1").answer().body);
  EXPECT_TRUE(client.send(put).answer().body == "/2" + body);
}

/// A server that closes each connection after its answer, without a word about it, as uWSGI's
/// router does. Every request must be answered, and executed once.
void closes_without_a_word(int threads) {
  std::mutex mutex;
  std::map<std::string, int> executed;
  Origin backend([&](Origin::Call& call) {
    {
      std::lock_guard lock(mutex);
      ++executed[call.request.target()];
    }
    call.respond(call.request.target());
    call.close();
  });
  Proxy proxy(backend, {.backend = "concurrency = 2\n", .threads = threads});
  constexpr int kClients = 8;
  constexpr int kEach = 40;
  std::vector<std::thread> clients;
  std::vector<int> ok(kClients);
  for (int c = 0; c < kClients; ++c) {
    clients.emplace_back([&proxy, &ok, c] {
      Client client(proxy.front());
      for (int i = 0; i < kEach; ++i) {
        std::string target = "/" + std::to_string(c) + "/" + std::to_string(i);
        if (i % 2 == 0) {
          client.get(target);
        } else {
          client.post(target, "b");
        }
        ok[static_cast<size_t>(c)] += client.answer().body == target ? 1 : 0;
      }
    });
  }
  for (std::thread& t : clients) t.join();
  for (int n : ok) EXPECT_EQ(kEach, n);
  std::lock_guard lock(mutex);
  EXPECT_EQ(static_cast<size_t>(kClients * kEach), executed.size());
  for (const auto& [target, times] : executed) EXPECT_EQ(1, times) << target;
  EXPECT_LE(backend.most_open(), 3);
}

TEST(Reuse, NothingIsLostToAServerThatClosesWithoutAWord) { closes_without_a_word(1); }
TEST(ReuseThreads, NothingIsLostToAServerThatClosesWithoutAWord) { closes_without_a_word(2); }

TEST(ReuseThreads, KeptConnectionsOfOtherThreadsCount) {
  // Each thread keeps connections of its own; together they stay within the cap.
  Origin backend;
  Proxy proxy(backend, {.backend = "concurrency = 1\nbacklog = 0\n", .threads = 2});
  std::vector<Client> clients;
  for (int i = 0; i < 16; ++i) clients.emplace_back(proxy.front());
  for (int round = 0; round < 20; ++round) {
    for (Client& c : clients) c.get("/");
    for (Client& c : clients) ASSERT_EQ(200, c.answer().status());
  }
  EXPECT_EQ(1, backend.most_open());
  EXPECT_EQ(320, backend.requests());
}

}  // namespace
}  // namespace siding::test
