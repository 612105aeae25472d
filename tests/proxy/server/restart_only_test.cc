// What a reload cannot change is named.
#include "proxy/server/restart_only.h"

#include <gtest/gtest.h>

namespace siding {
namespace {

TEST(RestartOnly, NamesWhatDiffers) {
  Config started;
  started.threads = 2;
  EXPECT_EQ(restart_only(started, started), "");
  Config next = started;
  next.threads = 3;
  next.limits.max_connections = 5;
  next.log.level = LogConfig::Level::debug;
  EXPECT_EQ(restart_only(started, next), "threads");
  next.log.access = LogConfig::Access::off;
  next.limits.spill_dir = "/elsewhere";
  next.admin.ring = 1;
  EXPECT_EQ(restart_only(started, next), "threads, [limits] spill_dir, [log] access, [admin] ring");
}

}  // namespace
}  // namespace siding
