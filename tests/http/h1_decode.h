// Feeds a body decoder whole, byte by byte and split at every position, and checks that the result is
// always the same. The result is told as text.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "http/h1_body.h"
#include "tests/http/h1_feed.h"

namespace siding::test {

/// Feeds `bytes` in parts that end at the given places, each in a block of its own, and tells what
/// came out: payload, trailers, and how many bytes were taken.
inline std::string decode_parts(BodyFraming framing, std::string_view bytes,
                                const std::vector<size_t>& ends) {
  BodyDecoder decoder(framing);
  Buffer out;
  size_t at = 0;
  for (size_t end : ends) {
    Slice part = Slice::copy_of(bytes.substr(at, end - at));
    size_t taken = decoder.feed(part, out);
    EXPECT_LE(taken, part.size());
    at += taken;
    EXPECT_EQ(out.size(), decoder.received());
    if (decoder.failed()) return "fault: " + std::string(decoder.reason()) + " after " + out.str();
    if (decoder.ended()) break;
    EXPECT_EQ(at, end) << "an open body takes all";
  }
  EXPECT_EQ(decoder.feed(Slice(), out), 0u);
  if (decoder.ended()) {
    EXPECT_EQ(decoder.feed(Slice::copy_of("more"), out), 0u);
  }
  std::string state = decoder.ended() ? "ended" : "open";
  return state + " @" + std::to_string(at) + ": " + out.str() + tell(decoder.take_trailers());
}

inline std::string decode(BodyFraming framing, std::string_view bytes) {
  std::string whole = decode_parts(framing, bytes, {bytes.size()});
  std::vector<size_t> each;
  for (size_t n = 1; n <= bytes.size(); ++n) each.push_back(n);
  EXPECT_EQ(decode_parts(framing, bytes, each), whole) << bytes;
  for (size_t n = 0; n <= bytes.size(); ++n) {
    EXPECT_EQ(decode_parts(framing, bytes, {n, bytes.size()}), whole) << n << " " << bytes;
  }
  return whole;
}

}  // namespace siding::test
