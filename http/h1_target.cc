// See h1_target.h.
#include "http/h1_target.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "http/h1_syntax.h"

namespace siding {

namespace {

/// inet_pton decides what an IPv6 literal is; zones and IPvFuture have no place on the wire.
bool valid_ipv6(std::string_view text) {
  char buffer[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof(buffer)) return false;
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = '\0';
  in6_addr address;
  return inet_pton(AF_INET6, buffer, &address) == 1;
}

/// Narrower than reg-name: sub-delims and %XX have no use in a host, but several readings.
bool valid_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
  });
}

bool valid_port(std::string_view digits) {
  if (digits.empty()) return true;  // "host:" means the default port (RFC 3986 3.2.3)
  std::optional<uint64_t> port = parse_u64(digits);
  return port && *port <= 65535;
}

std::string_view parse_absolute(std::string_view text, RequestHead& head) {
  size_t colon = text.find(':');
  std::string_view scheme = text.substr(0, colon);
  if (colon == std::string_view::npos || text.substr(colon, 3) != "://") return "bad target form";
  if (equals_ignore_case(scheme, "http")) {
    head.scheme = "http";
  } else if (equals_ignore_case(scheme, "https")) {
    head.scheme = "https";
  } else {
    return "scheme of target is not http";
  }
  std::string_view rest = text.substr(colon + 3);
  size_t end = std::min(rest.find_first_of("/?"), rest.size());
  head.authority = rest.substr(0, end);
  if (!valid_authority(head.authority)) return "bad authority in target";
  head.form = TargetForm::absolute;
  head.target = rest.substr(end);
  if (head.target.empty()) {
    // Without a path, OPTIONS means the whole server (RFC 9112 3.2.4).
    head.target = head.method == "OPTIONS" ? "*" : "/";
  } else if (head.target.front() == '?') {
    std::string with_path = "/";
    with_path += head.target;
    head.target = head.fields.intern(with_path);
  }
  return {};
}

std::string_view parse_authority_form(std::string_view text, RequestHead& head) {
  // The port is required here: there is no scheme to take a default from (RFC 9112 3.2.3).
  if (!valid_authority(text) || !is_digit(text.back()) ||
      text.rfind(':') == std::string_view::npos || text.rfind(':') < text.rfind(']') + 1) {
    return "target of CONNECT is not host:port";
  }
  head.form = TargetForm::authority;
  head.target = head.authority = text;
  return {};
}

}  // namespace

bool valid_authority(std::string_view text) {
  if (text.starts_with('[')) {
    size_t close = text.find(']');
    if (close == std::string_view::npos || !valid_ipv6(text.substr(1, close - 1))) return false;
    std::string_view rest = text.substr(close + 1);
    return rest.empty() || (rest.front() == ':' && valid_port(rest.substr(1)));
  }
  size_t colon = text.find(':');
  if (!valid_name(text.substr(0, colon))) return false;
  return colon == std::string_view::npos || valid_port(text.substr(colon + 1));
}

std::string_view parse_target(std::string_view text, RequestHead& head) {
  if (text.empty()) return "empty target";
  if (h1::find_first<h1::NoTargetBytes>(text) != text.size()) return "bad byte in target";
  if (head.method == "CONNECT") return parse_authority_form(text, head);
  if (text.front() == '/') {
    head.form = TargetForm::origin;
    head.target = text;
    return {};
  }
  if (text == "*") {
    if (head.method != "OPTIONS") return "target * without OPTIONS";
    head.form = TargetForm::asterisk;
    head.target = text;
    return {};
  }
  return parse_absolute(text, head);
}

}  // namespace siding
