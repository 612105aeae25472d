// Our side of an HTTP/2 connection to a server (H2Upstream with its H2Calls, and libnghttp2 below them), over
// a socket that this file plays: three calls, one of which has a body, one of which is given up.
// Properties: a head that is given out could be said in HTTP/1 as well; a body is as long as its head said;
// every call ends when the connection has, and no frame of a coroutine is left.
// Input: one byte for the calls, two for the splits, one for how much the server takes; then its frames.
// libFuzzer: -max_len=2048
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "http/h1_syntax.h"
#include "proxy/upstream/h2_pool.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/scripted_socket.h"
// What is fuzzed, as source: its library would bring all the others that talk to the network.
#include "proxy/net/address.cc"
#include "proxy/upstream/h2_call.cc"
#include "proxy/upstream/h2_pool.cc"
#include "proxy/upstream/h2_upstream.cc"
#include "proxy/upstream/h2_upstream_frames.cc"

namespace siding {

Failure failure_of(int) { return Failure::reset; }
Slot::~Slot() = default;

namespace fuzz {
namespace {

constexpr uint64_t kNoLength = UINT64_MAX;

class Pieces final : public BodySource {
 public:
  Task<Result<Buffer>> next() override {
    Buffer out;
    if (left_-- > 0) out.append_copy(std::string(3000, 'b'));
    co_return std::move(out);
  }

 private:
  int left_ = 3;
};

void check(const ResponseHead& head) {
  assert(head.status >= 100 && head.status < 600 && head.status != 101);
  for (const Field& f : head.fields) {
    assert(h1::is_token(f.name) && !has_control(f.value));
    assert(h2_field_allowed(f.name) || f.name == "content-length");
  }
}

Task<> call(std::unique_ptr<HttpClient> client, std::string method, bool with_body, bool slow,
            Signal& go) {
  RequestHead head;
  head.method = method;
  head.target = "/t";
  head.authority = "a.example";
  OutRequest out;
  out.head = &head;
  out.wants_trailers = true;
  if (with_body) out.framing = BodyFraming::chunked();
  Pieces pieces;
  BodySource* body = with_body ? &pieces : nullptr;
  Result<> sent = co_await client->send(out, body, kNever);
  if (!sent) co_return;
  while (true) {
    Result<ResponseHead> next = co_await client->read_head(head.method, kNever);
    if (!next) co_return;
    check(*next);
    if (!next->interim()) break;
  }
  const BodyFraming framing = client->framing().body;
  const uint64_t length = framing.kind == BodyFraming::Kind::length ? framing.length : kNoLength;
  uint64_t got = 0;
  while (true) {
    if (slow) co_await Wait(go);
    Result<Buffer> piece = co_await client->read_body(kNever);
    if (!piece) co_return;
    if (piece->empty()) break;
    assert(framing.kind != BodyFraming::Kind::none);
    got += piece->size();
  }
  assert(length == kNoLength || got == length);
  for (const Field& f : client->take_trailers()) assert(!has_control(f.value));
}

void turn(Loop& loop) {
  for (int quiet = 0, turns = 0; quiet < 3; ++turns) {
    assert(turns < 100'000);
    if (script.waits_to_read != nullptr && script.at < script.bytes.size()) {
      std::exchange(script.waits_to_read, nullptr)->notify();
    }
    if (script.waits_to_write != nullptr && script.room > 0) {
      std::exchange(script.waits_to_write, nullptr)->notify();
    }
    quiet = loop.turn(false) ? 0 : quiet + 1;
  }
}

void run(Input in) {
  static ManualClock clock;
  static Loop loop(clock);
  const uint8_t how = in.byte();
  const Splits splits(in);
  const size_t takes = in.byte();
  script = Script();
  const std::string bytes(in.rest());
  script.bytes = bytes;
  script.reads = splits.of(bytes.size());
  script.end = Script::End::open;
  script.room = takes == 0 ? size_t{1} << 30 : takes * 64;
  H2Counts counts;
  H2Pool::Options options;
  options.idle_timeout = std::chrono::seconds(4);
  options.keep = (how & 1) != 0;
  options.head = {.max_head = 4096, .max_fields = 20, .max_target = 0};
  H2Pool pool(loop, options, counts);
  Signal go;
  const SocketAddress address;
  std::vector<Task<>> calls;
  auto begin = [&](std::unique_ptr<HttpClient> client, const char* method, bool body) {
    if (!client) return;
    calls.push_back(call(std::move(client), method, body, (how & 2) != 0, go));
    calls.back().start();
  };
  begin(pool.add(Slot(), std::make_unique<Socket>(loop, -1), address), "GET", false);
  begin(pool.take(address), (how & 4) != 0 ? "HEAD" : "GET", false);
  begin(pool.take(address), "POST", true);
  turn(loop);
  if ((how & 8) != 0 && calls.size() > 1) calls[1].reset();  // it is given up
  go.notify();
  turn(loop);
  begin(pool.take(address), "GET", false);
  script.room += takes * 64;
  for (int i = 0; i < 4; ++i) {
    go.notify();
    turn(loop);
  }
  script.end = (how & 16) != 0 ? Script::End::reset : Script::End::close;
  if (script.waits_to_read != nullptr) std::exchange(script.waits_to_read, nullptr)->notify();
  turn(loop);
  go.notify();
  turn(loop);
  // Whoever reads slowly may still have something to read.
  for (int i = 0; i < 50; ++i) {
    go.notify();
    turn(loop);
  }
  for (const Task<>& task : calls) assert(!task || task.done());
  calls.clear();
  pool.close_idle();
  turn(loop);
  assert(counts.open == 0 && counts.calls == 0 && frame_stats().frames == 0);
}

}  // namespace
}  // namespace fuzz
}  // namespace siding

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  siding::fuzz::run({data, size});
  return 0;
}
