// One call over HTTP/2: as much goes out, and comes in, as the windows allow.
#include <gtest/gtest.h>

#include "proxy/upstream/h2_call.h"
#include "tests/proxy/upstream/h2_bed.h"

namespace siding {
namespace {

using test::H2Pieces;
using test::H2Server;
using test::H2Told;
using test::H2UpstreamBed;

/// The first call gets a head and so many frames of 16 KiB, which nobody reads.
void unread_answer(H2UpstreamBed& bed, int frames) {
  RequestHead head;
  head.method = "GET";
  head.authority = "a";
  OutRequest out;
  out.head = &head;
  ASSERT_TRUE(bed.finish(bed.first->send(out, nullptr, kNever)).ok());
  ASSERT_TRUE(bed.asked(1));
  bed.server.head(1, {{":status", "200"}});
  for (int i = 0; i < frames; ++i) bed.server.data(1, std::string(16 * 1024, 'a'));
  bed.calm();
}

// The request's body goes as the server's window lets it.
TEST(H2Windows, ABodyStallsWithTheWindow) {
  H2Server::Options options;
  options.gives_credit = false;
  options.settings = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1000}};
  H2UpstreamBed bed(options);
  bed.calm();  // it knows the window
  H2Pieces body({std::string(3000, 'b')});
  bed.ask(*bed.first, "POST", &body);
  bed.calm();
  EXPECT_EQ(bed.server.requests[1].body.size(), 1000u);
  bed.server.window(1, 1500);
  bed.calm();
  EXPECT_EQ(bed.server.requests[1].body.size(), 2500u);
  bed.server.window(1, 1500);
  ASSERT_TRUE(bed.asked(1));
  EXPECT_EQ(bed.server.requests[1].body.size(), 3000u);
}

// Credit for an answer comes back as it is read, and one that is not read holds up no other.
TEST(H2Windows, WindowsFollowTheReader) {
  H2UpstreamBed bed;
  unread_answer(bed, 16);
  auto credit = [&](int32_t id) {
    uint64_t sum = 0;
    for (const H2Server::Frame& f : bed.server.frames) {
      if (f.type == NGHTTP2_WINDOW_UPDATE && f.id == id) sum += f.number();
    }
    return sum;
  };
  EXPECT_EQ(credit(1), 0u) << "nobody has read";
  std::unique_ptr<HttpClient> other = bed.pool.take(SocketAddress());
  H2Told& told = bed.ask(*other);
  ASSERT_TRUE(bed.asked(3));
  bed.server.head(3, {{":status", "200"}});
  std::string body;
  for (int i = 0; i < 200; ++i) {
    bed.server.data(3, std::string(16 * 1024, 'b'), i == 199);
    bed.exchange();
    bed.turns(3);
  }
  EXPECT_EQ(bed.ends(told).body.size(), 200u * 16 * 1024) << told.detail;
  EXPECT_GT(credit(0), 200u * 16 * 1024 - 1'000'000);
  auto read_head = bed.first->read_head("GET", kNever);
  ASSERT_TRUE(bed.finish(std::move(read_head)).ok());
  auto read = bed.first->read_body(kNever);
  Result<Buffer> piece = bed.finish(std::move(read));
  ASSERT_TRUE(piece.ok());
  bed.calm();
  EXPECT_EQ(credit(1), piece->size());
}

// A server that sends more than the window lets it.
TEST(H2Windows, BeyondTheWindowIsMalformed) {
  H2UpstreamBed bed;
  unread_answer(bed, 17);
  auto read_head = bed.first->read_head("GET", kNever);
  ASSERT_TRUE(bed.finish(std::move(read_head)).ok());
  while (true) {
    auto read = bed.first->read_body(kNever);
    Result<Buffer> piece = bed.finish(std::move(read));
    if (piece) continue;
    EXPECT_EQ(piece.error().kind, Failure::malformed);
    break;
  }
}

}  // namespace
}  // namespace siding
