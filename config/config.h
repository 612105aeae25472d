// The configuration as plain structs with their defaults, in the order of the TOML file. Values are
// already parsed and checked: whoever holds a Config never meets a bad one.
// Invariant: immutable once loaded; shared by all threads as `ConfigRef`.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "http/body_template.h"
#include "http/path_pattern.h"
#include "http/template.h"

namespace siding {

using namespace std::chrono_literals;

/// A certificate that siding shows to clients. Files, read again when they change.
struct CertificateFiles {
  std::string certificate;  ///< PEM, with its chain
  std::string key;          ///< PEM, of `certificate`
  std::string ocsp;         ///< DER: the authority's word that it still holds; empty: none is given
  bool operator==(const CertificateFiles&) const = default;
};

/// TLS with clients. The first certificate is for whoever asks for a name that none of them has.
struct ListenTls : CertificateFiles {
  std::vector<CertificateFiles> more;  ///< for the names in them
  std::string client_ca;               ///< PEM: who vouches for clients; empty: they are not asked
  enum class Client { required, optional } client = Client::required;
  enum class MinVersion { tls12, tls13 } min_version = MinVersion::tls12;

  std::vector<const CertificateFiles*> certificates() const;  ///< all, the first first
  bool operator==(const ListenTls&) const = default;
};

/// An address to listen on: an IP literal and a port, or a unix socket path.
struct ListenAddress {
  std::string host;  ///< "0.0.0.0", "::1"; empty for a unix socket
  uint16_t port = 0;
  std::string unix_path;         ///< "unix:/run/siding.sock" without the prefix
  bool proxy_protocol = false;   ///< a PROXY header comes first; of clients' listeners only
  std::optional<ListenTls> tls;  ///< likewise
  std::string text() const;      ///< as written
  bool local() const;            ///< loopback or a unix socket: only this machine reaches it
  bool operator==(const ListenAddress&) const = default;
};

/// A network in CIDR form; `private`, `loopback` and `any` are written out when loading.
struct Cidr {
  std::array<uint8_t, 16> bytes{};  ///< IPv4 as v4-mapped IPv6
  int prefix = 128;
};

/// An origin: what [backend] and [upstream] urls name.
struct OriginUrl {
  std::string text;  ///< as written
  std::string scheme = "http";
  std::string host;  ///< lower case, no brackets; empty for a unix socket
  uint16_t port = 80;
  std::string unix_path;  ///< for "unix:/path"
  std::string base_path;  ///< of an upstream: "" or "/v1", put before each call's path
  /// "_http._tcp.search.example": SRV records tell hosts and ports; `port` is the scheme's. Only a
  /// resolver wants that name. To all others, as below, the server is search.example.
  bool is_service() const;
  std::string authority() const;  ///< for Host: brackets for IPv6, no default port
  /// The host as HostPort has it: without the dot that keeps a resolver from searching.
  std::string_view name() const;
  bool operator==(const OriginUrl&) const = default;
};

/// A header value from the file, or from a file that it names (a secret: never shown).
struct HeaderValue {
  std::string value;  ///< of a file: its content when the configuration was loaded
  std::string file;
};
using HeaderList = std::vector<std::pair<std::string, HeaderValue>>;

struct EgressConfig {
  std::vector<ListenAddress> listen;
  enum class Unlisted { pass, deny } unlisted = Unlisted::pass;
  std::string secret;       ///< Proxy-Authorization password; empty = none asked
  std::string secret_file;  ///< where it came from, if from a file
  uint32_t max_connections = 1024;
};

enum class Down { wait, fail };

struct QueueConfig {
  uint32_t size = 10'000;  ///< requests
  uint64_t bytes = 0;      ///< of buffered bodies; 0 = from [limits] memory
  Duration timeout = 30s;  ///< from entering until a worker has it; covers the prefetch
  std::string client;  ///< field that tells clients apart, from trusted proxies; empty: addresses
};

struct BackendConfig {
  std::string name;
  OriginUrl url;
  bool h2c = false;          ///< it speaks HTTP/2 from the first byte on
  uint32_t concurrency = 1;  ///< requests it serves at once = processes x threads
  uint32_t backlog = 1;      ///< that many more stand at its door
  QueueConfig queue;
  Down down = Down::wait;
  Duration connect_timeout = 1s;
  Duration timeout = 300s;  ///< without a byte of an answer: 504
  Duration abandon = 60s;   ///< how long work without a client may keep its permit
  bool keep_alive = true;
  Duration idle_timeout = 4s;  ///< of a kept connection; below the servers' usual 5 s
};

/// How an https:// upstream is verified, and who we are to it. PEM files, read again when they change.
struct TlsConfig {
  std::string ca_file;      ///< instead of the system's authorities; empty: those
  std::string certificate;  ///< ours, with its chain; empty: none
  std::string key;          ///< of `certificate`
  std::string server_name;  ///< whose certificate is wanted; empty: the url's host
  bool operator==(const TlsConfig&) const = default;
};

/// When calls to one address of an upstream are given up for a while; see upstream/endpoints.h.
struct BreakerConfig {
  uint32_t failures = 5;  ///< in a row; 0: never for that
  uint32_t percent = 50;  ///< of the calls of 10 s, if there are 20; 0: never for that
  Duration pause = 1s;    ///< doubled each time in a row, up to 30 s
};

/// How siding asks each address of an upstream, of its own accord, whether it serves.
struct ProbeConfig {
  std::string path;  ///< path and query of a GET; empty: it does not ask
  Duration interval = 5s;
  Duration timeout = 1s;
};

/// At most `calls` in `per`; 0: any number.
struct RateConfig {
  uint32_t calls = 0;
  Duration per = 1s;
  bool operator==(const RateConfig&) const = default;
};

/// When a second try joins a slow first one.
struct HedgeConfig {
  enum class Kind { off, p95, fixed } kind = Kind::off;
  Duration after{};  ///< of Kind::fixed
};

/// What is stored of the answers of a route, or of an upstream (RFC 9111).
struct CacheConfig {
  bool enabled = false;
  bool store_set_cookie = false;  ///< answers with Set-Cookie too
  bool heuristic = true;          ///< a lifetime out of Last-Modified where the origin gives none
  std::vector<std::pair<int, Duration>> ttl;  ///< likewise, by status
  Duration stale_while_revalidate{};          ///< where the answer does not say (RFC 5861)
  Duration stale_if_error{};                  ///< likewise
  uint64_t max_object = 8 << 20;              ///< bytes of a body
  std::vector<std::string> ignore;            ///< parameters of the query that do not count
  std::vector<std::string> only;              ///< or the only ones that do
  bool coalesce = true;                       ///< one fetch for concurrent misses
};

struct UpstreamConfig {
  std::string name;
  OriginUrl url;
  bool http2 = true;       ///< offered to an https one; it chooses
  bool h2c = false;        ///< an http one speaks HTTP/2 from the first byte on
  Duration timeout = 10s;  ///< of prefetch and fan-out; not of the worker's own call
  Duration connect_timeout = 2s;
  uint32_t concurrency = 256;  ///< calls at once that siding makes
  HeaderList headers;
  std::vector<std::string> ignore_headers;  ///< more fields that do not count in a comparison
  Duration idle_timeout = 4s;
  std::optional<Duration> first_byte_timeout;  ///< of one try, for the head of its answer
  bool deadline_header = false;                ///< tell it how long the answer is waited for
  RateConfig rate;                             ///< of siding's own calls
  HedgeConfig hedge;
  uint32_t retries = 1;  ///< of a call of siding's own that may be repeated, within a budget
  BreakerConfig breaker;
  ProbeConfig probe;
  uint32_t endpoint_concurrency = 0;  ///< of them, calls to one address; 0: no bound
  uint32_t warm = 0;                  ///< connections that each thread keeps open to each address
  bool guard_worker = false;          ///< all of this for the worker's own calls too
  bool public_only = false;           ///< addresses of private networks are refused
  CacheConfig cache;
  bool loopback = false;  ///< a name may lead to this machine; a url that names it always may
  TlsConfig tls;
};

enum class MergeKind { object, concat };

/// How the answers of a fan-out's legs become one.
struct MergeConfig {
  MergeKind kind = MergeKind::object;  ///< object: a member a leg; concat: one array out of theirs
  std::string at;                      ///< concat: where each has it, a JSON pointer; "": it is one
  uint32_t limit = 0;                  ///< concat: items at most; 0: all
  bool interleave = false;             ///< concat: the first of each, the second of each, ...
};

enum class PrefetchMode { off, observe, automatic, on };

/// One upstream call of a prefetch.
struct CallConfig {
  std::string leg;  ///< its name; made up for a plain list
  std::string upstream;
  std::string text;  ///< "music:/s?word={query.q}"
  BodyTemplate body;
  std::string body_text;       ///< as TOML
  std::string method = "GET";  ///< POST where there is a body
  bool safe = false;           ///< a POST that only asks: it may be made ahead, and again
  Template target;             ///< path and query
  std::vector<std::pair<std::string, Template>> headers;

