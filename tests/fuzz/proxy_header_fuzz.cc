// The PROXY header of a balancer (ProxyHeaderParser).
// Properties: what it says does not depend on how the bytes were split; it never takes a byte that is not
// its own, nor more than its bounds; an address that it tells is one of a family that can be connected by.
// Input: two bytes for the splits, then what comes on the connection.
// libFuzzer: -max_len=512
#include <string>

#include "proxy/downstream/proxy_header.h"
#include "tests/fuzz/fuzz.h"
// What is fuzzed, as source.
#include "proxy/downstream/proxy_header.cc"
#include "proxy/net/address.cc"

namespace siding::fuzz {
namespace {

/// All that there is to say of it. `ends`: how much has come after each read.
std::string tell(std::string_view bytes, const std::array<size_t, 3>& ends) {
  using Status = ProxyHeaderParser::Status;
  ProxyHeaderParser parser;
  size_t taken = 0;
  Status status = Status::incomplete;
  for (size_t end : ends) {
    if (status != Status::incomplete || end == taken) continue;
    const Exact piece(bytes.substr(taken, end - taken));
    status = parser.feed(piece.view());
    assert(parser.consumed() <= piece.view().size());
    if (status == Status::incomplete) assert(parser.consumed() == piece.view().size());
    taken += parser.consumed();
  }
  assert(taken <= 16 + ProxyHeaderParser::kMaxRest);
  if (status == Status::fault) {
    assert(!parser.fault().empty());
    return "fault: " + std::string(parser.fault());
  }
  if (status == Status::incomplete) return "incomplete";
  std::string told = std::to_string(taken);
  if (parser.source()) {
    assert(!parser.source()->is_unix());
    told += " " + parser.source()->text();
  }
  return told;
}

}  // namespace
}  // namespace siding::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace siding::fuzz;
  Input in(data, size);
  const Splits splits(in);
  const std::string_view bytes = in.rest();
  const std::string whole = tell(bytes, {bytes.size(), bytes.size(), bytes.size()});
  assert(tell(bytes, splits.of(bytes.size())) == whole);
  return 0;
}
