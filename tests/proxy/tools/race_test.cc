// Races: side by side or one after the other, and ended by a signal.
#include "proxy/tools/race.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include "proxy/tools/demo_upstream.h"

namespace siding {
namespace {

using namespace std::chrono_literals;

Contestant contestant(std::string name, const DemoUpstream& upstream, size_t requests) {
  LoadPlan plan;
  plan.address = upstream.address();
  plan.host = "music";
  plan.target = [](size_t i) { return "/s?word=" + std::to_string(i); };
  plan.requests = requests;
  return {std::move(name), std::move(plan)};
}

// Nobody looks at the bars here.
class NullStream {
 public:
  NullStream() : stream_(fopen("/dev/null", "w")) {}
  ~NullStream() { fclose(stream_); }
  NullStream(const NullStream&) = delete;
  NullStream& operator=(const NullStream&) = delete;
  FILE* get() const { return stream_; }

 private:
  FILE* stream_;
};

class RaceTest : public testing::Test {
 protected:
  RaceResult run(const std::vector<Contestant>& contestants, RaceOrder order) {
    return race(contestants, order, clock_, signals_, view_);
  }
  SystemClock clock_;
  StopSignals signals_;
  NullStream nothing_;
  ProgressView view_{nothing_.get(), false};
};

TEST_F(RaceTest, TogetherTheyRunAtTheSameTime) {
  DemoUpstream slow(300ms, clock_), quick(1ms, clock_);
  const TimePoint began = clock_.now();
  const RaceResult result =
      run({contestant("a", slow, 5), contestant("b", quick, 7), contestant("c", slow, 5)},
          RaceOrder::together);
  EXPECT_FALSE(result.interrupted);
  ASSERT_EQ(result.results.size(), 3u);
  EXPECT_EQ(result.results[0].samples.size(), 5u);
  EXPECT_EQ(result.results[1].samples.size(), 7u);
  EXPECT_EQ(slow.counts().most_at_once, 10u);
  EXPECT_GE(clock_.now() - began, 300ms);
}

TEST_F(RaceTest, OneByOneTheyNeverMeet) {
  DemoUpstream upstream(20ms, clock_);
  const RaceResult result =
      run({contestant("a", upstream, 4), contestant("b", upstream, 4)}, RaceOrder::one_by_one);
  EXPECT_EQ(upstream.counts().calls, 8u);
  EXPECT_EQ(upstream.counts().most_at_once, 4u);
  for (const LoadResult& r : result.results) {
    for (const LoadSample& sample : r.samples) EXPECT_TRUE(sample.ok()) << sample.reason();
  }
}

TEST_F(RaceTest, ASignalEndsIt) {
  DemoUpstream upstream(1h, clock_);
  for (RaceOrder order : {RaceOrder::together, RaceOrder::one_by_one}) {
    // To this thread alone: gtest's others may not have the signal blocked.
    pthread_kill(pthread_self(), SIGINT);
    const RaceResult result =
        run({contestant("a", upstream, 2), contestant("b", upstream, 2)}, order);
    EXPECT_TRUE(result.interrupted);
    ASSERT_EQ(result.results.size(), 2u);
    for (const LoadSample& s : result.results[0].samples) EXPECT_EQ(s.reason(), "interrupted");
  }
}

TEST(StopSignals, AreWaitedForOneByOne) {
  StopSignals signals;
  EXPECT_EQ(signals.wait(0ms), 0);
  pthread_kill(pthread_self(), SIGTERM);
  pthread_kill(pthread_self(), SIGINT);
  const int first = signals.wait(10s), second = signals.wait(10s);
  EXPECT_EQ(first + second, SIGTERM + SIGINT);
  EXPECT_EQ(signals.wait(0ms), 0);
}

TEST(StopSignals, AnotherDescriptorEndsTheWait) {
  StopSignals signals;
  int both[2];
  ASSERT_EQ(pipe(both), 0);
  ASSERT_EQ(write(both[1], "x", 1), 1);
  EXPECT_EQ(signals.wait(Duration::max(), {both[0]}), 0);
  close(both[0]);
  close(both[1]);
}

}  // namespace
}  // namespace siding
