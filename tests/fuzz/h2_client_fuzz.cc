// Our side of an HTTP/2 connection to a server (H2Upstream with its calls, and libnghttp2 below them), over a
// socket that this file plays: up to four calls at once, with bodies or without, some given up on the way.
// Properties: whatever comes, each call ends in its time, whole or with an error; what is whole could be said
// in HTTP/1 as well: a status of three digits, no control bytes, as many bytes as its length says; with the
// last call the connection can be closed, and nothing is left.
// Input: one byte for the calls, two for the splits, one for how much the server takes and how it ends; then
// the bytes that the server sends.
// libFuzzer: -max_len=2048
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "http/h1_syntax.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/scripted_socket.h"
// What is fuzzed, as source: its library would bring all that talks to the network.
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

constexpr Duration kPatience = std::chrono::seconds(60);
constexpr HeadLimits kLimits{.max_head = 4096, .max_fields = 20, .max_target = 0};

class Pieces final : public BodySource {
 public:
  explicit Pieces(int count) : left_(count) {}
  Task<Result<Buffer>> next() override {
    Buffer piece;
    if (left_ > 0) piece.append_copy(std::string(1000, 'b'));
    --left_;
    co_return std::move(piece);
  }
  bool at_end() const override { return left_ <= 0; }

 private:
  int left_;
};

/// One call from its beginning to its end.
class Caller {
 public:
  /// `method`: a constant.
  Caller(std::unique_ptr<HttpClient> client, std::string_view method, int pieces)
      : client_(std::move(client)), body_(pieces), has_body_(pieces > 0) {
    head_.method = method;
    head_.target = "/";
    head_.authority = "a";
    trailers_.add("t", "1");
    task_ = run();
    task_.start();
  }
  ~Caller() { task_.reset(); }
  bool done() const { return task_.done(); }

 private:
  Task<> run() {
    const TimePoint deadline = after(Loop::current().now(), kPatience);
    OutRequest out;
    out.head = &head_;
    BodySource* body = nullptr;
    if (has_body_) {
      out.framing = BodyFraming::chunked();
      out.trailers = &trailers_;
      body = &body_;
    }
    Result<> sent = co_await client_->send(out, body, deadline);
    if (!sent) co_return;
    std::optional<ResponseHead> head;
    for (int interim = 0; !head; ++interim) {
      Result<ResponseHead> next = co_await client_->read_head(head_.method, deadline);
      if (!next) co_return;
      assert(next->status >= 100 && next->status <= 999 && next->status != 101);
      check(next->fields);
      if (!next->interim()) head = std::move(*next);
      assert(interim <= 100);
    }
    const Framing framing = client_->framing();
    assert(framing.ok());
    uint64_t size = 0;
    while (true) {
      Result<Buffer> piece = co_await client_->read_body(deadline);
      if (!piece) co_return;
      if (piece->empty()) break;
      size += piece->size();
    }
    const Fields trailers = client_->take_trailers();
    check(trailers);
    assert(client_->answer_begun() && !client_->refused());
    assert(framing.body.kind != BodyFraming::Kind::none || size == 0);
    assert(framing.body.kind != BodyFraming::Kind::length || framing.body.length == size);
  }
  static void check(const Fields& fields) {
    for (const Field& f : fields) {
      assert(h1::is_token(f.name) && !has_control(f.value));
      assert(h2_field_allowed(f.name) || f.name == "content-length");
    }
  }

  std::unique_ptr<HttpClient> client_;
  RequestHead head_;
  Fields trailers_;
  Pieces body_;
  const bool has_body_;
  Task<> task_;  // last: it uses the rest
};

void run(Input in) {
  static ManualClock clock;
  static Loop loop(clock);
  const size_t how = in.byte();
  const Splits splits(in);
  const size_t takes = in.byte();
  script = Script();
  script.bytes = in.rest();
  script.reads = splits.of(script.bytes.size());
  constexpr Script::End kEnds[] = {Script::End::open, Script::End::close, Script::End::reset,
                                   Script::End::open};
  script.end = kEnds[takes & 3];
  script.room = takes < 4 ? size_t{1} << 30 : takes * 64;
  H2Counts counts;
  {
    H2Pool pool(loop,
                {.idle_timeout = std::chrono::seconds(4), .keep = (how & 16) != 0, .head = kLimits},
                counts);
    std::vector<std::unique_ptr<Caller>> callers;
    auto client = pool.add(Slot(), std::make_unique<Socket>(loop, -1), SocketAddress());
    for (size_t i = 0; client && i <= (how & 3); ++i) {
      constexpr std::string_view kMethods[] = {"GET", "HEAD", "POST", "GET"};
      const bool has_body = i == 2 || (how & 4) != 0;
      callers.push_back(std::make_unique<Caller>(std::move(client), kMethods[i], has_body ? 3 : 0));
      client = pool.take(SocketAddress());
    }
    client.reset();
    if ((how & 8) != 0) {
      loop.turn(false);
      callers.erase(callers.begin());  // given up while the others go on
    }
    turn(loop);
    script.room += takes * 64;
    turn(loop);
    if ((how & 32) != 0 && !callers.empty()) callers.erase(callers.begin());
    turn(loop);
    clock.advance(kPatience);
    turn(loop);
    for (const auto& caller : callers) assert(caller->done() && "it never ends");
    callers.clear();
    turn(loop);
    assert(counts.calls == 0);
    // Nobody calls any more.
    clock.advance(kPatience);
    turn(loop);
    pool.close_idle();
    turn(loop);
  }
  assert(counts.open == 0 && frame_stats().frames == 0);
}

}  // namespace
}  // namespace fuzz
}  // namespace siding

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  siding::fuzz::run({data, size});
  return 0;
}
