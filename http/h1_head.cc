// See h1_head.h.
// Bytes are looked at once: find_control() stops at each line's CR, or at a fault. Each line is
// checked when it is complete and remembered as offsets, because the input may move until the head is
// whole; only then are the views made, of a copy of the text unless its block may be kept. The start
// line alone is read twice.
#include "http/h1_head.h"

#include <algorithm>
#include <cassert>
#include <type_traits>
#include <utility>

#include "base/small_pool.h"
#include "base/text.h"
#include "http/h1_body.h"
#include "http/h1_syntax.h"
#include "http/h1_target.h"

namespace siding {

namespace {

constexpr size_t kMaxMethod = 64;
/// Bytes of a request line besides the target: method, two spaces, version.
constexpr size_t kMaxAroundTarget = kMaxMethod + 2 + 8;
constexpr size_t kUsualFields = 16;
/// A head that is less than this share of the block it came in is copied out of it.
constexpr size_t kShareAtLeast = 2;

/// "HTTP/1.1" -> 11; -1 if it is none. Case matters (RFC 9112 2.3).
int version_of(std::string_view text) {
  if (text.size() != 8 || !text.starts_with("HTTP/") || text[6] != '.') return -1;
  if (!is_digit(text[5]) || !is_digit(text[7])) return -1;
  return (text[5] - '0') * 10 + (text[7] - '0');
}

/// A request line whose length alone condemns it, even while it is incomplete. Only its beginning may
/// count, else the outcome would depend on how much of it has come.
ParseFault fault_of_long_line(std::string_view line) {
  if (h1::token_size(line.substr(0, kMaxMethod + 1)) > kMaxMethod) {
    return {Outcome::not_implemented, "method too long"};
  }
  return {Outcome::target_too_long, "target too long"};
}

/// RFC 9112 3.
ParseFault parse_start_line(std::string_view line, const HeadLimits& limits, RequestHead& head) {
  size_t n = h1::token_size(line);
  if (n > kMaxMethod) return {Outcome::not_implemented, "method too long"};
  if (n == 0 || n == line.size() || line[n] != ' ') return ParseFault::bad_request("bad method");
  head.method = line.substr(0, n);
  std::string_view rest = line.substr(n + 1);
  size_t space = rest.find(' ');
  if (space == std::string_view::npos) return ParseFault::bad_request("no HTTP version");
  if (rest.find(' ', space + 1) != std::string_view::npos)
    return ParseFault::bad_request("space in target");
  int version = version_of(rest.substr(space + 1));
  if (version < 0) {
    return ParseFault::bad_request(
        equals_ignore_case(rest.substr(space + 1, 4), "http") ? "bad HTTP version" : kNotHttp);
  }
  if (version != 10 && version != 11) {
    return {Outcome::version_unsupported, head.method == "PRI" ? kNotHttp : "HTTP version"};
  }
  head.minor_version = version - 10;
  if (space > limits.max_target) return {Outcome::target_too_long, "target too long"};
  std::string_view wrong = parse_target(rest.substr(0, space), head);
  return wrong.empty() ? ParseFault{} : ParseFault::bad_request(wrong);
}

/// RFC 9112 4; the space before an absent reason may be missing.
ParseFault parse_start_line(std::string_view line, const HeadLimits&, ResponseHead& head) {
  int version = version_of(line.substr(0, 8));
  if (version < 0) return ParseFault::bad_request(kNotHttp);
  if (version != 10 && version != 11) return ParseFault::bad_request("HTTP version");
  head.minor_version = version - 10;
  std::string_view code = line.substr(8);
  if (code.size() < 4 || code[0] != ' ' || (code.size() > 4 && code[4] != ' ')) {
    return ParseFault::bad_request("bad status code");
  }
  std::optional<uint64_t> status = parse_u64(code.substr(1, 3));
  if (!status || *status < 100 || *status > 599) return ParseFault::bad_request("bad status code");
  head.status = static_cast<int>(*status);
  head.reason = code.size() > 5 ? code.substr(5) : std::string_view();
  return {};
}

/// What concerns the head as a whole: Host (RFC 9112 3.2) and framing.
ParseFault finish(RequestHead& head) {
  const Field* host = nullptr;
  for (const Field& f : head.fields) {
    if (f.name.size() != 4 || !equals_ignore_case(f.name, "host")) continue;
    if (host != nullptr) return ParseFault::bad_request("two Host fields");
    host = &f;
  }
  if (host == nullptr && head.minor_version >= 1) return ParseFault::bad_request("no Host field");
  // An empty one is legal, and load balancers' probes send it.
  std::string_view named = host == nullptr ? std::string_view() : host->value;
  if (!named.empty() && !valid_authority(named)) return ParseFault::bad_request("bad Host");
  if (head.form == TargetForm::origin || head.form == TargetForm::asterisk) {
    head.authority = named;
  } else if (named != head.authority) {
    // The target wins; nobody behind here shall meet the other (RFC 9112 3.2.2).
    head.fields.set("Host", head.authority);
  }
  return request_framing(head).fault;
}

ParseFault finish(ResponseHead&) { return {}; }  // framing depends on the request

template <class Head>
constexpr bool kIsRequest = std::is_same_v<Head, RequestHead>;

}  // namespace

template <class Head>
struct HeadParser<Head>::Work : Pooled {
  struct FieldMark {
    uint32_t name;
    uint32_t name_size;
    uint32_t value;
    uint32_t value_size;
  };

