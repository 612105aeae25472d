// See h1_write.h. Sizes are summed up first, so that a head is one block and written in one go.
#include "http/h1_write.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cstring>

#include "base/text.h"
#include "http/h1_syntax.h"

namespace siding {

namespace {

constexpr size_t kMaxDigits = 20;
/// Version, spaces, status and line end of a start line; Content-Length or Transfer-Encoding and
/// Connection; the empty line.
constexpr size_t kMaxStartLine = 32;
constexpr size_t kMaxFraming = 80;

/// Most names and values are shorter than a call of memcpy() is worth.
inline void copy_text(char* to, std::string_view text) {
  const char* from = text.data();
  size_t n = text.size();
  if (n > 16) {
    std::memcpy(to, from, n);
  } else if (n >= 8) {
    std::memcpy(to, from, 8);
    std::memcpy(to + n - 8, from + n - 8, 8);
  } else if (n >= 4) {
    std::memcpy(to, from, 4);
    std::memcpy(to + n - 4, from + n - 4, 4);
  } else {
    for (size_t i = 0; i < n; ++i) to[i] = from[i];
  }
}

class Sink {
 public:
  /// `careful`: text that came from elsewhere is looked at byte by byte, so that it cannot end a line.
  explicit Sink(char* at, bool careful = false) : begin_(at), at_(at), careful_(careful) {}

  void literal(std::string_view text) {
    copy_text(at_, text);
    at_ += text.size();
  }

  /// Text that came from elsewhere.
  void text(std::string_view text) {
    char* begin = at_;
    literal(text);
    if (careful_) std::replace_if(begin, at_, h1::ends_line, ' ');
  }

  void number(uint64_t n, int base = 10) {
    at_ = std::to_chars(at_, at_ + kMaxDigits, n, base).ptr;
  }

  void end_line() {
    *at_++ = '\r';
    *at_++ = '\n';
    ++lines_;
  }

  void field(std::string_view name, std::string_view value) {
    text(name);
    *at_++ = ':';
    *at_++ = ' ';
    text(value);
    end_line();
  }

  std::string_view written() const { return {begin_, static_cast<size_t>(at_ - begin_)}; }
  size_t lines() const { return lines_; }

 private:
  char* const begin_;
  char* at_;
  const bool careful_;
  size_t lines_ = 0;
};

/// One block of `most` bytes, which is at least what `compose` writes.
template <class Compose>
Slice write_block(size_t most, Compose compose) {
  BlockRef block = BlockRef::make(most);
  Sink sink(block->data());
  compose(sink);
  size_t size = sink.written().size();
  assert(size <= most);
  // One look at the whole is cheaper than one at each value: nothing ends a line but we do.
  if (h1::count_line_ends(sink.written()) != 2 * sink.lines()) {
    Sink again(block->data(), true);
    compose(again);
  }
  return Slice(std::move(block), 0, size);
}

size_t size_of(std::span<const Field> fields) {
  size_t size = 0;
  for (const Field& f : fields) size += f.name.size() + f.value.size() + 4;
  return size;
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
  if (connection == ConnectionField::upgrade) out.field("Connection", "upgrade");
  out.end_line();
}

}  // namespace

Slice write_request_head(const RequestHead& head, BodyFraming framing, ConnectionField connection,
                         std::span<const Field> extra) {
  assert(framing.kind != BodyFraming::Kind::until_close);  // no request ends that way
  size_t most = kMaxStartLine + head.method.size() + head.target.size() + head.authority.size() +
                sizeof("Host: \r\n") + size_of(head.fields.view()) + size_of(extra) + kMaxFraming;
  return write_block(most, [&](Sink& out) {
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
  std::string_view reason = head.reason.empty() ? reason_phrase(head.status) : head.reason;
  size_t most =
      kMaxStartLine + reason.size() + size_of(head.fields.view()) + size_of(extra) + kMaxFraming;
  return write_block(most, [&](Sink& out) {
    out.literal("HTTP/1.1 ");
    out.number(static_cast<uint64_t>(head.status));
    out.literal(" ");
    out.text(reason);
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
  out.append(write_block(kMaxDigits + 2, [&](Sink& sink) {
    sink.number(payload.size(), 16);
    sink.end_line();
  }));
  out.append(std::move(payload));
  out.append(Slice::copy_of("\r\n"));
}

void append_last_chunk(Buffer& out, const Fields& trailers) {
  out.append(write_block(size_of(trailers.view()) + 5, [&](Sink& sink) {
    sink.literal("0");
    sink.end_line();
    for (const Field& f : trailers) sink.field(f.name, f.value);
    sink.end_line();
  }));
}

}  // namespace siding
