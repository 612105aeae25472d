// The [health] door.
#include "proxy/admin/health.h"

#include <gtest/gtest.h>

#include "tests/harness/loop_bed.h"
#include "tests/proxy/admin/door.h"

namespace siding {
namespace {

class Health : public ::testing::Test {
 protected:
  Observer observer{1, LogConfig::Access::off, 4};
  std::string not_ready;
  bool drained = false;
  int begun = 0;
  HealthDoor door{observer,
                  {[this] { return not_ready; }, [this] { ++begun; }, [this] { return drained; }}};
};

TEST_F(Health, Healthz) {
  not_ready = "draining";
  auto got = ask(door, "GET", "/healthz");
  EXPECT_EQ(got->response.status, 200);
  EXPECT_EQ(got->response_body, "ok\n");
  EXPECT_EQ(ask(door, "GET", "/healthz?verbose=1")->response.status, 200);
}

TEST_F(Health, ReadyzSaysWhyNot) {
  auto got = ask(door, "GET", "/readyz");
  EXPECT_EQ(got->response.status, 200);
  EXPECT_EQ(got->response_body, "ready\n");
  not_ready = "draining";
  got = ask(door, "GET", "/readyz");
  EXPECT_EQ(got->response.status, 503);
  EXPECT_EQ(got->response.reason, "Service Unavailable");
  EXPECT_EQ(got->response_body, "not ready: draining\n");
}

TEST_F(Health, Metrics) {
  auto got = ask(door, "GET", "/metrics");
  EXPECT_EQ(got->response.status, 200);
  EXPECT_EQ(got->field("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_NE(got->response_body.find("\nsiding_exchanges_total{"), std::string::npos);
}

TEST_F(Health, HeadHasTheLengthOfGet) {
  auto got = ask(door, "HEAD", "/readyz");
  EXPECT_EQ(got->response.status, 200);
  EXPECT_EQ(got->response_framing.length, 6u);
  EXPECT_EQ(got->response_body, "");
}

TEST_F(Health, WaitForDrainBeginsItAndIsAnsweredAtItsEnd) {
  drained = true;
  auto got = ask(door, "GET", "/wait-for-drain");
  EXPECT_EQ(got->response.status, 200);
  EXPECT_EQ(got->response_body, "drained\n");
  EXPECT_EQ(begun, 1);
  EXPECT_EQ(ask(door, "POST", "/wait-for-drain")->response.status, 405);
  EXPECT_EQ(ask(door, "HEAD", "/wait-for-drain")->response.status, 405);
  EXPECT_EQ(begun, 1) << "only GET does";
}

TEST_F(Health, OnlySoManyWait) {
  test::LoopBed bed;
  std::vector<std::unique_ptr<FakeStream>> streams;
  std::vector<Task<>> tasks;
  for (int i = 0; i < 9; ++i) {
    streams.push_back(std::make_unique<FakeStream>("GET", "/wait-for-drain", "localhost"));
    tasks.push_back(door.handle(*streams.back()));
    tasks.back().start();
  }
  EXPECT_EQ(streams[8]->response.status, 503);
  EXPECT_FALSE(streams[7]->finished);
  tasks.erase(tasks.begin());  // one leaves
  EXPECT_EQ(streams[7]->finished, false);
  drained = true;
  bed.advance(std::chrono::milliseconds(20));
  EXPECT_EQ(streams[7]->response_body, "drained\n");
  EXPECT_EQ(ask(door, "GET", "/wait-for-drain")->response.status, 200);
}

TEST_F(Health, OthersAreRefused) {
  EXPECT_EQ(ask(door, "GET", "/")->response.status, 404);
  EXPECT_EQ(ask(door, "GET", "/healthz/")->response.status, 404);
  EXPECT_EQ(ask(door, "GET", "/explain/last")->response.status, 404);
  EXPECT_EQ(ask(door, "POST", "/nothing")->response.status, 404);
  auto got = ask(door, "POST", "/readyz");
  EXPECT_EQ(got->response.status, 405);
  EXPECT_EQ(got->field("allow"), "GET, HEAD");
}

}  // namespace
}  // namespace siding
