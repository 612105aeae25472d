// `siding try URL`: loads the user's own URL directly and, with --through, through siding, with the
// same requests, and compares. One after the other: both ways end at the same worker.
#include <algorithm>
#include <cstdio>

#include "proxy/tools/commands.h"
#include "proxy/tools/load_report.h"
#include "proxy/tools/race.h"
#include "proxy/tools/try_url.h"

namespace siding {
namespace {

// One way to the URL.
struct TryWay {
  std::string name;
  TryUrl url;  // whose address counts
};

class Try {
 public:
  explicit Try(const TryOptions& options) : options_(options) {}
  int run();

 private:
  std::string prepare();
  LoadPlan plan(const SocketAddress& address) const;
  std::string warm_up(const TryWay& way, Contestant& out);
  bool report(const std::vector<Contestant>& contestants, const RaceResult& result) const;

  const TryOptions& options_;
  SystemClock clock_;
  StopSignals signals_;
  TryUrl url_;
  std::vector<TryWay> ways_;
};

// Where to connect to, for each way; what is asked for there is the same.
std::string Try::prepare() {
  std::string fault = parse_try_url(options_.url, url_);
  if (!fault.empty()) return fault;
  ways_.push_back({"direct", url_});
  if (options_.through.empty()) return "";
  TryUrl siding;
  fault = parse_try_url(options_.through, siding);
  if (!fault.empty()) return "--through: " + fault;
  if (siding.target != "/")
    return "--through names siding's address only, such as http://127.0.0.1:8080";
  ways_.push_back({"through siding", siding});
  return "";
}

LoadPlan Try::plan(const SocketAddress& address) const {
  LoadPlan plan;
  plan.address = address;
  plan.host = url_.authority;  // the application's, also through siding, which keeps it
  plan.target = [this](size_t i) { return with_number(url_.target, i + 1); };
  plan.requests = options_.requests;
  plan.concurrency = options_.concurrency;
  plan.timeout = std::chrono::seconds(options_.timeout_s);
  if (!options_.expect.empty()) {
    plan.check = [this](size_t i, std::string_view body) {
      return body.find(with_number(options_.expect, i + 1)) != std::string_view::npos;
    };
  }
  return plan;
}

// One request that is not counted: it finds the address that answers, and is what siding's prefetch
// learns from.
std::string Try::warm_up(const TryWay& way, Contestant& out) {
  std::vector<SocketAddress> addresses;
  std::string fault = look_up(way.url, clock_, addresses);
  if (!fault.empty()) return fault;
  for (const SocketAddress& address : addresses) {
    LoadPlan one = plan(address);
    one.requests = 1;
    one.target = [this](size_t) { return with_number(url_.target, 0); };
    one.check = nullptr;
    LoadProgress progress;
    const LoadSample sample = run_load(one, clock_, progress).samples[0];
    out = {way.name, plan(address)};
    // An answer of any status shows that somebody is there; the table tells the rest.
    if (!sample.failure) return "";
    fault = "no answer from " + address.text() + ": " + sample.reason();
    const bool elsewhere =
        sample.failure == Failure::refused || sample.failure == Failure::unreachable;
    if (!elsewhere) break;
  }
  return fault;
}

bool Try::report(const std::vector<Contestant>& contestants, const RaceResult& result) const {
  std::vector<LoadColumn> columns;
  bool good = !result.interrupted;
  for (size_t i = 0; i < result.results.size(); ++i) {
    columns.push_back({contestants[i].name, summarise(result.results[i]), {}});
    good = good && columns.back().summary.error_count() == 0;
  }
  std::printf("\n%s\n", format_table(compare_runs(columns)).c_str());
  const double factor = columns.size() == 2 ? speed_up(columns[0].summary, columns[1].summary) : 0;
  if (result.interrupted) std::printf("Interrupted: the numbers are as far as it got.\n");
  if (factor > 0) {
    std::printf("Through siding: %s times as many good answers a second.\n",
                show_rate(factor).c_str());
  }
  std::fflush(stdout);
  return good;
}

int Try::run() {
  const std::string fault = prepare();
  if (!fault.empty()) {
    std::fprintf(stderr, "siding try: %s\n", fault.c_str());
    return kExitBadInput;
  }
  const uint32_t at_once = std::min(options_.concurrency, options_.requests);
  std::printf(
      "%u requests to %s, %u at once, each on a connection of its own; one more goes first.\n",
      options_.requests, options_.url.c_str(), at_once);
  if (!url_.numbered()) {
    std::printf("All ask the same: write {n} into the URL where their number shall stand.\n");
  }
  std::printf("\n");
  std::fflush(stdout);
  std::vector<Contestant> contestants;
  for (const TryWay& way : ways_) {
    const std::string failure = warm_up(way, contestants.emplace_back());
    if (failure.empty()) continue;
    std::fprintf(stderr, "siding try: %s: %s\n", way.name.c_str(), failure.c_str());
    return kExitFailed;
  }
  ProgressView view(stdout);
  const RaceResult result = race(contestants, RaceOrder::one_by_one, clock_, signals_, view);
  const bool good = report(contestants, result);
  if (result.interrupted) return 128 + SIGINT;
  return good ? kExitOk : kExitFailed;
}

}  // namespace

int run_command(const TryOptions& options) {
  raise_descriptor_limit();
  return Try(options).run();
}

}  // namespace siding
