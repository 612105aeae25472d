// See upgrade.h. Between fork and exec only what a signal handler may do: the process has threads.
#include "proxy/tools/upgrade.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string_view>

#include "base/text.h"

namespace siding {

namespace {
constexpr int kFirst = 3;  // SD_LISTEN_FDS_START
constexpr const char* kReadyFd = "SIDING_READY_FD";
constexpr std::string_view kListenPid = "LISTEN_PID=";
constexpr size_t kMostDigits = 10;
constexpr char kServes = 'R';
constexpr int kNoSockets = 126;
constexpr int kNoProgram = 127;
/// Who has closed its end is about to end.
constexpr int kEndsWithin = 1000;  // milliseconds

/// The command line of this process.
std::vector<std::string> own_arguments() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  const std::string all{std::istreambuf_iterator<char>(file), {}};
  std::vector<std::string> words;
  for (size_t at = 0; at < all.size(); at += words.back().size() + 1) words.push_back(&all[at]);
  return words;
}

/// The file that the first word names now: the one that runs may have been replaced.
std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* path = std::getenv("PATH");
  for (std::string_view rest = path == nullptr ? "" : path; !rest.empty();) {
    const size_t colon = std::min(rest.find(':'), rest.size());
    const std::string file = std::string(rest.substr(0, colon)) + "/" + name;
    if (access(file.c_str(), X_OK) == 0) return file;
    rest.remove_prefix(std::min(colon + 1, rest.size()));
  }
  return name;
}

std::vector<std::string> environment_for(size_t sockets) {
  std::vector<std::string> all;
  for (char** one = environ; *one != nullptr; ++one) {
    const std::string_view entry(*one);
    if (!entry.starts_with("LISTEN_") && !entry.starts_with(kReadyFd)) all.emplace_back(entry);
  }
  all.push_back("LISTEN_FDS=" + std::to_string(sockets));
  all.push_back(std::string(kReadyFd) + "=" + std::to_string(kFirst + static_cast<int>(sockets)));
  all.push_back(std::string(kListenPid) + std::string(kMostDigits, '\0'));
  return all;
}

std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> out;
  for (std::string& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

/// Copies that stand above those numbers that they are to have.
std::vector<int> copies_of(const std::vector<int>& descriptors) {
  std::vector<int> copies;
  const int above = kFirst + static_cast<int>(descriptors.size());
  for (int fd : descriptors) copies.push_back(fcntl(fd, F_DUPFD_CLOEXEC, above));
  return copies;
}

struct Start {
  const char* program;
  char** arguments;
  char** environment;
  char* listen_pid;  // where the digits go
  const std::vector<int>& descriptors;
  const sigset_t& mask;
};

/// The successor, before it is one.
[[noreturn]] void become(const Start& start) {
  int next = kFirst;
  for (int fd : start.descriptors) {
    if (dup2(fd, next++) < 0) _exit(kNoSockets);
  }
  close_range(static_cast<unsigned>(next), ~0u, 0);
  std::to_chars(start.listen_pid, start.listen_pid + kMostDigits, getpid());
  sigprocmask(SIG_SETMASK, &start.mask, nullptr);
  execve(start.program, start.arguments, start.environment);
  _exit(kNoProgram);
}

std::string end_of(int status) {
  if (WIFSIGNALED(status)) return "it ended by signal " + std::to_string(WTERMSIG(status));
  const int code = WEXITSTATUS(status);
  if (code == kNoSockets) return "the sockets could not be passed on";
  if (code == kNoProgram) return "its file could not be run";
  return "it ended with exit code " + std::to_string(code) + "; what it said stands above";
}
}  // namespace

Upgrade::~Upgrade() {
  if (ready_ >= 0) close(ready_);
}

void Upgrade::stop() {
  if (under_way()) kill(successor_, SIGTERM);
}

std::string Upgrade::start(const std::vector<int>& listening, const sigset_t& mask, TimePoint now) {
  std::vector<std::string> arguments = own_arguments();
  if (arguments.empty()) return "its own command line cannot be read from /proc/self/cmdline";
  const std::string program = find_program(arguments.front());
  std::vector<std::string> environment = environment_for(listening.size());
  int ready[2];
  if (pipe2(ready, O_CLOEXEC) != 0) return std::strerror(errno);
  std::vector<int> wanted = listening;
  wanted.push_back(ready[1]);
  const std::vector<int> copies = copies_of(wanted);
  std::vector<char*> argv = pointers_to(arguments), env = pointers_to(environment);
  const Start start{program.c_str(), argv.data(),
                    env.data(),      environment.back().data() + kListenPid.size(),
                    copies,          mask};
  successor_ = fork();
  const int reason = errno;
  if (successor_ == 0) become(start);
  for (int fd : copies) {
    if (fd >= 0) close(fd);
  }
  close(ready[1]);
  if (successor_ < 0) {
    close(ready[0]);
    return std::strerror(reason);
  }
  ready_ = ready[0];
  fcntl(ready_, F_SETFL, O_NONBLOCK);
  until_ = after(now, kPatience);
  return {};
}

Upgrade::News Upgrade::look(TimePoint now) {
  char word = 0;
  const ssize_t got = read(ready_, &word, 1);
  if (got == 1 && word == kServes) {
    close(ready_);
    ready_ = -1;
    return News::serves;
  }
  if (got < 0 && errno == EAGAIN && now < until_) return News::none;
  give_up(got == 0 ? "" : "it did not serve within a minute");
  return News::failed;
}

/// `why`: empty: its end says so.
void Upgrade::give_up(std::string why) {
  close(ready_);
  ready_ = -1;
  if (why.empty()) {
    const int end = static_cast<int>(syscall(SYS_pidfd_open, successor_, 0));
    pollfd ended{end, POLLIN, 0};
    poll(&ended, 1, kEndsWithin);
    if (end >= 0) close(end);
  }
  kill(successor_, SIGKILL);  // nothing to one that has ended
  int status = 0;
  waitpid(successor_, &status, 0);
  fault_ = why.empty() ? end_of(status) : std::move(why);
}

Predecessor::Predecessor() {
  const char* text = std::getenv(kReadyFd);
  const std::optional<uint64_t> number = parse_u64(text == nullptr ? "" : text);
  unsetenv(kReadyFd);
  if (!number || *number > 100'000) return;
  fd_ = static_cast<int>(*number);
  fcntl(fd_, F_SETFD, FD_CLOEXEC);
}

Predecessor::~Predecessor() {
  if (fd_ >= 0) close(fd_);
}

void Predecessor::tell() {
  if (fd_ < 0) return;
  [[maybe_unused]] const ssize_t written = write(fd_, &kServes, 1);
  close(fd_);
  fd_ = -1;
}

}  // namespace siding
