// One report of an exchange reaches the counters, the log and the ring.
#include "proxy/observe/observer.h"

#include <gtest/gtest.h>

#include "tests/proxy/observe/pipe.h"

namespace siding {
namespace {

using namespace std::chrono_literals;

TEST(Observer, CountsAllThatTheRecordHolds) {
  ManualClock clock;
  Loop loop(clock);
  TestPipe pipe;
  {
    Observer observer(1, LogConfig::Access::text, 16, pipe.write_end());
    ExchangeRecord r;
    r.request_id = "a";
    r.backend = "shop";
    r.outcome = Outcome::ok;
    r.bytes_in = 10;
    r.bytes_out = 20;
    r.queue_wait = 3ms;
    r.worker = 7ms;
    r.total = 11ms;
    r.attempts = 2;
    r.spilled = true;
    r.prefetches.resize(3);
    r.prefetches[0].outcome = PrefetchOutcome::used;
    r.prefetches[0].took = 5ms;
    r.prefetches[1].outcome = PrefetchOutcome::missed;
    r.prefetches[1].reason = "target";
    r.prefetches[2].skip = PrefetchSkip::budget;
    observer.finished(loop, std::move(r));

    ExchangeRecord refused;
    refused.outcome = Outcome::bad_request;
    observer.finished(loop, std::move(refused));

    CounterTotals t = observer.counters().totals();
    EXPECT_EQ(t.of(Outcome::ok), 1u);
    EXPECT_EQ(t.of(Outcome::bad_request), 1u);
    EXPECT_EQ(t.requests(Peer::client), 2u);
    EXPECT_EQ(t.received(Peer::client), 10u);
    EXPECT_EQ(t.sent(Peer::client), 20u);
    EXPECT_EQ(t.attempts(), 2u);
    EXPECT_EQ(t.spilled(), 1u);
    EXPECT_EQ(t.observations(Times::total), 2u);
    EXPECT_EQ(t.observations(Times::queue_wait), 1u) << "what met no queue did not wait";
    EXPECT_EQ(t.sum(Times::queue_wait), 3ms);
    EXPECT_EQ(t.sum(Times::worker), 7ms);
    EXPECT_EQ(t.observations(Times::prefetch), 1u);
    EXPECT_EQ(t.of(PrefetchOutcome::used), 1u);
    EXPECT_EQ(t.of(PrefetchOutcome::missed), 1u);
    EXPECT_EQ(t.missed().at("target"), 1u);
    EXPECT_EQ(t.of(PrefetchSkip::budget), 1u);
    EXPECT_EQ(t.of(PrefetchOutcome::unused), 0u) << "a skipped one has no outcome";
    EXPECT_EQ(observer.ring().last(5).size(), 2u);
    EXPECT_EQ(observer.ring().find("a")->worker, 7ms);
    observer.flush(loop);
  }
  EXPECT_NE(pipe.read_all().find(" bad_request "), std::string::npos);
}

}  // namespace
}  // namespace siding
