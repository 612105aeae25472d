// The framing decision of h1_body.h: what Transfer-Encoding and Content-Length say together.
// Invariant: whatever RFC 9112 section 6.3 lets a recipient guess is a fault.
#include "base/text.h"
#include "http/h1_body.h"
#include "http/h1_syntax.h"

namespace siding {

namespace {

/// What the framing fields of one head add up to.
struct FramingFields {
  bool has_coding = false;
  bool chunked = false;
  bool unknown_coding = false;
  bool has_length = false;
  uint64_t length = 0;
  ParseFault fault;

  void add_codings(std::string_view list);
  void add_length(std::string_view text, bool repeat_allowed);
};

/// One Transfer-Encoding line. Empty items and parameters are legal in general, but only `chunked`
/// comes this way from honest senders.
void FramingFields::add_codings(std::string_view list) {
  has_coding = true;
  while (fault.reason.empty()) {
    size_t comma = list.find(',');
    std::string_view coding = trim_ows(list.substr(0, comma));
    if (!h1::is_token(coding)) {
      fault = ParseFault::bad_request("malformed Transfer-Encoding");
    } else if (chunked) {
      fault = ParseFault::bad_request("chunked is not last or not alone");
    } else if (equals_ignore_case(coding, "chunked")) {
      chunked = true;
    } else {
      unknown_coding = true;
    }
    if (comma == std::string_view::npos) return;
    list.remove_prefix(comma + 1);
  }
}

void FramingFields::add_length(std::string_view text, bool repeat_allowed) {
  std::optional<uint64_t> value = parse_u64(text);
  if (!value || *value > INT64_MAX) {
    fault = ParseFault::bad_request("bad Content-Length");
  } else if (has_length && (!repeat_allowed || *value != length)) {
    fault = ParseFault::bad_request("two Content-Length fields");
  } else {
    has_length = true;
    length = *value;
  }
}

FramingFields read_framing_fields(const Fields& fields, int minor_version, bool repeat_allowed) {
  FramingFields f;
  for (const Field& field : fields) {
    if (field.name.size() == 14 && equals_ignore_case(field.name, "content-length")) {
      f.add_length(field.value, repeat_allowed);
    } else if (field.name.size() == 17 && equals_ignore_case(field.name, "transfer-encoding")) {
      f.add_codings(field.value);
    }
    if (!f.fault.reason.empty()) return f;
  }
  if (f.has_coding && f.has_length) {
    f.fault = ParseFault::bad_request("Transfer-Encoding and Content-Length");
  } else if (f.has_coding && minor_version < 1) {
    f.fault = ParseFault::bad_request("Transfer-Encoding in HTTP/1.0");
  } else if (f.unknown_coding) {
    f.fault = {Outcome::not_implemented, "unknown transfer coding"};
  }
  return f;
}

}  // namespace

Framing request_framing(const RequestHead& head) {
  FramingFields f = read_framing_fields(head.fields, head.minor_version, false);
  Framing result;
  result.fault = f.fault;
  if (f.chunked) {
    result.body = BodyFraming::chunked();
  } else if (f.has_length) {
    result.body = BodyFraming::of_length(f.length);
  }
  result.declared = result.body;
  return result;
}

Framing response_framing(std::string_view request_method, const ResponseHead& head) {
  // Equal lengths said twice are common, and harmless as we write our own (RFC 9112 6.3 rule 5).
  FramingFields f = read_framing_fields(head.fields, head.minor_version, true);
  Framing result;
  if (!f.fault.reason.empty()) {
    result.fault = {Outcome::backend_malformed, f.fault.reason};
    return result;
  }
  if (head.interim() || head.status == 204 || head.status == 304) return result;
  if (request_method == "CONNECT" && head.status < 300) return result;
  if (f.chunked) {
    result.body = BodyFraming::chunked();
  } else if (f.has_length) {
    result.body = BodyFraming::of_length(f.length);
  } else if (request_method != "HEAD") {
    result.body = BodyFraming::until_close();
  }
  result.declared = result.body;
  if (request_method == "HEAD") result.body = BodyFraming::none();
  return result;
}

}  // namespace siding
