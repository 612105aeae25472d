// The log thread: all lines arrive whole and in order, and a reader that stalls costs lines only.
#include "proxy/observe/log_writer.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/proxy/observe/pipe.h"

namespace siding {
namespace {

std::string numbered_line(int thread, int n) {
  return std::to_string(thread) + " " + std::to_string(n) + " " + std::string(80, '.') + "\n";
}

TEST(LogWriterThreads, LinesOfAllThreadsArriveWholeAndInOrder) {
  constexpr int kThreads = 4;
  constexpr int kLines = 2000;
  TestPipe pipe;
  std::string text;
  std::thread reader;
  {
    LogWriter writer(pipe.write_end(), 16 << 20, std::chrono::seconds(60));
    reader = std::thread([&] { text = pipe.read_all(); });
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int n = 0; n < kLines; ++n) EXPECT_TRUE(writer.write(numbered_line(t, n)));
      });
    }
    for (std::thread& t : threads) t.join();
    EXPECT_EQ(writer.dropped(), 0u);
  }
  reader.join();
  int next[kThreads] = {};
  while (!text.empty()) {
    std::string line = text.substr(0, text.find('\n') + 1);
    text.erase(0, line.size());
    int t = line[0] - '0';
    ASSERT_TRUE(t >= 0 && t < kThreads);
    ASSERT_EQ(line, numbered_line(t, next[t]++));
  }
  for (int n : next) EXPECT_EQ(n, kLines);
}

TEST(LogWriter, StalledReaderCostsLinesAndNothingElse) {
  TestPipe pipe;
  pipe.make_small();
  std::optional<LogWriter> writer(std::in_place, pipe.write_end(), 8 * 1024,
                                  std::chrono::seconds(60));
  std::string accepted;
  uint64_t refused = 0;
  // Far more than the pipe and the writer hold: this must not block.
  for (int n = 0; n < 2000; ++n) {
    std::string line = numbered_line(0, n);
    if (writer->write(line)) {
      accepted += line;
    } else {
      ++refused;
    }
  }
  EXPECT_GT(refused, 1500u);
  EXPECT_EQ(writer->dropped(), refused);
  std::string text;
  std::thread reader([&] { text = pipe.read_all(); });
  writer.reset();  // waits for the reader, who reads again
  reader.join();
  EXPECT_EQ(text, accepted);
}

TEST(LogWriter, EndsThoughTheReaderNeverReads) {
  TestPipe pipe;
  pipe.make_small();
  {
    LogWriter writer(pipe.write_end(), 1 << 20, Duration::zero());
    for (int n = 0; n < 1000; ++n) writer.write(numbered_line(0, n));
  }
  pipe.close_read();
}

TEST(LogWriter, AReaderThatIsGoneCostsLinesAndNoSignal) {
  TestPipe pipe;
  pipe.close_read();
  LogWriter writer(pipe.write_end());
  EXPECT_TRUE(writer.write("a\nb\n", 2));
  while (writer.dropped() < 2) std::this_thread::yield();
}

TEST(LogWriter, ANonBlockingDescriptorIsWaitedFor) {
  TestPipe pipe;
  pipe.make_small();
  ASSERT_EQ(fcntl(pipe.write_end(), F_SETFL, O_NONBLOCK), 0);
  std::string wanted;
  std::string text;
  std::thread reader;
  {
    LogWriter writer(pipe.write_end(), 1 << 20, std::chrono::seconds(60));
    for (int n = 0; n < 500; ++n) {
      wanted += numbered_line(0, n);
      EXPECT_TRUE(writer.write(numbered_line(0, n)));
    }
    reader = std::thread([&] { text = pipe.read_all(); });
  }
  reader.join();
  EXPECT_EQ(text, wanted);
}

TEST(LogWriter, NoDescriptorIsNoCrash) {
  LogWriter writer(-1);
  writer.write("x\n");
  while (writer.dropped() < 1) std::this_thread::yield();
}

}  // namespace
}  // namespace siding
