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
  explicit Sink(char* at) : at_(at) {}

  void literal(std::string_view text) {
    if (at_ != nullptr && !text.empty()) std::memcpy(at_ + size_, text.data(), text.size());
    size_ += text.size();
  }

  /// Text that came from elsewhere: it cannot end its line.
  void text(std::string_view text) {
    size_t begin = size_;
    literal(text);
    if (at_ == nullptr) return;
    for (size_t i = h1::find_control(text, 0); i < text.size(); i = h1::find_control(text, i + 1)) {
      if (text[i] == '\r' || text[i] == '\n' || text[i] == '\0') at_[begin + i] = ' ';
    }
  }

  void number(uint64_t n, int base = 10) {
    char digits[20];
    char* end = std::to_chars(digits, digits + sizeof(digits), n, base).ptr;
    literal({digits, static_cast<size_t>(end - digits)});
  }

  void field(std::string_view name, std::string_view value) {
    text(name);
    literal(": ");
    text(value);
    literal("\r\n");
  }

  size_t size() const { return size_; }

 private:
  char* at_;  // nullptr: only count
  size_t size_ = 0;
};

template <class Compose>
Slice compose_twice(Compose compose) {
  Sink count(nullptr);
  compose(count);
  BlockRef block = BlockRef::make(count.size());
  Sink write(block->data());
  compose(write);
  assert(write.size() == count.size());
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
    out.literal("\r\n");
  } else if (framing.kind == BodyFraming::Kind::chunked) {
    out.literal("Transfer-Encoding: chunked\r\n");
  }
  if (connection == ConnectionField::close) out.literal("Connection: close\r\n");
  if (connection == ConnectionField::keep_alive) out.literal("Connection: keep-alive\r\n");
  out.literal("\r\n");
}

}  // namespace

Slice write_request_head(const RequestHead& head, BodyFraming framing, ConnectionField connection,
                         std::span<const Field> extra) {
  assert(framing.kind != BodyFraming::Kind::until_close);  // no request ends that way
  return compose_twice([&](Sink& out) {
    out.text(head.method);
    out.literal(" ");
    out.text(head.target);
    out.literal(" HTTP/1.1\r\n");
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
    out.literal("\r\n");
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
    sink.literal("\r\n");
  }));
  out.append(std::move(payload));
  out.append(Slice::copy_of("\r\n"));
}

void append_last_chunk(Buffer& out, const Fields& trailers) {
  out.append(compose_twice([&](Sink& sink) {
    sink.literal("0\r\n");
    for (const Field& f : trailers) sink.field(f.name, f.value);
    sink.literal("\r\n");
  }));
}

}  // namespace siding
