// Our side of a connection to a server (H1Client), over a socket that this file plays: the answer comes
// in any pieces, early or late, and ends with a close or a reset.
// Properties: it gives out the heads, the body and the trailers that the parsers alone make of the same
// bytes, and is an error where these see one; a connection is used again only if not one byte is left.
// Input: one byte for the method, two for the splits, one for what the writes do, then the answer.
// libFuzzer: -max_len=1024 -dict=tests/fuzz/http1.dict
#include <optional>
#include <string>
#include <utility>

#include "base/clock.h"
#include "http/h1_write.h"
#include "http/hop.h"
#include "proxy/upstream/h1_client.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/scripted_socket.h"
// What is fuzzed, as source: its library would bring all the others that talk to the network.
#include "proxy/upstream/h1_client.cc"

namespace siding {

Failure failure_of(int) { return Failure::reset; }

namespace fuzz {
namespace {

constexpr std::string_view kMethods[] = {"GET", "HEAD", "POST", "PUT"};
constexpr std::string_view kRequest = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const HeadLimits kLimits{.max_head = 1024, .max_fields = 16, .max_target = 0};

/// Runs a task to its end: whatever is waited for happens.
template <class T>
T finish(Loop& loop, Task<T> task) {
  task.start();
  for (int turns = 0; !task.done(); ++turns) {
    assert(turns < 10'000);
    if (script.waits_to_read != nullptr) script.waits_to_read->notify();
    if (script.waits_to_write != nullptr) script.waits_to_write->notify();
    loop.turn(false);
  }
  return task.take();
}

void tell(const ResponseHead& head, std::string& out) {
  out.append(std::to_string(head.status)).append(" ").append(head.reason);
  for (const Field& f : head.fields) out.append("\n").append(f.name).append(": ").append(f.value);
  out += '\n';
}

void tell(const Fields& trailers, std::string& out) {
  for (const Field& f : trailers) out.append(f.name).append("=").append(f.value).append("\n");
}

struct Told {
  std::string heads;
  std::string body;  // with the trailers behind it; of a torn one what had come may be left out
  bool good = false;
  bool reusable = false;
};

/// The same by the parsers alone, of all bytes at once.
Told expected(std::string_view method, std::string_view bytes, bool reset) {
  Told told;
  ResponseHeadParser parser(kLimits);
  size_t at = 0;
  while (true) {
    if (parser.feed(bytes.substr(at)) != ParseStatus::done) return told;
    at += parser.consumed();
    const ResponseHead head = parser.take();
    const Framing framing = response_framing(method, head);
    if (!framing.ok() || head.status == 101) return told;
    tell(head, told.heads);
    if (head.interim()) continue;
    BodyDecoder decoder(framing.body);
    Buffer body;
    at += decoder.feed(Slice::copy_of(bytes.substr(at)), body);
    if (!decoder.ended() && (decoder.failed() || reset)) return told;
    const bool by_close = !decoder.ended();
    if (by_close && !decoder.finish_on_close()) return told;
    told.good = true;
    told.body = body.str();
    tell(decoder.take_trailers(), told.body);
    told.reusable = !by_close && at == bytes.size() && keeps_alive(head.minor_version, head.fields);
    return told;
  }
}

Told got(Loop& loop, std::string_view method) {
  Told told;
  H1Client client(std::make_unique<Socket>(loop, -1), kLimits);
  const Result<> sent = finish(loop, client.send(Slice::copy_of(kRequest), nullptr, kNever));
  assert(sent.ok());
  const bool sent_all = client.sent_bytes() == kRequest.size();
  while (true) {
    Result<ResponseHead> head = finish(loop, client.read_head(method, kNever));
    if (!head) return told;
    tell(*head, told.heads);
    if (!head->interim()) break;
  }
  while (true) {
    Result<Buffer> piece = finish(loop, client.read_body(kNever));
    if (!piece) return told;
    if (piece->empty()) break;
    told.body += piece->str();
  }
  told.good = true;
  tell(client.take_trailers(), told.body);
  told.reusable = client.reusable();
  assert(sent_all || !told.reusable);
  return told;
}

void run(Input in) {
  static const ManualClock clock;
  static Loop loop(clock);
  const std::string_view method = kMethods[in.below(4)];
  const Splits splits(in);
  const size_t how = in.below(4);
  script = Script();
  script.bytes = in.rest();
  script.reads = splits.of(script.bytes.size());
  script.end = how == 1 ? Script::End::reset : Script::End::close;
  script.refusals = how >= 2 ? 1 : 0;
  const Told mine = got(loop, method);
  const Told parsed = expected(method, script.bytes, how == 1);
  // A server that refuses while we still write is heard, and its connection not used again.
  assert(mine.heads == parsed.heads && mine.good == parsed.good);
  assert(!mine.good || mine.body == parsed.body);
  // What came behind the answer may not have been read yet; then the next who looks finds it.
  const bool all_read = script.at == script.bytes.size();
  assert(!mine.reusable || parsed.reusable || !all_read);
  assert(frame_stats().frames == 0);
}

}  // namespace
}  // namespace fuzz
}  // namespace siding

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  siding::fuzz::run({data, size});
  return 0;
}
