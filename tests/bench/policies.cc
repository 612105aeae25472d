// Hit ratios of siding's store beside LRU, S3-FIFO and W-TinyLFU, all on one Zipf trace.
//
//   policies [--zipf 0.9] [--budget MIB] [--requests N] [--seed N] [--write FOLDER]
//
// Objects have 1 to 32 KiB and are ten times as many bytes as the budget. The first third of the trace
// warms up and is not counted. The three count the bytes of a message, body and head; the store counts
// all that an entry takes. --write leaves the trace as two files of targets, which cache.py sends to a
// real siding.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "cache/memory_store.h"
#include "tests/bench/simulators.h"

namespace siding::bench {
namespace {

constexpr uint32_t kHeadBytes = 250;  // of the origin's answers in cache.py

struct Options {
  double zipf = 0.9;
  uint64_t budget = 64;
  uint64_t requests = 600'000;
  uint64_t seed = 1;
  std::string folder;
};

/// A multiple of 16, each magnitude as likely as any other.
uint32_t size_of(std::mt19937_64& random) {
  const double u = std::uniform_real_distribution<double>()(random);
  return static_cast<uint32_t>(1024 * std::exp2(5 * u)) / 16 * 16;
}

std::vector<Request> make_trace(const Options& o, uint64_t& objects) {
  std::mt19937_64 random(o.seed);
  std::vector<uint32_t> sizes;
  std::vector<double> sums;
  double sum = 0;
  for (uint64_t bytes = 0; bytes < (o.budget << 20) * 10; bytes += sizes.back()) {
    sizes.push_back(size_of(random));
    sum += std::pow(static_cast<double>(sizes.size()), -o.zipf);
    sums.push_back(sum);
  }
  objects = sizes.size();
  std::uniform_real_distribution<double> pick(0, sum);
  std::vector<Request> trace;
  for (uint64_t i = 0; i < o.requests; ++i) {
    auto id = static_cast<uint32_t>(std::lower_bound(sums.begin(), sums.end(), pick(random)) -
                                    sums.begin());
    trace.push_back({id, sizes[id]});
  }
  return trace;
}

/// The store itself, with entries as they are made of the origin's answers.
class Store {
 public:
  explicit Store(uint64_t budget) : store_(budget) {}
  bool ask(Request r) {
    const std::string uri =
        "http://127.0.0.1:20000/o/" + std::to_string(r.id) + "/" + std::to_string(r.bytes);
    if (store_.find(uri, {1, ""}, none_, policy_, TimePoint{}).entry) return true;
    auto entry = std::make_shared<Entry>();
    entry->variant.owner = 1;
    entry->head.fields.keep(BlockRef::make(kHeadBytes));
    for (int i = 0; i < 8; ++i) entry->head.fields.add_view("name", "value");
    entry->body.append_copy(std::string(r.bytes, 'x'));
    store_.put(uri, std::move(entry));
    return false;
  }
  MemoryStore::Snapshot snapshot() const { return store_.snapshot(); }

 private:
  MemoryStore store_;
  const Fields none_;
  const CachePolicy policy_;
};

template <class Cache>
double ratio(const std::vector<Request>& trace, Cache& cache, uint32_t head_bytes) {
  uint64_t hits = 0;
  const size_t warm = trace.size() / 3;
  for (size_t i = 0; i < trace.size(); ++i) {
    const bool hit = cache.ask({trace[i].id, trace[i].bytes + head_bytes});
    if (i >= warm) hits += hit ? 1 : 0;
  }
  return static_cast<double>(hits) / static_cast<double>(trace.size() - warm);
}

void write(const std::vector<Request>& trace, const std::string& folder) {
  const size_t warm = trace.size() / 3;
  std::ofstream first(folder + "/warm");
  std::ofstream then(folder + "/trace");
  for (size_t i = 0; i < trace.size(); ++i) {
    (i < warm ? first : then) << "/o/" << trace[i].id << '/' << trace[i].bytes << '\n';
  }
}

Options read(int argc, char** argv) {
  Options o;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--zipf") o.zipf = std::atof(argv[i + 1]);
    if (name == "--budget") o.budget = std::strtoull(argv[i + 1], nullptr, 10);
    if (name == "--requests") o.requests = std::strtoull(argv[i + 1], nullptr, 10);
    if (name == "--seed") o.seed = std::strtoull(argv[i + 1], nullptr, 10);
    if (name == "--write") o.folder = argv[i + 1];
  }
  return o;
}

void run(const Options& o) {
  uint64_t objects = 0;
  const std::vector<Request> trace = make_trace(o, objects);
  const uint64_t budget = o.budget << 20;
  std::printf("%zu requests for %zu objects, Zipf %.2f, budget %zu MiB\n", trace.size(), objects,
              o.zipf, static_cast<size_t>(o.budget));
  Lru lru(budget);
  S3Fifo fifo(budget);
  WTinyLfu lfu(budget, objects / 10);
  Store store(budget);
  std::printf("%-12s %.4f\n", "LRU", ratio(trace, lru, kHeadBytes));
  std::printf("%-12s %.4f\n", "S3-FIFO", ratio(trace, fifo, kHeadBytes));
  std::printf("%-12s %.4f\n", "W-TinyLFU", ratio(trace, lfu, kHeadBytes));
  std::printf("%-12s %.4f\n", "store", ratio(trace, store, 0));
  const MemoryStore::Snapshot now = store.snapshot();
  std::printf("%zu entries of %zu bytes each, all counted\n", static_cast<size_t>(now.entries),
              static_cast<size_t>(now.bytes / std::max<uint64_t>(1, now.entries)));
  if (!o.folder.empty()) write(trace, o.folder);
}

}  // namespace
}  // namespace siding::bench

int main(int argc, char** argv) { siding::bench::run(siding::bench::read(argc, argv)); }
