// Where a worker's call goes: the three forms of egress.h.
#include <utility>

#include "base/service_name.h"
#include "http/uri.h"
#include "proxy/exchange/egress.h"

namespace siding {

namespace {
bool names(const OriginUrl& url, const HostPort& host, const RequestHead& head) {
  if (url.name() != host.host) return false;
  if (url.scheme == head.scheme) {
    if (url.port != host.port.value_or(url.scheme == "https" ? 443 : 80)) return false;
  } else {
    // What the worker asks for in clear, over loopback, goes out by TLS where its origin is https.
    // The other way round would be a downgrade.
    const uint16_t port = host.port.value_or(80);
    if (url.scheme != "https" || url.port != (port == 80 ? 443 : port)) return false;
  }
  std::string_view path = head.path();
  return path.starts_with(url.base_path) &&
         (path.size() == url.base_path.size() || path[url.base_path.size()] == '/');
}
}  // namespace

std::optional<EgressDestination> egress_destination(const Snapshot& snapshot,
                                                    const RequestHead& head) {
  EgressDestination to;
  to.target = head.target;
  std::optional<HostPort> host = parse_host_port(head.authority);
  if (host) {
    for (const auto& upstream : snapshot.upstreams) {
      const OriginUrl& url = upstream->config.url;
      if (!names(url, *host, head)) continue;
      // Of several on one host that of the scheme asked for, then the one with the longest path.
      auto rank = [&](const OriginUrl& u) {
        return std::pair(u.scheme == head.scheme, u.base_path.size());
      };
      if (to.upstream != nullptr && rank(url) <= rank(to.origin)) continue;
      to.upstream = upstream.get();
      to.origin = url;
    }
    if (to.upstream != nullptr) return to;
  }
  if (head.form == TargetForm::absolute) {
    // Where a service's name leads, ports and all, is the file's to say.
    if (!host || !service_domain(host->host).empty()) return std::nullopt;
    to.origin.scheme = head.scheme;
    to.origin.host = host->host;
    to.origin.port = host->port.value_or(head.scheme == "https" ? 443 : 80);
    return to;
  }
  // "/music/s?word=x": the first segment names the upstream.
  std::string_view path = head.target;
  if (!path.starts_with('/')) return std::nullopt;
  std::string_view name = path.substr(1, path.find_first_of("/?", 1) - 1);
  to.upstream = snapshot.upstream(name);
  if (to.upstream == nullptr) return std::nullopt;
  to.origin = to.upstream->config.url;
  std::string_view rest = path.substr(1 + name.size());
  to.target = to.origin.base_path + (rest.starts_with('/') ? "" : "/") + std::string(rest);
  return to;
}

}  // namespace siding
