// Message heads as every part of siding sees them, whatever the HTTP version on the wire.
// Invariant: the text that the views point at is owned by the head's own `fields`.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "http/fields.h"

namespace siding {

/// The request target's form (RFC 9112 section 3.2).
enum class TargetForm : uint8_t { origin, absolute, authority, asterisk };

struct RequestHead {
  std::string_view method;
  /// Origin-form path and query ("*" for asterisk-form), exactly as received.
  std::string_view target = "/";
  /// "http" or "https"; where the request line named none, that of the listener.
  std::string_view scheme = "http";
  /// Host and optional port: from the absolute-form if there was one, else the Host field. Empty
  /// where an HTTP/1.0 client sent none.
  std::string_view authority;
  TargetForm form = TargetForm::origin;
  /// That an extended CONNECT asks for, such as "websocket" (RFC 8441); empty: it is none.
  std::string_view protocol;
  int minor_version = 1;  ///< of HTTP/1 as received; 1 for later versions
  bool http2 = false;     ///< as received
  Fields fields;

  std::string_view path() const { return target.substr(0, target.find('?')); }
  /// Without the question mark; empty if there is none.
  std::string_view query() const {
    size_t q = target.find('?');
    return q == std::string_view::npos ? std::string_view() : target.substr(q + 1);
  }
};

struct ResponseHead {
  int status = 200;
  std::string_view reason;
  int minor_version = 1;
  Fields fields;
  bool http2 = false;  ///< as received

  bool interim() const { return status < 200; }
};

/// How a body ends (RFC 9112 section 6.3).
struct BodyFraming {
  enum class Kind : uint8_t { none, length, chunked, until_close };
  Kind kind = Kind::none;
  uint64_t length = 0;  ///< for Kind::length

  static BodyFraming none() { return {}; }
  static BodyFraming of_length(uint64_t n) { return {Kind::length, n}; }
  static BodyFraming chunked() { return {Kind::chunked, 0}; }
  static BodyFraming until_close() { return {Kind::until_close, 0}; }
  bool empty() const { return kind == Kind::none || (kind == Kind::length && length == 0); }
};

/// GET, HEAD, OPTIONS, TRACE and QUERY (RFC 9110 9.2.1, RFC 10008).
bool is_safe(std::string_view method);
/// The safe ones, PUT and DELETE (RFC 9110 9.2.2): may be sent again when an answer was lost.
bool is_idempotent(std::string_view method);
/// The registered reason phrase, or "" for an unknown status.
std::string_view reason_phrase(int status);

}  // namespace siding
