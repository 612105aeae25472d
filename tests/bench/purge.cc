// Purging a large store: what a walk over all entries takes, what each of its steps does, and what those feel
// who look something up meanwhile. Steps are in CPU time, so that a busy machine does not count.
//
//     purge [ENTRIES]      a million, if nothing is said
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <thread>
#include <vector>

#include "proxy/exchange/caches.h"

namespace siding {
namespace {

using Clock = std::chrono::steady_clock;

double us_since(Clock::time_point began) {
  return std::chrono::duration<double, std::micro>(Clock::now() - began).count();
}
double cpu_us() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}
double at(std::vector<double>& sorted, double share) {
  return sorted[static_cast<size_t>(share * static_cast<double>(sorted.size() - 1))];
}
std::string uri_of(size_t i) { return "http://example.org/catalogue/" + std::to_string(i); }

Config cached() {
  Config config;
  config.routes.emplace_back().cache.enabled = true;
  return config;
}

void fill(Caches& caches, size_t entries) {
  for (size_t i = 0; i < entries; ++i) {
    auto entry = std::make_shared<Entry>();
    entry->head.fields.add("Content-Type", "text/html");
    entry->head.fields.add("Cache-Control", "max-age=3600");
    entry->tags = {"product-" + std::to_string(i), i % 10 == 0 ? "tenth" : "other"};
    entry->body.append_copy(std::string(200, 'x'));
    entry->body = compact(std::move(entry->body));
    caches.store.put(uri_of(i), std::move(entry));
  }
}

/// Looks up again and again, on a thread of its own, until it is told to stop.
std::vector<double> look_up(Caches& caches, size_t entries, const std::atomic<bool>& stop) {
  std::vector<double> times;
  const CachePolicy policy;
  for (size_t i = 0; times.empty() || !stop; i = (i * 7919 + 1) % entries) {
    const std::string uri = uri_of(i);
    const auto began = Clock::now();
    caches.store.find(uri, {}, {}, policy, {});
    times.push_back(us_since(began));
  }
  return times;
}

void measure(const char* name, Caches& caches, size_t entries, const Purge* purge) {
  std::atomic<bool> stop{false};
  std::vector<double> looks;
  std::thread reader([&] { looks = look_up(caches, entries, stop); });
  std::vector<double> steps;
  size_t dropped = 0;
  const auto began = Clock::now();
  if (purge == nullptr) {
    std::this_thread::sleep_for(std::chrono::seconds(1));  // allow-sleep: what is measured is time
  } else {
    Purging purging(caches, *purge);
    for (bool more = true; more;) {
      const double step = cpu_us();
      more = purging.step();
      steps.push_back(cpu_us() - step);
    }
    dropped = purging.dropped();
  }
  const double total = us_since(began) / 1000;
  stop = true;
  reader.join();
  if (steps.empty()) steps.push_back(0);
  std::sort(steps.begin(), steps.end());
  std::sort(looks.begin(), looks.end());
  std::printf("%-22s %9zu %8.0f %7zu %8.0f %8.0f %8.0f %9.1f %9.1f\n", name, dropped, total,
              steps.size(), at(steps, 0.5), at(steps, 0.99), steps.back(), at(looks, 0.5),
              at(looks, 0.999));
}

int run(size_t entries) {
  Caches caches(std::make_shared<const CacheOwners>(cached()), uint64_t{8} << 30);
  fill(caches, entries);
  std::printf("%zu entries, %.0f MiB\n\n", static_cast<size_t>(caches.store.snapshot().entries),
              static_cast<double>(caches.store.snapshot().bytes) / (1 << 20));
  std::printf("%-22s %9s %8s %7s %8s %8s %8s %9s %9s\n", "", "dropped", "ms", "steps", "step p50",
              "p99", "max, us", "look p50", "p99.9, us");
  const Purge url{Purge::Kind::url, uri_of(1)};
  const Purge none{Purge::Kind::tag, "nobody's"};
  const Purge tenth{Purge::Kind::tag, "tenth"};
  const Purge prefix{Purge::Kind::prefix, uri_of(2)};
  const Purge all{Purge::Kind::all, ""};
  measure("nothing", caches, entries, nullptr);
  measure("a url", caches, entries, &url);
  measure("a tag that none has", caches, entries, &none);
  measure("a tag of a tenth", caches, entries, &tenth);
  measure("a prefix", caches, entries, &prefix);
  measure("all", caches, entries, &all);
  return 0;
}

}  // namespace
}  // namespace siding

int main(int argc, char** argv) {
  return siding::run(argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 1'000'000);
}
