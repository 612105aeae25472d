// See env_texts.h. Change one, and its golden file under tests/proxy/tools follows.
#include "proxy/tools/env_texts.h"

namespace siding {
namespace {

constexpr std::string_view kPythonText = R"(
# Python: for the environment of the application's processes.
export http_proxy={proxy}
export no_proxy={direct}
# requests, urllib and httpx read this; http.client, bare urllib3 and aiohttp do not (aiohttp does
# with ClientSession(trust_env=True)). In lower case: pycurl reads no other, and HTTP_PROXY does not
# count where REQUEST_METHOD is set (CGI). Session(trust_env=False) ignores it.
{unlisted}
{secret}
{https}
{base_urls}
)";

constexpr std::string_view kPhpFpmText = R"(
# PHP-FPM: into the pool's file, such as /etc/php/8.2/fpm/pool.d/www.conf. As long as clear_env is on,
# which is the default, a worker sees what env[] names and not what was exported.
env[http_proxy] = "{proxy}"
env[no_proxy] = "{direct}"
# The curl extension reads this, in lower case only.
{unlisted}
{secret}
{https}
#
# file_get_contents() and other streams read no variable: they need a default context, out of a file.
php_admin_value[auto_prepend_file] = /etc/php/siding.php
# In /etc/php/siding.php:
#   <?php
#   stream_context_set_default(['http' => ['proxy' => 'tcp://{host}:{port}',
#     'request_fulluri' => true{php_more}
{php_header}
# https:// streams take that context too, and ask for a tunnel (CONNECT), in which nothing is prefetched:
# to spare them that, give them a context of their own, stream_context_create().
{base_urls}
)";

constexpr std::string_view kRubyText = R"(
# Ruby: for the environment of the application's processes. Net::HTTP and open-uri read it.
export http_proxy={proxy}
export no_proxy={direct}
{unlisted}
{secret}
# Ruby takes http_proxy for https:// too, and asks for a tunnel (CONNECT), in which nothing is prefetched:
# hosts that are called by https:// go into no_proxy, or are called by base URL.
# Whatever resolves to 127.x or ::1 is called directly.
{loopback}
{base_urls}
)";

constexpr std::string_view kJavaText = R"(
# Java: for the environment of the JVM, or the three -D on its command line.
export JAVA_TOOL_OPTIONS="{java_options}"
# HttpURLConnection and java.net.http read these properties, and no http_proxy. Other clients (Apache,
# OkHttp, Netty) may have a switch for them, such as useSystemProperties().
{unlisted}
# Java adds localhost, 127.* and [::1] to that list, unless it is empty.
{loopback}
{java_secret}
{https}
{base_urls}
)";

constexpr std::string_view kNodeText = R"(
# Node.js: http, https and fetch read no proxy variable. The application has to call siding by base
# URLs, in whatever variables or settings it takes them from:
{exports}
{base_urls}
)";

constexpr std::string_view kK8sText = R"(
# Kubernetes: into the application's container (not siding's), in the same pod.
env:
{k8s_secret}
  - name: http_proxy
    value: "{k8s_proxy}"
  - name: no_proxy
    value: "{direct}"
# Which clients read these: `siding env FILE --for python`, php-fpm, ruby, java or node.
{unlisted}
{https}
{base_urls}
)";

}  // namespace

const std::string_view kEnvPassNote = R"(
# {variable}: calls to hosts that are no [upstream] pass through siding; add those that shall not.
# No [upstream] may be in it. What is in it are metadata services, which siding refuses to call.
)";

const std::string_view kEnvDenyNote = R"(
# {variable}: add every http:// host that is no [upstream], the file refuses them (unlisted = "deny").
# No [upstream] may be in it. What is in it are metadata services, which siding refuses to call.
)";

const std::string_view kEnvHttpsNote = R"(
# Leave {https} unset: https:// calls go direct as before, unseen and not prefetched. An https:// API
# whose URL is a setting is called by base URL, and siding speaks TLS with it.
)";

const std::string_view kEnvSecretNote = R"(
# SECRET stands for [egress] secret, percent-encoded; `app` is a name of your choice.
)";

const std::string_view kEnvBaseUrlNote = R"(
#
# Base URLs, instead or for clients that read no proxy setting (the upstream gets its own Host):
)";

const std::string_view kEnvBaseUrlSecret = R"(
# Such a call needs a field `Proxy-Authorization: Basic ` and base64 of app:SECRET, which clients send
# by themselves to a proxy only.
)";

const std::string_view kEnvNoUpstream = R"(
# The file has no [upstream] yet: calls pass through siding, and none is prefetched.
)";

std::string_view env_text(Application application) {
  switch (application) {
    case Application::python: return kPythonText;
    case Application::php_fpm: return kPhpFpmText;
    case Application::ruby: return kRubyText;
    case Application::java: return kJavaText;
    case Application::node: return kNodeText;
    case Application::k8s: return kK8sText;
  }
  return "";
}

}  // namespace siding
