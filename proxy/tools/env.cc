// See env.h: the facts of a configuration, put into the texts of env_texts.h.
#include "proxy/tools/env.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "base/text.h"
#include "proxy/net/address.h"
#include "proxy/tools/env_texts.h"

namespace siding {
namespace {

constexpr std::array<std::pair<std::string_view, Application>, 6> kApplications{{
    {"python", Application::python},
    {"php-fpm", Application::php_fpm},
    {"ruby", Application::ruby},
    {"java", Application::java},
    {"node", Application::node},
    {"k8s", Application::k8s},
}};

// Metadata services: siding refuses to connect to them, whoever asks, so these calls stay direct.
constexpr std::array<std::string_view, 4> kDirectHosts{"169.254.169.254", "169.254.170.2",
                                                       "fd00:ec2::254", "metadata.google.internal"};

using EnvFacts = std::map<std::string, std::string, std::less<>>;

// Replaces each "{name}" that `facts` has. A line that becomes empty by that is left out.
std::string fill_text(std::string_view text, const EnvFacts& facts) {
  std::string out;
  if (text.starts_with('\n')) text.remove_prefix(1);  // of the raw string
  while (!text.empty()) {
    std::string line(text.substr(0, text.find('\n')));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    bool filled = false;
    for (const auto& [name, value] : facts) {
      const std::string place = "{" + name + "}";
      for (size_t at; (at = line.find(place)) != std::string::npos; filled = true) {
        line.replace(at, place.size(), value);
      }
    }
    if (filled && line.empty()) continue;
    out += line.ends_with('\n') ? line : line + "\n";
  }
  return out;
}

std::string in_brackets(const std::string& host) {
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

std::string joined_hosts(std::string_view separator, bool brackets) {
  std::string out;
  for (std::string_view host : kDirectHosts) {
    if (!out.empty()) out += separator;
    out += brackets ? in_brackets(std::string(host)) : std::string(host);
  }
  return out;
}

bool on_loopback(const UpstreamConfig& upstream) {
  const auto address = SocketAddress::parse(upstream.url.host, upstream.url.port);
  return upstream.url.host == "localhost" || (address && is_loopback(*address));
}

// "video-search" -> "VIDEO_SEARCH"
std::string variable_name(std::string_view text) {
  std::string out;
  for (char c : text) {
    const bool small = c >= 'a' && c <= 'z';
    out += small ? static_cast<char>(c - 'a' + 'A') : is_alpha(c) || is_digit(c) ? c : '_';
  }
  return out;
}

// Lines about each upstream: base URLs, exports, and those that some clients will not reach.
void add_upstreams(const Config& config, const std::string& origin, bool secret, EnvFacts& facts) {
  std::string list;
  for (const UpstreamConfig& upstream : config.upstreams) {
    std::string url = upstream.url.text;
    if (upstream.url.is_service()) {  // what calls name
      url = upstream.url.scheme + "://" + upstream.url.authority() + upstream.url.base_path;
    }
    while (url.ends_with('/')) url.pop_back();
    const std::string base = origin + "/" + upstream.name;
    list += "#   " + url + "/...  ->  " + base + "/...\n";
    facts["exports"] += "export " + variable_name(upstream.name) + "_URL=" + base + "\n";
    if (on_loopback(upstream)) {
      facts["loopback"] +=
          "# So upstream " + upstream.name + ", on loopback, has to be called by its base URL.\n";
    }
  }
  if (list.empty()) {
    facts["base_urls"] = fill_text(kEnvNoUpstream, {});
    return;
  }
  facts["base_urls"] = fill_text(kEnvBaseUrlNote, {}) + list;
  if (secret) facts["base_urls"] += fill_text(kEnvBaseUrlSecret, {});
}

void add_secret(EnvFacts& facts) {
  facts["secret"] = fill_text(kEnvSecretNote, {});
  facts["php_more"] = ",";
  facts["php_header"] =
      "#     'header' => 'Proxy-Authorization: Basic ' . base64_encode('app:SECRET')]]);\n";
  facts["java_secret"] =
      "# The JVM takes no user from a property: set a java.net.Authenticator for the proxy, with "
      "user\n"
      "# `app` and [egress] secret as password.\n";
  facts["k8s_secret"] =
      "  - name: SIDING_SECRET        # [egress] secret, percent-encoded: best only letters and "
      "digits\n"
      "    valueFrom:\n"
      "      secretKeyRef: { name: siding, key: egress-secret }\n";
}

EnvFacts facts_of(const Config& config, const ListenAddress& egress, Application application) {
  // Listening everywhere, it is reached from the same machine or pod like this.
  const std::string bare_host = egress.host == "0.0.0.0" ? "127.0.0.1"
                                : egress.host == "::"    ? "::1"
                                                         : egress.host;
  const std::string host = in_brackets(bare_host);
  const std::string port = std::to_string(egress.port);
  const bool secret = !config.egress->secret.empty();
  const bool java = application == Application::java;
  const bool deny = config.egress->unlisted == EgressConfig::Unlisted::deny;
  EnvFacts facts{
      {"host", host},
      {"port", port},
      {"proxy", "http://" + std::string(secret ? "app:SECRET@" : "") + host + ":" + port},
      {"k8s_proxy",
       "http://" + std::string(secret ? "app:$(SIDING_SECRET)@" : "") + host + ":" + port},
      {"direct", joined_hosts(",", false)},
      {"java_options", "-Dhttp.proxyHost=" + bare_host + " -Dhttp.proxyPort=" + port +
                           " -Dhttp.nonProxyHosts=" + joined_hosts("|", true)},
      {"unlisted", fill_text(deny ? kEnvDenyNote : kEnvPassNote,
                             {{"variable", java ? "http.nonProxyHosts" : "no_proxy"}})},
      {"https", fill_text(kEnvHttpsNote, {{"https", java ? "https.proxyHost" : "https_proxy"}})},
      {"secret", ""},
      {"php_more", "]]);"},
      {"php_header", ""},
      {"java_secret", ""},
      {"k8s_secret", ""},
      {"exports", ""},
      {"loopback", ""},
  };
  add_upstreams(config, "http://" + host + ":" + port, secret, facts);
  if (secret) add_secret(facts);
  return facts;
}

// A pool's file of PHP-FPM has `;` for comments.
std::string with_semicolons(std::string text) {
  bool line_begins = true;
  for (char& c : text) {
    if (line_begins && c == '#') c = ';';
    line_begins = c == '\n';
  }
  return text;
}

}  // namespace

std::optional<Application> application_named(std::string_view name) {
  for (const auto& [known, application] : kApplications) {
    if (known == name) return application;
  }
  return std::nullopt;
}

std::vector<std::string> application_names() {
  std::vector<std::string> names;
  for (const auto& [name, application] : kApplications) names.emplace_back(name);
  return names;
}

std::optional<std::string> environment_lines(const Config& config, Application application) {
  if (!config.egress) return std::nullopt;
  const auto& listen = config.egress->listen;
  // No client speaks to a proxy over a unix socket.
  const auto egress = std::find_if(listen.begin(), listen.end(),
                                   [](const ListenAddress& a) { return a.unix_path.empty(); });
  if (egress == listen.end()) return std::nullopt;
  std::string text = fill_text(env_text(application), facts_of(config, *egress, application));
  return application == Application::php_fpm ? with_semicolons(std::move(text)) : text;
}

}  // namespace siding
