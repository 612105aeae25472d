// See try_url.h.
#include "proxy/tools/try_url.h"

#include <algorithm>

#include "base/text.h"
#include "http/uri.h"
#include "proxy/loop/loop.h"
#include "proxy/net/resolver.h"

namespace siding {

std::string parse_try_url(std::string_view text, TryUrl& out) {
  constexpr std::string_view kHttp = "http://";
  const std::string quoted = "`" + std::string(text) + "`";
  if (equals_ignore_case(text.substr(0, 8), "https://")) {
    return quoted + ": only http:// so far; https comes with a later version";
  }
  if (!equals_ignore_case(text.substr(0, kHttp.size()), kHttp)) {
    return quoted + " is no URL; write http://" + std::string(text);
  }
  std::string_view rest = text.substr(kHttp.size());
  rest = rest.substr(0, rest.find('#'));
  const size_t end = std::min(rest.find_first_of("/?"), rest.size());
  const auto host = parse_host_port(rest.substr(0, end));
  if (!host) return quoted + " has no host; write http://HOST:PORT/PATH";
  out.host = host->host;
  out.port = host->port.value_or(80);
  out.authority = std::string(rest.substr(0, end));
  out.target = std::string(rest.substr(end));
  if (!out.target.starts_with('/')) out.target.insert(0, "/");
  const bool plain = std::all_of(out.target.begin(), out.target.end(),
                                 [](char c) { return c > 0x20 && c < 0x7f; });
  if (!plain) return quoted + ": write spaces and other special characters as %XX";
  return "";
}

std::string with_number(std::string_view text, size_t number) {
  constexpr std::string_view kPlace = "{n}";
  std::string out;
  for (size_t at; (at = text.find(kPlace)) != std::string_view::npos;) {
    out += std::string(text.substr(0, at)) + std::to_string(number);
    text.remove_prefix(at + kPlace.size());
  }
  return out + std::string(text);
}

std::string look_up(const TryUrl& url, const Clock& clock, std::vector<SocketAddress>& out) {
  if (auto literal = SocketAddress::parse(url.host, url.port)) {
    out = {*literal};
    return "";
  }
  Loop loop(clock);
  Resolver resolver(loop, DnsConfig{});
  Task<Result<Addresses>> task =
      resolver.resolve(url.host, url.port, after(clock.now(), std::chrono::seconds(10)));
  task.start();
  while (!task.done()) loop.turn(true);
  Result<Addresses> found = task.take();
  if (found.ok() && !found->empty()) {
    out = std::move(*found);
    return "";
  }
  // Not every container has /etc/hosts.
  if (url.host == "localhost") {
    out = {*SocketAddress::parse("127.0.0.1", url.port), *SocketAddress::parse("::1", url.port)};
    return "";
  }
  std::string why = found.ok() ? "no address" : std::string(to_string(found.error().kind));
  if (!found.ok() && !found.error().detail.empty()) why += ", " + found.error().detail;
  return "cannot find `" + url.host + "`: " + why;
}

}  // namespace siding
