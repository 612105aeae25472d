// `siding demo`: a race between a blocking worker alone and the same worker behind siding, and a table
// of what came out. One process tree, no network, no other program.
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <thread>

#include "proxy/tools/commands.h"
#include "proxy/tools/demo.h"
#include "proxy/tools/progress.h"
#include "proxy/tools/race.h"
#include "proxy/tools/signals.h"

namespace siding {
namespace {

class Demo {
 public:
  explicit Demo(const DemoOptions& options)
      : options_(options),
        delay_(std::chrono::milliseconds(options.upstream_ms)),
        alone_(delay_, clock_),
        fronted_(delay_, clock_) {}

  int run();

 private:
  void introduce() const;
  bool warm_up();
  bool report(const RaceResult& result) const;
  void keep_up();

  const DemoOptions options_;
  const Duration delay_;
  SystemClock clock_;
  StopSignals signals_;  // before any thread
  DemoSide alone_;
  DemoSide fronted_;
};

int Demo::run() {
  alone_.start_alone();
  const std::string failure = fronted_.start_behind_siding(std::max(256u, options_.requests));
  if (!failure.empty()) {
    std::fprintf(stderr, "siding demo: %s\n", failure.c_str());
    return kExitFailed;
  }
  introduce();
  if (!warm_up()) return kExitFailed;

  // Twice what the worker needs alone is enough for a machine that has other things to do.
  const Duration patience = delay_ * options_.requests * 2 + std::chrono::seconds(30);
  ProgressView view(stdout);
  const RaceResult result = race({{"direct", alone_.plan(options_.requests, patience)},
                                  {"with siding", fronted_.plan(options_.requests, patience)}},
                                 RaceOrder::together, clock_, signals_, view);
  const bool matched = report(result);
  if (result.interrupted) return 128 + SIGINT;
  if (options_.keep) keep_up();
  return matched ? kExitOk : kExitFailed;
}

void Demo::introduce() const {
  const std::string n = std::to_string(options_.requests);
  const std::string ms = std::to_string(options_.upstream_ms) + " ms";
  std::printf(
      "%s clients ask at once. The backend has one blocking worker, and each answer takes it one\n"
      "call to a service that needs %s. Everything runs in this process, on 127.0.0.1.\n\n"
      "  direct        clients -> worker -> slow service\n"
      "  with siding   clients -> siding -> worker, the same code; its call is answered by "
      "siding,\n"
      "                which made it while the request waited (configured by one TOML file)\n\n"
      "Directly this takes %s x %s = %s.\n\n",
      n.c_str(), ms.c_str(), n.c_str(), ms.c_str(),
      show_seconds(delay_ * options_.requests).c_str());
  std::fflush(stdout);
}

// One request to each that is not counted: in prefetch mode "auto" siding makes no call ahead until
// it has seen the worker make that very call.
bool Demo::warm_up() {
  const Duration patience = delay_ * 2 + std::chrono::seconds(10);
  LoadProgress progress;
  LoadResult results[2];
  std::thread other([&] { results[0] = run_load(alone_.plan(1, patience), clock_, progress); });
  results[1] = run_load(fronted_.plan(1, patience), clock_, progress);
  other.join();
  for (const LoadResult& result : results) {
    if (result.samples[0].ok()) continue;
    std::fprintf(stderr, "siding demo: the first request %s siding failed: %s\n",
                 &result == results ? "without" : "through", result.samples[0].reason().c_str());
    return false;
  }
  alone_.reset_counts();
  fronted_.reset_counts();
  return true;
}

bool Demo::report(const RaceResult& result) const {
  const std::vector<LoadColumn> columns{alone_.column("direct", result.results[0]),
                                        fronted_.column("with siding", result.results[1])};
  std::printf("\n%s\n", format_table(compare_runs(columns)).c_str());
  const bool matched =
      columns[0].summary.error_count() == 0 && columns[1].summary.error_count() == 0;
  if (result.interrupted) {
    std::printf("Interrupted: the numbers are as far as it got.\n");
  } else if (matched) {
    const double factor = speed_up(columns[0].summary, columns[1].summary);
    std::printf("siding made the same worker %s times as fast.\n", show_rate(factor).c_str());
  } else {
    std::printf("Not all answers were right: see the errors above.\n");
  }
  std::fflush(stdout);
  return matched;
}

void Demo::keep_up() {
  const std::string direct = "http://" + alone_.front().text();
  const std::string siding = "http://" + fronted_.front().text();
  const Server& server = *fronted_.server();
  const char* me = program_invocation_name;
  std::printf("\nsiding's file (what it listens on: front %s, egress %s, admin %s):\n\n%s\n",
              fronted_.front().text().c_str(), server.egress_addresses().front().text().c_str(),
              server.admin_addresses().front().text().c_str(), fronted_.toml().c_str());
  std::printf(
      "Still up, until Ctrl-C. In another terminal, one request each way (as fast as the "
      "other):\n\n"
      "  curl '%s/search/?q=love'\n  curl '%s/search/?q=love'\n\n"
      "many each way, and what became of the last one:\n\n"
      "  %s try '%s/search/?q={n}' -n 20 --through %s\n"
      "  %s explain last --admin %s\n",
      direct.c_str(), siding.c_str(), me, direct.c_str(), siding.c_str(), me,
      server.admin_addresses().front().text().c_str());
  std::fflush(stdout);
  while (signals_.wait(Duration::max()) == 0) continue;
}

}  // namespace

int run_command(const DemoOptions& options) {
  raise_descriptor_limit();
  return Demo(options).run();
}

}  // namespace siding
