// See proxy.h.
#include "tests/harness/proxy.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <sstream>
#include <thread>

#include "config/load.h"

namespace siding::test {

namespace {
std::string toml(const std::string& backend_url, const Setup& s) {
  std::string out = "listen = [" + s.listen + "]\nthreads = " + std::to_string(s.threads) + "\n";
  out += s.top + "\n[health]\nlisten = [\"127.0.0.1:0\"]\n" + s.health +
         "[admin]\nlisten = [\"127.0.0.1:0\"]\n";
  out += "[log]\naccess = \"off\"\nlevel = \"error\"\n";
  if (s.has_egress) out += "[egress]\nlisten = [\"127.0.0.1:0\"]\n" + s.egress;
  out += "\n[backend.shop]\nurl = \"" + backend_url + "\"\n" + s.backend + "\n";
  return out + s.tables + "\n[[route]]\nbackend = \"shop\"\n" + s.route + "\n";
}

ConfigRef load(const std::string& text) {
  LoadedConfig loaded = load_config({{"scenario.toml", text}}, process_environment());
  for (const Diagnostic& d : loaded.diagnostics) {
    if (!d.warning) ADD_FAILURE() << d.text() << "\n" << text;
  }
  if (!loaded.ok()) std::abort();
  return loaded.config;
}
}  // namespace

Proxy::Proxy(const std::string& backend_url, Setup setup)
    : backend_url_(backend_url), manual_(setup.clock) {
  const Clock& clock = manual_ != nullptr ? static_cast<const Clock&>(*manual_) : system_clock_;
  server_ = std::make_unique<Server>(load(toml(backend_url, setup)), clock);
  std::string error = server_->start();
  if (!error.empty()) {
    ADD_FAILURE() << error;
    std::abort();
  }
}

std::string Proxy::reload(const std::string& backend_url, const Setup& setup) {
  std::string fault = server_->reload(load(toml(backend_url, setup)));
  if (!fault.empty()) server_->reload_refused();
  return fault;
}

Proxy::~Proxy() {
  metrics_.reset();
  if (manual_ == nullptr) return;  // Server's destructor does it
  // Its looks at what is left are timed: time must go on for it to end.
  std::atomic<bool> ended{false};
  std::thread ender([&] {
    server_->drain();
    server_->drain();
    server_->wait();
    ended = true;
  });
  while (!ended) {
    manual_->advance(std::chrono::milliseconds(10));
    nudge();
  }
  ender.join();
}

bool Proxy::nudge() { return Client(health()).get("/healthz").answer().status() == 200; }

void Proxy::advance(Duration d) {
  manual_->advance(d);
  // The first turn sees the new time, by the end of the second what was due has run, maybe a drain.
  for (int i = 0; i < 3; ++i) nudge();
}

double Proxy::metric(std::string_view name, std::initializer_list<std::string_view> labels) {
  Message answer;
  // A connection serves a bounded number of requests.
  for (int i = 0; i < 2 && answer.status() != 200; ++i) {
    if (!metrics_ || i > 0) metrics_ = std::make_unique<Client>(health());
    answer = metrics_->get("/metrics").answer();
  }
  EXPECT_EQ(200, answer.status()) << answer;
  std::istringstream lines(answer.body);
  std::string line;
  double sum = 0;
  bool found = false;
  while (std::getline(lines, line)) {
    if (!line.starts_with(name)) continue;
    char next = line[name.size()];
    if (next != ' ' && next != '{') continue;
    bool all = true;
    for (std::string_view label : labels) {
      size_t equals = label.find('=');
      std::string want = std::string(label.substr(0, equals)) + "=\"" +
                         std::string(label.substr(equals + 1)) + "\"";
      if (line.find(want) == std::string::npos) all = false;
    }
    if (!all) continue;
    found = true;
    sum += std::atof(line.c_str() + line.rfind(' '));
  }
  return found ? sum : -1;
}

bool Proxy::metric_becomes(double value, std::string_view name,
                           std::initializer_list<std::string_view> labels) {
  double last = 0;
  bool reached = wait_until([&] {
    last = metric(name, labels);
    return last == value;
  });
  EXPECT_TRUE(reached) << name << " is " << last << " and does not become " << value;
  return reached;
}

double Proxy::ended(std::string_view outcome) {
  return metric("siding_exchanges_total", {"outcome=" + std::string(outcome)});
}
bool Proxy::waits(int requests) { return metric_becomes(requests, "siding_queue_depth"); }
bool Proxy::inside(int requests) { return metric_becomes(requests, "siding_backend_inside"); }

bool Proxy::prefetched(double value, std::string_view result, std::string_view reason) {
  std::string r = "result=" + std::string(result);
  if (reason.empty()) return metric_becomes(value, "siding_prefetch_total", {r});
  return metric_becomes(value, "siding_prefetch_total", {r, "reason=" + std::string(reason)});
}

std::string Proxy::explain(std::string_view what, bool json) {
  std::string request = "GET /explain/" + std::string(what) + " HTTP/1.1\r\nHost: localhost\r\n";
  if (json) request += "Accept: application/json\r\n";
  return Client(admin()).send(request + "\r\n").answer().body;
}

}  // namespace siding::test
