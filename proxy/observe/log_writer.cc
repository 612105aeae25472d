// See log_writer.h.
#include "proxy/observe/log_writer.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

namespace siding {

// Shared by the writer and its thread, because the thread may be the one that lives longer.
struct LogWriter::State {
  State(int descriptor, size_t max, Duration l) : fd(descriptor), max_bytes(max), linger(l) {
    struct stat info {};
    is_pipe = fstat(fd, &info) == 0 && S_ISFIFO(info.st_mode);
  }
  ~State() {
    if (fd >= 0) close(fd);
  }

  void run();
  bool write_all(std::string_view text);

  const int fd;
  const size_t max_bytes;
  const Duration linger;
  bool is_pipe = false;
  std::atomic<uint64_t> dropped{0};

  std::mutex mutex;
  std::condition_variable changed;  // for the thread: something to do
  std::condition_variable ended;    // for the destructor
  std::string pending;              // guarded by mutex, as all below
  size_t pending_lines = 0;
  bool stopping = false;
  bool left_behind = false;
  bool done = false;
};

namespace {

// Where the next write has to end. A write of at most PIPE_BUF bytes to a pipe is atomic, so whole
// lines up to there never mix with those of other processes.
size_t pipe_chunk(std::string_view text) {
  if (text.size() <= PIPE_BUF) return text.size();
  size_t end = text.rfind('\n', PIPE_BUF - 1);
  if (end == std::string_view::npos) end = text.find('\n');
  return end == std::string_view::npos ? text.size() : end + 1;
}

}  // namespace

bool LogWriter::State::write_all(std::string_view text) {
  while (!text.empty()) {
    size_t size = is_pipe ? pipe_chunk(text) : text.size();
    ssize_t n = ::write(fd, text.data(), size);
    if (n >= 0) {
      text.remove_prefix(static_cast<size_t>(n));
    } else if (errno == EAGAIN) {
      // Somebody else made the open file non-blocking: wait as a blocking write would.
      pollfd p{fd, POLLOUT, 0};
      poll(&p, 1, -1);
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

void LogWriter::State::run() {
  std::string batch;
  std::unique_lock lock(mutex);
  while (true) {
    changed.wait(lock, [this] { return stopping || !pending.empty(); });
    if (pending.empty() || left_behind) break;
    batch.swap(pending);
    size_t lines = std::exchange(pending_lines, 0);
    lock.unlock();
    if (!write_all(batch)) dropped.fetch_add(lines, std::memory_order_relaxed);
    batch.clear();
    // What a burst took is given back; what every batch takes is kept.
    if (batch.capacity() > 256 * 1024) batch.shrink_to_fit();
    lock.lock();
  }
  done = true;
  ended.notify_all();
}

LogWriter::LogWriter(int fd, size_t max_bytes, Duration linger)
    : state_(std::make_shared<State>(fcntl(fd, F_DUPFD_CLOEXEC, 3), max_bytes, linger)) {
  // Signals are for the main thread; and SIGPIPE, which a closed reader would raise here, for none.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread([state = state_] { state->run(); });
  pthread_setname_np(thread.native_handle(), "siding-log");
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  thread.detach();
}

LogWriter::~LogWriter() {
  std::unique_lock lock(state_->mutex);
  state_->stopping = true;
  state_->changed.notify_one();
  state_->ended.wait_for(lock, state_->linger, [this] { return state_->done; });
  state_->left_behind = true;
}

bool LogWriter::write(std::string_view text, size_t lines) {
  {
    std::lock_guard lock(state_->mutex);
    if (state_->pending.size() + text.size() <= state_->max_bytes) {
      state_->pending += text;
      state_->pending_lines += lines;
      if (state_->pending.size() == text.size()) state_->changed.notify_one();
      return true;
    }
  }
  state_->dropped.fetch_add(lines, std::memory_order_relaxed);
  return false;
}

uint64_t LogWriter::dropped() const { return state_->dropped.load(std::memory_order_relaxed); }

}  // namespace siding
