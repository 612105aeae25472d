// Secrets that change while they are used: what counts after a look, what is said, who may read.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "proxy/exchange/secrets.h"
#include "proxy/observe/log.h"
#include "tests/harness/folder.h"
#include "tests/proxy/observe/pipe.h"

namespace siding {
namespace {

using test::Folder;

Config config_with(const std::vector<std::string>& files) {
  Config config;
  UpstreamConfig& music = config.upstreams.emplace_back();
  for (const std::string& file : files) {
    music.headers.push_back(
        {"X-" + std::to_string(music.headers.size()), {read_secret_file(file).value, file}});
  }
  return config;
}

std::string value_now(const Secrets& secrets, const std::string& file) {
  return secrets.values()->of("", file);
}

double failures_of(const Secrets& secrets) {
  struct Sum : MetricSink {
    void add(Kind, std::string_view, std::string_view, double value, const Labels&) override {
      sum += value;
    }
    double sum = 0;
  } sink;
  secrets.collect(sink);
  return sink.sum;
}

TEST(SecretsThreads, ALookFindsTheNewValue) {
  Folder folder;
  folder.write("a", "one\n");
  Secrets secrets(config_with({folder.path("a")}));
  EXPECT_TRUE(secrets.any());
  const auto before = secrets.values();
  secrets.look();
  EXPECT_EQ(before, secrets.values()) << "nothing new, nothing published";
  folder.replace("a", "two\n");
  EXPECT_EQ(value_now(secrets, folder.path("a")), "one") << "before the look";
  secrets.look();
  EXPECT_EQ(value_now(secrets, folder.path("a")), "two");
  EXPECT_EQ(before->of("", folder.path("a")), "one") << "what was taken stays as it is";
  EXPECT_EQ(before->of("written", ""), "written") << "not every value is a file's";
}

// What changed between the loading of the configuration and the first look.
TEST(SecretsThreads, TheFirstLookReadsEverything) {
  Folder folder;
  folder.write("a", "one");
  const Config config = config_with({folder.path("a")});
  folder.write("a", "two");
  Secrets secrets(config);
  secrets.look();
  EXPECT_EQ(value_now(secrets, folder.path("a")), "two");
}

TEST(SecretsThreads, AMountedFolderIsSwapped) {
  Folder folder;
  folder.mount("key", "one");
  Secrets secrets(config_with({folder.path("key")}));
  secrets.look();
  for (const char* next : {"two", "three", "four"}) {
    folder.mount("key", next);
    secrets.look();
    EXPECT_EQ(value_now(secrets, folder.path("key")), next);
  }
}

TEST(SecretsThreads, WhatCannotBeUsedLeavesTheLastValueAndIsSaidOnce) {
  Folder folder;
  const std::string file = folder.write("a", "first-secret");
  TestPipe pipe;
  {
    Log log(LogConfig::Level::info, pipe.write_end());
    Secrets secrets(config_with({file}));
    secrets.look();
    EXPECT_EQ(failures_of(secrets), 0);
    folder.remove("a");
    secrets.look();
    secrets.look();
    EXPECT_EQ(failures_of(secrets), 2);
    for (const std::string& bad : {std::string(), std::string("second\nsecret")}) {
      folder.replace("a", bad);
      secrets.look();
      EXPECT_EQ(value_now(secrets, file), "first-secret");
    }
    EXPECT_EQ(failures_of(secrets), 4);
    folder.replace("a", "third-secret");
    secrets.look();
    EXPECT_EQ(value_now(secrets, file), "third-secret");
    folder.remove("a");
    secrets.look();
    folder.replace("a", "third-secret");
    secrets.look();
    EXPECT_EQ(failures_of(secrets), 5);
  }
  std::string said = pipe.read_all();
  EXPECT_EQ(said.find("-secret"), std::string::npos) << said;
  std::string lines;
  while (!said.empty()) {  // without the times in front
    const size_t end = said.find('\n');
    lines += said.substr(25, end - 25) + "\n";
    said.erase(0, end + 1);
  }
  const std::string gone = "warning secret file: cannot read `" + file +
                           "`: No such file or directory; its last value stays in use\n";
  const std::string again = "info secret file: `" + file + "` was read again; its value ";
  EXPECT_EQ(lines, gone + again + "is new\n" + gone + again + "is the same\n");
}

// A name and a key that are replaced by one swap are seen together, whoever reads at which moment.
TEST(SecretsThreads, ReadersSeeOneStateOfAllFiles) {
  Folder folder;
  const std::string name = folder.write("name", "0");
  const std::string key = folder.write("key", "0");
  Log quiet(LogConfig::Level::error);
  Secrets secrets(config_with({name, key}));
  std::atomic<bool> ended{false};
  std::atomic<int> torn{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      while (!ended) {
        const auto now = secrets.values();
        if (now->of("", name) != now->of("", key)) ++torn;
        std::this_thread::yield();
      }
    });
  }
  for (int i = 1; i < 100; ++i) {
    folder.replace("name", std::to_string(i));
    folder.replace("key", std::to_string(i));
    secrets.look();
  }
  ended = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(torn, 0);
  EXPECT_EQ(value_now(secrets, key), "99");
}

TEST(SecretsThreads, WithoutFilesThereIsNothingToLookAt) {
  Config config;
  config.egress.emplace().secret = "written";
  Secrets secrets(config);
  EXPECT_FALSE(secrets.any());
  secrets.look();
  EXPECT_EQ(secrets.values()->of("written", ""), "written");
}

}  // namespace
}  // namespace siding
