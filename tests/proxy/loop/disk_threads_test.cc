// The disk thread: what was written is read, errors are told, and waiters may go at any moment.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "proxy/loop/disk.h"
#include "tests/harness/loop_bed.h"

namespace siding {
namespace {

using test::LoopBed;

Buffer bytes_of(std::string_view text) {
  Buffer b;
  b.append_copy(text);
  return b;
}
std::string pattern(size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string out(size, '\0');
  for (char& c : out) c = static_cast<char>(random());
  return out;
}
std::shared_ptr<TemporaryFile> scratch_file() {
  auto file = TemporaryFile::create("/tmp");
  EXPECT_TRUE(file.ok());
  return *file;
}

TEST(TemporaryFile, HasNoName) {
  test::LeftoverCheck leftovers;
  std::shared_ptr<TemporaryFile> file = scratch_file();
  struct stat info {};
  ASSERT_EQ(fstat(file->fd(), &info), 0);
  EXPECT_EQ(info.st_nlink, 0u);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST(TemporaryFile, SaysWhereItCouldNotBe) {
  auto file = TemporaryFile::create("/nonexistent/folder");
  ASSERT_FALSE(file.ok());
  EXPECT_EQ(file.error().kind, Failure::no_buffer);
  EXPECT_NE(file.error().detail.find("/nonexistent/folder"), std::string::npos);
}

Task<std::string> write_then_read(Disk& disk, std::shared_ptr<TemporaryFile> file,
                                  std::string text) {
  size_t half = text.size() / 2;
  Buffer tail = bytes_of(std::string_view(text).substr(half));
  Result<> second = co_await disk.write(file, half, std::move(tail));
  if (!second) co_return second.error().detail;
  Buffer head = bytes_of(std::string_view(text).substr(0, half));
  Result<> first = co_await disk.write(file, 0, std::move(head));
  if (!first) co_return first.error().detail;
  Result<Buffer> all = co_await disk.read(file, 0, text.size());
  if (!all) co_return all.error().detail;
  co_return all->str();
}

TEST(DiskThreads, ReadsWhatWasWritten) {
  LoopBed bed;
  Disk disk;
  for (size_t size : {0, 1, 2, 1000, 300'000}) {
    std::string text = pattern(size, static_cast<unsigned>(size));
    EXPECT_EQ(bed.finish(write_then_read(disk, scratch_file(), text)), text);
  }
}

Task<Result<>> write_once(Disk& disk, std::shared_ptr<TemporaryFile> file, Buffer data) {
  Result<> done = co_await disk.write(std::move(file), 0, std::move(data));
  co_return done;
}
Task<Result<Buffer>> read_once(Disk& disk, std::shared_ptr<TemporaryFile> file, size_t size) {
  Result<Buffer> done = co_await disk.read(std::move(file), 0, size);
  co_return std::move(done);
}

TEST(DiskThreads, WritesManySlicesAtOnce) {
  LoopBed bed;
  Disk disk;
  Buffer data;
  std::string want;
  for (int i = 0; i < 1000; ++i) {  // more than one pwritev takes
    std::string piece = pattern(static_cast<size_t>(i % 7 + 1), static_cast<unsigned>(i));
    data.append_copy(piece);
    want += piece;
  }
  std::shared_ptr<TemporaryFile> file = scratch_file();
  EXPECT_TRUE(bed.finish(write_once(disk, file, std::move(data))).ok());
  Result<Buffer> got = bed.finish(read_once(disk, file, want.size()));
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(got->str(), want);
}

TEST(DiskThreads, ReadingBehindTheEndIsAnError) {
  LoopBed bed;
  Disk disk;
  std::shared_ptr<TemporaryFile> file = scratch_file();
  EXPECT_TRUE(bed.finish(write_once(disk, file, bytes_of("abc"))).ok());
  Result<Buffer> got = bed.finish(read_once(disk, file, 4));
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.error().kind, Failure::internal);
}

TEST(DiskThreads, AFullDiskIsNoBuffer) {
  ASSERT_EQ(0, access("/dev/full", W_OK));
  LoopBed bed;
  Disk disk;
  std::shared_ptr<TemporaryFile> file = scratch_file();
  int full = open("/dev/full", O_RDWR | O_CLOEXEC);
  ASSERT_EQ(dup3(full, file->fd(), O_CLOEXEC), file->fd());
  close(full);
  Result<> wrote = bed.finish(write_once(disk, file, bytes_of("abc")));
  ASSERT_FALSE(wrote.ok());
  EXPECT_EQ(wrote.error().kind, Failure::no_buffer);
}

// A waiter that goes leaves its job to run, or not; the data belongs to the job.
TEST(DiskThreads, WaitersMayGoWhileTheirJobIsUnderWay) {
  LoopBed bed;
  Disk disk;
  std::mt19937 random(5);
  std::vector<Task<Result<>>> tasks;
  for (int i = 0; i < 500; ++i) {
    tasks.push_back(write_once(disk, scratch_file(), bytes_of(pattern(random() % 50'000, 1))));
    tasks.back().start();
    if (random() % 3 == 0) bed.loop.turn(false);
    if (tasks.size() > 4) tasks.erase(tasks.begin() + static_cast<ptrdiff_t>(random() % 5));
  }
  for (auto& task : tasks) {
    EXPECT_TRUE(bed.until([&] { return task.done(); }));
    EXPECT_TRUE(task.take().ok());
  }
  tasks.clear();
  EXPECT_EQ(frame_stats().frames, 0);
}

TEST(DiskThreads, ItsEndDropsWhatItHasNotBegun) {
  LoopBed bed;
  for (int i = 0; i < 20; ++i) {
    std::vector<Task<Result<>>> tasks;
    Disk disk;
    for (int j = 0; j < 10; ++j) {
      tasks.push_back(write_once(disk, scratch_file(), bytes_of(pattern(10'000, 2))));
      tasks.back().start();
    }
    tasks.clear();
  }
  bed.settle();
}

Task<> write_many(Disk& disk, unsigned seed, int& good) {
  std::shared_ptr<TemporaryFile> file = scratch_file();
  for (unsigned i = 0; i < 50; ++i) {
    std::string text = pattern(2000, seed + i);
    std::string got = co_await write_then_read(disk, file, text);
    if (got == text) ++good;
  }
}

TEST(DiskThreads, ServesSeveralLoops) {
  test::LeftoverCheck leftovers;
  Disk disk;
  SystemClock clock;
  std::vector<std::thread> threads;
  for (uint32_t t = 0; t < 3; ++t) {
    threads.emplace_back([&disk, &clock, t] {
      Loop loop(clock, t);
      int good = 0;
      Task<> task = write_many(disk, t * 1000, good);
      task.start();
      EXPECT_TRUE(test::run_until(loop, [&] { return task.done(); }));
      EXPECT_EQ(good, 50);
      task.reset();
      EXPECT_EQ(frame_stats().frames, 0);
    });
  }
  for (std::thread& t : threads) t.join();
}

Task<std::thread::id> thread_of_work(Disk& disk) {
  auto id = std::make_shared<std::thread::id>();
  std::function<void()> work = [id] { *id = std::this_thread::get_id(); };
  co_await disk.run(std::move(work));
  co_return *id;
}

TEST(DiskThreads, RunsOtherWorkOnItsThread) {
  LoopBed bed;
  Disk disk;
  EXPECT_NE(bed.finish(thread_of_work(disk)), std::this_thread::get_id());
}

TEST(DiskThreads, OtherWorkOutlivesItsWaiter) {
  LoopBed bed;
  Disk disk;
  auto result = std::make_shared<std::atomic<bool>>(false);
  std::weak_ptr<std::atomic<bool>> seen = result;
  {
    Task<> task = disk.run([result = std::move(result)] { *result = true; });
    task.start();
    bed.turns(1);
  }
  EXPECT_TRUE(bed.until([&] { return disk.pending() == 0; }));
  EXPECT_TRUE(seen.expired()) << "what the work held is gone with it";
}

}  // namespace
}  // namespace siding
