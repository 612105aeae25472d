// Secrets in files: what is taken, what is refused and why, and when a file counts as changed.
#include "config/secret_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/config/loading.h"
#include "tests/harness/folder.h"

namespace siding::config_test {
namespace {

using test::Folder;

std::string value_of(const std::string& path) {
  const SecretFile secret = read_secret_file(path);
  EXPECT_EQ(secret.fault, "");
  return secret.value;
}
std::string fault_of(const std::string& path) {
  const SecretFile secret = read_secret_file(path);
  EXPECT_EQ(secret.value, "") << "a value beside a fault";
  return secret.fault;
}

TEST(SecretFile, LineEndsDoNotCount) {
  Folder folder;
  EXPECT_EQ(value_of(folder.write("a", "geheim")), "geheim");
  EXPECT_EQ(value_of(folder.write("a", "geheim\n")), "geheim");
  EXPECT_EQ(value_of(folder.write("a", "Bearer x y\r\n\n")), "Bearer x y");
}

TEST(SecretFile, WhatIsNoValue) {
  Folder folder;
  auto with = [&](const std::string& text) {
    const std::string fault = fault_of(folder.write("a", text));
    const std::string name = "`" + folder.path("a") + "`";
    EXPECT_TRUE(fault.starts_with(name)) << fault;
    return fault.substr(std::min(fault.size(), name.size()));
  };
  EXPECT_EQ(with(""), " is empty");
  EXPECT_EQ(with("\n"), " is empty");
  EXPECT_EQ(with("a\nb"), ": a field value cannot hold line breaks or control characters");
  EXPECT_EQ(with(std::string("a\0b", 3)),
            ": a field value cannot hold line breaks or control characters");
  EXPECT_EQ(with(" a"), ": a field value cannot begin or end with a space");
  EXPECT_EQ(with(std::string(100'000, 'a')), " is larger than 64KiB");
  EXPECT_EQ(fault_of("/no/such"), "cannot read `/no/such`: No such file or directory");
}

// None of these may be read: that could take for ever.
TEST(SecretFile, OnlyRegularFiles) {
  Folder folder;
  const std::string pipe = folder.path("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  for (const std::string& path : {folder.path(), pipe, std::string("/dev/zero")}) {
    EXPECT_EQ(fault_of(path), "`" + path + "` is not a regular file");
  }
}

TEST(SecretFile, TheLoaderNamesThePlace) {
  Folder folder;
  EXPECT_TRUE(one_fault(kFull + "[upstream.x]\nurl = \"http://x\"\nheaders = { A = { file = \"" +
                            folder.path() + "\" } }\n",
                        "t.toml:13:26: `" + folder.path() + "` is not a regular file"));
}

TEST(SecretFile, AStampTellsChanges) {
  Folder folder;
  EXPECT_FALSE(stamp_of(folder.path("a")));
  folder.write("a", "one");
  const auto first = stamp_of(folder.path("a"));
  ASSERT_TRUE(first);
  EXPECT_EQ(first, stamp_of(folder.path("a")));
  EXPECT_EQ(first, read_secret_file(folder.path("a")).stamp);
  folder.replace("a", "two");
  const auto second = stamp_of(folder.path("a"));
  EXPECT_NE(first, second) << "by rename";
  folder.write("a", "three");
  EXPECT_NE(second, stamp_of(folder.path("a"))) << "in place";

  folder.mount("b", "one");
  const auto third = stamp_of(folder.path("b"));
  folder.mount("b", "two");
  EXPECT_NE(third, stamp_of(folder.path("b"))) << "by a link";
}

}  // namespace
}  // namespace siding::config_test
