// See uri.h.
#include "http/uri.h"

#include <arpa/inet.h>

#include <algorithm>

#include "base/text.h"

namespace siding {

void percent_encode(std::string_view text, const CharSet& keep, std::string& out) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  for (char c : text) {
    if (keep.has(c)) {
      out += c;
      continue;
    }
    auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
}

bool is_escape(std::string_view text, size_t at) {
  return text.size() > at + 2 && text[at] == '%' && hex_value(text[at + 1]) >= 0 &&
         hex_value(text[at + 2]) >= 0;
}

char escaped_byte(std::string_view text, size_t at) {
  return static_cast<char>(hex_value(text[at + 1]) * 16 + hex_value(text[at + 2]));
}

std::string percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (is_escape(text, i)) {
      out += escaped_byte(text, i);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string form_encode(std::string_view text) {
  constexpr CharSet kAndSpace = kUnreserved.with(" ");
  std::string out;
  percent_encode(text, kAndSpace, out);
  std::replace(out.begin(), out.end(), ' ', '+');
  return out;
}

std::string form_decode(std::string_view text) {
  std::string spaced(text);
  for (char& c : spaced) {
    if (c == '+') c = ' ';
  }
  return percent_decode(spaced);
}

// --- Paths ---------------------------------------------------------------------------------------

bool has_dot_segment(std::string_view decoded_path) {
  while (true) {
    size_t end = decoded_path.find_first_of("/\\");
    std::string_view segment = decoded_path.substr(0, end);
    segment = segment.substr(0, segment.find(';'));
    if (segment == "." || segment == "..") return true;
    if (end == std::string_view::npos) return false;
    decoded_path.remove_prefix(end + 1);
  }
}

std::string remove_dot_segments(std::string_view path, bool& found) {
  std::string out;
  out.reserve(path.size());
  while (!path.empty()) {
    size_t end = path.find('/', 1);
    std::string_view slash_and_segment = path.substr(0, end);
    path = end == std::string_view::npos ? std::string_view() : path.substr(end);

    bool same = slash_and_segment == "/.";
    bool up = slash_and_segment == "/..";
    if (up) out.erase(out.empty() ? 0 : out.rfind('/'));
    if (!same && !up) {
      out += slash_and_segment;
      continue;
    }
    found = true;
    if (path.empty()) out += '/';  // "/a/.." is the folder above: "/"
  }
  return out;
}

NormalPath normalise_path(std::string_view raw_path) {
  NormalPath result;
  // Nearly every path is normal as it stands: no escape, and no segment that begins with a dot.
  bool plain = raw_path.starts_with('/') && raw_path.find("/.") == std::string_view::npos &&
               raw_path.find_first_of(std::string_view("%\\\0", 3)) == std::string_view::npos;
  if (plain) {
    result.decoded = raw_path;
    return result;
  }
  std::string text;
  text.reserve(raw_path.size());
  for (size_t i = 0; i < raw_path.size(); ++i) {
    char c = raw_path[i];
    if (is_escape(raw_path, i)) {
      c = escaped_byte(raw_path, i);
      i += 2;
      if (c == '/' || kSegmentChars.has(c)) result.ambiguous = true;
    } else if (c == '%') {
      result.bad = true;
    }
    if (c == '\0') result.bad = true;
    text += c;
  }
  if (!text.starts_with('/')) {
    result.decoded = std::move(text);
    return result;
  }
  result.decoded = remove_dot_segments(text, result.ambiguous);
  if (has_dot_segment(result.decoded)) result.bad = true;
  return result;
}

// --- Parameters ----------------------------------------------------------------------------------

std::optional<std::string> last_parameter(std::string_view query, std::string_view name) {
  std::optional<std::string_view> last;
  for_each_parameter(query, [&](std::string_view raw_name, std::string_view raw_value) {
    bool plain = raw_name.find_first_of("%+") == std::string_view::npos;
    if (plain ? raw_name == name : form_decode(raw_name) == name) last = raw_value;
  });
  if (!last) return std::nullopt;
  return form_decode(*last);
}

// --- host:port -----------------------------------------------------------------------------------

namespace {

bool is_ip(int family, std::string_view text) {
  char address[sizeof(in6_addr)];
  // A NUL would hide what follows it from inet_pton.
  return text.find('\0') == std::string_view::npos &&
         inet_pton(family, std::string(text).c_str(), address) == 1;
}

/// What some resolver takes for an IPv4 address (WHATWG URL "ends in a number").
bool ends_in_number(std::string_view name) {
  std::string_view last = name.substr(name.rfind('.') + 1);
  if (last.starts_with("0x")) {
    return last.find_first_not_of("0123456789abcdef", 2) == std::string_view::npos;
  }
  return last.find_first_not_of("0123456789") == std::string_view::npos;
}

/// Labels of letters, digits, "-" and "_" (RFC 1123 2.1; "_" is common inside clusters). `name` is
/// in lower case.
bool is_dns_name(std::string_view name) {
  constexpr CharSet kLabelChars("abcdefghijklmnopqrstuvwxyz0123456789-_");
  if (name.size() > 253) return false;
  while (true) {
    size_t dot = name.find('.');
    std::string_view label = name.substr(0, dot);
    if (label.empty() || label.size() > 63) return false;
    for (char c : label) {
      if (!kLabelChars.has(c)) return false;
    }
    if (dot == std::string_view::npos) return true;
    name.remove_prefix(dot + 1);
  }
}

}  // namespace

std::optional<HostPort> parse_host_port(std::string_view text) {
  bool bracketed = text.starts_with('[');
  size_t end = bracketed ? text.find(']') : text.find(':');
  if (bracketed && end == std::string_view::npos) return std::nullopt;
  std::string_view rest;
  if (end != std::string_view::npos) rest = text.substr(bracketed ? end + 1 : end);

  HostPort result;
  if (!rest.empty()) {
    std::optional<uint64_t> port = parse_u64(rest.substr(1));
    if (rest.front() != ':' || !port || *port == 0 || *port > 65535) return std::nullopt;
    result.port = static_cast<uint16_t>(*port);
  }
  result.host = lower(bracketed ? text.substr(1, end - 1) : text.substr(0, end));
  if (bracketed) {
    result.kind = HostPort::Kind::ipv6;
    return is_ip(AF_INET6, result.host) ? std::optional(result) : std::nullopt;
  }
  if (is_ip(AF_INET, result.host)) {
    result.kind = HostPort::Kind::ipv4;
    return result;
  }
  if (result.host.ends_with('.')) result.host.pop_back();
  if (!is_dns_name(result.host) || ends_in_number(result.host)) return std::nullopt;
  return result;
}

}  // namespace siding
