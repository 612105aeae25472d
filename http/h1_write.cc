// See h1_write.h. Sizes are summed up first, so that a head is one block of the right size.
#include "http/h1_write.h"

#include <charconv>
#include <cstring>

#include "base/text.h"
#include "http/h1_syntax.h"

namespace siding {

namespace {

/// First counts, then writes: the same function composes a head in both passes.
class Sink {
 public:
  /// `careful`: text that came from elsewhere is looked at byte by byte, so that it cannot end a line.
  explicit Sink(char* at, bool careful = false) : at_(at), careful_(careful) {}

  void literal(std::string_view text) {
    if (at_ != nullptr && !text.empty()) std::memcpy(at_ + size_, text.data(), text.size());
    size_ += text.size();
  }

  /// Text that came from elsewhere.
  void text(std::string_view text) {
    size_t begin = size_;
    literal(text);
    if (!careful_) return;
    for (size_t i = 0; i < text.size(); ++i) {
      if (ends_line(text[i])) at_[begin + i] = ' ';
    }
  }

  void number(uint64_t n, int base = 10) {
    char digits[20];
    char* end = std::to_chars(digits, digits + sizeof(digits), n, base).ptr;
    literal({digits, static_cast<size_t>(end - digits)});
  }

  void end_line() {
    literal("\r\n");
    ++lines_;
  }

  void field(std::string_view name, std::string_view value) {
    text(name);
    literal(": ");
    text(value);
    end_line();
  }

  size_t size() const { return size_; }
  size_t lines() const { return lines_; }
  static bool ends_line(char c) { return c == '\r' || c == '\n' || c == '\0'; }

 private:
  char* at_;  // nullptr: only count
  const bool careful_;
  size_t size_ = 0;
  size_t lines_ = 0;
};

template <class Compose>
Slice compose_twice(Compose compose) {
  Sink count(nullptr);
  compose(count);
  BlockRef block = BlockRef::make(count.size());
  Sink write(block->data());
  compose(write);
  assert(write.size() == count.size());
  // One look at the whole is cheaper than one at each value: nothing ends a line but we do.
  std::string_view head(block->data(), count.size());
  size_t ends = 0;
  for (size_t i = h1::find_control(head, 0); i < head.size(); i = h1::find_control(head, i + 1)) {
    ends += Sink::ends_line(head[i]) ? 1 : 0;
  }
  if (ends != 2 * write.lines()) {
    Sink again(block->data(), true);
    compose(again);
  }
  return Slice(std::move(block), 0, count.size());
}

/// Whether the field is written from the arguments instead.
bool is_framing(std::string_view name) {
  switch (name.size()) {
    case 10: return equals_ignore_case(name, "connection");
    case 14: return equals_ignore_case(name, "content-length");
    case 17: return equals_ignore_case(name, "transfer-encoding");
    default: return false;
  }
}

bool is_host(std::string_view name) { return name.size() == 4 && equals_ignore_case(name, "host"); }

void put_framing(Sink& out, BodyFraming framing, ConnectionField connection) {
  if (framing.kind == BodyFraming::Kind::length) {
    out.literal("Content-Length: ");
    out.number(framing.length);
    out.end_line();
  } else if (framing.kind == BodyFraming::Kind::chunked) {
    out.field("Transfer-Encoding", "chunked");
  }
  if (connection == ConnectionField::close) out.field("Connection", "close");
  if (connection == ConnectionField::keep_alive) out.field("Connection", "keep-alive");
  out.end_line();
}

}  // namespace

Slice write_request_head(const RequestHead& head, BodyFraming framing, ConnectionField connection,
                         std::span<const Field> extra) {
  assert(framing.kind != BodyFraming::Kind::until_close);  // no request ends that way
  return compose_twice([&](Sink& out) {
    out.text(head.method);
    out.literal(" ");
    out.text(head.target);
    out.literal(" HTTP/1.1");
    out.end_line();
    out.field("Host", head.authority);
    auto put = [&out](const Field& f) {
      if (!is_framing(f.name) && !is_host(f.name)) out.field(f.name, f.value);
    };
    for (const Field& f : head.fields) put(f);
    for (const Field& f : extra) put(f);
    put_framing(out, framing, connection);
  });
}

Slice write_response_head(const ResponseHead& head, BodyFraming framing, ConnectionField connection,
                          std::span<const Field> extra) {
  if (head.interim() || head.status == 204) framing = BodyFraming::none();
  if (framing.kind == BodyFraming::Kind::until_close) connection = ConnectionField::close;
  return compose_twice([&](Sink& out) {
    out.literal("HTTP/1.1 ");
    out.number(static_cast<uint64_t>(head.status));
    out.literal(" ");
    out.text(head.reason.empty() ? reason_phrase(head.status) : head.reason);
    out.end_line();
    auto put = [&out](const Field& f) {
      if (!is_framing(f.name)) out.field(f.name, f.value);
    };
    for (const Field& f : head.fields) put(f);
    for (const Field& f : extra) put(f);
    put_framing(out, framing, connection);
  });
}

void append_chunk(Buffer& out, Buffer payload) {
  if (payload.empty()) return;
  out.append(compose_twice([&](Sink& sink) {
    sink.number(payload.size(), 16);
    sink.end_line();
  }));
  out.append(std::move(payload));
  out.append(Slice::copy_of("\r\n"));
}

void append_last_chunk(Buffer& out, const Fields& trailers) {
  out.append(compose_twice([&](Sink& sink) {
    sink.literal("0");
    sink.end_line();
    for (const Field& f : trailers) sink.field(f.name, f.value);
    sink.end_line();
  }));
}

}  // namespace siding
