// The demo's upstream and backend alone: the one is slow and takes any number at once, the other
// really blocks and really has one worker.
#include "proxy/tools/demo.h"

#include <gtest/gtest.h>

#include "config/load.h"
#include "proxy/tools/demo_words.h"
#include "tests/proxy/tools/scripted_server.h"

namespace siding {
namespace {

using namespace std::chrono_literals;

LoadResult burst(const LoadPlan& plan) {
  SystemClock clock;
  LoadProgress progress;
  return run_load(plan, clock, progress);
}

TEST(DemoWords, AnswersAreJsonAndHoldTheirQuery) {
  EXPECT_EQ(demo_word(0), "word-1");
  EXPECT_EQ(demo_target("a b&c"), "/search/?q=a%20b%26c");
  EXPECT_EQ(demo_song("x"), R"({"word":"x","song":"The x blues"})");
  EXPECT_EQ(demo_page("x", demo_song("x")),
            "{\"q\":\"x\",\"result\":{\"word\":\"x\",\"song\":\"The x blues\"}}\n");
  EXPECT_EQ(demo_song("\"\\\n"), R"({"word":"\"\\\u000a","song":"The \"\\\u000a blues"})");
}

TEST(DemoUpstream, CountsFromZeroAfterAReset) {
  SystemClock clock;
  DemoUpstream upstream(1ms, clock);
  LoadPlan plan;
  plan.address = upstream.address();
  plan.host = "music";
  plan.target = [](size_t) { return "/s?word=same"; };
  plan.requests = 3;
  burst(plan);
  EXPECT_EQ(upstream.counts().calls, 3u);
  EXPECT_EQ(upstream.counts().distinct_words, 1u);
  upstream.reset_counts();
  EXPECT_EQ(upstream.counts().calls, 0u);
  plan.requests = 1;
  burst(plan);
  EXPECT_EQ(upstream.counts().calls, 1u);
  EXPECT_EQ(upstream.counts().most_at_once, 1u);
}

TEST(DemoUpstream, EndsWhileCallsAreInside) {
  SystemClock clock;
  DemoUpstream upstream(1h, clock);
  LoadPlan plan;
  plan.address = upstream.address();
  plan.host = "music";
  plan.target = [](size_t) { return "/s?word=x"; };
  plan.requests = 3;
  plan.timeout = 20ms;
  EXPECT_EQ(burst(plan).samples[0].reason(), "timeout");
}

TEST(DemoBackend, ServesOneAtATime) {
  SystemClock clock;
  DemoSide side(5ms, clock);
  side.start_alone();
  const LoadResult result = burst(side.plan(20, 30s));
  const LoadColumn column = side.column("direct", result);
  EXPECT_EQ(column.summary.ok, 20u);
  // Each waited for all before it.
  EXPECT_GE(column.summary.took, 100ms);
  const std::vector<std::pair<std::string, std::string>> counted{
      {"answers that matched their query", "20 of 20"},
      {"upstream: calls", "20"},
      {"upstream: most at once", "1"},
      {"upstream: distinct words", "20"},
      {"backend: requests", "20"},
      {"backend: most at once", "1"}};
  EXPECT_EQ(column.counted, counted);
}

TEST(DemoBackend, CallsInAbsoluteFormThroughAProxy) {
  std::string head;
  ScriptedServer proxy([&](const std::string& h) {
    head = h;
    const std::string song = demo_song("love");
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(song.size()) + "\r\n\r\n" + song;
  });
  DemoBackend backend(*SocketAddress::parse("127.0.0.1", 9));
  backend.start(proxy.address());
  LoadPlan plan;
  plan.address = backend.address();
  plan.host = "shop";
  plan.target = [](size_t) { return demo_target("love"); };
  plan.requests = 1;
  plan.check = [](size_t, std::string_view body) {
    return body == demo_page("love", demo_song("love"));
  };
  EXPECT_TRUE(burst(plan).samples[0].ok());
  EXPECT_EQ(head,
            "GET http://127.0.0.1:9/s?word=love HTTP/1.1\r\nHost: 127.0.0.1:9\r\n"
            "User-Agent: demo-app\r\nAccept-Encoding: identity\r\nAccept: */*\r\n"
            "Connection: close\r\n\r\n");
}

TEST(DemoBackend, SaysSoWhenItsUpstreamFails) {
  SocketAddress nobody;
  {
    LocalListener closed(1, true);
    nobody = closed.address();
  }
  DemoBackend backend(nobody);
  backend.start(std::nullopt);
  LoadPlan plan;
  plan.address = backend.address();
  plan.host = "shop";
  plan.target = [](size_t i) { return i == 0 ? demo_target("love") : "/other"; };
  plan.requests = 2;
  const LoadResult result = burst(plan);
  EXPECT_EQ(result.samples[0].reason(), "status 502");
  EXPECT_EQ(result.samples[1].reason(), "status 404");
}

TEST(DemoBackend, EndsWhileItsWorkerWaits) {
  SystemClock clock;
  DemoUpstream upstream(1h, clock);
  DemoBackend backend(upstream.address());
  backend.start(std::nullopt);
  LoadPlan plan;
  plan.address = backend.address();
  plan.host = "shop";
  plan.target = [](size_t) { return demo_target("love"); };
  plan.requests = 2;
  plan.timeout = 20ms;
  EXPECT_EQ(burst(plan).samples[0].reason(), "timeout");
}

TEST(Demo, ItsFileIsOneThatAnyUserCouldLoad) {
  const std::string toml = demo_toml(*SocketAddress::parse("127.0.0.1", 8000),
                                     *SocketAddress::parse("127.0.0.1", 9000), 256);
  const LoadedConfig loaded =
      load_config({{"demo.toml", toml}}, [](std::string_view) { return std::nullopt; });
  ASSERT_TRUE(loaded.ok()) << loaded.diagnostics[0].text();
  EXPECT_TRUE(loaded.diagnostics.empty());
  EXPECT_EQ(loaded.config->backends[0].concurrency, 1u);
  EXPECT_EQ(loaded.config->upstreams[0].concurrency, 256u);
  ASSERT_EQ(loaded.config->routes[0].prefetch.calls.size(), 1u);
  EXPECT_EQ(loaded.config->routes[0].prefetch.mode, PrefetchMode::automatic);
}

// The whole demo, with few requests and counts only.
TEST(Demo, BehindSidingTheUpstreamIsCalledAtOnceAndTheWorkerOneByOne) {
  SystemClock clock;
  DemoSide side(200ms, clock);
  ASSERT_EQ(side.start_behind_siding(256), "");
  // The dry match of mode "auto".
  ASSERT_TRUE(burst(side.plan(1, 30s)).samples[0].ok());
  side.reset_counts();
  const LoadColumn column = side.column("with siding", burst(side.plan(20, 30s)));
  EXPECT_EQ(column.summary.ok, 20u);
  const std::vector<std::pair<std::string, std::string>> counted{
      {"answers that matched their query", "20 of 20"},
      {"upstream: calls", "20"},
      {"upstream: most at once", "20"},
      {"upstream: distinct words", "20"},
      {"backend: requests", "20"},
      {"backend: most at once", "1"}};
  EXPECT_EQ(column.counted, counted);
}

}  // namespace
}  // namespace siding
