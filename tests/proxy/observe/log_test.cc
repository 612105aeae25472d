// The diagnostics log: levels, one line each, warnings shown once.
#include "proxy/observe/log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <thread>
#include <vector>

#include "tests/proxy/observe/pipe.h"

namespace siding {
namespace {

// Without the time at the front of each line, which is spdlog's own.
std::string without_times(const std::string& text) {
  static const std::regex kTime("(^|\n)[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{3}Z ");
  return std::regex_replace(text, kTime, "$1");
}

TEST(Log, LevelsAndLines) {
  TestPipe pipe;
  {
    Log log(LogConfig::Level::info, pipe.write_end());
    EXPECT_FALSE(log_enabled(LogConfig::Level::debug));
    EXPECT_TRUE(log_enabled(LogConfig::Level::warning));
    log_debug("not shown");
    log_info("listening on {}");
    log_warning("two\nlines");
    log_error("bad \x1b[31m bytes");
    log_info(std::string(10'000, 'x'));
  }
  std::string text = without_times(pipe.read_all());
  std::string wanted = "info listening on {}\nwarning two\\x0alines\nerror bad \\x1b[31m bytes\n";
  ASSERT_GT(text.size(), wanted.size());
  EXPECT_EQ(text.substr(0, wanted.size()), wanted);
  EXPECT_LT(text.size(), 4300u);
  EXPECT_TRUE(text.ends_with("...\n"));
}

TEST(Log, WarnsOnceAKeyAndAboutABoundedNumberOfThem) {
  forget_warnings();
  TestPipe pipe;
  {
    Log log(LogConfig::Level::warning, pipe.write_end());
    warn_once("a", "first");
    warn_once("a", "second");
    warn_once("b", "other");
    for (int i = 0; i < 2000; ++i) warn_once(std::to_string(i), "many");
  }
  std::string text = without_times(pipe.read_all());
  EXPECT_TRUE(text.starts_with("warning first\nwarning other\nwarning many\n"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 513);
  EXPECT_TRUE(text.ends_with("warnings of new kinds are left out\n"));
  forget_warnings();
}

TEST(Log, WarnsSeldomOfEachKeyAndSaysHowOftenItWas) {
  forget_warnings();
  TestPipe pipe;
  {
    Log log(LogConfig::Level::warning, pipe.write_end());
    TimePoint now{};
    warn_seldom("a", now, "first");
    warn_seldom("a", now + std::chrono::seconds(59), "second");
    warn_seldom("b", now, "other");
    warn_seldom("a", now + std::chrono::seconds(59), "third");
    warn_seldom("a", now + std::chrono::seconds(60), "fourth");
    warn_seldom("a", now + std::chrono::seconds(120), "fifth");
  }
  EXPECT_EQ(without_times(pipe.read_all()),
            "warning first\nwarning other\n"
            "warning fourth; 2 more since the last such line\nwarning fifth\n");
  forget_warnings();
}

TEST(LogThreads, AnyThreadMayLog) {
  TestPipe pipe;
  std::thread reader;
  std::string text;
  std::vector<std::thread> threads;
  {
    Log log(LogConfig::Level::info, pipe.write_end());
    reader = std::thread([&] { text = pipe.read_all(); });
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([] {
        for (int i = 0; i < 200; ++i) {
          log_info("hello");
          warn_once("threads", "once");
        }
      });
    }
    for (std::thread& t : threads) t.join();
    EXPECT_EQ(log_lines_dropped(), 0u);
  }
  reader.join();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 801);
  forget_warnings();
}

}  // namespace
}  // namespace siding
