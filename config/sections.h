// Every table of the configuration, once: its keys, the fields behind them, kinds and bounds. A new
// option is one line here; reading, printing and unknown-key suggestions follow from it.
// Invariant: in a table the options come before its own tables, as TOML wants it. A visitor is
// Reader or Printer; defaults are those of the structs in config.h.
#pragma once

#include "config/kinds.h"

namespace siding {

namespace kind {

inline std::string as_is(const std::string& text) { return text; }

inline constexpr Time kShortTime{1ms, 10min};     // of one step
inline constexpr Time kLongTime{1ms, 24h};        // of something that may last
inline constexpr Time kLifetime{0s, 24h * 3650};  // of a stored answer
inline constexpr Count kConnections{1, 1'000'000};

inline const Text<ListenAddress> kAddress{parse_listen_address,
                                          [](auto& address) { return address.text(); }};
inline const ListOf kListen{ListenEntry{}};
inline const ListOf kClientListen{ListenEntry{true}};
inline const Text<OriginUrl> kBackendUrl{parse_backend_url, [](auto& url) { return url.text; }};
inline const Text<OriginUrl> kUpstreamUrl{parse_upstream_url, [](auto& url) { return url.text; }};
inline const Text<OriginUrl> kRedisUrl{
    parse_redis_url, [](auto& url) { return url.text.empty() ? std::string("none") : url.text; }};
inline const Text<std::string> kWord{parse_word, as_is};
inline const Text<std::string> kFieldName{[](std::string_view text) -> Parsed<std::string> {
                                            std::string fault = header_name_fault(text);
                                            if (!fault.empty()) return {{}, std::move(fault)};
                                            return {std::string(text), ""};
                                          },
                                          as_is};
inline const Text<std::string> kClientField{
    [](std::string_view text) -> Parsed<std::string> {
      if (text == "address") return {"", ""};
      return kFieldName.parse(text);
    },
    [](const std::string& name) { return name.empty() ? std::string("address") : name; }};
inline const Text<std::string> kCaFile{
    [](std::string_view text) {
      return text == "system" ? Parsed<std::string>{"", ""} : parse_absolute_path(text);
    },
    [](const std::string& path) { return path.empty() ? std::string("system") : path; }};
inline const Text<std::string> kProbePath{
    [](std::string_view text) {
      return text == "none" ? Parsed<std::string>{"", ""} : parse_target(text);
    },
    [](const std::string& path) { return path.empty() ? std::string("none") : path; }};
inline const Text<std::string> kPemFile{
    [](std::string_view text) {
      return text == "none" ? Parsed<std::string>{"", ""} : parse_absolute_path(text);
    },
    [](const std::string& path) { return path.empty() ? std::string("none") : path; }};
inline const Text<std::string> kFile{parse_absolute_path, as_is};
inline const Text<std::string> kServerName{
    [](std::string_view text) {
      return text == "auto" ? Parsed<std::string>{"", ""} : parse_server_name(text);
    },
    [](const std::string& name) { return name.empty() ? std::string("auto") : name; }};
inline const OneOf<std::string> kCallMethod{{{"GET", "GET"},
                                             {"HEAD", "HEAD"},
                                             {"QUERY", "QUERY"},
                                             {"POST", "POST"},
                                             {"PUT", "PUT"},
                                             {"PATCH", "PATCH"},
                                             {"DELETE", "DELETE"}}};
inline const Text<std::string> kHost{parse_host_pattern, print_host_pattern};
inline const Text<std::string> kBackend{
    [](std::string_view text) {
      return Parsed<std::string>{text == "none" ? "" : std::string(text), ""};
    },
    [](const std::string& name) { return name.empty() ? std::string("none") : name; }};

}  // namespace kind

/// A secret lies in two fields: its value, and the file from which it came.
template <class V>
void secret(V& v, std::string_view key, std::string& value, std::string& file) {
  HeaderValue both{value, file};
  v.option(key, both, Secret{});
  value = both.value;
  file = both.file;
}

template <class V>
void options(V& v, CertificateFiles& c) {
  v.required("certificate", c.certificate, kind::kFile,
             "the PEM file with the certificate and its chain");
  v.required("key", c.key, kind::kFile, "the PEM file with the key of `certificate`");
  v.option("ocsp", c.ocsp, kind::kPemFile);
}

template <class V>
void options(V& v, ListenTls& c) {
  options(v, static_cast<CertificateFiles&>(c));
  v.option("more", c.more, ListOf{TableOf<CertificateFiles>{"[listen.tls] more"}});
  v.option("client_ca", c.client_ca, kind::kPemFile);
  using Client = ListenTls::Client;
  v.option("client", c.client,
           OneOf<Client>{{{"required", Client::required}, {"optional", Client::optional}}});
  using MinVersion = ListenTls::MinVersion;
  v.option("min_version", c.min_version,
           OneOf<MinVersion>{{{"1.2", MinVersion::tls12}, {"1.3", MinVersion::tls13}}});
}

template <class V>
void options(V& v, ListenAddress& c) {
  v.required("address", c, kind::kAddress, "such as address = \"0.0.0.0:8443\"");
  v.option("proxy_protocol", c.proxy_protocol, Flag{});
  v.inline_table("tls", c.tls);
}

template <class V>
void options(V& v, EgressConfig& c) {
  using Unlisted = EgressConfig::Unlisted;
  v.required("listen", c.listen, kind::kListen,
             "where the backend sends its own calls, such as listen = [\"127.0.0.1:8081\"]");
  // Elsewhere it would be an open proxy.
  const bool local = std::all_of(c.listen.begin(), c.listen.end(),
                                 [](const ListenAddress& a) { return a.local(); });
  v.fallback(c.unlisted, local ? Unlisted::pass : Unlisted::deny);
  v.option("unlisted", c.unlisted,
           OneOf<Unlisted>{{{"pass", Unlisted::pass}, {"deny", Unlisted::deny}}});
  secret(v, "secret", c.secret, c.secret_file);
  v.option("max_connections", c.max_connections, kind::kConnections);
}

template <class V>
void options(V& v, QueueConfig& c) {
  v.option("size", c.size, Count{1, 10'000'000});
  v.option("bytes", c.bytes, Size{64 << 10, 1ull << 50, "auto"});
  v.option("timeout", c.timeout, Time{1ms, 1h});
  v.option("client", c.client, kind::kClientField);
}

template <class V>
void options(V& v, BackendConfig& c) {
  v.required("url", c.url, kind::kBackendUrl,
             "the address of the service, such as url = \"http://127.0.0.1:8000\"");
  v.required("concurrency", c.concurrency, Count{1, 100'000},
             "the requests that the service can serve at once = processes x threads; it has no "
             "default because only you know it (one sync worker: concurrency = 1)");
  v.option("h2c", c.h2c, Flag{});
  v.option("backlog", c.backlog, Count{0, 10'000});
  v.inline_table("queue", c.queue);
  v.option("down", c.down, OneOf<Down>{{{"wait", Down::wait}, {"fail", Down::fail}}});
  v.option("connect_timeout", c.connect_timeout, kind::kShortTime);
  v.option("timeout", c.timeout, kind::kLongTime);
  v.option("abandon", c.abandon, kind::kLongTime);
  v.option("keep_alive", c.keep_alive, Flag{});
  v.option("idle_timeout", c.idle_timeout, kind::kLongTime);
}

template <class V>
void options(V& v, TlsConfig& c) {
  v.option("ca_file", c.ca_file, kind::kCaFile);
  v.option("certificate", c.certificate, kind::kPemFile);
  v.option("key", c.key, kind::kPemFile);
  v.option("server_name", c.server_name, kind::kServerName);
}

template <class V>
void options(V& v, BreakerConfig& c) {
  v.option("failures", c.failures, Count{1, 1'000'000, "off"});
  v.option("percent", c.percent, Count{1, 100, "off"});
  v.option("pause", c.pause, kind::kShortTime);
}

template <class V>
void options(V& v, ProbeConfig& c) {
  v.option("path", c.path, kind::kProbePath);
  v.option("interval", c.interval, Time{100ms, 1h});
  v.option("timeout", c.timeout, kind::kShortTime);
}

template <class V>
void options(V& v, CacheConfig& c) {
  v.option("enabled", c.enabled, Flag{});
  v.option("set_cookie", c.store_set_cookie, OneOf<bool>{{{"pass", false}, {"store", true}}});
  v.option("heuristic", c.heuristic, Flag{});
  v.option("ttl", c.ttl, StatusTtls{});
  v.option("stale_while_revalidate", c.stale_while_revalidate, kind::kLifetime);
  v.option("stale_if_error", c.stale_if_error, kind::kLifetime);
  v.option("max_object", c.max_object, Size{1, 1ull << 40});
  v.option("ignore", c.ignore, ListOf{Text<std::string>{parse_parameter, kind::as_is}});
  v.option("only", c.only, ListOf{Text<std::string>{parse_parameter, kind::as_is}});
  v.option("coalesce", c.coalesce, Flag{});
}

template <class V>
void options(V& v, UpstreamConfig& c) {
  v.required("url", c.url, kind::kUpstreamUrl,
             "the address of the service, such as url = \"https://api.example\"");
  v.option("http2", c.http2, Flag{});
  v.option("h2c", c.h2c, Flag{});
  v.option("timeout", c.timeout, kind::kShortTime);
  v.option("connect_timeout", c.connect_timeout, kind::kShortTime);
  v.option("concurrency", c.concurrency, Count{1, 100'000});
  v.option("headers", c.headers, AddedHeaders{});
  v.option("ignore_headers", c.ignore_headers, ListOf{kind::kFieldName});
  v.option("idle_timeout", c.idle_timeout, kind::kLongTime);
  v.option("first_byte_timeout", c.first_byte_timeout, Time{1ms, 10min, "none"});
  v.option("deadline_header", c.deadline_header, Flag{});
  v.option("rate", c.rate, Text<RateConfig>{parse_rate, print_rate});
  v.option("hedge", c.hedge, Text<HedgeConfig>{parse_hedge, print_hedge});
  v.option("retries", c.retries, Count{0, 5});
  v.inline_table("breaker", c.breaker);
  v.inline_table("probe", c.probe);
  v.option("endpoint_concurrency", c.endpoint_concurrency, Count{1, 100'000, "none"});
  v.option("warm", c.warm, Count{0, 100});
  v.option("guard_worker", c.guard_worker, Flag{});
  v.option("public_only", c.public_only, Flag{});
  v.option("loopback", c.loopback, Flag{});
  v.inline_table("cache", c.cache);
  v.inline_table("tls", c.tls);
}

template <class V>
void options(V& v, CallConfig& c) {
  v.required("call", c, CallText{}, "such as call = \"music:/s?word={query.q}\"");
  v.option("body", c, CallBody{});
  v.fallback(c.method, std::string(c.body.empty() ? "GET" : "POST"));
  v.option("method", c.method, kind::kCallMethod);
  v.option("safe", c.safe, Flag{});
  v.option("headers", c.headers, TemplateHeaders{});
}

template <class V>
void options(V& v, LegConfig& c) {
  options(v, static_cast<CallConfig&>(c));
  v.option("required", c.required, Flag{});
  v.option("timeout", c.timeout, Time{1ms, 10min, "auto"});
  v.option("max_body", c.max_body, Size{1, 1ull << 32});
  v.option("set_cookie", c.set_cookie, Flag{});
}

template <class V>
void options(V& v, MergeConfig& c) {
  v.option("kind", c.kind,
           OneOf<MergeKind>{{{"object", MergeKind::object}, {"concat", MergeKind::concat}}});
  v.option("at", c.at, Text<std::string>{parse_pointer, kind::as_is});
  v.option("limit", c.limit, Count{1, 1'000'000'000, "none"});
  v.option("interleave", c.interleave, Flag{});
}

template <class V>
void options(V& v, PrefetchConfig& c) {
  v.option("mode", c.mode,
           OneOf<PrefetchMode>{{{"off", PrefetchMode::off},
                                {"observe", PrefetchMode::observe},
                                {"auto", PrefetchMode::automatic},
                                {"on", PrefetchMode::on}}});
  v.option("wait", c.wait, Time{0ms, 1h, "auto"});
  v.option("when", c.when, ListOf{Text<std::string>{parse_condition, kind::as_is}});
  v.option("share", c.share, Flag{});
  v.option("unsafe_methods", c.unsafe_methods, Flag{});
  v.named_tables("calls", c.calls, &CallConfig::leg);
}

template <class V>
void options(V& v, RouteConfig& c) {
  v.place(c.place);
  v.option("path", c.path, RoutePath{});
  v.option("host", c.host, kind::kHost);
  v.option("method", c.methods, ListOf{Text<std::string>{parse_method, kind::as_is}});
  v.option("header", c.headers, MatchedHeaders{});
  v.option("backend", c.backend, kind::kBackend);
  v.option("deadline", c.deadline, Time{1ms, 24h, "none"});
  v.option("priority", c.priority, Count{-1000, 1000});
  v.option("queue", c.queue, Flag{});
  v.option("stream", c.stream, Flag{});
  v.option("max_body", c.max_body, Size{1, 1ull << 50, "auto"});
  v.option("upgrade", c.upgrade, ListOf{Text<std::string>{parse_protocol, kind::as_is}});
  v.inline_table("cache", c.cache);
  v.inline_table("merge", c.merge);
  v.option("race", c.race, Flag{});
  v.option("server_timing", c.server_timing, Flag{});
  v.table("prefetch", c.prefetch, !c.prefetch.calls.empty());
  v.named_tables("fanout", c.fanout, static_cast<std::string LegConfig::*>(&CallConfig::leg));
}

template <class V>
void options(V& v, LimitsConfig& c) {
  v.option("memory", c.memory, Size{8 << 20, 1ull << 50, "auto"});
  v.option("spill", c.spill, Size{0, 1ull << 50});
  v.option("spill_dir", c.spill_dir, kind::kFile);
  v.option("max_body", c.max_body, Size{1, 1ull << 50, "auto"});
  v.option("max_head", c.max_head, Size{1 << 10, 16 << 20});
  v.option("max_fields", c.max_fields, Count{8, 10'000});
  v.option("max_target", c.max_target, Size{256, 1 << 20});
  v.option("max_connections", c.max_connections, kind::kConnections);
  v.option("max_requests_per_connection", c.max_requests_per_connection, Count{1, 1'000'000'000});
  v.option("idle_timeout", c.idle_timeout, kind::kLongTime);
  v.option("head_timeout", c.head_timeout, kind::kShortTime);
  v.option("body_timeout", c.body_timeout, kind::kLongTime);
  v.option("send_timeout", c.send_timeout, kind::kLongTime);
  v.option("tunnel_idle_timeout", c.tunnel_idle_timeout, kind::kLongTime);
}

template <class V>
void options(V& v, RedisConfig& c) {
  v.option("url", c.url, kind::kRedisUrl);
  v.option("user", c.user, kind::kWord);
  secret(v, "password", c.password, c.password_file);
  v.option("ca_file", c.ca_file, kind::kCaFile);
  v.option("prefix", c.prefix, kind::kWord);
  v.option("timeout", c.timeout, Time{1ms, 10s});
  v.option("lease", c.lease, Time{0s, 10min});
}

template <class V>
void options(V& v, StoreConfig& c) {
  v.option("memory", c.memory, Size{1 << 20, 1ull << 50, "auto"});
  v.inline_table("redis", c.redis);
}

template <class V>
void options(V& v, PinsConfig& c) {
  v.option("max_pin", c.max_pin, Size{1 << 10, 1ull << 40});
  v.option("max_bytes", c.max_bytes, Size{1 << 10, 1ull << 40});
  v.option("max_age", c.max_age, Time{1ms, 1h});
}

template <class V>
void options(V& v, DnsConfig& c) {
  v.option("servers", c.servers, ListOf{Text<std::string>{parse_resolver, kind::as_is}});
  v.option("search", c.search, ListOf{Text<std::string>{parse_domain, kind::as_is}});
  v.option("hosts_file", c.hosts_file, Flag{});
  v.option("timeout", c.timeout, Time{10ms, 1min});
  v.option("tries", c.tries, Count{1, 10});
  v.option("min_ttl", c.min_ttl, Time{0ms, 24h});
  v.option("max_ttl", c.max_ttl, Time{0ms, 24h});
}

template <class V>
void options(V& v, LogConfig& c) {
  using Access = LogConfig::Access;
  using Level = LogConfig::Level;
  v.option("access", c.access,
           OneOf<Access>{{{"text", Access::text}, {"json", Access::json}, {"off", Access::off}}});
  v.option("level", c.level,
           OneOf<Level>{{{"debug", Level::debug},
                         {"info", Level::info},
                         {"warning", Level::warning},
                         {"error", Level::error}}});
}

template <class V>
void options(V& v, HealthConfig& c) {
  v.option("listen", c.listen, kind::kListen);
  v.option("may_drain", c.may_drain, Flag{});
}

template <class V>
void options(V& v, AdminConfig& c) {
  v.option("listen", c.listen, kind::kListen);
  v.option("ring", c.ring, Count{1, 65'536});
}

template <class V>
void options(V& v, Config& c) {
  v.required("listen", c.listen, kind::kClientListen,
             "where clients come in, such as listen = [\"0.0.0.0:8080\"]");
  v.option("threads", c.threads, Count{1, 256, "auto"});
  v.option("trusted_proxies", c.trusted_proxies, Networks{});
  v.option("drain_delay", c.drain_delay, Time{0ms, 10min});
  v.option("drain_timeout", c.drain_timeout, Time{0ms, 24h, "auto"});
  v.table("egress", c.egress);
  v.named_tables("backend", c.backends, &BackendConfig::name);
  v.named_tables("upstream", c.upstreams, &UpstreamConfig::name);
  v.table_list("route", c.routes);
  v.table("limits", c.limits);
  v.table("cache", c.cache);
  v.table("pins", c.pins);
  v.table("dns", c.dns);
  v.table("log", c.log);
  v.table("health", c.health);
  v.table("admin", c.admin);
}

}  // namespace siding
