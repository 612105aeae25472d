// A pipe that a test reads what siding logs from.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <string>

namespace siding {

class TestPipe {
 public:
  TestPipe() { EXPECT_EQ(pipe2(fds_, O_CLOEXEC), 0); }
  ~TestPipe() {
    close_read();
    close_write();
  }
  TestPipe(const TestPipe&) = delete;
  TestPipe& operator=(const TestPipe&) = delete;

  int write_end() const { return fds_[1]; }
  /// The kernel's smallest: one page.
  void make_small() { EXPECT_GT(fcntl(fds_[1], F_SETPIPE_SZ, 4096), 0); }
  void close_read() { close_one(fds_[0]); }
  void close_write() { close_one(fds_[1]); }

  /// Waits for what comes next, up to the end of a line.
  std::string read_lines() {
    std::string out;
    while (out.empty() || out.back() != '\n') {
      if (!read_more(out)) break;
    }
    return out;
  }
  /// Everything until all writers have closed; closes the test's own end.
  std::string read_all() {
    close_write();
    std::string out;
    while (read_more(out)) {
    }
    return out;
  }
  bool empty() const {
    int n = -1;
    return ioctl(fds_[0], FIONREAD, &n) == 0 && n == 0;
  }

 private:
  bool read_more(std::string& out) {
    char part[4096];
    ssize_t n = read(fds_[0], part, sizeof(part));
    if (n > 0) out.append(part, static_cast<size_t>(n));
    return n > 0;
  }
  static void close_one(int& fd) {
    if (fd >= 0) close(fd);
    fd = -1;
  }
  int fds_[2] = {-1, -1};
};

}  // namespace siding
