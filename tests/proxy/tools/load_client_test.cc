// The load client against servers that answer in all kinds of ways: every request gets its sample.
#include "proxy/tools/load_client.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "proxy/tools/demo_upstream.h"
#include "proxy/tools/demo_words.h"
#include "tests/proxy/tools/scripted_server.h"

namespace siding {
namespace {

using namespace std::chrono_literals;
using End = LoadSample::End;

LoadPlan plan_for(const SocketAddress& address, size_t requests) {
  LoadPlan plan;
  plan.address = address;
  plan.host = address.text();
  plan.target = [](size_t i) { return "/s?word=" + demo_word(i); };
  plan.requests = requests;
  plan.timeout = 20s;
  plan.check = [](size_t i, std::string_view body) { return body == demo_song(demo_word(i)); };
  return plan;
}

// One request to a server that answers with `answer`; any body is right.
LoadSample one_answer(const std::string& answer) {
  ScriptedServer server([&](const std::string&) { return answer; });
  SystemClock clock;
  LoadPlan plan = plan_for(server.address(), 1);
  plan.check = nullptr;
  LoadProgress progress;
  return run_load(plan, clock, progress).samples[0];
}

TEST(LoadClient, OpensAllConnectionsAtOnce) {
  SystemClock clock;
  DemoUpstream upstream(500ms, clock);
  LoadProgress progress;
  const LoadResult result = run_load(plan_for(upstream.address(), 100), clock, progress);
  EXPECT_TRUE(std::all_of(result.samples.begin(), result.samples.end(),
                          [](const LoadSample& s) { return s.ok() && s.status == 200; }));
  EXPECT_EQ(result.most_at_once, 100u);
  EXPECT_EQ(upstream.counts().calls, 100u);
  EXPECT_EQ(upstream.counts().most_at_once, 100u);
  EXPECT_EQ(upstream.counts().distinct_words, 100u);
  EXPECT_EQ(progress.done, 100u);
  EXPECT_EQ(progress.failed, 0u);
  for (const LoadSample& sample : result.samples) EXPECT_GE(sample.latency, 500ms);
}

TEST(LoadClient, KeepsToItsConcurrency) {
  SystemClock clock;
  DemoUpstream upstream(1ms, clock);
  LoadPlan plan = plan_for(upstream.address(), 60);
  plan.concurrency = 7;
  LoadProgress progress;
  const LoadResult result = run_load(plan, clock, progress);
  EXPECT_EQ(result.most_at_once, 7u);
  EXPECT_LE(upstream.counts().most_at_once, 7u);
  EXPECT_EQ(upstream.counts().distinct_words, 60u);
}

TEST(LoadClient, SendsWhatThePlanSays) {
  std::string head;
  {
    ScriptedServer server([&](const std::string& h) {
      head = h;
      return "HTTP/1.1 204 No Content\r\n\r\n";
    });
    SystemClock clock;
    LoadPlan plan = plan_for(server.address(), 1);
    plan.host = "shop.example";
    plan.check = nullptr;
    LoadProgress progress;
    EXPECT_EQ(run_load(plan, clock, progress).samples[0].status, 204);
  }
  EXPECT_EQ(head,
            "GET /s?word=word-1 HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: siding-load\r\n"
            "Accept: */*\r\nConnection: close\r\n\r\n");
}

TEST(LoadClient, ReadsEveryFraming) {
  EXPECT_TRUE(one_answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").ok());
  EXPECT_TRUE(
      one_answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n").ok());
  EXPECT_TRUE(one_answer("HTTP/1.0 200 OK\r\n\r\nuntil close").ok());
  EXPECT_TRUE(one_answer("HTTP/1.1 204 No Content\r\n\r\n").ok());
  EXPECT_TRUE(
      one_answer("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
          .ok());
}

TEST(LoadClient, NamesWhatWentWrong) {
  EXPECT_EQ(one_answer("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n").reason(),
            "status 503");
  EXPECT_EQ(one_answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi").reason(), "closed");
  EXPECT_EQ(one_answer("").reason(), "closed");
  EXPECT_EQ(one_answer("HELLO\r\n\r\n").reason(), "malformed");
  EXPECT_EQ(one_answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n").reason(),
            "malformed");
  EXPECT_EQ(
      one_answer("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx").reason(),
      "malformed");
}

TEST(LoadClient, AnAnswerToAnotherQueryIsWrong) {
  ScriptedServer server([](const std::string&) {
    const std::string body = demo_song(demo_word(0));  // whatever was asked
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  });
  SystemClock clock;
  LoadProgress progress;
  const LoadResult result = run_load(plan_for(server.address(), 3), clock, progress);
  EXPECT_EQ(result.samples[0].end, End::ok);
  EXPECT_EQ(result.samples[1].reason(), "wrong answer");
  EXPECT_EQ(result.samples[2].reason(), "wrong answer");
  EXPECT_EQ(progress.failed, 2u);
}

TEST(LoadClient, RefusedConnectionsAreSamplesToo) {
  SocketAddress address;
  {
    LocalListener closed(1, true);
    address = closed.address();
  }
  SystemClock clock;
  LoadProgress progress;
  const LoadResult result = run_load(plan_for(address, 5), clock, progress);
  for (const LoadSample& sample : result.samples) EXPECT_EQ(sample.reason(), "refused");
  EXPECT_EQ(progress.done, 5u);
}

TEST(LoadClient, TheTimeoutEndsTheRestWhetherBegunOrNot) {
  SystemClock clock;
  DemoUpstream upstream(1h, clock);
  LoadPlan plan = plan_for(upstream.address(), 5);
  plan.concurrency = 2;
  plan.timeout = 30ms;
  LoadProgress progress;
  const LoadResult result = run_load(plan, clock, progress);
  for (const LoadSample& sample : result.samples) EXPECT_EQ(sample.reason(), "timeout");
  EXPECT_LE(upstream.counts().calls, 2u);
  EXPECT_EQ(progress.done, 5u);
}

TEST(LoadClient, StopsWhenAsked) {
  SystemClock clock;
  DemoUpstream upstream(1h, clock);
  LoadProgress progress;
  progress.stop = true;
  const LoadResult result = run_load(plan_for(upstream.address(), 3), clock, progress);
  for (const LoadSample& sample : result.samples) EXPECT_EQ(sample.end, End::unfinished);
}

}  // namespace
}  // namespace siding
