// Checks between options, but for routes and for what comes before HTTP at clients' listeners (see
// validate.h; those are in validate_routes.cc and validate_clients.cc).
// Invariant: a value whose own fault is reported is at its default here and gives no second message.
#include "config/validate.h"

#include <algorithm>
#include <string>
#include <vector>

#include "config/certificates.h"

namespace siding {
namespace {

std::string text_of(uint64_t n) { return std::to_string(n); }

// --- listeners ----------------------------------------------------------------------------------

struct Door {
  std::string name;
  ListenAddress address;
  Place place;
};

// All listeners of the file with their places.
std::vector<Door> doors_of(const Config& config, const Node& root) {
  std::vector<Door> doors;
  auto add = [&](const std::string& name, const Node& table,
                 const std::vector<ListenAddress>& addresses) {
    const Node& list = table.at("listen");
    for (size_t i = 0; i < addresses.size(); ++i) {
      const bool each = list.is(Node::Kind::list) && list.children.size() == addresses.size();
      doors.push_back({name, addresses[i], each ? list.children[i].place : list.place});
    }
  };
  add("listen", root, config.listen);
  if (config.egress) add("[egress] listen", root.at("egress"), config.egress->listen);
  add("[health] listen", root.at("health"), config.health.listen);
  add("[admin] listen", root.at("admin"), config.admin.listen);
  return doors;
}

bool is_wildcard(const std::string& host) { return host == "0.0.0.0" || host == "::"; }

bool same_family(const std::string& a, const std::string& b) {
  return (a.find(':') == std::string::npos) == (b.find(':') == std::string::npos);
}

bool collide(const ListenAddress& a, const ListenAddress& b) {
  if (!a.unix_path.empty() || !b.unix_path.empty()) return a.unix_path == b.unix_path;
  if (a.port != b.port || a.port == 0) return false;  // port 0: the kernel picks a free one
  return a.host == b.host ||
         (same_family(a.host, b.host) && (is_wildcard(a.host) || is_wildcard(b.host)));
}

// Whether a client of `url` ends at `address`.
bool leads_to(const OriginUrl& url, const ListenAddress& address) {
  if (url.text.empty()) return false;
  if (!url.unix_path.empty()) return url.unix_path == address.unix_path;
  if (!address.unix_path.empty() || url.port != address.port) return false;
  const bool by_name = url.host == "localhost";
  const bool here = by_name || url.host == "::1" || url.host.starts_with("127.");
  return url.host == address.host || (here && is_wildcard(address.host)) ||
         (by_name && address.local());
}

// A secret that could not be read is another fault, already reported.
bool has_no_secret(const Node& egress) {
  const Node* secret = egress.find("secret");
  return secret == nullptr ||
         (!secret->broken && secret->is(Node::Kind::string) && secret->text.empty());
}

void validate_listeners(const Config& config, const Node& root, Faults& faults) {
  const std::vector<Door> doors = doors_of(config, root);
  for (size_t i = 0; i < doors.size(); ++i) {
    const Door& door = doors[i];
    if (door.address.port == 0 && door.address.unix_path.empty() && door.address.host.empty()) {
      continue;  // its fault is reported
    }
    auto same = std::find_if(doors.begin(), doors.begin() + static_cast<ptrdiff_t>(i),
                             [&](const Door& d) { return collide(d.address, door.address); });
    if (same != doors.begin() + static_cast<ptrdiff_t>(i)) {
      faults.error(door.place, "`" + door.address.text() + "` is already taken by " + same->name +
                                   " at " + faults.text(same->place) + "; use another port");
    }
    if (door.name == "[admin] listen" && !door.address.local()) {
      faults.error(door.place, "`" + door.address.text() +
                                   "` can be reached from outside; [admin] "
                                   "listens on loopback or a unix socket only, such as "
                                   "\"unix:/run/siding.sock\" (probes and metrics have [health])");
    }
    if (door.name == "[egress] listen" && !door.address.local() &&
        has_no_secret(root.at("egress"))) {
      faults.error(door.place,
                   "`" + door.address.text() +
                       "` can be reached from outside: without "
                       "a secret it would be an open proxy; listen on 127.0.0.1, or set "
                       "`secret`");
    }
  }
}

// --- backends and upstreams ---------------------------------------------------------------------

void validate_backends(const Config& config, const Node& root, Faults& faults) {
  const Node* tables = root.find("backend");
  if (config.backends.empty()) {
    // Routes may all be siding's own answers.
    const bool fan_out = std::any_of(config.routes.begin(), config.routes.end(),
                                     [](const RouteConfig& r) { return !r.fanout.empty(); });
    const bool none = !fan_out && (tables == nullptr || tables->is(Node::Kind::table));
    if (none && faults.surely_missing("backend")) {
      faults.error(root.at("backend").place,
                   "there is no backend: name the service that siding stands in front of, as in "
                   "[backend.app] with url = \"http://127.0.0.1:8000\" and concurrency = 1");
    }
    return;
  }
  const std::vector<Door> doors = doors_of(config, root);
  for (size_t i = 0; i < config.backends.size(); ++i) {
    const BackendConfig& backend = config.backends[i];
    const Node& node = tables->children[i];
    for (const Door& door : doors) {
      if (!leads_to(backend.url, door.address)) continue;
      faults.error(node.at("url").place, "`" + backend.url.text + "` is siding's own " + door.name +
                                             " at " + faults.text(door.place) +
                                             "; it would call itself");
    }
    if (backend.backlog > std::max(8u, backend.concurrency)) {
      faults.warn(node.at("backlog").place,
                  "a backlog of " + text_of(backend.backlog) + " for " +
                      text_of(backend.concurrency) +
                      " at once: requests at the workers' door are "
                      "past siding's queue, order and limits; 1 hides the hand-over");
    }
  }
}

void validate_tls(const UpstreamConfig& upstream, const Node& table, Faults& faults) {
  const TlsConfig& tls = upstream.tls;
  const Node* node = table.find("tls");
  auto fault_of = [&](std::string_view key, const std::string& fault) {
    if (!fault.empty()) faults.error(node->at(key).place, fault);
  };
  if (upstream.url.scheme != "https") {
    const bool set = !tls.ca_file.empty() || !tls.certificate.empty() || !tls.key.empty() ||
                     !tls.server_name.empty();
    if (set && !upstream.url.text.empty()) {
      faults.error(node->place, "`tls` is for https, and the url is `" + upstream.url.text + "`");
    }
    return;
  }
  if (tls.ca_file.empty()) {
    const std::string system = system_ca_file();
    if (system.empty() || !ca_file_fault(system).empty()) {
      faults.warn(table.at("url").place,
                  "this system trusts no authority that could vouch for `" + upstream.url.text +
                      "`: install the package ca-certificates, or name yours with tls.ca_file");
    }
  } else {
    fault_of("ca_file", ca_file_fault(tls.ca_file));
  }
  if (tls.certificate.empty() != tls.key.empty()) {
    faults.error(node->place, "`certificate` and `key` come together; `" +
                                  std::string(tls.key.empty() ? "key" : "certificate") +
                                  "` is missing");
  } else if (!tls.certificate.empty()) {
    fault_of("certificate", certificate_fault(tls.certificate));
    if (certificate_expired(tls.certificate)) {
      faults.warn(node->at("certificate").place,
                  "the certificate in `" + tls.certificate + "` has expired");
    }
    fault_of("key", key_fault(tls.certificate, tls.key));
  }
}

/// Which HTTP is spoken with an upstream.
void validate_versions(const UpstreamConfig& upstream, const Node& table, Faults& faults) {
  if (upstream.url.text.empty()) return;
  const bool https = upstream.url.scheme == "https";
  if (upstream.h2c && https) {
    faults.error(table.at("h2c").place,
                 "`h2c` is HTTP/2 in clear, and the url is `" + upstream.url.text +
                     "`: with https it is agreed on by TLS; leave `h2c` out");
  }
  if (!upstream.http2 && !https) {
    faults.warn(table.at("http2").place, "`http2` is for https, and the url is `" +
                                             upstream.url.text +
                                             "`: HTTP/2 in clear is spoken with `h2c = true` only");
  }
}

/// What siding does with each address of an upstream.
void validate_addresses(const UpstreamConfig& upstream, const Node& node, Faults& faults) {
  const Node* probe = node.find("probe");
  if (probe != nullptr && probe->is(Node::Kind::table) && !probe->children.empty() &&
      probe->find("path") == nullptr) {
    const Node& key = probe->children.front();
    faults.error(key.key_place, "`" + key.key +
                                    "` is of a probe, and without `path` none is made: say what to "
                                    "ask for, such as path = \"/healthz\"");
  }
  const std::string all = "`concurrency` (" + text_of(upstream.concurrency) + ")";
  // The workers' calls that are guarded stand outside of `concurrency`.
  if (upstream.endpoint_concurrency >= upstream.concurrency && !upstream.guard_worker) {
    faults.warn(node.at("endpoint_concurrency").place,
                "`endpoint_concurrency` never holds a call back: it is not below " + all +
                    ", the bound of all addresses together");
  }
  if (upstream.warm > upstream.concurrency) {
    faults.error(node.at("warm").place,
                 "so many connections are not kept: the bound is " + all + " for each thread");
  }
}

void validate_upstreams(const Config& config, const Node& root, Faults& faults) {
  for (size_t i = 0; i < config.upstreams.size(); ++i) {
    const UpstreamConfig& upstream = config.upstreams[i];
    const Node& node = root.at("upstream").children[i];
    for (size_t j = 0; j < i; ++j) {
      const OriginUrl& other = config.upstreams[j].url;
      if (other.host.empty() || other.name() != upstream.url.name() ||
          other.port != upstream.url.port || other.base_path != upstream.url.base_path) {
        continue;
      }
      const bool service = other.is_service() || upstream.url.is_service();
      faults.error(
          node.at("url").place,
          "[upstream." + config.upstreams[j].name + "] has the same url" +
              (service ? ", since calls name only `" + std::string(other.name()) + "`" : "") +
              ": egress could not tell which of the two a call belongs to; keep one");
    }
    validate_tls(upstream, node, faults);
    validate_versions(upstream, node, faults);
    validate_addresses(upstream, node, faults);
    if (upstream.connect_timeout > upstream.timeout && node.find("connect_timeout") != nullptr) {
      faults.warn(
          node.at("connect_timeout").place,
          "`connect_timeout` never passes: `timeout` is only " + format_duration(upstream.timeout));
    }
  }
}

// --- limits -------------------------------------------------------------------------------------

void validate_limits(const Config& config, const Node& root, Faults& faults) {
  const LimitsConfig& limits = config.limits;
  const Node& node = root.at("limits");
  if (limits.max_target > limits.max_head) {
    faults.error(node.at("max_target").place,
                 "`max_target` is a part of the head and cannot be larger than `max_head` (" +
                     format_size(limits.max_head) + ")");
  }
  if (limits.memory != 0 && limits.max_body > limits.memory + limits.spill) {
    faults.error(node.at("max_body").place, "a body of this size fits neither in `memory` (" +
                                                format_size(limits.memory) + ") nor in `spill` (" +
                                                format_size(limits.spill) + ")");
  }
  if (config.pins.max_pin > config.pins.max_bytes) {
    faults.error(root.at("pins").at("max_pin").place,
                 "`max_pin` cannot be larger than `max_bytes` (" +
                     format_size(config.pins.max_bytes) + "), the sum of all");
  }
  if (config.dns.min_ttl > config.dns.max_ttl) {
    faults.error(root.at("dns").at("min_ttl").place, "`min_ttl` is longer than `max_ttl` (" +
                                                         format_duration(config.dns.max_ttl) + ")");
  }
  if (!config.dns.search.empty() && config.dns.servers.empty()) {
    faults.warn(root.at("dns").at("search").place,
                "`search` is used with `servers` only; without them resolv.conf says both");
  }
}

}  // namespace

void validate(const Config& config, const Node& root, Faults& faults) {
  validate_listeners(config, root, faults);
  validate_clients(config, root, faults);
  validate_backends(config, root, faults);
  validate_upstreams(config, root, faults);
  validate_routes(config, root, faults);
  validate_limits(config, root, faults);
  const Node& listen = root.at("listen");
  if (listen.is(Node::Kind::list) && listen.children.empty()) {
    faults.error(listen.place, "`listen` is empty: name an address, such as \"0.0.0.0:8080\"");
  }
}

}  // namespace siding
