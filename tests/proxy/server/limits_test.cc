// How many clients are let in when descriptors are few: the workers' calls come first.
#include "proxy/server/limits.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>

#include "config/load.h"
#include "proxy/observe/log.h"
#include "proxy/tools/signals.h"
#include "tests/proxy/observe/pipe.h"

namespace siding {
namespace {

/// The soft limit of this process, put back at the end.
class DescriptorLimit {
 public:
  explicit DescriptorLimit(rlim_t soft) {
    EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &before_), 0);
    rlimit limit{soft, before_.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  }
  ~DescriptorLimit() { setrlimit(RLIMIT_NOFILE, &before_); }
  DescriptorLimit(const DescriptorLimit&) = delete;
  DescriptorLimit& operator=(const DescriptorLimit&) = delete;
  rlim_t hard() const { return before_.rlim_max; }

 private:
  rlimit before_{};
};

Config config_with_clients(uint32_t clients) {
  Config config;
  config.limits.max_connections = clients;
  config.egress.emplace().max_connections = 50;
  config.backends.emplace_back().concurrency = 2;
  config.upstreams.emplace_back().concurrency = 10;
  return config;
}

/// What all but the clients need.
uint64_t reserve(const Config& config) {
  return descriptors_needed(config) - config.limits.max_connections;
}

TEST(FrontLimit, IsTheConfiguredOneWhereDescriptorsSuffice) {
  const Config config = config_with_clients(200);
  DescriptorLimit limit(descriptors_needed(config));
  EXPECT_EQ(front_limit(config), 200u);
}

TEST(FrontLimit, LeavesTheReserveToTheWorkers) {
  forget_warnings();
  const Config config = config_with_clients(200);
  DescriptorLimit limit(reserve(config) + 120);
  TestPipe pipe;
  {
    Log log(LogConfig::Level::warning, pipe.write_end());
    EXPECT_EQ(front_limit(config), 120u);
    EXPECT_EQ(front_limit(config), 120u);  // of the next thread
  }
  const std::string said = pipe.read_all();
  EXPECT_NE(said.find("RLIMIT_NOFILE allows " + std::to_string(reserve(config) + 120)),
            std::string::npos);
  EXPECT_NE(said.find("only 120 clients at once are accepted; raise it (ulimit -n, LimitNOFILE=)"),
            std::string::npos)
      << said;
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1) << "said once";
  forget_warnings();
}

TEST(TunnelLimit, IsWhatTheDescriptorsLeave) {
  const Config config = config_with_clients(200);
  {
    DescriptorLimit limit(descriptors_needed(config) + 150);
    EXPECT_EQ(tunnel_limit(config), 150u);
  }
  {
    DescriptorLimit limit(descriptors_needed(config) + 300);
    EXPECT_EQ(tunnel_limit(config), 200u) << "one a client";
  }
  DescriptorLimit limit(reserve(config));
  EXPECT_EQ(tunnel_limit(config), 16u) << "never none";
}

// Nobody would be served otherwise.
TEST(FrontLimit, NeverClosesTheFront) {
  forget_warnings();
  Log quiet(LogConfig::Level::error);
  const Config config = config_with_clients(100'000);
  DescriptorLimit limit(reserve(config) - 1);
  EXPECT_EQ(front_limit(config), 16u);
  forget_warnings();
}

TEST(DescriptorLimit, IsRaisedToTheHardOne) {
  DescriptorLimit limit(256);
  EXPECT_EQ(raise_descriptor_limit(), limit.hard());
  rlimit now{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &now), 0);
  EXPECT_EQ(now.rlim_cur, limit.hard());
}

}  // namespace
}  // namespace siding
