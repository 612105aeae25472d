// Asks a door one request in memory.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string_view>

#include "tests/harness/fake_stream.h"

namespace siding {

/// A door answers at once: the task has ended when handle() returns.
inline void ask(Handler& door, FakeStream& stream) {
  Task<> task = door.handle(stream);
  task.start();
  EXPECT_TRUE(task.done());
  EXPECT_TRUE(stream.whole());
  EXPECT_EQ(stream.field("cache-control"), "no-store");
}

inline std::unique_ptr<FakeStream> ask(Handler& door, std::string_view method,
                                       std::string_view target,
                                       std::string_view host = "localhost") {
  auto stream = std::make_unique<FakeStream>(method, target, host);
  ask(door, *stream);
  return stream;
}

}  // namespace siding
