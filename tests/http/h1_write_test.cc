// Heads and chunks as they go onto the wire.
#include "http/h1_write.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

#include "http/h1_syntax.h"
#include "tests/http/h1_decode.h"

namespace siding::h1_write_test {
namespace {

using namespace std::string_literals;

RequestHead request() {
  RequestHead head;
  head.method = "POST";
  head.target = "/x?y";
  head.authority = "h.example:80";
  head.minor_version = 0;
  head.fields.add("A", "b");
  head.fields.add("host", "other");
  head.fields.add("content-length", "99");
  head.fields.add("Transfer-encoding", "gzip");
  head.fields.add("connection", "upgrade");
  head.fields.add("A", "");
  return head;
}

std::string write(const RequestHead& head, BodyFraming framing,
                  ConnectionField connection = ConnectionField::none,
                  std::span<const Field> extra = {}) {
  Slice slice = write_request_head(head, framing, connection, extra);
  EXPECT_LE(slice.block()->capacity(), slice.size() + 192) << "one block, not much too large";
  return std::string(slice.view());
}

std::string write(const ResponseHead& head, BodyFraming framing,
                  ConnectionField connection = ConnectionField::none,
                  std::span<const Field> extra = {}) {
  Slice slice = write_response_head(head, framing, connection, extra);
  EXPECT_LE(slice.block()->capacity(), slice.size() + 192) << "one block, not much too large";
  return std::string(slice.view());
}

TEST(H1Write, LineEndsAreCountedInWordsAsInBytes) {
  std::mt19937 random(7);
  for (size_t size : {0u, 1u, 15u, 16u, 17u, 100u, 5000u}) {
    std::string text(size, 'a');
    for (char& c : text) c = "a\r\n\0b"[random() % 5];
    auto naive = static_cast<size_t>(std::count_if(text.begin(), text.end(), h1::ends_line));
    EXPECT_EQ(h1::count_line_ends(text), naive) << size;
  }
  EXPECT_EQ(h1::count_line_ends(std::string(16 * 1000, '\n')), 16'000u);  // no counter runs over
}

TEST(H1Write, RequestHeadTakesHostFramingAndConnectionFromItsArguments) {
  const std::string start = "POST /x?y HTTP/1.1\r\nHost: h.example:80\r\nA: b\r\nA: \r\n";
  EXPECT_EQ(write(request(), BodyFraming::none()), start + "\r\n");
  EXPECT_EQ(write(request(), BodyFraming::of_length(0)), start + "Content-Length: 0\r\n\r\n");
  EXPECT_EQ(write(request(), BodyFraming::of_length(UINT64_MAX)),
            start + "Content-Length: 18446744073709551615\r\n\r\n");
  EXPECT_EQ(write(request(), BodyFraming::chunked(), ConnectionField::close),
            start + "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
  const Field extra[] = {{"B", "c"}, {"HOST", "evil"}, {"Content-Length", "1"}, {"D", "e"}};
  EXPECT_EQ(write(request(), BodyFraming::none(), ConnectionField::keep_alive, extra),
            start + "B: c\r\nD: e\r\nConnection: keep-alive\r\n\r\n");
  const Field protocol[] = {{"Upgrade", "websocket"}};
  EXPECT_EQ(write(request(), BodyFraming::none(), ConnectionField::upgrade, protocol),
            start + "Upgrade: websocket\r\nConnection: upgrade\r\n\r\n");
}

TEST(H1Write, RequestWithoutAuthorityHasAnEmptyHost) {
  RequestHead head;
  head.method = "OPTIONS";
  head.target = "*";
  EXPECT_EQ(write(head, BodyFraming::none()), "OPTIONS * HTTP/1.1\r\nHost: \r\n\r\n");
}

ResponseHead response(int status, std::string_view reason = {}) {
  ResponseHead head;
  head.status = status;
  head.reason = reason;
  head.minor_version = 0;
  head.fields.add("A", "b");
  head.fields.add("Content-length", "99");
  head.fields.add("TRANSFER-ENCODING", "chunked");
  head.fields.add("Connection", "x");
  head.fields.add("Host", "of no meaning here");
  return head;
}

TEST(H1Write, ResponseHead) {
  const std::string fields = "A: b\r\nHost: of no meaning here\r\n";
  EXPECT_EQ(write(response(200), BodyFraming::of_length(5)),
            "HTTP/1.1 200 OK\r\n" + fields + "Content-Length: 5\r\n\r\n");
  EXPECT_EQ(write(response(404, "Gone fishing"), BodyFraming::chunked()),
            "HTTP/1.1 404 Gone fishing\r\n" + fields + "Transfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(write(response(599), BodyFraming::of_length(0), ConnectionField::keep_alive),
            "HTTP/1.1 599 \r\n" + fields + "Content-Length: 0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(write(response(304), BodyFraming::none()),
            "HTTP/1.1 304 Not Modified\r\n" + fields + "\r\n");
  EXPECT_EQ(write(response(200), BodyFraming::until_close(), ConnectionField::keep_alive),
            "HTTP/1.1 200 OK\r\n" + fields + "Connection: close\r\n\r\n");
  const Field extra[] = {{"Date", "now"}, {"transfer-encoding", "x"}};
  EXPECT_EQ(write(response(200), BodyFraming::none(), ConnectionField::none, extra),
            "HTTP/1.1 200 OK\r\n" + fields + "Date: now\r\n\r\n");
}

TEST(H1Write, InterimAnswersAnd204AreNeverFramed) {
  for (int status : {100, 103, 204}) {
    for (BodyFraming framing : {BodyFraming::of_length(5), BodyFraming::chunked()}) {
      std::string text = write(response(status), framing);
      EXPECT_EQ(text.find("ength"), std::string::npos) << text;
      EXPECT_EQ(text.find("ncoding"), std::string::npos) << text;
    }
  }
  EXPECT_EQ(write(response(204), BodyFraming::until_close()).find("close"), std::string::npos);
}

TEST(H1Write, NoTextCanEndItsLine) {
  RequestHead head;
  head.method = "GET\r\n";
  head.target = "/\nX: y";
  head.authority = "h\rx";
  head.fields.add("A\r\nB", "c\r\nX-Inj: 1\0d\te\x7f"s);
  EXPECT_EQ(write(head, BodyFraming::none()),
            "GET   / X: y HTTP/1.1\r\nHost: h x\r\nA  B: c  X-Inj: 1 d\te\x7f\r\n\r\n");
  ResponseHead answer;
  answer.reason = "OK\r\nX-Inj: 1";
  EXPECT_EQ(write(answer, BodyFraming::none()), "HTTP/1.1 200 OK  X-Inj: 1\r\n\r\n");
  answer.reason = "\nX-Inj: 1";
  EXPECT_EQ(write(answer, BodyFraming::none()), "HTTP/1.1 200  X-Inj: 1\r\n\r\n");
}

TEST(H1Write, ChunksAreWhatTheDecoderReads) {
  Buffer out;
  Buffer hello;
  hello.append_copy("hello");
  append_chunk(out, std::move(hello));
  append_chunk(out, Buffer());  // must not look like the end
  Buffer large;
  large.append_copy(std::string(200, 'x'));
  large.append_copy(std::string(100, 'y'));
  append_chunk(out, std::move(large));
  append_last_chunk(out);
  std::string payload = std::string(200, 'x') + std::string(100, 'y');
  EXPECT_EQ(out.str(), "5\r\nhello\r\n12c\r\n" + payload + "\r\n0\r\n\r\n");
  EXPECT_EQ(test::decode(BodyFraming::chunked(), out.str()),
            "ended @" + std::to_string(out.size()) + ": hello" + payload);
}

TEST(H1Write, LastChunkWithTrailers) {
  Fields trailers;
  trailers.add("X-T", "1");
  trailers.add("Digest", "a\r\nb");
  Buffer out;
  append_last_chunk(out, trailers);
  EXPECT_EQ(out.str(), "0\r\nX-T: 1\r\nDigest: a  b\r\n\r\n");
  EXPECT_EQ(test::decode(BodyFraming::chunked(), out.str()), "ended @27:  | X-T=1 | Digest=a  b");
}

TEST(H1Write, PayloadOfAChunkIsNotCopied) {
  Slice payload = Slice::copy_of(std::string(1000, 'x'));
  Buffer in;
  in.append(payload);
  Buffer out;
  append_chunk(out, std::move(in));
  EXPECT_EQ(out.slice(1).data(), payload.data());
}

}  // namespace
}  // namespace siding::h1_write_test
