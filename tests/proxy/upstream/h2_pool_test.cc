// Who gets a stream, who opens a connection, and who waits for what.
#include "proxy/upstream/h2_pool.h"

#include <gtest/gtest.h>

#include "tests/proxy/upstream/h2_bed.h"

namespace siding {
namespace {

using namespace std::chrono_literals;
using Found = Result<H2Pool::Found>;

struct H2PoolBed : test::LoopBed {
  ~H2PoolBed() {
    asking.clear();
    got.clear();
    pool.close_idle();
    settle();
  }
  static SocketAddress at(int port) {
    return *SocketAddress::parse("127.0.0.1", static_cast<uint16_t>(port));
  }
  static Task<> look(H2Pool& pool, std::vector<SocketAddress> addresses, TimePoint deadline,
                     std::optional<Found>& into) {
    Found found = co_await pool.find(std::move(addresses), nullptr, deadline);
    into.emplace(std::move(found));
  }
  std::optional<Found>& find(std::vector<int> ports = {1}, TimePoint deadline = kNever) {
    std::vector<SocketAddress> addresses;
    for (int port : ports) addresses.push_back(at(port));
    got.push_back(std::make_unique<std::optional<Found>>());
    std::optional<Found>& into = *got.back();
    asking.push_back(look(pool, std::move(addresses), deadline, into));
    asking.back().start();
    return into;
  }
  /// A connection, to a server that says what it likes first.
  std::unique_ptr<HttpClient> connect(int port, test::H2Server::Settings settings = {}) {
    test::LoopPair pair;
    peers.push_back(std::move(pair.peer));
    test::H2Server server({.settings = std::move(settings)});
    peers.back()->send(server.out);
    peers.back()->pump();
    auto call = pool.add(Slot(), std::make_unique<Socket>(loop, pair.fd), at(port));
    settle();
    return call;
  }
  static bool opens(const std::optional<Found>& f) { return f && f->ok() && !(**f).call; }
  static bool has(const std::optional<Found>& f) { return f && f->ok() && (**f).call; }

  H2Counts counts;
  H2Pool pool{loop, test::H2UpstreamBed::defaults(), counts};
  std::vector<std::unique_ptr<test::LoopPeer>> peers;
  std::vector<std::unique_ptr<std::optional<Found>>> got;
  std::vector<Task<>> asking;
};

TEST(H2Pool, OneOpensForAll) {
  H2PoolBed bed;
  std::optional<Found>& first = bed.find();
  std::optional<Found>& second = bed.find();
  std::optional<Found>& elsewhere = bed.find({2});
  EXPECT_TRUE(bed.opens(first));
  EXPECT_TRUE(bed.opens(elsewhere));
  EXPECT_FALSE(second);
  std::unique_ptr<HttpClient> call = bed.connect(1);
  (**first).opening.opened(true);
  bed.settle();
  EXPECT_TRUE(bed.has(second));
  EXPECT_TRUE(bed.has(bed.find()));
}

TEST(H2Pool, AFailureIsThatOfAllWhoWait) {
  H2PoolBed bed;
  std::optional<Found>& first = bed.find();
  std::optional<Found>& second = bed.find();
  (**first).opening.failed(Error(Failure::refused, Side::upstream, true, "nobody"));
  first.reset();
  bed.settle();
  ASSERT_TRUE(second && !second->ok());
  EXPECT_EQ(second->error().kind, Failure::refused);
  EXPECT_TRUE(bed.opens(bed.find())) << "who comes later tries for itself";
}

TEST(H2Pool, WhoIsCancelledLeavesItToTheNext) {
  H2PoolBed bed;
  std::optional<Found>& first = bed.find();
  std::optional<Found>& second = bed.find();
  std::optional<Found>& third = bed.find();
  first.reset();
  bed.settle();
  EXPECT_NE(bed.opens(second), bed.opens(third)) << "one of them";
}

TEST(H2Pool, AServerOfHttp1IsWaitedForOnce) {
  H2PoolBed bed;
  std::optional<Found>& first = bed.find();
  std::optional<Found>& second = bed.find();
  std::optional<Found>& third = bed.find();
  (**first).opening.opened(false);
  first.reset();
  bed.settle();
  EXPECT_TRUE(bed.opens(second) && bed.opens(third)) << "each for itself";
  EXPECT_TRUE(bed.opens(bed.find()) && bed.opens(bed.find()));
}

// A race of addresses was won by the second one.
TEST(H2Pool, AnotherAddressWillDo) {
  H2PoolBed bed;
  std::optional<Found>& first = bed.find({1, 2});
  std::optional<Found>& second = bed.find({1, 2});
  std::unique_ptr<HttpClient> call = bed.connect(2);
  bed.settle();
  ASSERT_TRUE(bed.has(second));
  EXPECT_EQ((**second).at, 1u);
  EXPECT_TRUE(bed.opens(first));
}

TEST(H2Pool, FullConnectionsBringAnotherUpToABound) {
  H2PoolBed bed;
  std::vector<std::unique_ptr<HttpClient>> calls;
  for (size_t i = 0; i < H2Pool::kMostToOne; ++i) {
    std::optional<Found>& found = bed.find();
    ASSERT_TRUE(bed.opens(found)) << i;
    calls.push_back(bed.connect(1, {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1}}));
    found.reset();
    bed.settle();
  }
  std::optional<Found>& waits = bed.find();
  std::optional<Found>& late = bed.find({1}, after(bed.loop.now(), 50ms));
  bed.settle();
  EXPECT_FALSE(waits);
  bed.advance(60ms);
  ASSERT_TRUE(late && !late->ok());
  EXPECT_EQ(late->error().kind, Failure::timeout);
  calls.pop_back();
  bed.settle();
  EXPECT_TRUE(bed.has(waits)) << "a stream is free";
}

TEST(H2Pool, ThoseUnderOtherFilesAreNotUsed) {
  H2PoolBed bed;
  std::unique_ptr<HttpClient> call = bed.connect(1);
  const int other_files = 0;
  EXPECT_EQ(bed.pool.take(bed.at(1), &other_files), nullptr);
  EXPECT_FALSE(bed.pool.connected_to(bed.at(1)));
  call.reset();
  bed.settle();
  EXPECT_EQ(bed.counts.open, 0u);
}

}  // namespace
}  // namespace siding
