// The body decoder over all framings: what it takes, what a close means, what it copies.
#include "http/h1_body.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "tests/http/h1_decode.h"

namespace siding::h1_body_test {
namespace {

using test::decode;

TEST(H1Body, NoneAndLength) {
  EXPECT_EQ(decode(BodyFraming::none(), "next"), "ended @0: ");
  EXPECT_EQ(decode(BodyFraming::of_length(0), "next"), "ended @0: ");
  EXPECT_EQ(decode(BodyFraming::of_length(5), "hellonext"), "ended @5: hello");
  EXPECT_EQ(decode(BodyFraming::of_length(5), "hel"), "open @3: hel");
  EXPECT_EQ(decode(BodyFraming::until_close(), "all\r\n0\r\n\r\n"), "open @10: all\r\n0\r\n\r\n");
  EXPECT_TRUE(BodyDecoder().ended());
}

TEST(H1Body, WhatACloseMeans) {
  auto close_after = [](BodyFraming framing, std::string_view bytes) {
    BodyDecoder decoder(framing);
    Buffer out;
    decoder.feed(Slice::copy_of(bytes), out);
    bool good = decoder.finish_on_close();
    EXPECT_EQ(good, decoder.ended());
    EXPECT_EQ(good, !decoder.failed());
    if (!good) {
      EXPECT_FALSE(decoder.reason().empty());
    }
    return good;
  };
  EXPECT_TRUE(close_after(BodyFraming::none(), ""));
  EXPECT_TRUE(close_after(BodyFraming::until_close(), ""));
  EXPECT_TRUE(close_after(BodyFraming::until_close(), "part"));
  EXPECT_TRUE(close_after(BodyFraming::of_length(2), "ok"));
  EXPECT_FALSE(close_after(BodyFraming::of_length(2), "o"));
  EXPECT_FALSE(close_after(BodyFraming::of_length(2), ""));
  EXPECT_TRUE(close_after(BodyFraming::chunked(), "0\r\n\r\n"));
  for (const char* torn : {"", "5", "5\r\nhel", "5\r\nhello", "5\r\nhello\r\n", "0\r\n", "0\r\n\r",
                           "0\r\nA: b\r\n", "zz"}) {
    EXPECT_FALSE(close_after(BodyFraming::chunked(), torn)) << torn;
  }
}

TEST(H1Body, LargePiecesAreSharedAndSmallOnesGathered) {
  BlockRef block = BlockRef::make(4096);
  std::memset(block->data(), 'x', 4096);
  Slice large(block, 0, 4096);
  Buffer out;
  BodyDecoder length(BodyFraming::of_length(5000));
  EXPECT_EQ(length.feed(large, out), 4096u);
  EXPECT_EQ(out.slice(0).data(), block->data());

  std::string text = "800\r\n" + std::string(0x800, 'y') + "\r\n";
  for (int i = 0; i < 100; ++i) text += "1\r\nz\r\n";
  std::memcpy(block->data(), text.data(), text.size());
  Buffer chunks;
  BodyDecoder decoder(BodyFraming::chunked());
  EXPECT_EQ(decoder.feed(Slice(block, 0, text.size()), chunks), text.size());
  ASSERT_EQ(chunks.slice_count(), 2u);
  EXPECT_EQ(chunks.slice(0).data(), block->data() + 5);
  EXPECT_EQ(chunks.slice(1).view(), std::string(100, 'z'));
}

TEST(H1Body, PiecesThatABufferWouldCopyAreGathered) {
  // Less than a quarter of its block each, and more than a fifth.
  BlockRef block = BlockRef::make(1000);
  std::string text =
      "f0\r\n" + std::string(240, 'x') + "\r\nf0\r\n" + std::string(240, 'y') + "\r\n";
  std::memcpy(block->data(), text.data(), text.size());
  Buffer out;
  BodyDecoder decoder(BodyFraming::chunked());
  EXPECT_EQ(decoder.feed(Slice(block, 0, text.size()), out), text.size());
  EXPECT_EQ(out.str(), std::string(240, 'x') + std::string(240, 'y'));
  EXPECT_EQ(out.slice_count(), 1u);
}

}  // namespace
}  // namespace siding::h1_body_test
