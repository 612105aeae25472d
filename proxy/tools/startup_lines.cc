// See startup_lines.h.
#include "proxy/tools/startup_lines.h"

#include <set>

#include "config/load.h"

namespace siding {
namespace {

// With a listener per thread an address may come several times.
std::vector<std::string> distinct(const std::vector<SocketAddress>& addresses) {
  std::vector<std::string> out;
  std::set<std::string> seen;
  for (const SocketAddress& address : addresses) {
    if (seen.insert(address.text()).second) out.push_back(address.text());
  }
  return out;
}

}  // namespace

std::vector<std::string> listening_lines(const ListeningOn& listening) {
  std::vector<std::string> out;
  for (const std::string& address : distinct(listening.front)) {
    out.push_back("listening on " + address);
  }
  for (const std::string& address : distinct(listening.egress)) {
    out.push_back("egress on " + address + ", for the backend's own calls (`siding env` says how)");
  }
  for (const std::string& address : distinct(listening.health)) {
    out.push_back("health on " + address + ": /healthz, /readyz, /metrics");
  }
  for (const std::string& address : distinct(listening.admin)) {
    out.push_back("admin on " + address + ", for `siding explain` and `siding purge`");
  }
  return out;
}

std::vector<std::string> startup_lines(const Config& config, const ListeningOn& listening) {
  std::vector<std::string> out = listening_lines(listening);
  for (const BackendConfig& backend : config.backends) {
    out.push_back("backend " + backend.name + " at " + backend.url.text + ", concurrency " +
                  std::to_string(backend.concurrency) + ", at most " +
                  std::to_string(backend.queue.size) + " queued for " +
                  format_duration(backend.queue.timeout));
  }
  for (const UpstreamConfig& upstream : config.upstreams) {
    out.push_back("upstream " + upstream.name + " at " + upstream.url.text + ", at most " +
                  std::to_string(upstream.concurrency) + " calls at once");
  }
  return out;
}

}  // namespace siding
