// Where bodies lie: memory, then a file, within budgets; what is read is what was put, in its order.
#include "proxy/exchange/body_store.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/harness/loop_bed.h"

namespace siding {
namespace {

using test::LoopBed;

Buffer piece_of(std::string_view text) {
  Buffer b;
  b.append_copy(text);
  return b;
}
std::string noise(size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string out(size, '\0');
  for (char& c : out) c = static_cast<char>(random());
  return out;
}

struct StoreBed : LoopBed {
  explicit StoreBed(uint64_t memory = 1 << 20, uint64_t spill = 1 << 20, std::string dir = "/tmp")
      : budgets(memory, spill, std::move(dir), disk) {
    budgets.in_memory = 1000;
  }
  ~StoreBed() {
    EXPECT_EQ(budgets.memory.used(), 0u);
    EXPECT_EQ(budgets.spill.used(), 0u);
  }
  /// Without a blocking poll: a read of one byte from the disk costs no tick.
  template <class T>
  T finish(Task<T> task) {
    task.start();
    while (!task.done()) {
      if (!loop.turn(false)) std::this_thread::yield();
    }
    return task.take();
  }
  bool append(BodyStore& store, std::string_view text) {
    Result<> done = finish(store.append(piece_of(text)));
    if (!done) {
      EXPECT_EQ(done.error().kind, Failure::no_buffer);
    }
    return done.ok();
  }
  std::string read_all(const BodyStore& store, size_t at_once) {
    std::string out;
    while (out.size() < store.size()) {
      Result<Buffer> got = finish(store.read(out.size(), at_once));
      EXPECT_TRUE(got.ok());
      if (!got || got->empty()) break;
      EXPECT_LE(got->size(), at_once);
      out += got->str();
    }
    return out;
  }
  /// Until the disk has told all that it has to tell.
  void disk_settle() {
    do {
      settle();
      while (disk.pending() > 0) std::this_thread::yield();
    } while (loop.turn(false) || loop.turn(false));
  }
  Disk disk;
  BodyBudgets budgets;
};

TEST(BodyStore, KeepsSmallBodiesInMemory) {
  StoreBed bed;
  BodyStore store(bed.budgets);
  EXPECT_EQ(store.size(), 0u);
  EXPECT_EQ(store.text(), "");
  EXPECT_TRUE(bed.append(store, "hello "));
  EXPECT_TRUE(bed.append(store, "world"));
  EXPECT_FALSE(store.spilled());
  EXPECT_EQ(store.text(), "hello world");
  EXPECT_GE(bed.budgets.memory.used(), 11u);
  EXPECT_EQ(bed.budgets.spill.used(), 0u);
  EXPECT_EQ(bed.read_all(store, 4), "hello world");
  EXPECT_EQ(bed.read_all(store, 4), "hello world") << "a second time, for a second try";
}

TEST(BodyStore, SpillsWhatIsLarger) {
  StoreBed bed;
  BodyStore store(bed.budgets);
  std::string all;
  for (unsigned i = 0; i < 20; ++i) {
    std::string next = noise(130, i);
    EXPECT_TRUE(bed.append(store, next));
    all += next;
  }
  EXPECT_TRUE(store.spilled());
  EXPECT_EQ(store.size(), all.size());
  EXPECT_EQ(store.text(), std::nullopt);
  EXPECT_GT(bed.budgets.spill.used(), 1000u);
  for (size_t at_once : {1u, 7u, 130u, 999u, 100'000u}) {
    EXPECT_EQ(bed.read_all(store, at_once), all) << at_once;
  }
}

TEST(BodyStore, SpillsWhenMemoryIsShort) {
  StoreBed bed(400);
  BodyStore store(bed.budgets);
  EXPECT_TRUE(bed.append(store, std::string(300, 'a')));
  EXPECT_TRUE(bed.append(store, std::string(300, 'b')));
  EXPECT_TRUE(store.spilled());
  EXPECT_EQ(bed.read_all(store, 1000), std::string(300, 'a') + std::string(300, 'b'));
}

TEST(BodyStore, SaysWhenThereIsNoRoom) {
  StoreBed bed(400, 500);
  BodyStore store(bed.budgets);
  EXPECT_TRUE(bed.append(store, std::string(300, 'a')));
  EXPECT_TRUE(bed.append(store, std::string(400, 'b')));
  EXPECT_FALSE(bed.append(store, std::string(200, 'c')));
  EXPECT_EQ(store.size(), 700u) << "a refusal changes nothing";
  EXPECT_EQ(bed.budgets.spill.used(), 400u);
  EXPECT_TRUE(bed.append(store, std::string(100, 'd')));
  EXPECT_EQ(bed.read_all(store, 1000).size(), 800u);
}

TEST(BodyStore, AFolderThatIsNotThereIsNoRoomEither) {
  StoreBed bed(1 << 20, 1 << 20, "/nonexistent/folder");
  BodyStore store(bed.budgets);
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(bed.append(store, std::string(5000, 'x')));
  EXPECT_EQ(bed.budgets.spill.used(), 0u) << "what was not written is not held";
}

TEST(BodyStore, MayBeDestroyedWhileTheDiskIsAtIt) {
  StoreBed bed;
  for (int turns = 0; turns < 4; ++turns) {
    auto store = std::make_unique<BodyStore>(bed.budgets);
    EXPECT_TRUE(bed.append(*store, std::string(5000, 'a')));
    auto task = store->append(piece_of(std::string(100'000, 'b')));
    task.start();
    bed.turns(turns);
    task.reset();
    auto read = store->read(0, 5000);
    read.start();
    bed.turns(turns);
    read.reset();
    store.reset();
    EXPECT_EQ(bed.budgets.spill.used(), 0u);
  }
  bed.disk_settle();
}

// ---- Spool

Task<> put_all(Spool& spool, std::vector<std::string> pieces) {
  for (const std::string& text : pieces) {
    Buffer data = piece_of(text);
    co_await spool.put(std::move(data));
  }
  spool.finish();
}

struct SpoolBed : StoreBed {
  using StoreBed::StoreBed;
  /// All that comes until the end, at most `at_once` a time.
  std::string drain(Spool& spool, size_t at_once) {
    std::string out;
    for (int idle = 0; idle < 3;) {
      Result<Buffer> got = finish(spool.get(at_once));
      EXPECT_TRUE(got.ok());
      if (!got->empty()) {
        out += got->str();
        idle = 0;
      } else if (spool.ended() && spool.empty()) {
        return out;
      } else {
        disk_settle();
        ++idle;
      }
    }
    ADD_FAILURE() << "it stands still after " << out.size() << " bytes";
    return out;
  }
};

TEST(Spool, PassesOnInOrder) {
  SpoolBed bed;
  Spool spool(bed.budgets, true);
  Task<> writer = put_all(spool, {"a", "bc", "def"});
  writer.start();
  EXPECT_TRUE(writer.done());
  EXPECT_FALSE(spool.empty());
  EXPECT_EQ(bed.drain(spool, 4), "abcdef");
  EXPECT_EQ(bed.budgets.memory.used(), 0u);
}

TEST(Spool, NotifiesWhoWaitsForBytes) {
  SpoolBed bed;
  Spool spool(bed.budgets, true);
  for (int i = 0; i < 2; ++i) {
    struct Count : Wake {
      Count() : Wake(&Count::run) {}
      static void run(Wake& w) { ++static_cast<Count&>(w).count; }
      int count = 0;
    };
    Count wake;
    Signal::Waiter waiter(wake);
    waiter.listen(spool.filled());
    if (i == 0) {
      bed.finish(spool.put(piece_of("x")));
    } else {
      spool.finish();
    }
    bed.settle();
    EXPECT_EQ(wake.count, 1);
  }
}

TEST(Spool, GoesThroughTheFileAndBackToMemory) {
  for (size_t at_once : {100u, 777u, 5000u}) {
    SpoolBed bed;
    Spool spool(bed.budgets, true);
    std::vector<std::string> pieces;
    std::string all;
    for (unsigned i = 0; i < 30; ++i) {
      pieces.push_back(noise(300, i));
      all += pieces.back();
    }
    Task<> writer = put_all(spool, pieces);
    writer.start();
    bed.disk_settle();
    EXPECT_TRUE(writer.done()) << "the worker is never slowed";
    EXPECT_TRUE(spool.spilled());
    EXPECT_EQ(spool.throttled(), 0u);
    EXPECT_EQ(bed.drain(spool, at_once), all);
    EXPECT_EQ(bed.budgets.memory.used(), 0u);
  }
}

TEST(Spool, MemoryAgainAfterTheFileWasRead) {
  SpoolBed bed;
  Spool spool(bed.budgets, true);
  std::string want;
  std::string got;
  for (unsigned round = 0; round < 5; ++round) {
    for (unsigned i = 0; i < 10; ++i) {
      std::string text = noise(300, round * 10 + i);
      want += text;
      bed.finish(spool.put(piece_of(text)));
    }
    EXPECT_GT(bed.budgets.spill.used(), 0u);
    while (!spool.empty()) got += bed.finish(spool.get(1000))->str();
    bed.finish(spool.put(piece_of("-")));
    want += "-";
    EXPECT_EQ(bed.budgets.spill.used(), 0u) << "the file is given back once it was read";
  }
  spool.finish();
  got += bed.drain(spool, 1000);
  EXPECT_EQ(got, want);
}

TEST(Spool, WithoutRoomTheReaderSetsThePace) {
  for (bool may_spill : {true, false}) {
    SpoolBed bed(0, 0);
    Spool spool(bed.budgets, may_spill);
    std::vector<std::string> pieces;
    std::string all;
    for (unsigned i = 0; i < 20; ++i) {
      pieces.push_back(noise(100, i));
      all += pieces.back();
    }
    Task<> writer = put_all(spool, pieces);
    writer.start();
    bed.disk_settle();
    EXPECT_FALSE(writer.done());
    EXPECT_EQ(bed.drain(spool, 64), all) << "nothing is cut";
    EXPECT_TRUE(writer.done());
    EXPECT_GT(spool.throttled(), 0u);
  }
}

// A disk that takes nothing while the reader empties the spool: nobody may wait for the other.
TEST(Spool, AFailingDiskDoesNotStopIt) {
  SpoolBed bed(1 << 20, 1 << 20, "/nonexistent/folder");
  Spool spool(bed.budgets, true);
  std::vector<std::string> pieces(20, std::string(700, 'x'));
  Task<> writer = put_all(spool, pieces);
  writer.start();
  bed.disk_settle();
  EXPECT_EQ(bed.drain(spool, 500).size(), 14'000u);
  EXPECT_EQ(bed.budgets.spill.used(), 0u);
}

// Behind a quick writer a standing rest must not add up to the whole body.
TEST(Spool, ReservesWhatItHoldsAndNotWhatHasPassed) {
  SpoolBed bed;
  bed.budgets.in_memory = 10'000;
  Spool spool(bed.budgets, true);
  bed.finish(spool.put(piece_of(std::string(1000, 'a'))));
  for (int i = 0; i < 500; ++i) {
    bed.finish(spool.put(piece_of(std::string(1000, 'b'))));
    EXPECT_EQ(bed.finish(spool.get(1000))->size(), 1000u);
  }
  EXPECT_LT(bed.budgets.memory.used(), 20'000u);
  EXPECT_FALSE(spool.spilled());
}

TEST(Spool, TellsItsErrorBehindTheBytes) {
  SpoolBed bed;
  Spool spool(bed.budgets, true);
  bed.finish(spool.put(piece_of("half")));
  spool.fail(Error(Failure::closed, Side::upstream, false, "torn"));
  EXPECT_TRUE(spool.ended());
  ASSERT_TRUE(spool.error());
  EXPECT_EQ(bed.finish(spool.get(100))->str(), "half");
  EXPECT_TRUE(spool.empty());
  EXPECT_EQ(spool.error()->kind, Failure::closed);
}

TEST(Spool, DiscardFreesWhatIsHeldAndTakesTheRestForNothing) {
  SpoolBed bed;
  Spool spool(bed.budgets, true);
  for (int i = 0; i < 10; ++i) bed.finish(spool.put(piece_of(std::string(500, 'x'))));
  EXPECT_GT(bed.budgets.spill.used(), 0u);
  spool.discard();
  EXPECT_EQ(bed.budgets.memory.used(), 0u);
  EXPECT_EQ(bed.budgets.spill.used(), 0u) << "for up to `abandon` nobody needs it";
  for (int i = 0; i < 10; ++i) bed.finish(spool.put(piece_of(std::string(5000, 'y'))));
  EXPECT_EQ(bed.budgets.memory.used(), 0u);
  EXPECT_EQ(bed.budgets.spill.used(), 0u);
}

TEST(Spool, DiscardLetsAWaitingWriterGoOn) {
  SpoolBed bed(0, 0);
  Spool spool(bed.budgets, true);
  Task<> writer = put_all(spool, std::vector<std::string>(5, std::string(100, 'x')));
  writer.start();
  bed.settle();
  EXPECT_FALSE(writer.done());
  spool.discard();
  bed.settle();
  EXPECT_TRUE(writer.done());
}

TEST(Spool, DiscardWhileTheDiskWrites) {
  SpoolBed bed;
  Spool spool(bed.budgets, true);
  Task<> writer = put_all(spool, std::vector<std::string>(5, std::string(900, 'x')));
  writer.start();
  EXPECT_FALSE(writer.done());
  spool.discard();
  bed.disk_settle();
  EXPECT_TRUE(writer.done());
  EXPECT_EQ(bed.budgets.memory.used(), 0u);
  EXPECT_EQ(bed.budgets.spill.used(), 0u);
}

Task<> put_at_random(Spool& spool, Signal& turn, std::string all, unsigned seed) {
  std::mt19937 random(seed);
  for (size_t at = 0; at < all.size();) {
    size_t size = std::min<size_t>(all.size() - at, random() % 900 + 1);
    Buffer data = piece_of(std::string_view(all).substr(at, size));
    at += size;
    co_await spool.put(std::move(data));
    if (random() % 3 == 0) co_await Wait(turn);
  }
  spool.finish();
}

TEST(Spool, WhateverThePaceNothingIsLostOrChanged) {
  for (unsigned seed = 0; seed < 30; ++seed) {
    SpoolBed bed(seed % 3 == 0 ? 1500 : 1 << 20, seed % 4 == 0 ? 3000 : 1 << 20);
    std::mt19937 random(seed);
    Spool spool(bed.budgets, seed % 5 != 0);
    Signal turn;
    std::string all = noise(40'000, seed);
    Task<> writer = put_at_random(spool, turn, all, seed);
    writer.start();
    std::string got;
    auto at_end = [&] { return spool.ended() && spool.empty(); };
    for (int idle = 0; !at_end() && idle < 100'000; ++idle) {
      if (random() % 2 == 0) turn.notify();
      if (!bed.loop.turn(false)) std::this_thread::yield();
      if (random() % 3 == 0) got += bed.finish(spool.get(random() % 2000 + 1))->str();
    }
    EXPECT_EQ(got, all) << seed;
  }
}

}  // namespace
}  // namespace siding