  Head head;                       // made when the last line is there
  PooledVector<FieldMark> fields;  // offsets into the input
  uint32_t start = 0;              // where the start line begins
  uint32_t start_size = 0;         // 0 until it is complete
  uint32_t line = 0;               // where the current line begins
  uint32_t scan = 0;               // no control byte in the current line before it
  bool done = false;

  /// `seen` bytes are needed to judge what comes next; more than the limits allow is a fault.
  ParseFault over_limit(std::string_view data, size_t seen, const HeadLimits& limits) const {
    size_t line_end = start + limits.max_target + kMaxAroundTarget + 2;
    if (kIsRequest<Head> && start_size == 0 && line_end < limits.max_head && seen > line_end) {
      return fault_of_long_line(data.substr(start));
    }
    if (seen > limits.max_head) return {Outcome::head_too_large, "head too large"};
    return {};
  }

  ParseFault add_line(std::string_view data, std::string_view text, const HeadLimits& limits) {
    if (start_size == 0) {
      Head scratch;
      start_size = static_cast<uint32_t>(text.size());
      return parse_start_line(text, limits, scratch);
    }
    if (fields.size() >= limits.max_fields) return {Outcome::head_too_large, "too many fields"};
    if (fields.capacity() == 0) fields.reserve(kUsualFields);
    std::string_view name;
    std::string_view value;
    std::string_view wrong = h1::split_field_line(text, name, value);
    if (!wrong.empty()) return ParseFault::bad_request(wrong);
    auto offset = [&data](std::string_view v) {
      return static_cast<uint32_t>(v.data() - data.data());
    };
    fields.push_back({offset(name), static_cast<uint32_t>(name.size()), offset(value),
                      static_cast<uint32_t>(value.size())});
    return {};
  }

  /// All lines are there and valid: copies the text and points the views at the copy.
  ParseFault build(std::string_view data, const HeadLimits& limits, const BlockRef* owner) {
    std::string_view text = data.substr(start, line - start);
    if (owner != nullptr && text.size() * kShareAtLeast >= (*owner)->capacity()) {
      head.fields.keep(*owner);
    } else {
      BlockRef block = BlockRef::copy_of(text);
      text = {block->data(), text.size()};
      head.fields.keep(std::move(block));
    }
    head.fields.reserve(fields.size());
    for (const FieldMark& f : fields) {
      head.fields.add_view(text.substr(f.name - start, f.name_size),
                           text.substr(f.value - start, f.value_size));
    }
    parse_start_line(text.substr(0, start_size), limits, head);
    done = true;
    return finish(head);
  }
};

template <class Head>
HeadParser<Head>::HeadParser(const HeadLimits& limits) : limits_(&limits) {}
template <class Head>
HeadParser<Head>::HeadParser(HeadParser&&) noexcept = default;
template <class Head>
HeadParser<Head>& HeadParser<Head>::operator=(HeadParser&&) noexcept = default;
template <class Head>
HeadParser<Head>::~HeadParser() = default;

template <class Head>
ParseStatus HeadParser<Head>::fail(ParseFault fault) {
  fault_ = kIsRequest<Head> ? fault : ParseFault{Outcome::backend_malformed, fault.reason};
  work_.reset();
  return ParseStatus::fault;
}

template <class Head>
ParseStatus HeadParser<Head>::feed(std::string_view data, const BlockRef* owner) {
  if (!fault_.reason.empty()) return ParseStatus::fault;
  if (data.empty()) return ParseStatus::incomplete;
  if (!work_) work_ = std::make_unique<Work>();
  Work& w = *work_;
  while (!w.done) {
    size_t at = h1::find_control(data, w.scan);
    size_t seen = std::min(data.size(), at + (at < data.size() && data[at] == '\r' ? 2 : 1));
    ParseFault fault = w.over_limit(data, seen, *limits_);
    if (!fault.reason.empty()) return fail(fault);
    w.scan = static_cast<uint32_t>(at);
    if (at == data.size()) return ParseStatus::incomplete;
    if (data[at] != '\r') {
      return fail(ParseFault::bad_request(data[at] == '\n' ? "bare LF" : "control byte"));
    }
    if (at + 1 == data.size()) return ParseStatus::incomplete;
    if (data[at + 1] != '\n') return fail(ParseFault::bad_request("bare CR"));

    std::string_view text = data.substr(w.line, at - w.line);
    w.line = w.scan = static_cast<uint32_t>(at + 2);
    if (!text.empty()) {
      fault = w.add_line(data, text, *limits_);
    } else if (w.start_size > 0) {
      fault = w.build(data, *limits_, owner);
    } else if (kIsRequest<Head> && w.start == 0) {
      w.start = 2;  // left over from a previous body, by a client of old (RFC 9112 2.2)
    } else {
      fault = ParseFault::bad_request("empty start line");
    }
    if (!fault.reason.empty()) return fail(fault);
  }
  consumed_ = w.line;
  return ParseStatus::done;
}

template <class Head>
Head HeadParser<Head>::take() {
  assert(work_ && work_->done);
  Head head = std::move(work_->head);
  work_.reset();
  return head;
}

template <class Head>
void HeadParser<Head>::reset() {
  work_.reset();
  consumed_ = 0;
  fault_ = {};
}

template class HeadParser<RequestHead>;
template class HeadParser<ResponseHead>;

}  // namespace siding
