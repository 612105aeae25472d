// See h1_body.h. The framing decision is in h1_framing.cc.
// Chunk lines and trailers are stepped through byte by byte, as they are few; payload is jumped over.
#include "http/h1_body.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "http/h1_syntax.h"

namespace siding {

namespace {

/// RFC 9110 6.5.1 forbids merging these into a head; since somebody behind us might, they stop here.
constexpr std::string_view kNotInTrailers[] = {
    // framing, and this hop
    "connection", "content-length", "host", "keep-alive", "proxy-connection", "te", "trailer",
    "transfer-encoding", "upgrade",
    // what the request asks for
    "cache-control", "expect", "if-match", "if-modified-since", "if-none-match", "if-range",
    "if-unmodified-since", "max-forwards", "pragma", "range", "x-http-method-override",
    // who asks, and who may
    "authentication-info", "authorization", "cookie", "forwarded", "origin", "proxy",
    "proxy-authenticate", "proxy-authentication-info", "proxy-authorization", "referer",
    "set-cookie", "via", "www-authenticate", "x-real-ip", "x-request-id",
    // what the answer is
    "accept-ranges", "age", "content-encoding", "content-range", "content-type", "date", "expires",
    "location", "retry-after", "vary", "warning"};

constexpr std::string_view kNotInTrailersPrefix[] = {"x-forwarded-", "siding-", "sec-"};

}  // namespace

bool trailer_allowed(std::string_view name) {
  std::string key = lower(name);
  // Who folds `_` into `-` would take X_Forwarded_For for the real one.
  if (key.find('_') != std::string::npos) return false;
  for (std::string_view prefix : kNotInTrailersPrefix) {
    if (key.starts_with(prefix)) return false;
  }
  return std::find(std::begin(kNotInTrailers), std::end(kNotInTrailers), key) ==
         std::end(kNotInTrailers);
}

enum class ChunkDecoder::State : uint8_t {
  size,        // hex digits of a chunk's size
  name_first,  // after ';'
  name,
  value_first,  // after '='
  value,
  quoted,
  escaped,  // after a backslash in `quoted`
  quoted_end,
  size_lf,
  data,
  data_cr,
  data_lf,
  trailer,
  trailer_lf,
  done,
};

std::string_view ChunkDecoder::step_size(char c) {
  int digit = hex_value(c);
  if (digit < 0) return digits_ == 0 ? "bad chunk size" : after_extension(c);
  if (++digits_ > 16) return "chunk size of more than 16 digits";
  if (left_ > (INT64_MAX >> 4)) return "chunk size too large";
  left_ = left_ << 4 | static_cast<unsigned>(digit);
  return {};
}

/// RFC 9112 7.1.1, without the "bad white space" that no honest sender needs.
std::string_view ChunkDecoder::step_extension(char c) {
  if (++extension_ > kMaxChunkExtension) return "chunk extension too long";
  bool token = h1::is_token_char(c);
  bool text = !h1::is_control(c);
  switch (state_) {
    case State::name_first: state_ = State::name; return token ? "" : "bad chunk extension";
    case State::name:
      if (token) return {};
      if (c != '=') return after_extension(c);
      state_ = State::value_first;
      return {};
    case State::value_first:
      state_ = c == '"' ? State::quoted : State::value;
      return token || c == '"' ? "" : "bad chunk extension";
    case State::value: return token ? "" : after_extension(c);
    case State::quoted:
      if (c == '"') state_ = State::quoted_end;
      if (c == '\\') state_ = State::escaped;
      return text ? "" : "control byte in chunk extension";
    case State::escaped:
      state_ = State::quoted;
      return text ? "" : "control byte in chunk extension";
    default:  // quoted_end
      return after_extension(c);
  }
}

/// Where the size or an extension may end.
std::string_view ChunkDecoder::after_extension(char c) {
  if (c == '\r') {
    state_ = State::size_lf;
  } else if (c == ';') {
    state_ = State::name_first;
  } else {
    return c == '\n' ? "bare LF in chunk line" : "bad chunk line";
  }
  return {};
}

std::string_view ChunkDecoder::step_trailer(char c) {
  if (++trailer_bytes_ > kMaxTrailerBytes) return "trailers too large";
  if (c == '\r') {
    state_ = State::trailer_lf;
  } else if (h1::is_control(c)) {
    return c == '\n' ? "bare LF in trailers" : "control byte in trailers";
  } else {
    trailer_line_ += c;
  }
  return {};
}

std::string_view ChunkDecoder::end_of_trailer_line() {
  if (trailer_line_.empty()) {
    state_ = State::done;
    return {};
  }
  state_ = State::trailer;
  if (++trailer_count_ > kMaxTrailerFields) return "too many trailers";
  std::string_view name;
  std::string_view value;
  std::string_view wrong = h1::split_field_line(trailer_line_, name, value);
  if (wrong.empty() && trailer_allowed(name)) trailers_.add(name, value);
  trailer_line_.clear();
  return wrong;
}

std::string_view ChunkDecoder::step(char c) {
  switch (state_) {
    case State::size: return step_size(c);
    case State::size_lf:
      if (c != '\n') return "bare CR in chunk line";
      state_ = left_ == 0 ? State::trailer : State::data;
      return {};
    case State::data_cr:
      state_ = State::data_lf;
      return c == '\r' ? "" : "chunk longer than its size";
    case State::data_lf:
      state_ = State::size;
      digits_ = 0;
      extension_ = 0;
      return c == '\n' ? "" : "bare CR after chunk";
    case State::trailer: return step_trailer(c);
    case State::trailer_lf: return c == '\n' ? end_of_trailer_line() : "bare CR in trailers";
    default: return step_extension(c);
  }
}

ChunkDecoder::Step ChunkDecoder::decode(std::string_view in) {
  Step step;
  while (reason_.empty() && step.consumed < in.size() && state_ != State::done) {
    if (state_ == State::data) {
      step.data_offset = step.consumed;
      step.data_size = static_cast<size_t>(std::min<uint64_t>(left_, in.size() - step.consumed));
      step.consumed += step.data_size;
      left_ -= step.data_size;
      if (left_ == 0) state_ = State::data_cr;
      break;
    }
    reason_ = this->step(in[step.consumed]);
    if (reason_.empty()) ++step.consumed;
  }
  step.status = !reason_.empty()        ? Status::fault
                : state_ == State::done ? Status::done
                                        : Status::more;
  return step;
}

namespace {

/// Appends pieces of one slice to a buffer. Runs of small pieces share one block, so that a body of
/// one-byte chunks costs about its bytes and not a block for each.
class Gather {
 public:
  Gather(const Slice& in, Buffer& out) : in_(in), out_(out) {}
  ~Gather() { flush(); }

