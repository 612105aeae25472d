// Checks of routes and their prefetch against the rest of the configuration (see validate.h).
#include <algorithm>
#include <string>
#include <vector>

#include "base/text.h"
#include "config/validate.h"
#include "http/message.h"

namespace siding {
namespace {

template <class T>
std::vector<std::string> names_of(const std::vector<T>& list) {
  std::vector<std::string> names;
  for (const T& item : list) names.push_back(item.name);
  return names;
}

// --- one route hidden behind another ------------------------------------------------------------

bool host_covers(const std::string& wide, const std::string& narrow) {
  if (wide.empty() || wide == narrow) return true;
  const std::string suffix = wide.starts_with("*.") ? wide.substr(1) : "";
  return !suffix.empty() && narrow.size() > suffix.size() && narrow.ends_with(suffix);
}

bool covers(const RouteConfig& wide, const RouteConfig& narrow) {
  auto has_method = [&](const std::string& method) {
    const auto& methods = wide.methods;
    const bool head = method == "HEAD";  // HEAD follows GET
    return std::find(methods.begin(), methods.end(), method) != methods.end() ||
           (head && std::find(methods.begin(), methods.end(), "GET") != methods.end());
  };
  auto needed = [&](const auto& header) {
    return std::any_of(narrow.headers.begin(), narrow.headers.end(), [&](const auto& h) {
      return equals_ignore_case(h.first, header.first) &&
             (header.second == "*" || h.second == header.second);
    });
  };
  return wide.path.covers(narrow.path) && host_covers(wide.host, narrow.host) &&
         (wide.methods.empty() ||
          (!narrow.methods.empty() &&
           std::all_of(narrow.methods.begin(), narrow.methods.end(), has_method))) &&
         std::all_of(wide.headers.begin(), wide.headers.end(), needed);
}

// --- prefetch -----------------------------------------------------------------------------------

void validate_captures(const RouteConfig& route, const CallConfig& call, const Template& value,
                       const Node& text, Faults& faults) {
  const std::vector<std::string> captures = route.path.capture_names();
  for (const std::string& name : value.names(Template::Source::path)) {
    if (std::find(captures.begin(), captures.end(), name) != captures.end()) continue;
    const std::string written = "{path." + name;
    const size_t offset = std::min(text.text.find(written), text.text.size());
    faults.error(text.place_of(offset == text.text.size() ? 0 : offset),
                 "`" + written + "}` in the call of `" + call.leg + "`: the route's path has no {" +
                     name + "}" +
                     (captures.empty() ? "; write it into `path`, as in \"/u/{" + name + "}\""
                                       : suggestion(name, captures, "its captures")));
  }
}

void validate_call(const Config& config, const RouteConfig& route, const CallConfig& call,
                   const Node& node, bool path_is_known, Faults& faults) {
  const Node& text = node.at("call");
  if (!call.upstream.empty() && config.upstream(call.upstream) == nullptr &&
      faults.tables_complete()) {
    const std::vector<std::string> names = names_of(config.upstreams);
    faults.error(text.place_of(0),
                 "there is no [upstream." + call.upstream + "]" +
                     (names.empty() ? "; add it with its url"
                                    : suggestion(call.upstream, names, "the upstreams")));
  }
  if (!call.body.empty() && (call.method == "GET" || call.method == "HEAD")) {
    faults.error(node.at("method").place,
                 "a " + call.method + " has no body; leave `method` out, which makes it a POST");
  }
  const bool broken_body = call.body.empty() && node.find("body") != nullptr;
  if (call.safe && call.method != "POST" && !broken_body) {
    faults.error(node.at("safe").place, "`safe` is for a POST that changes nothing");
  }
  if (!path_is_known) return;
  validate_captures(route, call, call.target, text, faults);
  for (const auto& [name, value] : call.headers) {
    validate_captures(route, call, value, node.at("headers").at(name), faults);
  }
  for (const Template* value : call.body.templates()) {
    validate_captures(route, call, *value, node.at("body"), faults);
  }
}

/// Calls that are made before anyone asked for them must change nothing.
void validate_safety(const CallConfig& call, const Node& node, Faults& faults) {
  if (is_safe(call.method) || (call.safe && call.method == "POST")) return;
  const Place& place =
      node.find("method") != nullptr ? node.at("method").place : node.at("body").place;
  faults.error(place,
               call.method == "POST"
                   ? "a prefetch is made before the worker asks: a POST that changes nothing "
                     "says `safe = true`; leave any other to the worker"
                   : "a prefetch is made before the worker asks: " + call.method +
                         " changes something; leave it to the worker");
}

void validate_prefetch(const Config& config, const RouteConfig& route, const Node& node,
                       bool path_is_known, Faults& faults) {
  const Node* found = node.find("prefetch");
  if (found == nullptr || !found->is(Node::Kind::table)) return;
  const Node& prefetch = *found;
  const Node* calls = prefetch.find("calls");
  if (calls == nullptr) {
    if (faults.surely_missing("calls")) {
      faults.error(prefetch.place,
                   "a prefetch without calls: name them under "
                   "[route.prefetch.calls], as in music = "
                   "\"music:/s?word={query.q}\"");
    }
    return;
  }
  for (size_t i = 0; i < route.prefetch.calls.size(); ++i) {
    const CallConfig& call = route.prefetch.calls[i];
    validate_call(config, route, call, calls->children[i], path_is_known, faults);
    validate_safety(call, calls->children[i], faults);
    for (const std::string& name : call.legs_used()) {
      faults.error(calls->children[i].at("call").place_of(0),
                   "`" + name +
                       "./...` is a value of a leg of a fan-out; a prefetch has only what "
                       "the request itself says");
    }
  }
  if (!route.prefetch.calls.empty() && !config.egress && faults.surely_missing("egress")) {
    faults.error(prefetch.key_place,
                 "a prefetch needs [egress]: its answers reach the worker only there; add [egress] "
                 "with listen = [\"127.0.0.1:8081\"] and send the application's calls to it");
  }
  if (!route.queue && !route.prefetch.calls.empty()) {
    faults.warn(prefetch.key_place,
                "a prefetch runs while a request waits, and `queue = false` lets none wait");
  }
  const BackendConfig* backend = config.backend(route.backend);
  if (!route.prefetch.wait) return;
  if (route.deadline && *route.prefetch.wait >= *route.deadline) {
    faults.warn(prefetch.at("wait").place, "`wait` never passes: the route's deadline is only " +
                                               format_duration(*route.deadline));
  }
  if (backend != nullptr && *route.prefetch.wait >= backend->queue.timeout) {
    faults.error(prefetch.at("wait").place,
                 "`wait` is not below queue.timeout of [backend." + backend->name + "] (" +
                     format_duration(backend->queue.timeout) +
                     "), which covers the prefetch: a slow upstream would fail every request");
  }
}

// --- fan-out ------------------------------------------------------------------------------------

const LegConfig* find_leg(const RouteConfig& route, const std::string& name) {
  auto found = std::find_if(route.fanout.begin(), route.fanout.end(),
                            [&](const LegConfig& leg) { return leg.leg == name; });
  return found == route.fanout.end() ? nullptr : &*found;
}

// The way from `leg` back to `start` through the values that legs use of each other; empty: none.
// `seen`: legs from which there is none.
std::string way_back(const RouteConfig& route, const LegConfig& leg, const std::string& start,
                     std::vector<std::string>& seen) {
  for (const std::string& name : leg.legs_used()) {
    if (name == start) return leg.leg + " needs " + name;
    if (std::find(seen.begin(), seen.end(), name) != seen.end()) continue;
    seen.push_back(name);
    const LegConfig* next = find_leg(route, name);
    const std::string rest = next == nullptr ? "" : way_back(route, *next, start, seen);
    if (!rest.empty()) return leg.leg + " needs " + name + ", " + rest;
  }
  return {};
}

void validate_fanout(const Config& config, const RouteConfig& route, const Node& node,
                     bool path_is_known, Faults& faults) {
  const Node& legs = node.at("fanout");
  if (!route.backend.empty()) {
    faults.error(node.at("backend").place,
                 "a route has a backend or a fan-out, not both: siding answers a fan-out itself");
  }
  for (auto [key, set] : std::initializer_list<std::pair<const char*, bool>>{
           {"queue", !route.queue}, {"stream", route.stream}, {"priority", route.priority != 0}}) {
    if (!set) continue;
    faults.error(
        node.at(key).key_place,
        "`" + std::string(key) + "` is about the way to a worker, and no worker sees a fan-out");
  }
  if (!route.prefetch.calls.empty()) {
    faults.error(node.at("prefetch").key_place,
                 "a prefetch is for a backend's calls, and this route has none; make it a leg");
  }
  for (size_t i = 0; i < route.fanout.size(); ++i) {
    const LegConfig& leg = route.fanout[i];
    const Node& text = legs.children[i].at("call");
    validate_call(config, route, leg, legs.children[i], path_is_known, faults);
    const std::vector<std::string> used = leg.legs_used();
    for (const std::string& name : used) {
      if (find_leg(route, name) != nullptr) continue;
      std::vector<std::string> known;
      for (const LegConfig& other : route.fanout) known.push_back(other.leg);
      faults.error(text.place_of(0), "`" + leg.leg + "` uses a value of `" + name +
                                         "`, and there is no such leg" +
                                         suggestion(name, known, "the legs"));
    }
    std::vector<std::string> seen;
    const std::string cycle = way_back(route, leg, leg.leg, seen);
    // Told once, at the first leg of the circle.
    const bool first = std::none_of(
        route.fanout.begin(), route.fanout.begin() + static_cast<ptrdiff_t>(i),
        [&](const LegConfig& l) { return cycle.find(" needs " + l.leg) != std::string::npos; });
    if (!cycle.empty() && first) {
      faults.error(text.place_of(0), "these legs wait for each other for ever: " + cycle);
    }
    if (route.race && !used.empty()) {
      faults.error(text.place_of(0), "in a race no leg waits for another one");
    }
    if (route.race && leg.required) {
      faults.error(legs.children[i].at("required").place,
                   "in a race the first good answer is the answer: no leg is required");
    }
  }
  const bool concat = route.merge.kind == MergeKind::concat;
  if (route.race && concat) {
    faults.error(node.at("merge").place, "a race has one answer: there is nothing to merge");
  }
  if (!concat && (!route.merge.at.empty() || route.merge.limit != 0 || route.merge.interleave)) {
    faults.error(node.at("merge").place,
                 "`at`, `limit` and `interleave` are for merge.kind = \"concat\"");
  }
}

// --- routes -------------------------------------------------------------------------------------

void validate_cache(const CacheConfig& cache, const Node& node, Faults& faults) {
  if (cache.ignore.empty() || cache.only.empty()) return;
  faults.error(
      node.at("cache").at("only").place,
      "`ignore` names the parameters that do not count, `only` the only ones that do: write "
      "one of the two");
}

void validate_route(const Config& config, size_t index, const Node& routes, Faults& faults) {
  const RouteConfig& route = config.routes[index];
  const Node& node = routes.children[index];
  if (!route.backend.empty() && config.backend(route.backend) == nullptr &&
      faults.tables_complete()) {
    faults.error(node.at("backend").place,
                 "there is no [backend." + route.backend + "]" +
                     suggestion(route.backend, names_of(config.backends), "the backends"));
  }
  const Node* legs = node.find("fanout");
  if (legs == nullptr && route.backend.empty() && faults.surely_missing("backend")) {
    faults.error(node.place,
                 "missing `backend` in [[route]]: the backend that serves it, such as backend = "
                 "\"shop\" for [backend.shop]; or answer it by [route.fanout]");
  }
  if (legs != nullptr && legs->is(Node::Kind::table) && legs->children.empty()) {
    faults.error(legs->place,
                 "a fan-out without legs: name them under [route.fanout], as in song = { call = "
                 "\"music:/s?word={query.q}\" }");
  }
  const Node* path = node.find("path");
  const bool path_is_known =
      path == nullptr || path->text == "*" || path->text == route.path.text();
  validate_prefetch(config, route, node, path_is_known, faults);
  validate_cache(route.cache, node, faults);
  // What `check` prints has the default too.
  const bool said = route.upgrade != RouteConfig().upgrade && !route.upgrade.empty();
  if (route.cache.enabled && said) {
    faults.error(node.at("upgrade").place,
                 "a route with a cache lets nobody switch to another protocol: that would lead "
                 "around the cache; give those paths a route of their own");
  }
  if (!route.fanout.empty()) {
    validate_fanout(config, route, node, path_is_known, faults);
  } else if (route.race || route.server_timing || route.merge.kind != MergeKind::object) {
    const char* key = route.race ? "race" : route.server_timing ? "server_timing" : "merge";
    faults.error(node.at(key).place, "`" + std::string(key) +
                                         "` is for a route with [route.fanout], and this has none");
  }
}

// In a configuration with faults a route may only look as if it took everything.
void warn_of_hidden_routes(const Config& config, const Node& routes, Faults& faults) {
  for (size_t i = 0; i < config.routes.size(); ++i) {
    const RouteConfig& route = config.routes[i];
    const auto end = config.routes.begin() + static_cast<ptrdiff_t>(i);
    const auto earlier = std::find_if(
        config.routes.begin(), end, [&](const RouteConfig& other) { return covers(other, route); });
    if (earlier == end) continue;
    faults.warn(routes.children[i].place,
                "this route (" + route.text() + ") never matches: " + earlier->text() + " at " +
                    earlier->place + " comes first and takes all of it; move it above");
  }
}

}  // namespace

void validate_routes(const Config& config, const Node& root, Faults& faults) {
  if (root.find("route") == nullptr && !config.backends.empty() &&
      root.at("backend").children[0].is(Node::Kind::table) && faults.surely_missing("route")) {
    faults.error(root.place,
                 "there is no route, so nothing reaches a backend; add:\n"
                 "  [[route]]\n  backend = \"" +
                     config.backends[0].name + "\"");
  }
  for (size_t i = 0; i < config.upstreams.size(); ++i) {
    validate_cache(config.upstreams[i].cache, root.at("upstream").children[i], faults);
  }
  for (size_t i = 0; i < config.routes.size(); ++i) {
    validate_route(config, i, root.at("route"), faults);
  }
  if (!faults.any_error()) warn_of_hidden_routes(config, root.at("route"), faults);
}

}  // namespace siding
