// See limits.h.
#include "proxy/server/limits.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

#include "base/text.h"
#include "config/load.h"
#include "proxy/loop/disk.h"
#include "proxy/observe/log.h"

namespace siding {

namespace {
constexpr uint32_t kMostThreads = 4;

std::optional<std::string> first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  return line;
}

/// The folder of this process's cgroup, version 2; in a container usually the root.
std::string cgroup_folder() {
  std::ifstream file("/proc/self/cgroup");
  std::string line;
  while (std::getline(file, line)) {
    if (line.starts_with("0::")) return "/sys/fs/cgroup" + line.substr(3);
  }
  return "/sys/fs/cgroup";
}

std::optional<uint64_t> cgroup_memory() {
  std::optional<uint64_t> least;
  std::string folder = cgroup_folder();
  // A limit may stand on any ancestor.
  while (folder.size() >= std::string("/sys/fs/cgroup").size()) {
    std::optional<std::string> line = first_line(folder + "/memory.max");
    std::optional<uint64_t> value = line ? parse_u64(*line) : std::nullopt;
    if (value && (!least || *value < *least)) least = value;
    folder.erase(folder.rfind('/'));
  }
  if (least) return least;
  std::optional<std::string> v1 = first_line("/sys/fs/cgroup/memory/memory.limit_in_bytes");
  return v1 ? parse_u64(*v1) : std::nullopt;
}

/// CPUs that the quota amounts to, rounded up.
std::optional<uint32_t> cgroup_cpus() {
  std::optional<std::string> line = first_line(cgroup_folder() + "/cpu.max");
  if (!line) return std::nullopt;
  std::istringstream words(*line);
  std::string quota;
  double period = 0;
  words >> quota >> period;
  std::optional<uint64_t> us = parse_u64(quota);
  if (!us || period <= 0) return std::nullopt;
  return static_cast<uint32_t>(std::ceil(static_cast<double>(*us) / period));
}
}  // namespace

uint64_t memory_budget(const Config& config) {
  if (config.limits.memory != 0) return config.limits.memory;
  auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  uint64_t machine = page * static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES));
  uint64_t available = std::min(machine, cgroup_memory().value_or(machine));
  return available / 10 * 8;
}

uint64_t cache_budget(const Config& config) {
  constexpr uint64_t kMost = 256 << 20;
  if (!config.caches()) return 0;
  if (config.cache.memory != 0) return config.cache.memory;
  return std::min(memory_budget(config) / 4, kMost);
}

uint32_t thread_count(const Config& config) {
  if (config.threads != 0) return config.threads;
  cpu_set_t set;
  CPU_ZERO(&set);
  uint32_t cpus = 1;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) cpus = static_cast<uint32_t>(CPU_COUNT(&set));
  if (std::optional<uint32_t> quota = cgroup_cpus()) cpus = std::min(cpus, *quota);
  return std::clamp(cpus, 1u, kMostThreads);
}

std::string spill_fault(const Config& config) {
  if (config.limits.spill == 0) return {};
  auto file = TemporaryFile::create(config.limits.spill_dir);
  return file ? std::string() : file.error().detail;
}

uint32_t tunnel_limit(const Config& config) {
  constexpr uint64_t kLeast = 16;
  const uint64_t most = config.limits.max_connections;
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return static_cast<uint32_t>(most);
  const uint64_t needed = descriptors_needed(config);
  const uint64_t left = files.rlim_cur > needed ? files.rlim_cur - needed : 0;
  return static_cast<uint32_t>(std::clamp(left, std::min(kLeast, most), most));
}

uint32_t front_limit(const Config& config) {
  constexpr uint64_t kLeast = 16;
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return config.limits.max_connections;
  uint64_t needed = descriptors_needed(config);
  uint64_t most = config.limits.max_connections;
  if (needed <= files.rlim_cur) return config.limits.max_connections;
  uint64_t missing = needed - files.rlim_cur;
  uint64_t left = most > missing + kLeast ? most - missing : kLeast;
  warn_once("descriptors", "RLIMIT_NOFILE allows " + std::to_string(files.rlim_cur) +
                               " descriptors, the limits add up to " + std::to_string(needed) +
                               ": only " + std::to_string(left) +
                               " clients at once are accepted; raise it (ulimit -n, LimitNOFILE=)");
  return static_cast<uint32_t>(left);
}

}  // namespace siding
