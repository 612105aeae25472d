// HTTP/1 requests on one connection, one after the other: heads, framing, bodies, hop-by-hop fields.
// Properties: however the bytes are split, the same comes of them. In what is accepted no field could be
// read as two, and one framing stands. What is written of it is read as the same message. Connection
// takes nothing away that frames, routes or authenticates.
// Input: two bytes for the splits, one for the limits, then what the client sends.
// libFuzzer: -max_len=2048 -dict=tests/fuzz/http1.dict
#include <string>

#include "base/text.h"
#include "http/h1_body.h"
#include "http/h1_head.h"
#include "http/h1_syntax.h"
#include "http/h1_target.h"
#include "http/h1_write.h"
#include "http/hop.h"
#include "tests/fuzz/fuzz.h"

namespace siding::fuzz {
namespace {

constexpr int kMessages = 4;
const HeadLimits kLimits[] = {{}, {.max_head = 256, .max_fields = 4, .max_target = 32}};

void check_accepted(const RequestHead& head, const BodyFraming& framing) {
  assert(h1::is_token(head.method));
  assert(!head.target.empty());
  assert(h1::find_first<h1::NoTargetBytes>(head.target) == head.target.size());
  assert(head.authority.empty() || valid_authority(head.authority));
  for (const Field& f : head.fields) {
    assert(h1::is_token(f.name) && !has_control(f.value) && trim_ows(f.value) == f.value);
  }
  const size_t lengths = head.fields.count("content-length");
  const size_t codings = head.fields.count("transfer-encoding");
  assert(head.fields.count("host") <= 1 && lengths + codings <= 1);
  assert((framing.kind == BodyFraming::Kind::length) == (lengths == 1));
  assert((framing.kind == BodyFraming::Kind::chunked) == (codings == 1));
  if (codings == 1) {
    assert(equals_ignore_case(*head.fields.get("transfer-encoding"), "chunked"));
  }
  if (lengths == 1) assert(parse_u64(*head.fields.get("content-length")) == framing.length);
}

/// The fields that the writer takes from elsewhere are left out.
std::string end_to_end(const Fields& fields) {
  std::string out;
  for (const Field& f : fields) {
    bool own = false;
    for (std::string_view name : {"host", "content-length", "transfer-encoding", "connection"}) {
      own = own || equals_ignore_case(f.name, name);
    }
    if (!own) out.append(f.name).append("=").append(f.value).append("\n");
  }
  return out;
}

void check_written(const RequestHead& head, const BodyFraming& framing) {
  static const HeadLimits kWide{.max_head = 1 << 20, .max_fields = 1000, .max_target = 1 << 16};
  const Slice written = write_request_head(head, framing);
  RequestHeadParser parser(kWide);
  const ParseStatus status = parser.feed(written.view());
  assert(status == ParseStatus::done && parser.consumed() == written.size());
  const RequestHead again = parser.take();
  assert(again.method == head.method && again.target == head.target);
  assert(again.authority == head.authority);
  assert(end_to_end(again.fields) == end_to_end(head.fields));
  const Framing second = request_framing(again);
  assert(second.ok() && second.body.kind == framing.kind && second.body.length == framing.length);
}

void check_stripped(const RequestHead& head, Direction direction) {
  Fields fields = head.fields;
  strip_request_fields(fields, direction);
  for (std::string_view name :
       {"connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade",
        "transfer-encoding", "http2-settings", "proxy-authorization", "proxy", "expect"}) {
    assert(!fields.has(name));
  }
  for (std::string_view name : {"host", "content-length", "content-type", "authorization", "cookie",
                                "forwarded", "x-forwarded-for"}) {
    assert(fields.count(name) == head.fields.count(name));
  }
  for (const Field& f : fields) {
    assert(direction == Direction::egress || f.name.find('_') == std::string_view::npos);
  }
}

void tell(const RequestHead& head, std::string& out) {
  out.append(head.method).append(" ").append(head.target).append(" ").append(head.scheme);
  out.append("://").append(head.authority).append(" ");
  out += static_cast<char>('0' + head.minor_version);
  out += static_cast<char>('0' + static_cast<int>(head.form));
  for (const Field& f : head.fields) out.append("\n").append(f.name).append(": ").append(f.value);
  out += '\n';
}

/// What is told of a body that has been written as chunks must be what was told of it first.
void check_chunks(const Buffer& body, const Fields& trailers) {
  Buffer out;
  append_chunk(out, body.share());
  append_last_chunk(out, trailers);
  BodyDecoder decoder(BodyFraming::chunked());
  Buffer again;
  const std::string bytes = out.str();
  const size_t taken = decoder.feed(Slice::copy_of(bytes), again);
  assert(decoder.ended() && taken == bytes.size() && again.str() == body.str());
  const Fields second = decoder.take_trailers();
  assert(second.size() == trailers.size());
  for (size_t i = 0; i < second.size(); ++i) {
    assert(second[i].name == trailers[i].name && second[i].value == trailers[i].value);
  }
}

/// One connection; `reads`: how many bytes have come after each read.
std::string told(std::string_view bytes, std::array<size_t, 3> reads, const HeadLimits& limits,
                 bool check) {
  std::string out;
  RequestHeadParser parser(limits);
  BodyDecoder decoder;
  Buffer body;
  bool in_body = false;
  size_t at = 0;  // of what belongs to the current head or is left of the body
  int messages = 0;
  for (size_t end : reads) {
    while (true) {
      if (in_body) {
        at += decoder.feed(Slice::copy_of(bytes.substr(at, end - at)), body);
        if (decoder.failed()) {
          return out.append(body.str()).append(" fault ").append(decoder.reason());
        }
        if (!decoder.ended()) break;
        const Fields trailers = decoder.take_trailers();
        for (const Field& f : trailers) {
          assert(trailer_allowed(f.name) && !has_control(f.value));
          out.append(f.name).append("=").append(f.value).append("\n");
        }
        assert(decoder.received() == body.size());
        if (check) check_chunks(body, trailers);
        out.append(body.str()).append("\n");
        body.clear();
        in_body = false;
        if (++messages == kMessages) return out;
      }
      const Exact received(bytes.substr(at, end - at));
      const ParseStatus status = parser.feed(received.view());
      if (status == ParseStatus::incomplete) break;
      if (status == ParseStatus::fault) return out.append("fault ").append(parser.fault().reason);
      assert(parser.consumed() <= received.view().size());
      const std::string_view text = bytes.substr(at, parser.consumed());
      assert(text.ends_with("\r\n\r\n") && text.find("\r\n\r\n", 1) == text.size() - 4);
      at += parser.consumed();
      const RequestHead head = parser.take();
      const Framing framing = request_framing(head);
      assert(framing.ok());
      tell(head, out);
      if (check) {
        check_accepted(head, framing.body);
        check_written(head, framing.body);
        check_stripped(head, Direction::ingress);
        check_stripped(head, Direction::egress);
      }
      decoder = BodyDecoder(framing.body);
      in_body = true;
    }
  }
  return out.append(in_body ? body.str() : "").append(" end");
}

void run(Input in) {
  const Splits splits(in);
  const HeadLimits& limits = kLimits[in.below(2)];
  const std::string_view bytes = in.rest();
  const size_t all = bytes.size();
  const std::string whole = told(bytes, {all, all, all}, limits, true);
  const std::string split = told(bytes, splits.of(all), limits, false);
  assert(whole == split);
}

}  // namespace
}  // namespace siding::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  siding::fuzz::run({data, size});
  return 0;
}