  std::vector<const Template*> templates() const;
  /// The legs of its fan-out whose values it takes.
  std::vector<std::string> legs_used() const;
  /// Whether making it twice does no harm (RFC 9110 9.2.2, and what `safe` says).
  bool repeatable() const;
};

struct PrefetchConfig {
  PrefetchMode mode = PrefetchMode::automatic;
  std::optional<Duration> wait;   ///< default: min(upstream timeout, half of queue.timeout)
  std::vector<std::string> when;  ///< "cookie.sessionid", "header.x", "query.q": all must be there
  bool share = false;           ///< one call for identical ones in flight (never with credentials)
  bool unsafe_methods = false;  ///< also for POST and the like
  std::vector<CallConfig> calls;
};

/// One upstream call of a fan-out.
struct LegConfig : CallConfig {
  bool required = false;            ///< without it there is no answer
  std::optional<Duration> timeout;  ///< default: the upstream's
  uint64_t max_body = 1 << 20;      ///< bytes
  bool set_cookie = false;          ///< its Set-Cookie fields are passed on
};

struct RouteConfig {
  std::string text() const;  ///< for messages: "path /search/"
  PathPattern path = PathPattern::everything();
  std::string host;                  ///< exact or "*.x", lower case; empty = any
  std::vector<std::string> methods;  ///< empty = any; HEAD follows GET
  std::vector<std::pair<std::string, std::string>> headers;  ///< name -> exact value; "*" = present
  std::string backend;                                       ///< empty: fan-out
  std::optional<Duration> deadline;  ///< of the whole exchange, from the complete head
  int priority = 0;                  ///< lower first
  bool queue = true;                 ///< false: straight to the backend, outside its cap
  bool stream = false;               ///< pass the answer at the client's speed
  uint64_t max_body = 0;             ///< bytes; 0 = the limit of [limits]
  std::vector<std::string> upgrade{"websocket"};  ///< what clients may switch to; lower case
  CacheConfig cache;
  PrefetchConfig prefetch;
  std::vector<LegConfig> fanout;
  MergeConfig merge;           ///< of a fan-out
  bool race = false;           ///< of a fan-out: the first good answer is the answer
  bool server_timing = false;  ///< of a fan-out: tells clients how long its legs took
  std::string place;           ///< "file:line:column"
};

struct LimitsConfig {
  uint64_t memory = 0;          ///< bytes; 0 = 80 % of the cgroup (or of the machine)
  uint64_t spill = 1ull << 30;  ///< bytes of temporary files in all
  std::string spill_dir = "/tmp";
  uint64_t max_body = 0;          ///< bytes of one request; 0 = bounded by the spill budget
  uint32_t max_head = 96 * 1024;  ///< bytes of a request head
  uint32_t max_fields = 100;
  uint32_t max_target = 16 * 1024;    ///< bytes of a request target
  uint32_t max_connections = 10'000;  ///< of the front listeners
  uint32_t max_requests_per_connection = 10'000;
  Duration idle_timeout = 75s;          ///< between requests
  Duration head_timeout = 10s;          ///< from the first byte to the whole head: 408
  Duration body_timeout = 30s;          ///< without a byte of body: 408
  Duration send_timeout = 60s;          ///< in which the client takes less than 1 KiB
  Duration tunnel_idle_timeout = 600s;  ///< without a byte through a tunnel, either way
};

/// The store that replicas share.
struct RedisConfig {
  OriginUrl url;  ///< scheme "redis" or "rediss", or a unix socket; no text: there is none
  uint32_t database() const;
  std::string user;
  std::string password;
  std::string password_file;      ///< where it came from, if from a file
  std::string ca_file;            ///< of rediss://; empty: the system's
  std::string prefix = "siding";  ///< of all keys: one for each deployment
  Duration timeout = 20ms;        ///< of one command; later is a miss
  Duration lease = 5s;            ///< replicas wait so long for one's fetch; 0: they do not
  bool operator==(const RedisConfig&) const = default;
};

/// Of all caches together.
struct StoreConfig {
  uint64_t memory = 0;  ///< bytes; 0 = a fourth of [limits] memory, at most 256 MiB
  RedisConfig redis;
};

struct PinsConfig {
  uint64_t max_pin = 1 << 20;     ///< bytes
  uint64_t max_bytes = 64 << 20;  ///< of all pins
  Duration max_age = 30s;
};

struct DnsConfig {
  std::vector<std::string> servers;  ///< "ip:port"; empty = resolv.conf
  std::vector<std::string> search;   ///< with servers; else resolv.conf's
  bool hosts_file = true;
  Duration timeout = 1s;  ///< of one try
  uint32_t tries = 3;
  Duration min_ttl = 1s;
  Duration max_ttl = 300s;
  bool operator==(const DnsConfig&) const = default;
};

struct LogConfig {
  enum class Access { json, text, off } access = Access::text;
  enum class Level { debug, info, warning, error } level = Level::info;
};

struct HealthConfig {
  std::vector<ListenAddress> listen;
  bool may_drain = false;  ///< GET /wait-for-drain begins it, and does not only wait
};

struct AdminConfig {
  std::vector<ListenAddress> listen;  ///< loopback or unix socket only
  uint32_t ring = 256;                ///< exchanges remembered for `explain`
};

struct Config {
  std::vector<ListenAddress> listen;
  uint32_t threads = 0;  ///< 0 = auto
  std::vector<Cidr> trusted_proxies;
  Duration drain_delay{};  ///< after a stop was asked for, clients are served so long as before
  std::optional<Duration> drain_timeout;  ///< default: see drain_time()
  std::optional<EgressConfig> egress;
  std::vector<BackendConfig> backends;
  std::vector<UpstreamConfig> upstreams;
  std::vector<RouteConfig> routes;
  LimitsConfig limits;
  StoreConfig cache;
  PinsConfig pins;
  DnsConfig dns;
  LogConfig log;
  HealthConfig health;
  AdminConfig admin;

  const BackendConfig* backend(std::string_view name) const;
  const UpstreamConfig* upstream(std::string_view name) const;
  /// Any route or upstream has a cache.
  bool caches() const;
  /// How long a stop waits for who is inside: the longest deadline of a route, 30 s at least.
  Duration drain_time() const;
  /// The route lets clients switch to another protocol. Not where that would lead around a cache, nor where
  /// the backend speaks HTTP/2: that has no connection to give away.
  bool tunnels(const RouteConfig& route) const;
  bool tunnels() const;  ///< some route does
};

using ConfigRef = std::shared_ptr<const Config>;

/// File descriptors that may be open at once under this configuration, to compare with
/// RLIMIT_NOFILE.
uint64_t descriptors_needed(const Config& config);

}  // namespace siding
