// See secret_file.h.
#include "config/secret_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "config/load.h"
#include "config/values.h"

namespace siding {
namespace {

constexpr size_t kMaxSecret = 64 << 10;  // a longer one fits into no head

FileStamp stamp_from(const struct stat& s) {
  auto ns = [](const timespec& t) { return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec; };
  return {s.st_dev, s.st_ino, static_cast<uint64_t>(s.st_size), ns(s.st_mtim), ns(s.st_ctim)};
}

class OpenFile {
 public:
  // Without O_NONBLOCK a pipe would hold the caller until somebody writes.
  explicit OpenFile(const std::string& path)
      : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~OpenFile() {
    if (fd_ >= 0) close(fd_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

// All of it, or one byte more than is allowed; false: see errno.
bool read_all(int fd, std::string& content) {
  content.resize(kMaxSecret + 1);
  size_t got = 0;
  while (got < content.size()) {
    const ssize_t n = read(fd, content.data() + got, content.size() - got);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    if (n == 0) break;
    got += static_cast<size_t>(n);
  }
  content.resize(got);
  return true;
}

}  // namespace

std::optional<FileStamp> stamp_of(const std::string& path) {
  struct stat s {};
  if (stat(path.c_str(), &s) != 0) return std::nullopt;
  return stamp_from(s);
}

SecretFile read_secret_file(const std::string& path) {
  SecretFile secret;
  auto fault = [&](const std::string& text) {
    secret.value.clear();
    secret.fault = text;
    return secret;
  };
  const std::string name = "`" + path + "`";
  auto unreadable = [&] { return fault("cannot read " + name + ": " + std::strerror(errno)); };
  OpenFile file(path);
  struct stat before {};
  struct stat after {};
  if (file.fd() < 0 || fstat(file.fd(), &before) != 0) return unreadable();
  if (!S_ISREG(before.st_mode)) return fault(name + " is not a regular file");
  secret.stamp = stamp_from(before);
  std::string& value = secret.value;
  if (!read_all(file.fd(), value) || fstat(file.fd(), &after) != 0) return unreadable();
  if (stamp_from(after) != secret.stamp) {
    return fault(name + " was written while it was read; replace it by rename(2) or a link");
  }
  if (value.size() > kMaxSecret) {
    return fault(name + " is larger than " + format_size(kMaxSecret));
  }
  while (!value.empty() && (value.back() == '\n' || value.back() == '\r')) value.pop_back();
  // An empty secret would mean that none is asked for.
  if (value.empty()) return fault(name + " is empty");
  const std::string refused = header_value_fault(value);
  if (!refused.empty()) return fault(name + ": " + refused);
  return secret;
}

}  // namespace siding
