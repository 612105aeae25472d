// What a Redis answers, in any pieces.
// Properties: however the bytes are split, the same answers come of them; a reply that is asked for what it
// is not says nothing; what is no RESP breaks the reader for good.
// Input: two bytes for the splits, then what the server sends.
// libFuzzer: -max_len=512 -dict=tests/fuzz/redis.dict
#include <string>

#include "proxy/upstream/redis_reply.h"
#include "tests/fuzz/fuzz.h"
// What is fuzzed, as source: its library would bring all the others that talk to the network.
#include "proxy/upstream/redis_reply.cc"

namespace siding::fuzz {
namespace {

constexpr size_t kMostShown = 64;

void tell(const RedisReply& reply, std::string& out) {
  if (reply.is_nil()) out += "nil ";
  if (const auto error = reply.error()) out.append("error ").append(*error);
  if (const auto number = reply.integer()) out.append(std::to_string(*number));
  out.append(reply.text()).append("\n");
  assert(reply.at(reply.size()).is_nil());
  for (size_t i = 0; i < std::min(reply.size(), kMostShown); ++i) tell(reply.at(i), out);
}

std::string told(std::string_view bytes, std::array<size_t, 3> reads) {
  std::string out;
  RedisReader reader;
  size_t at = 0;
  for (size_t end : reads) {
    const Exact piece(bytes.substr(at, end - at));
    at = end;
    if (!piece.view().empty()) reader.feed(piece.view());
    while (const std::optional<RedisReply> reply = reader.next()) tell(*reply, out);
    if (!reader.broken()) continue;
    assert(!reader.next() && reader.broken());
    return out + "broken";
  }
  return out;
}

void run(Input in) {
  const Splits splits(in);
  const std::string_view bytes = in.rest();
  const size_t all = bytes.size();
  assert(told(bytes, {all, all, all}) == told(bytes, splits.of(all)));
}

}  // namespace
}  // namespace siding::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  siding::fuzz::run({data, size});
  return 0;
}
