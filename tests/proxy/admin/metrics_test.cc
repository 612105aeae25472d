// /metrics as Prometheus' own tool reads it.
#include "proxy/admin/metrics.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

namespace siding {
namespace {

using namespace std::chrono_literals;

// Every kind of series, with labels that need escaping.
std::string full_metrics() {
  ManualClock clock;
  Loop loop(clock);
  Observer observer(1, LogConfig::Access::off, 4);
  ThreadCounters& here = observer.here(loop);
  here.count(Outcome::queue_timeout);
  here.count(PrefetchOutcome::used);
  here.missed("field:\"quoted\\back\"");
  here.missed("field:x-user-id");
  here.missed("field:x-user-id");
  here.count(PrefetchSkip::budget);
  here.count(EgressCall::pinned);
  here.connect_failed(Peer::backend, Failure::refused);
  here.connection_opened(ListenerKind::front);
  here.observe_queue_wait(3ms);
  here.observe_queue_wait(90s);
  observer.gauges().add(loop_gauges({&loop}));
  observer.gauges().add(uptime_gauge(clock));
  observer.gauges().add([](MetricSink& sink) {
    sink.gauge("siding_queue_depth", "Requests that wait for a worker.", 3, {{"backend", "shop"}});
    sink.gauge("siding_pins", "Pins that are held.", 2);
    sink.gauge("siding_queue_depth", "Requests that wait for a worker.", 0, {{"backend", "b"}});
  });
  clock.advance(1500ms);
  return render_metrics(observer);
}

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

TEST(Metrics, Series) {
  std::string text = full_metrics();
  for (const char* line : {
           "siding_exchanges_total{outcome=\"queue_timeout\"} 1",
           "siding_exchanges_total{outcome=\"ok\"} 0",
           "siding_shed_total{reason=\"queue_timeout\"} 1",
           "siding_prefetch_total{result=\"used\"} 1",
           "siding_prefetch_total{result=\"missed\",reason=\"field:x-user-id\"} 2",
           "siding_prefetch_total{result=\"missed\",reason=\"field:\\\"quoted\\\\back\\\"\"} 1",
           "siding_prefetch_total{result=\"missed\",reason=\"unknown\"} 0",
           "siding_prefetch_total{result=\"skipped\",reason=\"budget\"} 1",
           "siding_egress_calls_total{result=\"pinned\"} 1",
           "siding_connect_failures_total{peer=\"backend\",reason=\"refused\"} 1",
           "siding_connections{listener=\"front\"} 1",
           "siding_connections_accepted_total{listener=\"front\"} 1",
           "siding_connections_displaced_total{listener=\"front\"} 0",
           "siding_connections_ended_total{reason=\"resets\"} 0",
           "siding_queue_wait_seconds_bucket{le=\"0.0025\"} 0",
           "siding_queue_wait_seconds_bucket{le=\"0.005\"} 1",
           "siding_queue_wait_seconds_bucket{le=\"60\"} 1",
           "siding_queue_wait_seconds_bucket{le=\"+Inf\"} 2",
           "siding_queue_wait_seconds_count 2",
           "siding_queue_wait_seconds_sum 90.003",
           "siding_queue_depth{backend=\"shop\"} 3",
           "siding_uptime_seconds 1.5",
           "siding_threads 1",
           "siding_log_dropped_lines_total{log=\"access\"} 0",
       }) {
    EXPECT_TRUE(has_line(text, line)) << line << "\n" << text;
  }
}

TEST(Metrics, FamiliesAreWholeAndNamedAlike) {
  std::istringstream text(full_metrics());
  std::set<std::string> seen;
  std::string line;
  while (std::getline(text, line)) {
    if (!line.starts_with("# TYPE ")) continue;
    std::istringstream words(line.substr(7));
    std::string name;
    std::string type;
    words >> name >> type;
    EXPECT_TRUE(seen.insert(name).second) << name << " in two places";
    EXPECT_TRUE(name.starts_with("siding_")) << name;
    EXPECT_EQ(type == "counter", name.ends_with("_total")) << name;
    if (type == "histogram") {
      EXPECT_TRUE(name.ends_with("_seconds")) << name;
    }
  }
  EXPECT_GT(seen.size(), 20u);
}

TEST(Metrics, PromtoolAgrees) {
  if (std::system("command -v promtool >/dev/null 2>&1") != 0) {
    FAIL() << "promtool is not installed (Debian package prometheus)";
  }
  std::string file = ::testing::TempDir() + "siding_metrics_" + std::to_string(getpid());
  std::ofstream(file) << full_metrics();
  FILE* tool = popen(("promtool check metrics < " + file + " 2>&1").c_str(), "r");
  ASSERT_NE(tool, nullptr);
  std::string said;
  for (int c = fgetc(tool); c != EOF; c = fgetc(tool)) said += static_cast<char>(c);
  int status = pclose(tool);
  std::remove(file.c_str());
  EXPECT_EQ(WEXITSTATUS(status), 0) << said;
  EXPECT_EQ(said, "");
}

}  // namespace
}  // namespace siding
