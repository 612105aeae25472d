// Addresses, networks and urls as text (see values.h). Nothing here asks a resolver.
#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "config/faults.h"
#include "config/values.h"
#include "http/uri.h"

namespace siding {
namespace {

constexpr std::string_view kUnix = "unix:";
constexpr size_t kMaxUnixPath = 107;  // sockaddr_un, with its closing zero

enum class Called { backend, upstream, redis };

struct Ip {
  std::array<uint8_t, 16> bytes{};  // IPv4 as v4-mapped
  bool v4 = false;
};

std::optional<Ip> parse_ip(std::string_view text) {
  // inet_pton() reads up to a NUL, which TOML can write, and would not see what follows it.
  if (text.find('\0') != std::string_view::npos) return std::nullopt;
  const std::string s(text);
  Ip ip;
  if (inet_pton(AF_INET6, s.c_str(), ip.bytes.data()) == 1) return ip;
  if (inet_pton(AF_INET, s.c_str(), ip.bytes.data() + 12) != 1) return std::nullopt;
  ip.bytes[10] = ip.bytes[11] = 0xFF;
  ip.v4 = true;
  return ip;
}

std::optional<uint16_t> parse_port(std::string_view text) {
  const auto port = parse_u64(text);
  if (!port || *port > 65535 || text.size() > 5) return std::nullopt;
  return static_cast<uint16_t>(*port);
}

// "host:port", "[v6]:port", or only a host: then port is empty.
struct SplitAddress {
  std::string host;
  std::string_view port;
  bool has_port = false;
  bool bracketed = false;
};

SplitAddress split_host_port(std::string_view text) {
  SplitAddress out;
  size_t end = text.rfind(':');
  if (text.substr(0, 1) == "[" && text.find(']') != std::string_view::npos) {
    const size_t close = text.find(']');
    out.bracketed = true;
    out.host = lower(text.substr(1, close - 1));
    end = text.substr(close + 1).empty() ? std::string_view::npos : close + 1;
    // Junk between bracket and colon makes the port unreadable, which is the fault to report.
  } else {
    out.host = lower(text.substr(0, end));
  }
  out.has_port = end != std::string_view::npos;
  if (out.has_port) out.port = text[end] == ':' ? text.substr(end + 1) : text.substr(end);
  return out;
}

Parsed<std::string> parse_unix_path(std::string_view text) {
  const std::string_view path = text.substr(kUnix.size());
  if (path.empty() || path[0] != '/') {
    return {{}, "the path of a unix socket is absolute, such as \"unix:/run/siding.sock\""};
  }
  if (path.find('\0') != std::string_view::npos) return {{}, "a path ends at a NUL; leave it out"};
  if (path.size() > kMaxUnixPath) {
    return {{},
            "the path of a unix socket has at most " + std::to_string(kMaxUnixPath) +
                " bytes; use a shorter one"};
  }
  return {std::string(path), ""};
}

// A name, or an IPv4 address as requests and resolvers take it: "127.1" is neither.
bool is_host_name(std::string_view text) {
  const auto host = parse_host_port(text);
  return host && !host->port && host->kind != HostPort::Kind::ipv6;
}

// Why a host that begins with "_" is none here, and what to write; empty: it is fine.
std::string service_fault(Called called, const OriginUrl& url, std::string_view port) {
  const std::string quoted = "`" + url.host + "`";
  if (called == Called::redis) {
    return quoted +
           " would be a name for SRV records, and a Redis has none: name its host and port";
  }
  if (called == Called::backend) {
    return quoted +
           " would be a name for SRV records, but a backend is one service: name its host "
           "and port, such as \"http://app.example:8000\"";
  }
  if (!url.is_service()) {
    return quoted +
           " begins with `_`, as the names of SRV records do, which have a service, a "
           "protocol and a domain, such as \"_http._tcp.search.example\"";
  }
  const std::string name(url.name());
  if (name == "localhost" || name.ends_with(".localhost")) {
    return quoted + ": no DNS server is asked about localhost; name host and port";
  }
  if (port.empty()) return "";
  return quoted +
         " is a name for SRV records, and these tell the port: leave out `:" + std::string(port) +
         "`, or name a host without `_` labels, such as \"" + name + ":" + std::string(port) + "\"";
}

// A url of this scheme.
Parsed<OriginUrl> parse_origin(Called called, std::string_view text, const std::string& scheme) {
  const std::string_view rest = text.substr(scheme.size() + 3);
  OriginUrl url;
  url.text = std::string(text);
  url.scheme = scheme;
  if (scheme == "https") url.port = 443;
  if (called == Called::redis) url.port = 6379;
  if (rest.find_first_of("?#") != std::string_view::npos) {
    return {{}, "a url here has no query and no fragment"};
  }
  const size_t slash = std::min(rest.find('/'), rest.size());
  url.base_path = std::string(rest.substr(slash));
  while (!url.base_path.empty() && url.base_path.back() == '/') url.base_path.pop_back();
  for (char c : url.base_path) {
    const auto u = static_cast<unsigned char>(c);
    if (u <= 0x20 || u >= 0x7F ||
        std::string_view("\"<>\\^`{|}").find(c) != std::string_view::npos) {
      return {
          {},
          "the path of a url is percent-encoded: `" + std::string(1, c) + "` cannot stand in it"};
    }
  }
  const std::string_view authority = rest.substr(0, slash);
  if (authority.find('@') != std::string_view::npos) {
    return {{},
            called == Called::redis
                ? "a url here has no user and password; give them by `user` and `password`"
                : "a url here has no user and password; set the Authorization field under "
                  "`headers`"};
  }
  const SplitAddress parts = split_host_port(authority);
  const auto ip = parse_ip(parts.host);
  if (parts.bracketed ? !ip || ip->v4 : !is_host_name(parts.host)) {
    return {{},
            "`" + std::string(authority) +
                "` is not a host; write a name, an IPv4 address, or an IPv6 address in [...]"};
  }
  url.host = parts.host;
  if (parts.has_port) {
    const auto port = parse_port(parts.port);
    if (!port || *port == 0) {
      return {{}, "`" + std::string(parts.port) + "` is not a port; ports are 1 to 65535"};
    }
    url.port = *port;
  }
  if (url.host.starts_with('_')) {
    const std::string fault = service_fault(called, url, parts.port);
    if (!fault.empty()) return {{}, fault};
  }
  return {std::move(url), ""};
}

// The scheme in front of "://", or of ":" for what has no host.
std::string scheme_of(std::string_view text) {
  const size_t end = text.find("://");
  return end == std::string_view::npos ? "" : lower(text.substr(0, end));
}

}  // namespace

Parsed<ListenAddress> parse_listen_address(std::string_view text) {
  ListenAddress address;
  if (text.starts_with(kUnix)) {
    Parsed<std::string> path = parse_unix_path(text);
    if (!path.value) return {{}, path.error};
    address.unix_path = *path.value;
    return {address, ""};
  }
  if (parse_port(text)) {
    return {{},
            "an address has a host too: \"0.0.0.0:" + std::string(text) +
                "\" for all of IPv4, \"127.0.0.1:" + std::string(text) +
                "\" for this machine only"};
  }
  if (parse_ip(text)) {
    return {{}, "the port is missing, as in \"127.0.0.1:8080\" or \"[::1]:8080\""};
  }
  const SplitAddress parts = split_host_port(text);
  const auto ip = parse_ip(parts.host);
  if (parts.host.empty() || parts.host == "*") {
    return {{},
            "the host is missing: \"0.0.0.0:" + std::string(parts.port) +
                "\" is all of IPv4, \"[::]:" + std::string(parts.port) + "\" all of IPv6"};
  }
  if (!ip || ip->v4 == parts.bracketed) {
    return {{},
            "`" + parts.host +
                "` is not an IP address; listen on an address, such as "
                "\"0.0.0.0:8080\", \"127.0.0.1:8080\", \"[::]:8080\" or "
                "\"unix:/run/siding.sock\""};
  }
  const auto port = parse_port(parts.port);
  if (!port) return {{}, "`" + std::string(parts.port) + "` is not a port; ports are 0 to 65535"};
  address.host = parts.host;
  address.port = *port;
  return {address, ""};
}

Parsed<Cidr> parse_network(std::string_view text) {
  const size_t slash = text.find('/');
  const auto ip = parse_ip(text.substr(0, slash));
  if (!ip) {
    return {{},
            "`" + std::string(text) +
                "` is not a network; write one such as "
                "\"10.0.0.0/8\", or \"private\", \"loopback\" or \"any\""};
  }
  const uint64_t bits = ip->v4 ? 32 : 128;
  uint64_t prefix = bits;
  if (slash != std::string_view::npos) {
    const auto given = parse_u64(text.substr(slash + 1));
    if (!given || *given > bits) {
      return {{},
              "`" + std::string(text.substr(slash + 1)) + "` is not a prefix length; it is 0 to " +
                  std::to_string(bits)};
    }
    prefix = *given;
  }
  Cidr network{ip->bytes, static_cast<int>(prefix + 128 - bits)};
  for (int bit = network.prefix; bit < 128; ++bit) {
    network.bytes[static_cast<size_t>(bit / 8)] &= static_cast<uint8_t>(~(0x80 >> (bit % 8)));
  }
  if (network.bytes != ip->bytes) {
    return {{},
            "`" + std::string(text) + "` has bits behind its prefix; write \"" +
                print_network(network) + "\""};
  }
  return {network, ""};
}

std::string print_network(const Cidr& network) {
  constexpr std::array<uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  char text[INET6_ADDRSTRLEN];
  const bool v4 =
      network.prefix >= 96 && std::equal(kMapped.begin(), kMapped.end(), network.bytes.begin());
  if (v4) {
    inet_ntop(AF_INET, network.bytes.data() + 12, text, sizeof text);
  } else {
    inet_ntop(AF_INET6, network.bytes.data(), text, sizeof text);
  }
  return std::string(text) + "/" + std::to_string(network.prefix - (v4 ? 96 : 0));
}

Parsed<OriginUrl> parse_backend_url(std::string_view text) {
  if (text.starts_with(kUnix)) {
    Parsed<std::string> path = parse_unix_path(text);
    if (!path.value) return {{}, path.error};
    OriginUrl url;
    url.text = std::string(text);
    url.unix_path = *path.value;
    return {url, ""};
  }
  const std::string scheme = scheme_of(text);
  if (scheme == "http") {
    Parsed<OriginUrl> url = parse_origin(Called::backend, text, scheme);
    if (url.value && !url.value->base_path.empty()) {
      return {{}, "a backend's url has no path: it gets the path that the client sent"};
    }
    return url;
  }
  if (scheme.empty()) {
    return {{},
            "`" + std::string(text) + "` has no scheme; write \"http://" + std::string(text) +
                "\" or \"unix:/path\""};
  }
  return {{},
          "a backend is reached by \"http://host:port\" or \"unix:/path\"; `" + scheme +
              "://` is not known to this version"};
}

Parsed<OriginUrl> parse_upstream_url(std::string_view text) {
  const std::string scheme = scheme_of(text);
  if (scheme == "http" || scheme == "https") return parse_origin(Called::upstream, text, scheme);
  if (scheme.empty() && !text.starts_with(kUnix)) {
    return {
        {},
        "`" + std::string(text) + "` has no scheme; write \"https://" + std::string(text) + "\""};
  }
  return {{},
          "an upstream is called by \"https://host\" or \"http://host:port\", with a path if all "
          "its calls share one"};
}

Parsed<OriginUrl> parse_redis_url(std::string_view text) {
  if (text == "none") return {OriginUrl(), ""};
  if (text.starts_with(kUnix)) return parse_backend_url(text);
  const std::string scheme = scheme_of(text);
  if (scheme != "redis" && scheme != "rediss") {
    return {
        {},
        "a Redis is reached by \"redis://host:6379\", \"rediss://host:6379\" or \"unix:/path\""};
  }
  Parsed<OriginUrl> url = parse_origin(Called::redis, text, scheme);
  if (!url.value) return url;
  std::string_view database = url.value->base_path;
  if (!database.empty()) database.remove_prefix(1);
  std::optional<uint64_t> number = parse_u64(database);
  if (!database.empty() && (!number || *number > 1'000'000)) {
    return {{}, "the path of a Redis' url is the number of a database, such as \"redis://host/1\""};
  }
  return url;
}

Parsed<std::string> parse_server_name(std::string_view text) {
  std::string name = lower(text);
  if (name.ends_with('.')) name.pop_back();  // no certificate has it
  if (parse_ip(name) || is_host_name(name)) return {name, ""};
  return {{},
          "`" + std::string(text) + "` is not a name; write it as it stands in the certificate, " +
              "such as \"api.example\""};
}

Parsed<std::string> parse_resolver(std::string_view text) {
  const auto with_port = [&](std::string_view host, std::string_view port) {
    const bool v6 = host.find(':') != std::string_view::npos;
    return (v6 ? "[" + std::string(host) + "]" : std::string(host)) + ":" + std::string(port);
  };
  if (parse_ip(text)) return {with_port(lower(text), "53"), ""};
  const SplitAddress parts = split_host_port(text);
  const auto port = parse_port(parts.port);
  if (!parse_ip(parts.host) || (parts.has_port && (!port || *port == 0))) {
    return {{}, "a resolver is an IP address, such as \"10.0.0.2\" or \"[::1]:53\""};
  }
  return {with_port(parts.host, parts.has_port ? parts.port : "53"), ""};
}

Parsed<std::string> parse_domain(std::string_view text) {
  if (!is_host_name(text)) return {{}, "a domain is a name, such as \"svc.cluster.local\""};
  return {lower(text), ""};
}

Parsed<std::string> parse_host_pattern(std::string_view text) {
  if (text == "*") return {"", ""};
  const std::string_view name = text.starts_with("*.") ? text.substr(2) : text;
  const auto host = parse_host_port(name);  // as it will be compared
  if (!host || host->port || (name != text && host->kind != HostPort::Kind::name)) {
    return {{},
            "a host is a name without port, such as \"shop.example\", \"*.shop.example\", or "
            "\"*\" for all"};
  }
  return {(name == text ? "" : "*.") + host->host, ""};
}

std::string print_host_pattern(const std::string& host) {
  if (host.empty()) return "*";
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

}  // namespace siding
