// See h2_head.h.
#include "http/h2_head.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.h"
#include "http/h1_body.h"
#include "http/h1_syntax.h"
#include "http/h1_target.h"

namespace siding {

namespace {
constexpr size_t kMaxMethodName = 64;
/// What a field costs beside its text (RFC 9113 6.5.2, RFC 7541 4.1).
constexpr size_t kFieldOverhead = 32;

/// RFC 9113 8.2.2. TE is judged by its value.
constexpr std::array<std::string_view, 5> kOfOneConnection = {
    "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"};

bool of_one_connection(std::string_view name) {
  return std::any_of(kOfOneConnection.begin(), kOfOneConnection.end(),
                     [&](std::string_view n) { return equals_ignore_case(n, name); });
}
}  // namespace

void H2HeadReader::begin_head() {
  text_.clear();
  fields_.clear();
  count_ = bytes_ = 0;
  fault_ = {};
}

void H2HeadReader::fail(ParseFault fault) {
  if (fault_.reason.empty()) fault_ = fault;
}

H2HeadReader::Mark H2HeadReader::keep(std::string_view text) {
  const Mark mark{static_cast<uint32_t>(text_.size()), static_cast<uint32_t>(text.size())};
  text_ += text;
  return mark;
}

void H2HeadReader::keep_field(std::string_view name, std::string_view value) {
  const Mark kept = keep(name);
  fields_.push_back({kept, keep(trim_ows(value))});
}

/// False: nothing is to be done with it, because of a fault.
bool H2HeadReader::within_limits(std::string_view name, std::string_view value) {
  bytes_ += name.size() + value.size() + kFieldOverhead;
  if (!name.starts_with(':')) ++count_;
  if (!fault_.reason.empty()) return false;
  if (bytes_ > limits_.max_head) {
    fail({Outcome::head_too_large, "head too large"});
  } else if (count_ > limits_.max_fields) {
    fail({Outcome::head_too_large, "too many fields"});
  }
  return fault_.reason.empty();
}

/// What is wrong with a field line, or "".
std::string_view H2HeadReader::check(std::string_view name, std::string_view value) {
  if (!h1::is_token(name)) return "bad field name";
  if (h1::find_control(value, 0) != value.size()) return "control byte in field value";
  if (of_one_connection(name)) return "a field of one connection";
  return {};
}

void H2RequestReader::begin() {
  begin_head();
  cookie_.clear();
  method_ = path_ = authority_ = protocol_ = {};
}

void H2RequestReader::add(std::string_view name, std::string_view value) {
  if (!within_limits(name, value)) return;
  if (name.starts_with(':')) {
    add_pseudo(name, value);
  } else if (std::string_view wrong = check(name, value); !wrong.empty()) {
    fail(ParseFault::bad_request(wrong));
  } else if (name == "te" && !equals_ignore_case(trim_ows(value), "trailers")) {
    fail(ParseFault::bad_request("TE other than trailers"));
  } else if (name == "cookie") {
    if (!cookie_.empty()) cookie_ += "; ";
    cookie_ += value;
  } else {
    keep_field(name, value);
  }
}

/// Which there must be, and in which order, whoever reads frames has looked at.
void H2RequestReader::add_pseudo(std::string_view name, std::string_view value) {
  if (name == ":method") {
    if (value.size() > kMaxMethodName) {
      fail({Outcome::not_implemented, "method too long"});
    } else if (!h1::is_token(value)) {
      fail(ParseFault::bad_request("bad method"));
    } else {
      method_ = keep(value);
    }
  } else if (name == ":path") {
    if (value.size() > limits_.max_target) {
      fail({Outcome::target_too_long, "target too long"});
    } else {
      path_ = keep(value);
    }
  } else if (name == ":authority") {
    authority_ = keep(value);
  } else if (name == ":protocol") {
    protocol_ = keep(value);
  }
}

RequestHead H2RequestReader::take() {
  RequestHead head;
  head.http2 = true;
  if (!fault().reason.empty()) return head;
  // One block for all that is kept.
  const Mark cookie = keep(cookie_);
  BlockRef block = BlockRef::copy_of(text_);
  const char* text = block->data();
  auto view = [text](Mark m) { return std::string_view(text + m.at, m.size); };
  head.fields.keep(std::move(block));
  head.fields.reserve(fields_.size() + 2);
  head.method = view(method_);
  head.authority = view(authority_);

  const bool extended = protocol_.size > 0;
  head.protocol = view(protocol_);
  std::string_view target = head.method == "CONNECT" && !extended ? head.authority : view(path_);
  // CONNECT with a protocol asks for a path, like GET.
  RequestHead as_read;
  as_read.method = extended ? std::string_view("GET") : head.method;
  std::string_view wrong = parse_target(target, as_read);
  if (wrong.empty() && as_read.form == TargetForm::absolute) wrong = "bad target form";
  head.target = target;
  head.form = as_read.form;

  size_t hosts = 0;
  for (const FieldMark& f : fields_) {
    if (view(f.name) != "host") continue;
    ++hosts;
    if (head.authority.empty()) head.authority = view(f.value);
    if (!equals_ignore_case(view(f.value), head.authority) && wrong.empty()) {
      wrong = ":authority and host differ";  // RFC 9113 8.3.1
    }
  }
  if (wrong.empty() && hosts > 1) wrong = "two host fields";
  if (wrong.empty() && !valid_authority(head.authority)) wrong = "bad :authority";
  // As an HTTP/1 request has it, once.
  head.fields.add_view("host", head.authority);
  for (const FieldMark& f : fields_) {
    if (view(f.name) != "host") head.fields.add_view(view(f.name), view(f.value));
  }
  if (cookie.size > 0) head.fields.add_view("cookie", view(cookie));
  if (!wrong.empty()) {
    fail(ParseFault::bad_request(wrong));
  } else if (ParseFault framing = request_framing(head).fault; !framing.reason.empty()) {
    fail(framing);
  }
  return head;
}

void H2ResponseReader::begin() {
  begin_head();
  status_ = 0;
}

/// Which pseudo fields there must be, and where, whoever reads frames has looked at.
void H2ResponseReader::add(std::string_view name, std::string_view value) {
  if (!within_limits(name, value)) return;
  if (name == ":status") {
    const std::optional<uint64_t> status = parse_u64(value);
    const bool known = value.size() == 3 && status && *status >= 100 && *status <= 599;
    // RFC 9113 8.6: nothing is switched to here.
    if (!known || *status == 101) {
      fail(ParseFault::bad_request(known ? "101 in HTTP/2" : "bad status code"));
    } else {
      status_ = static_cast<int>(*status);
    }
  } else if (std::string_view wrong = check(name, value); !wrong.empty()) {
    fail(ParseFault::bad_request(wrong));
  } else {
    keep_field(name, value);
  }
}

ResponseHead H2ResponseReader::take() {
  ResponseHead head;
  head.http2 = true;
  if (status_ == 0) fail(ParseFault::bad_request("no status"));
  if (!fault().reason.empty()) return head;
  head.status = status_;
  BlockRef block = BlockRef::copy_of(text_);
  const char* text = block->data();
  auto view = [text](Mark m) { return std::string_view(text + m.at, m.size); };
  head.fields.keep(std::move(block));
  head.fields.reserve(fields_.size() + 2);
  for (const FieldMark& f : fields_) head.fields.add_view(view(f.name), view(f.value));
  return head;
}

Framing H2ResponseReader::framing_of(std::string_view method, const ResponseHead& head,
                                     bool ended) {
  Framing framing = response_framing(method, head);
  // The end of its frames is that of the body; a length, if one is named, whoever reads frames holds
  // against them. What is empty may have trailers behind it.
  auto as_framed = [ended](BodyFraming f) {
    if (f.kind == BodyFraming::Kind::none) return f;
    if (ended) return BodyFraming::of_length(0);
    const bool named = f.kind == BodyFraming::Kind::length && f.length > 0;
    return named ? f : BodyFraming::chunked();
  };
  framing.body = as_framed(framing.body);
  if (framing.body.kind != BodyFraming::Kind::none) framing.declared = framing.body;
  return framing;
}

bool add_h2_trailer(Fields& trailers, std::string_view name, std::string_view value) {
  if (trailers.size() >= kMaxTrailerFields || trailers.footprint() > kMaxTrailerBytes ||
      !h1::is_token(name) || !trailer_allowed(name) || h1::find_control(value, 0) != value.size()) {
    return false;
  }
  trailers.add(name, trim_ows(value));
  return true;
}

bool h2_field_allowed(std::string_view name) {
  return !of_one_connection(name) && !equals_ignore_case(name, "content-length");
}

bool h2_request_field_allowed(std::string_view name) {
  return h2_field_allowed(name) && !equals_ignore_case(name, "host") &&
         !equals_ignore_case(name, "te");
}

}  // namespace siding
