// What counts as a change of a configuration's files, and when it is told.
#include "proxy/tools/config_watch.h"

#include <gtest/gtest.h>

#include "tests/harness/folder.h"

namespace siding {
namespace {

using test::Folder;

/// Once it is certain that nobody writes any more.
bool told(ConfigWatch& watch) {
  const bool at_once = watch.look();
  EXPECT_FALSE(at_once) << "it may still be written";
  const bool then = watch.look();
  EXPECT_FALSE(watch.look()) << "once";
  return then;
}

TEST(ConfigWatch, TellsOfAFileThatWasWrittenReplacedOrRemoved) {
  Folder folder;
  ConfigWatch watch({folder.write("a.toml", "x = 1")});
  EXPECT_FALSE(told(watch));
  folder.write("a.toml", "x = 22");
  EXPECT_TRUE(told(watch));
  folder.replace("a.toml", "x = 33");
  EXPECT_TRUE(told(watch));
  folder.remove("a.toml");
  EXPECT_TRUE(told(watch));
  folder.write("a.toml", "x = 44");
  EXPECT_TRUE(told(watch));
}

TEST(ConfigWatch, WaitsUntilNobodyWrites) {
  Folder folder;
  ConfigWatch watch({folder.write("a.toml", "")});
  std::string text;
  for (int i = 0; i < 5; ++i) {
    folder.write("a.toml", text += "more\n");
    EXPECT_FALSE(watch.look());
  }
  EXPECT_TRUE(watch.look());
}

TEST(ConfigWatch, TellsOfAFileThatComesIntoAFolder) {
  Folder folder;
  folder.write("a.toml", "");
  ConfigWatch watch({folder.path()});
  folder.write("notes.txt", "no configuration");
  EXPECT_FALSE(told(watch));
  folder.write("b.toml", "");
  EXPECT_TRUE(told(watch));
}

TEST(ConfigWatch, TellsOfAConfigMapThatIsSwapped) {
  Folder folder;
  folder.mount("siding.toml", "x = 1");
  ConfigWatch watch({folder.path("siding.toml")});
  folder.mount("siding.toml", "x = 2");
  EXPECT_TRUE(told(watch));
}

TEST(ConfigWatch, WhatWasLoadedByTheWayIsKnown) {
  Folder folder;
  ConfigWatch watch({folder.write("a.toml", "")});
  folder.write("a.toml", "x = 1");
  watch.note();
  EXPECT_FALSE(told(watch));
}

}  // namespace
}  // namespace siding
