// Configurations that replace each other while two loops serve: for the sanitizers, and for what is counted.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/harness/shop.h"

namespace siding::test {
namespace {

TEST(ReloadThreads, NobodyIsLostWhileTwoTakeTurns) {
  constexpr int kReloads = 60;
  Shop::Options options{.prefetch = "mode = \"on\"\n",
                        .backend = "concurrency = 4\n",
                        .tables = "[cache]\nmemory = \"1MiB\"\n",
                        .threads = 2};
  Shop shop(options);
  std::atomic<bool> stop{false};
  std::atomic<int> answers{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&, i] {
      for (int n = 0; !stop; ++n) {
        const std::string word = std::to_string(i) + "-" + std::to_string(n);
        const Message answer = shop.ask(word);
        if (answer.body != Shop::song(word)) {
          ADD_FAILURE() << answer.fault << " " << answer;
        }
        ++answers;
      }
    });
  }
  auto one = shop_setup(shop.upstream, options);
  options.backend = "concurrency = 2\nidle_timeout = \"3s\"\n";
  options.upstream = "warm = 1\nconcurrency = 8\n";
  options.tables = "[cache]\nmemory = \"2MiB\"\n[limits]\nmemory = \"64MiB\"\n";
  auto two = shop_setup(shop.upstream, options);
  two.route = "cache = true\n" + two.route;
  two.listen = "\"127.0.0.1:0\", \"127.0.0.2:0\"";
  for (int i = 0; i < kReloads; ++i) {
    const int before = answers;
    ASSERT_EQ("", shop.proxy.reload(i % 2 == 0 ? two : one));
    ASSERT_TRUE(wait_until([&] { return answers > before; }));
  }
  stop = true;
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(kReloads, shop.proxy.metric("siding_reloads_total", {"result=done"}));
  EXPECT_TRUE(shop.proxy.metric_becomes(1, "siding_configurations"));
  EXPECT_TRUE(shop.proxy.metric_becomes(0, "siding_pin_offers"));
}

}  // namespace
}  // namespace siding::test
