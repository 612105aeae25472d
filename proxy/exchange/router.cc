// See router.h.
#include "proxy/exchange/router.h"

#include <algorithm>

#include "base/text.h"
#include "http/uri.h"

namespace siding {

namespace {
std::string host_of(std::string_view authority) {
  std::optional<HostPort> parsed = parse_host_port(authority);
  return parsed ? parsed->host : std::string();
}

bool host_matches(const std::string& pattern, const std::string& host) {
  if (pattern.empty()) return true;
  if (!pattern.starts_with("*.")) return pattern == host;
  std::string_view suffix = std::string_view(pattern).substr(1);
  return host.size() > suffix.size() && host.ends_with(suffix);
}

bool method_matches(const std::vector<std::string>& methods, std::string_view method) {
  if (methods.empty()) return true;
  auto has = [&](std::string_view m) {
    return std::find(methods.begin(), methods.end(), m) != methods.end();
  };
  return has(method) || (method == "HEAD" && has("GET"));
}

bool headers_match(const RouteConfig& route, const Fields& fields) {
  return std::all_of(route.headers.begin(), route.headers.end(), [&](const auto& want) {
    const Field* field = fields.find(want.first);
    return field != nullptr && (want.second == "*" || field->value == want.second);
  });
}
}  // namespace

const RouteConfig* Router::first(const RequestHead& head, std::string_view path,
                                 PathCaptures* captures) const {
  std::optional<std::string> host;
  for (const RouteConfig& route : config_.routes) {
    captures->clear();
    if (!method_matches(route.methods, head.method)) continue;
    if (!route.host.empty()) {
      if (!host) host = host_of(head.authority);
      if (!host_matches(route.host, *host)) continue;
    }
    if (!route.path.match(path, captures)) continue;
    if (!headers_match(route, head.fields)) continue;
    return &route;
  }
  captures->clear();
  return nullptr;
}

Router::Match Router::match(const RequestHead& head) const {
  Match match;
  NormalPath path = normalise_path(head.path());
  if (path.bad) {
    match.fault = "the path cannot be read in one way only";
    return match;
  }
  match.route = first(head, path.decoded, &match.captures);
  if (path.ambiguous) {
    PathCaptures ignored;
    if (first(head, head.path(), &ignored) != match.route) {
      match.route = nullptr;
      match.fault = "the raw and the decoded path lead to different routes";
    }
  }
  return match;
}

}  // namespace siding
