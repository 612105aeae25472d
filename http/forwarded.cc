// See forwarded.h.
#include "http/forwarded.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/text.h"
#include "http/h1_syntax.h"

namespace siding {

namespace {

bool is_forwarding_field(std::string_view name) {
  if (name.size() < 9) return false;  // most names end here
  return equals_ignore_case(name.substr(0, 12), "x-forwarded-") ||
         equals_ignore_case(name, "forwarded") || equals_ignore_case(name, "x-real-ip");
}

/// An IP literal in its one canonical form; IPv4 mapped into IPv6 is IPv4.
std::optional<std::string> canonical_ip(std::string_view text) {
  char buffer[INET6_ADDRSTRLEN];
  if (text.empty() || text.size() >= sizeof(buffer)) return std::nullopt;
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = '\0';
  in6_addr v6;
  in_addr v4;
  if (text.find(':') == std::string_view::npos) {
    // inet_pton() takes IPv4 in its canonical form only.
    if (inet_pton(AF_INET, buffer, &v4) != 1) return std::nullopt;
    return std::string(text);
  }
  if (inet_pton(AF_INET6, buffer, &v6) == 1) {
    if (!IN6_IS_ADDR_V4MAPPED(&v6)) return inet_ntop(AF_INET6, &v6, buffer, sizeof(buffer));
    std::memcpy(&v4, v6.s6_addr + 12, sizeof(v4));
  } else {
    return std::nullopt;
  }
  return inet_ntop(AF_INET, &v4, buffer, sizeof(buffer));
}

bool is_port(std::string_view text) { return text.size() <= 5 && parse_u64(text).has_value(); }

/// One hop as proxies write it: "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]:80".
std::optional<std::string> ip_of_entry(std::string_view entry) {
  if (entry.starts_with('[')) {
    size_t close = entry.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    std::string_view rest = entry.substr(close + 1);
    if (!rest.empty() && (rest.front() != ':' || !is_port(rest.substr(1)))) return std::nullopt;
    std::string_view inside = entry.substr(1, close - 1);
    return inside.find(':') == std::string_view::npos ? std::nullopt : canonical_ip(inside);
  }
  size_t colon = entry.find(':');
  if (colon != std::string_view::npos && entry.find(':', colon + 1) == std::string_view::npos) {
    if (!is_port(entry.substr(colon + 1))) return std::nullopt;
    entry = entry.substr(0, colon);
  }
  return canonical_ip(entry);
}

/// Calls `f` with each part of `text` between separators that stand outside of quoted strings.
template <class F>
void split_outside_quotes(std::string_view text, char separator, F f) {
  bool quoted = false;
  size_t begin = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (quoted && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (text[i] == separator && !quoted) {
      f(trim_ows(text.substr(begin, i - begin)));
      begin = i + 1;
    }
  }
  f(trim_ows(text.substr(begin)));
}

/// The value of `for` in one element of Forwarded, without its quotes; "" where it has none.
std::string_view for_of_element(std::string_view element) {
  std::string_view result;
  split_outside_quotes(element, ';', [&result](std::string_view pair) {
    if (pair.size() < 4 || !equals_ignore_case(pair.substr(0, 4), "for=")) return;
    result = pair.substr(4);
    if (result.size() >= 2 && result.front() == '"' && result.back() == '"') {
      result = result.substr(1, result.size() - 2);
    }
  });
  return result;
}

/// All hops that earlier proxies wrote down, in their order: several lines are one list.
std::vector<std::string_view> entries(const Fields& fields) {
  std::vector<std::string_view> list;
  for (const Field& f : fields) {
    if (!equals_ignore_case(f.name, "x-forwarded-for")) continue;
    for_each_item(f.value, [&list](std::string_view entry) { list.push_back(entry); });
  }
  if (!list.empty()) return list;
  for (const Field& f : fields) {
    if (!equals_ignore_case(f.name, "forwarded")) continue;
    split_outside_quotes(f.value, ',', [&list](std::string_view element) {
      if (!element.empty()) list.push_back(for_of_element(element));
    });
  }
  return list;
}

/// Appends to the one list that all lines of that name are, however many there were.
template <size_t N>
void append_to_list(Fields& fields, const char (&name)[N], std::string_view entry) {
  std::string list = fields.joined(name);
  if (!list.empty()) list += ", ";
  list += entry;
  fields.set(name, list);
}

std::string_view forwarded_element(Fields& fields, const ForwardedHop& hop) {
  bool v6 = hop.peer_ip.find(':') != std::string_view::npos;
  // An address or authority has no quote or backslash in it.
  std::string_view quote = h1::is_token(hop.host) ? "" : "\"";
  bool named = !hop.host.empty();
  return fields.intern({"for=", v6 ? "\"[" : "", hop.peer_ip.empty() ? "unknown" : hop.peer_ip,
                        v6 ? "]\"" : "", named ? ";host=" : "", named ? quote : "", hop.host,
                        named ? quote : "", ";proto=", hop.scheme});
}

}  // namespace

bool set_forwarded(Fields& fields, const ForwardedHop& hop) {
  bool any = std::any_of(fields.begin(), fields.end(),
                         [](const Field& f) { return is_forwarding_field(f.name); });
  bool replaced = any && !hop.trusted;
  if (replaced) {
    fields.remove_if([](const Field& f) { return is_forwarding_field(f.name); });
    any = false;
  }
  auto has = [&](std::string_view name) { return any && fields.has(name); };

  std::string_view element = forwarded_element(fields, hop);
  if (!hop.peer_ip.empty()) {
    if (has("x-forwarded-for")) {
      append_to_list(fields, "X-Forwarded-For", hop.peer_ip);
    } else {
      fields.add("X-Forwarded-For", hop.peer_ip);
    }
  }
  if (!has("x-forwarded-proto")) fields.add("X-Forwarded-Proto", hop.scheme);
  if (!hop.host.empty() && !has("x-forwarded-host")) fields.add("X-Forwarded-Host", hop.host);
  if (has("forwarded")) {
    append_to_list(fields, "Forwarded", element);
  } else {
    fields.add_view("Forwarded", element);
  }
  return replaced;
}

std::string client_address(const Fields& fields, std::string_view peer_ip,
                           const std::function<bool(std::string_view ip)>& trusted) {
  std::string client = canonical_ip(peer_ip).value_or(std::string(peer_ip));
  if (!trusted(client)) return client;
  std::vector<std::string_view> hops = entries(fields);
  for (auto hop = hops.rbegin(); hop != hops.rend(); ++hop) {
    std::optional<std::string> ip = ip_of_entry(*hop);
    if (!ip) break;
    client = std::move(*ip);
    if (!trusted(client)) break;
  }
  return client;
}

AskedOrigin asked_origin(const Fields& fields, const ForwardedHop& hop) {
  AskedOrigin out{hop.scheme, hop.host, {}};
  if (!hop.trusted) return out;
  bool scheme_said = false;
  if (fields.count("x-forwarded-proto") == 1) {
    std::string_view scheme = *fields.get("x-forwarded-proto");
    scheme_said = true;
    if (equals_ignore_case(scheme, "https")) {
      out.scheme = "https";
    } else if (equals_ignore_case(scheme, "http")) {
      out.scheme = "http";
    } else {
      scheme_said = false;
    }
  }
  constexpr std::string_view kPrefix = "x-forwarded-";
  for (const Field& f : fields) {
    if (f.name.size() <= kPrefix.size() || !is_forwarding_field(f.name)) continue;
    const std::string what = lower(f.name.substr(kPrefix.size()));
    const bool known = what == "for" || (what == "proto" && scheme_said) ||
                       (what == "host" && f.value == hop.host) ||
                       (what == "port" && f.value == (out.scheme == "https" ? "443" : "80"));
    if (known) continue;
    // With its length, so that two can never be taken for one.
    out.claims.append(what).append(" ").append(std::to_string(f.value.size())).append(":");
    out.claims.append(f.value).append(" ");
  }
  return out;
}

std::optional<std::string_view> request_id(const Fields& fields) {
  if (fields.count("x-request-id") != 1) return std::nullopt;
  std::string_view id = *fields.get("x-request-id");
  bool valid = !id.empty() && id.size() <= 128 && std::all_of(id.begin(), id.end(), [](char c) {
    return is_alpha(c) || is_digit(c) || c == '.' || c == '_' || c == '-';
  });
  return valid ? std::optional(id) : std::nullopt;
}

}  // namespace siding
