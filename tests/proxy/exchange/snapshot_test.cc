// What the next configuration takes over from the one before, and what is new in it.
#include "proxy/exchange/snapshot.h"

#include <gtest/gtest.h>

#include "config/load.h"

namespace siding {
namespace {

ConfigRef config(const std::string& backend, const std::string& upstream, const std::string& call) {
  const std::string text =
      "listen = \"127.0.0.1:1\"\n[egress]\nlisten = \"127.0.0.1:2\"\n[backend.shop]\n" + backend +
      "\n[upstream.music]\n" + upstream +
      "\n[[route]]\nbackend = \"shop\"\n[route.prefetch.calls.a]\n" + "call = \"music:" + call +
      "\"\n";
  LoadedConfig loaded =
      load_config({{"s.toml", text}}, [](std::string_view) { return std::nullopt; });
  for (const Diagnostic& d : loaded.diagnostics) EXPECT_TRUE(d.warning) << d.text();
  EXPECT_TRUE(loaded.ok());
  return loaded.config;
}

const std::string kBackend = "url = \"http://127.0.0.1:3\"\nconcurrency = 1";
const std::string kUpstream = "url = \"http://127.0.0.1:4\"";
const std::string kCall = "/s?word={query.q}";

struct SnapshotTest : ::testing::Test {
  Snapshot next(const std::string& backend, const std::string& upstream,
                const std::string& call = kCall) {
    return Snapshot(config(backend, upstream, call), 1 << 20, {}, &first);
  }
  Snapshot first{config(kBackend, kUpstream, kCall), 1 << 20, {}};
};

TEST_F(SnapshotTest, TakesOverAllThatIsTheSame) {
  Snapshot same = next(kBackend + "\ntimeout = \"9s\"", kUpstream + "\ntimeout = \"9s\"");
  EXPECT_EQ(same.backends[0]->kept_admission, first.backends[0]->kept_admission);
  EXPECT_EQ(same.backends[0]->kept_pool, first.backends[0]->kept_pool);
  EXPECT_EQ(same.backends[0]->kept_direct_pool, first.backends[0]->kept_direct_pool);
  EXPECT_EQ(same.upstreams[0]->kept_calls, first.upstreams[0]->kept_calls);
  EXPECT_EQ(same.upstreams[0]->kept_pool, first.upstreams[0]->kept_pool);
  EXPECT_EQ(same.upstreams[0]->kept_endpoints, first.upstreams[0]->kept_endpoints);
  EXPECT_EQ(same.upstreams[0]->kept_rate, first.upstreams[0]->kept_rate);
  EXPECT_EQ(same.upstreams[0]->kept_retries, first.upstreams[0]->kept_retries);
  EXPECT_EQ(same.upstreams[0]->kept_latency, first.upstreams[0]->kept_latency);
  EXPECT_EQ(same.routes[0].speculation, first.routes[0].speculation);
  EXPECT_EQ(same.routes[0].learned, first.routes[0].learned);
  EXPECT_EQ(same.upstreams[0]->config.timeout, std::chrono::seconds(9));
}

TEST_F(SnapshotTest, ConnectionsToAnotherPlaceAreOthers) {
  Snapshot moved =
      next("url = \"http://127.0.0.1:5\"\nconcurrency = 1", "url = \"http://127.0.0.1:6\"");
  EXPECT_EQ(moved.backends[0]->kept_admission, first.backends[0]->kept_admission);
  EXPECT_NE(moved.backends[0]->kept_pool, first.backends[0]->kept_pool);
  EXPECT_NE(moved.backends[0]->kept_direct_pool, first.backends[0]->kept_direct_pool);
  EXPECT_EQ(moved.upstreams[0]->kept_calls, first.upstreams[0]->kept_calls);
  EXPECT_NE(moved.upstreams[0]->kept_pool, first.upstreams[0]->kept_pool);
}

// Those that were made under another trust may not be used.
TEST_F(SnapshotTest, ConnectionsUnderAnotherTrustAreOthers) {
  Snapshot secure = next(kBackend, "url = \"https://127.0.0.1:4\"");
  Snapshot named(
      config(kBackend, "url = \"https://127.0.0.1:4\"\ntls = { server_name = \"music.test\" }",
             kCall),
      1 << 20, {}, &secure);
  EXPECT_NE(secure.upstreams[0]->kept_pool, first.upstreams[0]->kept_pool);
  EXPECT_NE(named.upstreams[0]->kept_pool, secure.upstreams[0]->kept_pool);
  EXPECT_EQ(*named.tls->of("music"), *secure.tls->of("music")) << "with its sessions";
}

TEST_F(SnapshotTest, AnotherRateBeginsAnew) {
  Snapshot slower = next(kBackend, kUpstream + "\nrate = \"5/s\"");
  EXPECT_NE(slower.upstreams[0]->kept_rate, first.upstreams[0]->kept_rate);
}

TEST_F(SnapshotTest, AnotherCallHasToBeLearned) {
  Snapshot other = next(kBackend, kUpstream, "/t?word={query.q}");
  EXPECT_NE(other.routes[0].speculation, first.routes[0].speculation);
  EXPECT_NE(other.routes[0].learned, first.routes[0].learned);
}

}  // namespace
}  // namespace siding
