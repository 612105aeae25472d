// See env.h. The facts about each client were measured: raw bytes of real clients, with and without
// the variables.
#include "proxy/tools/env.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "proxy/net/address.h"

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
constexpr std::array<std::string_view, 4> kDirect{"169.254.169.254", "169.254.170.2",
                                                  "fd00:ec2::254", "metadata.google.internal"};

// As no_proxy wants it.
std::string direct_hosts() {
  std::string out;
  for (std::string_view host : kDirect) {
    if (!out.empty()) out += ",";
    out += host;
  }
  return out;
}

bool on_loopback(const UpstreamConfig& upstream) {
  const auto address = SocketAddress::parse(upstream.url.host, upstream.url.port);
  return upstream.url.host == "localhost" || (address && is_loopback(*address));
}

std::string without_slash(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url;
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

// Writes the lines for one application.
class EnvWriter {
 public:
  EnvWriter(const Config& config, const ListenAddress& egress, std::string comment)
      : config_(config), secret_(!config.egress->secret.empty()), mark_(std::move(comment)) {
    ListenAddress address = egress;
    // Listening everywhere, it is reached from the same machine or pod like this.
    if (address.host == "0.0.0.0") address.host = "127.0.0.1";
    if (address.host == "::") address.host = "::1";
    host_ = address.host.find(':') == std::string::npos ? address.host : "[" + address.host + "]";
    port_ = std::to_string(address.port);
  }

  std::string python();
  std::string php_fpm();
  std::string ruby();
  std::string java();
  std::string node();
  std::string k8s();

 private:
  void line(const std::string& text) { out_ += text + "\n"; }
  void note(const std::string& text) {
    out_ += (text.empty() ? mark_.substr(0, 1) : mark_ + text) + "\n";
  }
  std::string origin() const { return "http://" + host_ + ":" + port_; }
  std::string proxy_url() const {
    return "http://" + std::string(secret_ ? "app:SECRET@" : "") + host_ + ":" + port_;
  }
  std::string base_url(const UpstreamConfig& upstream) const {
    return origin() + "/" + upstream.name;
  }
  void shell_variables();
  void about_direct_hosts(const std::string& variable = "no_proxy");
  void about_loopback(const std::string& rule);
  void about_secret();
  void about_base_urls(bool instead);
  void https_goes_direct(const std::string& variable);

  const Config& config_;
  const bool secret_;
  const std::string mark_;  // begins a comment
  std::string host_;        // in brackets if IPv6
  std::string port_;
  std::string out_;
};

void EnvWriter::shell_variables() {
  line("export http_proxy=" + proxy_url());
  line("export no_proxy=" + direct_hosts());
}

void EnvWriter::about_direct_hosts(const std::string& variable) {
  if (config_.egress->unlisted == EgressConfig::Unlisted::deny) {
    note(variable + ": add every http:// host that is no [upstream]: the file refuses them");
    note("(unlisted = \"deny\").");
  } else {
    note(variable +
         ": calls to hosts that are no [upstream] pass through; add those that shall not.");
  }
  note(
      "No [upstream] may be in it. The hosts above are metadata services, which siding refuses to "
      "call.");
}

// Clients that never send calls to loopback through a proxy.
void EnvWriter::about_loopback(const std::string& rule) {
  note(rule);
  for (const UpstreamConfig& upstream : config_.upstreams) {
    if (!on_loopback(upstream)) continue;
    note("So upstream " + upstream.name +
         ", which is on loopback, has to be called by its base URL.");
  }
}

void EnvWriter::about_secret() {
  if (!secret_) return;
  note("SECRET stands for [egress] secret, percent-encoded; `app` is a name of your choice.");
}

void EnvWriter::https_goes_direct(const std::string& variable) {
  note(
      "Only http:// is carried by this version: https:// calls go direct as before, unseen and "
      "not");
  note("prefetched. Leave " + variable + " unset.");
}

void EnvWriter::about_base_urls(bool instead) {
  if (config_.upstreams.empty()) {
    note("The file has no [upstream] yet: calls pass through, and none is prefetched.");
    return;
  }
  if (instead) {
    note("");
    note(
        "Instead, or for clients that read no proxy variable, base URLs (the upstream gets its own "
        "Host):");
  }
  for (const UpstreamConfig& upstream : config_.upstreams) {
    note("  " + without_slash(upstream.url.text) + "/...  ->  " + base_url(upstream) + "/...");
  }
  if (secret_) {
    note(
        "Such a call needs the field `Proxy-Authorization: Basic base64(app:SECRET)`: HTTP "
        "clients");
    note("send it to a proxy by themselves, but not to a base URL.");
  }
}

std::string EnvWriter::python() {
  note("Python: for the environment of the application's processes.");
  shell_variables();
  note(
      "requests, urllib and httpx read this; http.client, bare urllib3 and aiohttp do not "
      "(aiohttp:");
  note("with ClientSession(trust_env=True)). Lower case: pycurl reads no other, and HTTP_PROXY is");
  note("ignored wherever REQUEST_METHOD is set (CGI). Session(trust_env=False) ignores both.");
  about_direct_hosts();
  about_secret();
  https_goes_direct("https_proxy");
  about_base_urls(true);
  return std::move(out_);
}

std::string EnvWriter::php_fpm() {
  note("PHP-FPM: into the pool's file, such as /etc/php/8.2/fpm/pool.d/www.conf.");
  note(
      "clear_env is on unless you turned it off: a worker sees what env[] names, not what was "
      "exported.");
  line("env[http_proxy] = \"" + proxy_url() + "\"");
  line("env[no_proxy] = \"" + direct_hosts() + "\"");
  note("The curl extension reads http_proxy in lower case only.");
  about_direct_hosts();
  about_secret();
  note("");
  note(
      "file_get_contents() and other streams read no variable. They need a default context, from a "
      "file:");
  line("php_admin_value[auto_prepend_file] = /etc/php/siding.php");
  note("with this in /etc/php/siding.php:");
  note("  <?php");
  note("  stream_context_set_default(['http' => ['proxy' => 'tcp://" + host_ + ":" + port_ +
       "', 'request_fulluri' => true" + (secret_ ? "," : "]]);"));
  if (secret_) {
    note("    'header' => 'Proxy-Authorization: Basic ' . base64_encode('app:SECRET')]]);");
  }
  note(
      "That context is taken for https:// streams too, as a tunnel (CONNECT) that this version "
      "refuses:");
  note("give these a context of their own, stream_context_create().");
  note("");
  note("With curl:");
  https_goes_direct("https_proxy");
  about_base_urls(true);
  return std::move(out_);
}

std::string EnvWriter::ruby() {
  note("Ruby: for the environment of the application's processes. Net::HTTP and open-uri read it.");
  shell_variables();
  about_direct_hosts();
  about_secret();
  about_loopback("Ruby calls directly whatever resolves to 127.x or ::1.");
  note(
      "Ruby takes http_proxy for https:// too, as a tunnel (CONNECT) that this version refuses: "
      "hosts");
  note("called by https:// must be in no_proxy. Only http:// is carried, seen and prefetched.");
  about_base_urls(true);
  return std::move(out_);
}

std::string EnvWriter::java() {
  std::string direct;
  for (std::string_view host : kDirect) {
    const bool v6 = host.find(':') != std::string_view::npos;
    direct +=
        (direct.empty() ? "" : "|") + (v6 ? "[" + std::string(host) + "]" : std::string(host));
  }
  const std::string host = host_.front() == '[' ? host_.substr(1, host_.size() - 2) : host_;
  note("Java: for the environment of the JVM, or the three -D on its command line.");
  line("export JAVA_TOOL_OPTIONS=\"-Dhttp.proxyHost=" + host + " -Dhttp.proxyPort=" + port_ +
       " -Dhttp.nonProxyHosts=" + direct + "\"");
  note("HttpURLConnection and java.net.http read these, and no http_proxy. Other clients (Apache,");
  note("OkHttp, Netty) may have a switch, such as useSystemProperties().");
  about_direct_hosts("http.nonProxyHosts");
  about_loopback("Java adds localhost, 127.* and [::1] to the list (unless it is empty).");
  if (secret_) {
    note(
        "The JVM takes no user from a property: set a java.net.Authenticator for the proxy, user "
        "`app`,");
    note("password the [egress] secret.");
  }
  https_goes_direct("https.proxyHost");
  about_base_urls(true);
  return std::move(out_);
}

std::string EnvWriter::node() {
  note(
      "Node.js: http, https and fetch read no proxy variable. Give the application its base URLs, "
      "in");
  note(
      "whatever variables or settings it reads them from; it calls http:// there, siding the "
      "upstream:");
  about_base_urls(false);
  for (const UpstreamConfig& upstream : config_.upstreams) {
    line("export " + variable_name(upstream.name) + "_URL=" + base_url(upstream));
  }
  note("The upstream still gets its own Host; redirects that name it in full leave this way.");
  note("This version calls upstreams by http:// only: https:// APIs cannot go through it yet.");
  return std::move(out_);
}

std::string EnvWriter::k8s() {
  note("Kubernetes: into the application's container (not siding's), in the same pod.");
  line("env:");
  if (secret_) {
    line("  - name: SIDING_SECRET        # [egress] secret");
    line("    valueFrom:");
    line("      secretKeyRef: { name: siding, key: egress-secret }");
  }
  line("  - name: http_proxy");
  line("    value: \"http://" + std::string(secret_ ? "app:$(SIDING_SECRET)@" : "") + host_ + ":" +
       port_ + "\"");
  line("  - name: no_proxy");
  line("    value: \"" + direct_hosts() + "\"");
  note("Which clients read these: `siding env FILE --for python`, php-fpm, ruby, java or node.");
  about_direct_hosts();
  https_goes_direct("https_proxy");
  about_base_urls(true);
  return std::move(out_);
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
  EnvWriter writer(config, *egress, application == Application::php_fpm ? "; " : "# ");
  switch (application) {
    case Application::python: return writer.python();
    case Application::php_fpm: return writer.php_fpm();
    case Application::ruby: return writer.ruby();
    case Application::java: return writer.java();
    case Application::node: return writer.node();
    case Application::k8s: return writer.k8s();
  }
  return std::nullopt;
}

}  // namespace siding
