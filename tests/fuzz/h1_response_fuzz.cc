// The answer to one HTTP/1 request up to the end of its connection: interim heads, the head, its body.
// Properties: however the bytes are split, the same comes of them, or the same fault. What is written of
// an accepted answer is read as the same one, with the same end, by who asked by the same method.
// Input: one byte for the method, two for the splits, then what the server sends before it closes.
// libFuzzer: -max_len=2048 -dict=tests/fuzz/http1.dict
#include <string>

#include "base/text.h"
#include "http/h1_body.h"
#include "http/h1_head.h"
#include "http/h1_syntax.h"
#include "http/h1_write.h"
#include "http/hop.h"
#include "tests/fuzz/fuzz.h"

namespace siding::fuzz {
namespace {

constexpr std::string_view kMethods[] = {"GET", "HEAD", "POST", "CONNECT"};
const HeadLimits kLimits{.max_head = 1024, .max_fields = 16, .max_target = 0};
const HeadLimits kWide{.max_head = 1 << 20, .max_fields = 1000, .max_target = 0};

bool same(const BodyFraming& a, const BodyFraming& b) {
  return a.kind == b.kind && a.length == b.length;
}

bool is_framing_field(std::string_view name) {
  for (std::string_view own : {"content-length", "transfer-encoding", "connection"}) {
    if (equals_ignore_case(name, own)) return true;
  }
  return false;
}

std::string end_to_end(const Fields& fields) {
  std::string out;
  for (const Field& f : fields) {
    if (!is_framing_field(f.name)) out.append(f.name).append("=").append(f.value).append("\n");
  }
  return out;
}

void check_accepted(std::string_view method, const ResponseHead& head, const Framing& framing) {
  using Kind = BodyFraming::Kind;
  assert(head.status >= 100 && head.status <= 599 && !has_control(head.reason));
  for (const Field& f : head.fields) {
    assert(h1::is_token(f.name) && !has_control(f.value) && trim_ows(f.value) == f.value);
  }
  const bool never = head.interim() || head.status == 204 || head.status == 304;
  assert(!(never || method == "HEAD") || framing.body.kind == Kind::none);
  assert(framing.body.kind != Kind::chunked || head.fields.count("content-length") == 0);

  const Slice written = write_response_head(head, framing.declared);
  ResponseHeadParser parser(kWide);
  const ParseStatus status = parser.feed(written.view());
  assert(status == ParseStatus::done && parser.consumed() == written.size());
  const ResponseHead again = parser.take();
  assert(again.status == head.status);
  assert(again.reason == (head.reason.empty() ? reason_phrase(head.status) : head.reason));
  assert(end_to_end(again.fields) == end_to_end(head.fields));
  const Framing second = response_framing(method, again);
  assert(second.ok() && same(second.body, framing.body) && same(second.declared, framing.declared));

  Fields stripped = head.fields;
  strip_response_fields(stripped, false);
  for (std::string_view name : {"connection", "keep-alive", "transfer-encoding", "upgrade"}) {
    assert(!stripped.has(name));
  }
  for (std::string_view name : {"content-length", "set-cookie", "content-type", "location"}) {
    assert(stripped.count(name) == head.fields.count(name));
  }
}

void tell(const ResponseHead& head, std::string& out) {
  out.append(std::to_string(head.status)).append(" ").append(head.reason);
  out += static_cast<char>('0' + head.minor_version);
  out += keeps_alive(head.minor_version, head.fields) ? 'k' : 'c';
  for (const Field& f : head.fields) out.append("\n").append(f.name).append(": ").append(f.value);
  out += '\n';
}

std::string told(std::string_view method, std::string_view bytes, std::array<size_t, 3> reads,
                 bool check) {
  std::string out;
  ResponseHeadParser parser(kLimits);
  BodyDecoder decoder;
  Buffer body;
  bool in_body = false;
  size_t at = 0;
  for (size_t end : reads) {
    while (!in_body) {
      const Exact received(bytes.substr(at, end - at));
      const ParseStatus status = parser.feed(received.view());
      if (status == ParseStatus::incomplete) break;
      if (status == ParseStatus::fault) return out.append("fault ").append(parser.fault().reason);
      assert(parser.consumed() <= received.view().size());
      at += parser.consumed();
      const ResponseHead head = parser.take();
      const Framing framing = response_framing(method, head);
      tell(head, out);
      if (!framing.ok()) return out.append("fault ").append(framing.fault.reason);
      if (check) check_accepted(method, head, framing);
      if (head.interim() && head.status != 101) continue;
      decoder = BodyDecoder(framing.body);
      in_body = true;
    }
    if (!in_body) continue;
    at += decoder.feed(Slice::copy_of(bytes.substr(at, end - at)), body);
    assert(decoder.received() == body.size());
    if (decoder.failed()) break;
  }
  if (!in_body) return out.append("no head");
  if (!decoder.failed() && !decoder.ended()) decoder.finish_on_close();
  if (decoder.failed()) out.append("fault ").append(decoder.reason());
  const Fields trailers = decoder.take_trailers();
  for (const Field& f : trailers) {
    assert(trailer_allowed(f.name) && !has_control(f.value));
    out.append(f.name).append("=").append(f.value).append("\n");
  }
  return out.append(body.str()).append(" left ").append(bytes.substr(at));
}

void run(Input in) {
  const std::string_view method = kMethods[in.below(4)];
  const Splits splits(in);
  const std::string_view bytes = in.rest();
  const size_t all = bytes.size();
  const std::string whole = told(method, bytes, {all, all, all}, true);
  const std::string split = told(method, bytes, splits.of(all), false);
  assert(whole == split);
}

}  // namespace
}  // namespace siding::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  siding::fuzz::run({data, size});
  return 0;
}
