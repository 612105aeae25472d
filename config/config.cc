// What the plain structs of the configuration can say about themselves (see config.h).
#include "config/config.h"

#include <algorithm>

#include "base/service_name.h"
#include "base/text.h"
#include "http/message.h"

namespace siding {
namespace {

std::string bracketed(const std::string& host) {
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

template <class T>
const T* find_named(const std::vector<T>& list, std::string_view name) {
  auto it = std::find_if(list.begin(), list.end(), [&](const T& t) { return t.name == name; });
  return it == list.end() ? nullptr : &*it;
}

}  // namespace

std::vector<const CertificateFiles*> ListenTls::certificates() const {
  std::vector<const CertificateFiles*> all{this};
  for (const CertificateFiles& files : more) all.push_back(&files);
  return all;
}

std::string ListenAddress::text() const {
  if (!unix_path.empty()) return "unix:" + unix_path;
  return bracketed(host) + ":" + std::to_string(port);
}

bool ListenAddress::local() const {
  return !unix_path.empty() || host == "::1" || host.starts_with("127.");
}

bool OriginUrl::is_service() const { return !service_domain(host).empty(); }

std::string OriginUrl::authority() const {
  const bool default_port = port == (scheme == "https" ? 443 : 80);
  const std::string name = is_service() ? std::string(service_domain(host)) : host;
  return bracketed(name) + (default_port ? "" : ":" + std::to_string(port));
}

std::string_view OriginUrl::name() const {
  std::string_view name = is_service() ? service_domain(host) : std::string_view(host);
  if (name.ends_with('.')) name.remove_suffix(1);
  return name;
}

std::vector<const Template*> CallConfig::templates() const {
  std::vector<const Template*> all = body.templates();
  all.push_back(&target);
  for (const auto& [header, value] : headers) all.push_back(&value);
  return all;
}

std::vector<std::string> CallConfig::legs_used() const {
  std::vector<std::string> names;
  for (const Template* part : templates()) {
    for (std::string& name : part->names(Template::Source::leg)) names.push_back(std::move(name));
  }
  return names;
}

bool CallConfig::repeatable() const { return safe || is_idempotent(method); }

std::string RouteConfig::text() const {
  std::string out = "path " + (path.text().empty() ? "*" : path.text());
  if (!host.empty()) out += " host " + host;
  for (const std::string& method : methods) out += " " + method;
  return out;
}

const BackendConfig* Config::backend(std::string_view name) const {
  return find_named(backends, name);
}

const UpstreamConfig* Config::upstream(std::string_view name) const {
  return find_named(upstreams, name);
}

bool Config::caches() const {
  auto has = [](const auto& c) { return c.cache.enabled; };
  return std::any_of(routes.begin(), routes.end(), has) ||
         std::any_of(upstreams.begin(), upstreams.end(), has);
}

Duration Config::drain_time() const {
  if (drain_timeout) return *drain_timeout;
  Duration longest = 30s;
  for (const RouteConfig& route : routes) {
    longest = std::max(longest, route.deadline.value_or(Duration::zero()));
  }
  return longest;
}

bool Config::tunnels(const RouteConfig& route) const {
  if (route.upgrade.empty() || route.cache.enabled) return false;
  const BackendConfig* b = backend(route.backend);
  return b != nullptr && !b->h2c;
}

bool Config::tunnels() const {
  return std::any_of(routes.begin(), routes.end(),
                     [this](const RouteConfig& r) { return tunnels(r); });
}

uint64_t descriptors_needed(const Config& config) {
  // The loops' own, the log, the resolver's sockets, and spare ones. Temporary files are not counted:
  // bodies spill only while descriptors are left.
  uint64_t sum = 256;
  size_t addresses =
      config.listen.size() + config.health.listen.size() + config.admin.listen.size();
  sum += config.limits.max_connections;
  if (config.egress) {
    addresses += config.egress->listen.size();
    sum += 2ull * config.egress->max_connections;  // each call has its own connection upstream
  }
  for (const BackendConfig& b : config.backends) sum += uint64_t{b.concurrency} + b.backlog;
  for (const UpstreamConfig& u : config.upstreams) sum += u.concurrency;
  constexpr uint64_t kMostAutoThreads = 4;
  return sum + addresses * (config.threads == 0 ? kMostAutoThreads : config.threads);
}

uint32_t RedisConfig::database() const {
  std::optional<uint64_t> number;
  if (!url.base_path.empty()) number = parse_u64(std::string_view(url.base_path).substr(1));
  return static_cast<uint32_t>(number.value_or(0));
}

}  // namespace siding
