// See disk.h.
#include "proxy/loop/disk.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "proxy/loop/wait.h"

namespace siding {

Result<std::shared_ptr<TemporaryFile>> TemporaryFile::create(const std::string& directory) {
  int fd = open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0) {  // a file system without O_TMPFILE (overlayfs of old kernels)
    std::string name = directory + "/siding-XXXXXX";
    fd = mkostemp(name.data(), O_CLOEXEC);
    if (fd >= 0) unlink(name.c_str());
  }
  if (fd < 0) {
    return Error(Failure::no_buffer, Side::local, false,
                 "spill file in " + directory + ": " + std::strerror(errno));
  }
  return std::shared_ptr<TemporaryFile>(new TemporaryFile(fd));
}

TemporaryFile::~TemporaryFile() { close(fd_); }

struct Disk::Job {
  std::shared_ptr<TemporaryFile> file;
  uint64_t offset = 0;
  Buffer data;  // to write, or what was read
  size_t to_read = 0;
  std::function<void()> other;  // in their place
  int error = 0;

  std::mutex mutex;  // guards the two below
  RemoteWake* waiter = nullptr;
  bool done = false;

  void run();
  void finish() {
    std::lock_guard lock(mutex);
    done = true;
    if (waiter != nullptr) waiter->post();
  }
};

void Disk::Job::run() {
  if (other) return other();
  if (to_read > 0) {
    BlockRef block = BlockRef::make(to_read);
    size_t got = 0;
    while (got < to_read && error == 0) {
      ssize_t n =
          pread(file->fd(), block->data() + got, to_read - got, static_cast<off_t>(offset + got));
      if (n > 0) {
        got += static_cast<size_t>(n);
      } else if (n == 0) {
        error = EIO;
      } else if (errno != EINTR) {
        error = errno;
      }
    }
    if (error == 0) data.append(Slice(std::move(block), 0, to_read));
    return;
  }
  while (!data.empty() && error == 0) {
    iovec parts[64];
    int count = data.iovecs(parts, 64);
    ssize_t n = pwritev(file->fd(), parts, count, static_cast<off_t>(offset));
    if (n > 0) {
      offset += static_cast<uint64_t>(n);
      data.consume(static_cast<size_t>(n));
    } else if (n == 0) {
      error = ENOSPC;
    } else if (errno != EINTR) {
      error = errno;
    }
  }
}

/// The leaf awaiter of one job.
class Disk::Done {
 public:
  Done(Disk& disk, std::shared_ptr<Job> job)
      : disk_(disk), job_(std::move(job)), remote_(Loop::current(), wake_) {}
  Done(const Done&) = delete;
  Done& operator=(const Done&) = delete;
  ~Done() {
    std::lock_guard lock(job_->mutex);
    job_->waiter = nullptr;
  }
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> parent) {
    wake_.handle = parent;
    job_->waiter = &remote_;
    disk_.submit(job_);
  }
  void await_resume() const noexcept {}

 private:
  Disk& disk_;
  std::shared_ptr<Job> job_;
  ResumeWake wake_;
  RemoteWake remote_;
};

Disk::Disk() : thread_([this] { work(); }) {}

Disk::~Disk() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wanted_.notify_one();
  thread_.join();
}

void Disk::submit(std::shared_ptr<Job> job) {
  ++pending_;
  {
    std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  wanted_.notify_one();
}

void Disk::work() {
  while (true) {
    std::shared_ptr<Job> job;
    {
      std::unique_lock lock(mutex_);
      wanted_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (stopping_) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job->run();
    job->finish();
    --pending_;
  }
}

Task<Result<>> Disk::write(std::shared_ptr<TemporaryFile> file, uint64_t offset, Buffer data) {
  auto job = std::make_shared<Job>();
  job->file = std::move(file);
  job->offset = offset;
  job->data = std::move(data);
  Done done(*this, job);
  co_await done;
  if (job->error != 0) {
    co_return Error(Failure::no_buffer, Side::local, false,
                    std::string("writing a spill file: ") + std::strerror(job->error));
  }
  co_return Result<>();
}

Task<Result<Buffer>> Disk::read(std::shared_ptr<TemporaryFile> file, uint64_t offset, size_t size) {
  auto job = std::make_shared<Job>();
  job->file = std::move(file);
  job->offset = offset;
  job->to_read = size;
  Done done(*this, job);
  co_await done;
  if (job->error != 0) {
    co_return Error(Failure::internal, Side::local, false,
                    std::string("reading a spill file: ") + std::strerror(job->error));
  }
  co_return std::move(job->data);
}

Task<> Disk::run(std::function<void()> work) {
  auto job = std::make_shared<Job>();
  job->other = std::move(work);
  Done done(*this, job);
  co_await done;
}

}  // namespace siding
