// Feeds a head parser whole, byte by byte and split at every position, from buffers of exactly the
// right size that move with every call (so that ASan sees each byte read too far), and checks that
// the result is always the same. The result is told as text.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "http/h1_head.h"
#include "tests/harness/exact.h"

namespace siding::test {

inline std::string tell(const Fields& fields) {
  std::string out;
  for (const Field& f : fields) {
    out.append(" | ").append(f.name).append("=").append(f.value);
  }
  return out;
}

inline std::string tell(const RequestHead& h) {
  constexpr const char* kForms[] = {"origin", "absolute", "authority", "asterisk"};
  std::string out(h.method);
  out.append(" ").append(h.target).append(" ").append(h.scheme).append("://").append(h.authority);
  out.append(" ").append(kForms[static_cast<int>(h.form)]);
  out.append(" 1.").append(std::to_string(h.minor_version));
  return out + tell(h.fields);
}

inline std::string tell(const ResponseHead& h) {
  return "1." + std::to_string(h.minor_version) + " " + std::to_string(h.status) + " '" +
         std::string(h.reason) + "'" + tell(h.fields);
}

inline std::string tell(const ParseFault& fault) {
  return std::to_string(status_of(fault.outcome)) + " " + std::string(fault.reason);
}

/// Feeds prefixes of `bytes` of the given lengths until done or fault. The result's last word is how
/// many bytes the head took, and the next feed of the same parser must do as well.
template <class Head>
std::string feed_parts(std::string_view bytes, const std::vector<size_t>& lengths,
                       const HeadLimits& limits, size_t* needed = nullptr) {
  HeadParser<Head> parser(limits);
  for (size_t n : lengths) {
    auto part = std::make_unique<Exact>(bytes.substr(0, n));
    ParseStatus status = parser.feed(part->view());
    if (needed != nullptr) *needed = n;
    if (status == ParseStatus::fault) {
      EXPECT_EQ(parser.feed(part->view()), ParseStatus::fault);
      return tell(parser.fault());
    }
    if (status == ParseStatus::done) {
      EXPECT_EQ(parser.feed(part->view()), ParseStatus::done);
      size_t consumed = parser.consumed();
      EXPECT_LE(consumed, n);
      Head head = parser.take();
      part.reset();  // the head has a text of its own
      return tell(head) + " @" + std::to_string(consumed);
    }
  }
  return "incomplete";
}

/// The same in one piece, of a block that the head may keep.
template <class Head>
std::string feed_block(std::string_view bytes, const HeadLimits& limits) {
  HeadParser<Head> parser(limits);
  ParseStatus status = parser.feed(Slice::copy_of(bytes));
  if (status == ParseStatus::fault) return tell(parser.fault());
  if (status == ParseStatus::incomplete) return "incomplete";
  size_t consumed = parser.consumed();
  return tell(parser.take()) + " @" + std::to_string(consumed);
}

/// The result of all ways to split, or what differs. `needed`: after how many bytes it was known.
template <class Head>
std::string feed_all_ways(std::string_view bytes, const HeadLimits& limits = {},
                          size_t* needed = nullptr) {
  std::string whole = feed_parts<Head>(bytes, {bytes.size()}, limits);
  std::vector<size_t> each;
  for (size_t n = 1; n <= bytes.size(); ++n) each.push_back(n);
  std::string drip = feed_parts<Head>(bytes, each, limits, needed);
  if (drip != whole) return "whole: " + whole + "\nbyte by byte: " + drip;
  std::string kept = feed_block<Head>(bytes, limits);
  if (kept != whole) return "whole: " + whole + "\nin a block that is kept: " + kept;
  for (size_t n = 0; n < bytes.size(); ++n) {
    std::string split = feed_parts<Head>(bytes, {n, bytes.size()}, limits);
    if (split != whole) return "whole: " + whole + "\nsplit at " + std::to_string(n) + ": " + split;
  }
  return whole;
}

/// A request with the given request line and one good Host.
inline std::string line(const std::string& request_line) {
  return request_line + "\r\nHost: h\r\n\r\n";
}
/// A GET with more field lines.
inline std::string with(const std::string& fields) {
  return "GET /x HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n\r\n";
}

}  // namespace siding::test
