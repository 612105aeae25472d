// See reference.h.
#include "cache/reference.h"

#include "base/text.h"
#include "http/uri.h"

namespace siding {

namespace {

constexpr CharSet kSchemeChars("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-.");

/// The scheme of an absolute reference; empty for a relative one.
std::string_view scheme_of(std::string_view reference) {
  size_t n = 0;
  while (n < reference.size() && kSchemeChars.has(reference[n])) ++n;
  bool is_scheme = n > 0 && n < reference.size() && reference[n] == ':' && is_alpha(reference[0]);
  return is_scheme ? reference.substr(0, n) : std::string_view();
}

std::string normal_target(std::string_view path, std::string_view query_with_mark) {
  bool found = false;
  std::string target = remove_dot_segments(path.empty() ? "/" : path, found);
  return target.append(query_with_mark);
}

}  // namespace

std::optional<std::string> origin_of(std::string_view scheme, std::string_view authority) {
  bool secure = equals_ignore_case(scheme, "https");
  if (!secure && !equals_ignore_case(scheme, "http")) return std::nullopt;
  std::optional<HostPort> host = parse_host_port(authority);
  if (!host) return std::nullopt;
  std::string out = secure ? "https://" : "http://";
  bool v6 = host->kind == HostPort::Kind::ipv6;
  out += v6 ? "[" + host->host + "]" : host->host;
  uint16_t own = secure ? 443 : 80;
  if (host->port.value_or(own) != own) out += ":" + std::to_string(*host->port);
  return out;
}

std::optional<std::string> resolve_same_origin(const RequestHead& request,
                                               std::string_view reference) {
  std::optional<std::string> own = origin_of(request.scheme, request.authority);
  if (!own || !request.target.starts_with('/')) return std::nullopt;
  reference = reference.substr(0, reference.find('#'));
  for (char c : reference) {
    auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte >= 0x7f || c == '\\') return std::nullopt;
  }

  std::string_view scheme = scheme_of(reference);
  if (!scheme.empty()) reference.remove_prefix(scheme.size() + 1);
  bool has_authority = reference.starts_with("//");
  if (!scheme.empty() && !has_authority) return std::nullopt;  // "mailto:", and "http:a" of old
  if (has_authority) {
    reference.remove_prefix(2);
    size_t end = reference.find_first_of("/?");
    std::string_view authority = reference.substr(0, end);
    if (origin_of(scheme.empty() ? request.scheme : scheme, authority) != own) return std::nullopt;
    reference = end == std::string_view::npos ? std::string_view() : reference.substr(end);
  }

  size_t mark = reference.find('?');
  std::string_view path = reference.substr(0, mark);
  std::string_view query =
      mark == std::string_view::npos ? std::string_view() : reference.substr(mark);
  if (has_authority || path.starts_with('/')) return normal_target(path, query);
  if (path.empty()) {
    if (query.empty()) return std::string(request.target);
    return std::string(request.path()).append(query);
  }
  std::string_view base = request.path();
  std::string merged(base.substr(0, base.rfind('/') + 1));
  return normal_target(merged.append(path), query);
}

}  // namespace siding
