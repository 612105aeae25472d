// Bars on a terminal, plain lines elsewhere.
#include "proxy/tools/progress.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace siding {
namespace {

using namespace std::chrono_literals;

ProgressState state(std::string name, size_t done, Duration elapsed, bool ended = false) {
  ProgressState s;
  s.name = std::move(name);
  s.done = done;
  s.total = 40;
  s.elapsed = elapsed;
  s.ended = ended;
  return s;
}

// What a view writes into its stream.
class Written {
 public:
  Written() : stream_(open_memstream(&data_, &size_)) {}
  ~Written() {
    fclose(stream_);
    free(data_);
  }
  Written(const Written&) = delete;
  Written& operator=(const Written&) = delete;

  FILE* stream() const { return stream_; }
  std::string text() {
    fflush(stream_);
    return std::string(data_, size_);
  }

 private:
  char* data_ = nullptr;
  size_t size_ = 0;
  FILE* stream_;
};

TEST(Progress, BarShowsShareCountAndTime) {
  EXPECT_EQ(progress_bar(state("direct", 10, 5s), 11, 20),
            "  direct       [#####---------------]     10/40   5.00 s");
  EXPECT_EQ(progress_bar(state("with siding", 40, 540ms, true), 11, 20),
            "  with siding  [####################]     40/40   0.54 s  done");
  EXPECT_EQ(progress_bar(state("x", 0, 0s), 1, 4), "  x  [----]      0/40   0.00 s");
}

TEST(Progress, PlainLinesComeRarelyAndAtEveryEnd) {
  Written out;
  ProgressView view(out.stream(), false);
  view.show({state("a", 0, 0s), state("b", 0, 0s)}, 0s);
  view.show({state("a", 1, 0s), state("b", 9, 0s)}, 100ms);
  view.show({state("a", 1, 0s), state("b", 40, 500ms, true)}, 550ms);
  view.show({state("a", 2, 0s), state("b", 40, 500ms, true)}, 600ms);
  view.show({state("a", 9, 0s), state("b", 40, 500ms, true)}, 5s);
  EXPECT_EQ(out.text(),
            "  0.00 s: a 0/40, b 0/40\n"
            "  0.55 s: a 1/40, b 40/40 (0.50 s)\n"
            "  5.00 s: a 9/40, b 40/40 (0.50 s)\n");
}

TEST(Progress, LiveBarsAreDrawnOverThemselves) {
  Written out;
  ProgressView view(out.stream(), true);
  view.show({state("a", 0, 0s), state("b", 0, 0s)}, 0s);
  const std::string first = out.text();
  EXPECT_EQ(first.find("\x1b[2A"), std::string::npos);
  view.show({state("a", 1, 0s), state("b", 1, 0s)}, 1s);
  const std::string second = out.text().substr(first.size());
  EXPECT_TRUE(second.starts_with("\x1b[2A\r"));
  EXPECT_TRUE(second.ends_with("\x1b[K\n"));
}

}  // namespace
}  // namespace siding
