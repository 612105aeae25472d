// See h1_bed.h.
#include "tests/proxy/downstream/h1_bed.h"

namespace siding::test {

/// Tells a task that ended from one that was cancelled.
struct PathHandler::Life {
  explicit Life(PathHandler& h) : handler(h) { ++handler.running; }
  ~Life() {
    --handler.running;
    ++(done ? handler.ended : handler.cancelled);
  }
  PathHandler& handler;
  bool done = false;
};

namespace {
void reply(Stream& stream, std::string_view text, int status = 200) {
  ResponseHead head;
  head.status = status;
  stream.send_head(std::move(head), BodyFraming::of_length(text.size()));
  Buffer body;
  body.append_copy(text);
  stream.send_data(std::move(body));
  stream.send_end();
}
}  // namespace

Task<> PathHandler::echo(Stream& stream) {
  std::string got;
  while (true) {
    stream.grant(window);
    if (!stream.body.empty()) {
      got += stream.body.str();
      stream.body.clear();
      continue;
    }
    if (stream.body_fault) {
      send_local_reply(stream, *stream.body_fault, "body");
      co_return;
    }
    if (stream.body_ended) break;
    co_await Wait(stream.body_changed);
  }
  for (const Field& f : stream.trailers)
    got += "|" + std::string(f.name) + "=" + std::string(f.value);
  reply(stream, got);
}

/// Wants nothing until it is told to go on.
Task<> PathHandler::pause_then_echo(Stream& stream) {
  stream.grant(500);
  co_await Wait(go);
  co_await echo(stream);
}

Task<> PathHandler::wait_then_hello(Stream& stream) {
  stream.fin_is_gone = stream.head.path() == "/wait";
  co_await Wait(go);
  reply(stream, "hello");
}

Task<> PathHandler::in_two_pieces(Stream& stream, bool torn) {
  stream.fin_is_gone = false;
  ResponseHead head;
  stream.send_head(std::move(head), BodyFraming::until_close());
  for (std::string_view text : {"one", "two"}) {
    Buffer piece;
    piece.append_copy(text);
    stream.send_data(std::move(piece));
    co_await Wait(go);
  }
  if (torn) {
    stream.abort();
  } else {
    stream.send_end();
  }
}

Task<> PathHandler::handle(Stream& stream) {
  Life life(*this);
  std::string path(stream.head.path());
  paths.push_back(path);
  if (path == "/echo") {
    co_await echo(stream);
  } else if (path == "/pause") {
    co_await pause_then_echo(stream);
  } else if (path == "/wait" || path == "/inside") {
    co_await wait_then_hello(stream);
  } else if (path == "/stream" || path == "/torn-stream") {
    co_await in_two_pieces(stream, path == "/torn-stream");
  } else if (path == "/large") {
    reply(stream, std::string(large, 'x'));
  } else if (path == "/torn") {
    ResponseHead head;
    stream.send_head(std::move(head), BodyFraming::of_length(10));
    Buffer piece;
    piece.append_copy("half");
    stream.send_data(std::move(piece));
    stream.abort();
  } else if (path == "/abort") {
    stream.abort();
  } else if (path == "/short") {
    ResponseHead head;
    stream.send_head(std::move(head), BodyFraming::of_length(10));
    stream.send_end();
  } else if (path == "/interim") {
    ResponseHead hints;
    hints.status = 103;
    stream.send_interim(hints);
    reply(stream, "hello");
  } else if (path == "/trailers") {
    stream.send_head(ResponseHead(), BodyFraming::chunked());
    Buffer body;
    body.append_copy("hello");
    stream.send_data(std::move(body));
    Fields trailers;
    trailers.add("Grpc-Status", "0");
    stream.send_end(&trailers);
  } else if (path == "/refuse") {
    reply(stream, "no", 403);
  } else if (path != "/silent") {
    reply(stream, "hello");
  }
  life.done = true;
}

}  // namespace siding::test
