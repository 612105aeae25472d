// See h2_server.h.
#include "tests/harness/h2_server.h"

namespace siding::test {

namespace {
constexpr std::string_view kH2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

void append_number(std::string& to, uint64_t n, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) to += static_cast<char>(n >> (8 * i) & 0xff);
}

uint32_t number_at(std::string_view bytes, size_t at, size_t size) {
  uint32_t n = 0;
  for (size_t i = 0; i < size && at + i < bytes.size(); ++i) {
    n = n << 8 | static_cast<unsigned char>(bytes[at + i]);
  }
  return n;
}

/// A string without Huffman code (RFC 7541 5.1, 5.2).
void append_text(std::string& to, std::string_view text) {
  constexpr size_t kPrefix = 127;
  size_t n = text.size();
  if (n < kPrefix) {
    to += static_cast<char>(n);
  } else {
    to += static_cast<char>(kPrefix);
    for (n -= kPrefix; n >= 128; n >>= 7) to += static_cast<char>((n & 0x7f) | 0x80);
    to += static_cast<char>(n);
  }
  to += text;
}
}  // namespace

uint32_t H2Server::Frame::number(size_t at) const { return number_at(payload, at, 4); }

std::string H2Server::Request::field(std::string_view name) const {
  for (const auto& [n, v] : fields) {
    if (n == name) return v;
  }
  return {};
}

H2Server::H2Server(Options options) : options_(std::move(options)) {
  nghttp2_hd_inflate_new(&inflater_);
  if (options_.says_settings) say_settings(options_.settings);
}

H2Server::~H2Server() { nghttp2_hd_inflate_del(inflater_); }

void H2Server::take(std::string_view bytes) {
  in_ += bytes;
  if (!preface) {
    if (in_.size() < kH2Preface.size()) return;
    preface = in_.starts_with(kH2Preface);
    if (!preface) return;
    in_.erase(0, kH2Preface.size());
  }
  while (in_.size() >= 9) {
    const size_t size = number_at(in_, 0, 3);
    if (in_.size() < 9 + size) return;
    Frame f;
    f.type = static_cast<uint8_t>(in_[3]);
    f.flags = static_cast<uint8_t>(in_[4]);
    f.id = static_cast<int32_t>(number_at(in_, 5, 4));
    f.payload = in_.substr(9, size);
    in_.erase(0, 9 + size);
    frames.push_back(f);
    take_frame(f);
  }
}

void H2Server::take_frame(const Frame& f) {
  const bool last = (f.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  switch (f.type) {
    case NGHTTP2_SETTINGS:
      if ((f.flags & NGHTTP2_FLAG_ACK) == 0) frame(NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, "");
      return;
    case NGHTTP2_PING:
      if ((f.flags & NGHTTP2_FLAG_ACK) == 0) frame(NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, f.payload);
      return;
    case NGHTTP2_DATA: {
      Request& r = requests[f.id];
      r.body += f.payload;
      r.ended = r.ended || last;
      if (options_.gives_credit && !f.payload.empty()) {
        window(0, static_cast<uint32_t>(f.payload.size()));
        if (!last) window(f.id, static_cast<uint32_t>(f.payload.size()));
      }
      return;
    }
    case NGHTTP2_RST_STREAM:
      requests[f.id].reset = true;
      requests[f.id].code = f.number();
      return;
    case NGHTTP2_HEADERS: ends_ = last; [[fallthrough]];
    case NGHTTP2_CONTINUATION: break;
    default: return;
  }
  const bool prioritized = f.type == NGHTTP2_HEADERS && (f.flags & NGHTTP2_FLAG_PRIORITY) != 0;
  fields_ += f.payload.substr(prioritized ? 5 : 0);
  if ((f.flags & NGHTTP2_FLAG_END_HEADERS) == 0) return;
  Request& r = requests[f.id];
  Pairs& into = r.fields.empty() ? r.fields : r.trailers;
  const std::string block = std::exchange(fields_, {});
  const auto* at = reinterpret_cast<const uint8_t*>(block.data());
  size_t left = block.size();
  while (true) {
    nghttp2_nv nv{};
    int flags = 0;
    const ssize_t used = nghttp2_hd_inflate_hd2(inflater_, &nv, &flags, at, left, 1);
    if (used < 0) break;
    at += used;
    left -= static_cast<size_t>(used);
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
      into.emplace_back(std::string(reinterpret_cast<char*>(nv.name), nv.namelen),
                        std::string(reinterpret_cast<char*>(nv.value), nv.valuelen));
    }
    if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
  }
  nghttp2_hd_inflate_end_headers(inflater_);
  r.ended = r.ended || ends_;
}

void H2Server::frame(uint8_t type, uint8_t flags, int32_t id, std::string_view payload) {
  append_number(out, payload.size(), 3);
  append_number(out, type, 1);
  append_number(out, flags, 1);
  append_number(out, static_cast<uint32_t>(id), 4);
  out += payload;
}

std::string H2Server::block(const Pairs& fields) {
  std::string out;
  for (const auto& [name, value] : fields) {
    out += '\0';  // a literal that is not indexed (RFC 7541 6.2.2)
    append_text(out, name);
    append_text(out, value);
  }
  return out;
}

void H2Server::head(int32_t id, const Pairs& fields, bool last) {
  const int end = last ? NGHTTP2_FLAG_END_STREAM : 0;
  frame(NGHTTP2_HEADERS, static_cast<uint8_t>(NGHTTP2_FLAG_END_HEADERS | end), id, block(fields));
}

void H2Server::data(int32_t id, std::string_view bytes, bool last) {
  frame(NGHTTP2_DATA, last ? NGHTTP2_FLAG_END_STREAM : NGHTTP2_FLAG_NONE, id, bytes);
}

void H2Server::answer(int32_t id, std::string_view body, const std::string& status) {
  ++requests[id].answered;
  head(id, {{":status", status}, {"content-length", std::to_string(body.size())}}, body.empty());
  if (!body.empty()) data(id, body, true);
}

void H2Server::reset(int32_t id, uint32_t code) {
  std::string payload;
  append_number(payload, code, 4);
  frame(NGHTTP2_RST_STREAM, 0, id, payload);
}

void H2Server::goaway(int32_t last, uint32_t code) {
  std::string payload;
  append_number(payload, static_cast<uint32_t>(last), 4);
  append_number(payload, code, 4);
  frame(NGHTTP2_GOAWAY, 0, 0, payload);
}

void H2Server::say_settings(const Settings& settings) {
  std::string payload;
  for (const auto& [name, value] : settings) {
    append_number(payload, name, 2);
    append_number(payload, value, 4);
  }
  frame(NGHTTP2_SETTINGS, 0, 0, payload);
}

void H2Server::window(int32_t id, uint32_t more) {
  std::string payload;
  append_number(payload, more, 4);
  frame(NGHTTP2_WINDOW_UPDATE, 0, id, payload);
}

std::vector<int32_t> H2Server::waiting() const {
  std::vector<int32_t> ids;
  for (const auto& [id, r] : requests) {
    if (r.ended && r.answered == 0 && !r.reset) ids.push_back(id);
  }
  return ids;
}

size_t H2Server::count(uint8_t type) const {
  size_t n = 0;
  for (const Frame& f : frames) n += f.type == type;
  return n;
}

}  // namespace siding::test
