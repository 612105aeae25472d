// A folder of files that a test writes, replaces and removes; gone at its end.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace siding::test {

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "siding-test-XXXXXX").string();
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string path() const { return path_.string(); }
  std::string path(const std::string& name) const { return (path_ / name).string(); }
  /// In place, as `>` of a shell does it.
  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(path_ / name) << text;
    return path(name);
  }
  /// As one should: whoever looks sees the old file or the new one.
  void replace(const std::string& name, const std::string& text) {
    std::filesystem::rename(write(name + ".new", text), path_ / name);
  }
  /// As Kubernetes does it: `name` leads to ..data/name, and ..data to a folder of its own, which is
  /// swapped for another. Call it again for the next value.
  void mount(const std::string& name, const std::string& text) {
    const std::filesystem::path last = std::filesystem::weakly_canonical(path_ / "..data");
    const std::string version = "..version" + std::to_string(++versions_);
    std::filesystem::create_directory(path_ / version);
    write(version + "/" + name, text);
    std::filesystem::create_symlink(version, path_ / "..data_tmp");
    std::filesystem::rename(path_ / "..data_tmp", path_ / "..data");
    if (versions_ == 1) {
      std::filesystem::create_symlink("..data/" + name, path_ / name);
    } else {
      std::filesystem::remove_all(last);
    }
  }
  void remove(const std::string& name) { std::filesystem::remove(path_ / name); }

 private:
  std::filesystem::path path_;
  int versions_ = 0;
};

}  // namespace siding::test