  void add(size_t offset, size_t size) {
    bool small = size * 4 < in_.block()->capacity();  // what Buffer would copy by itself
    if (!small) {
      flush();
      Slice piece = in_;
      piece.remove_prefix(offset);
      out_.append(piece.first(size));
      return;
    }
    if (!block_) block_ = BlockRef::make(in_.size() - offset);
    std::memcpy(block_->data() + used_, in_.data() + offset, size);
    used_ += size;
  }

 private:
  void flush() {
    if (used_ > 0) out_.append(Slice(std::exchange(block_, BlockRef()), 0, used_));
    used_ = 0;
  }

  const Slice& in_;
  Buffer& out_;
  BlockRef block_;
  size_t used_ = 0;
};

}  // namespace

BodyDecoder::BodyDecoder(BodyFraming framing)
    : framing_(framing), state_(framing.empty() ? State::ended : State::open) {
  if (framing.kind == BodyFraming::Kind::chunked) chunks_ = std::make_unique<ChunkDecoder>();
}

size_t BodyDecoder::feed(const Slice& in, Buffer& out) {
  if (state_ != State::open || in.size() == 0) return 0;
  if (chunks_) return feed_chunks(in, out);
  uint64_t most =
      framing_.kind == BodyFraming::Kind::length ? framing_.length - received_ : in.size();
  size_t n = static_cast<size_t>(std::min<uint64_t>(most, in.size()));
  out.append(in.first(n));
  received_ += n;
  if (framing_.kind == BodyFraming::Kind::length && received_ == framing_.length) {
    state_ = State::ended;
  }
  return n;
}

size_t BodyDecoder::feed_chunks(const Slice& in, Buffer& out) {
  Gather gather(in, out);
  size_t done = 0;
  while (done < in.size() && state_ == State::open) {
    ChunkDecoder::Step step = chunks_->decode(in.view().substr(done));
    if (step.data_size > 0) gather.add(done + step.data_offset, step.data_size);
    received_ += step.data_size;
    done += step.consumed;
    if (step.status == ChunkDecoder::Status::done) state_ = State::ended;
    if (step.status == ChunkDecoder::Status::fault) state_ = State::failed;
  }
  return done;
}

bool BodyDecoder::finish_on_close() {
  if (state_ == State::open) {
    state_ = framing_.kind == BodyFraming::Kind::until_close ? State::ended : State::failed;
  }
  return state_ == State::ended;
}

std::string_view BodyDecoder::reason() const {
  if (chunks_ && !chunks_->reason().empty()) return chunks_->reason();
  return "closed inside the body";
}

Fields BodyDecoder::take_trailers() { return chunks_ ? chunks_->take_trailers() : Fields(); }

}  // namespace siding
