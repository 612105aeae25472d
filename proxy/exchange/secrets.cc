// See secrets.h.
#include "proxy/exchange/secrets.h"

#include "proxy/observe/log.h"

namespace siding {

Secrets::Secrets(const Config& config, const Secrets* before) {
  auto values = std::make_shared<SecretValues>();
  auto add = [&](const std::string& file, const std::string& value) {
    if (file.empty() || !values->by_file.emplace(file, value).second) return;
    watched_.push_back(std::make_unique<Watched>(file));
    if (before == nullptr) return;
    for (const auto& old : before->watched_) {
      if (old->file == file) watched_.back()->failures = old->failures.load();
    }
  };
  if (config.egress) add(config.egress->secret_file, config.egress->secret);
  add(config.cache.redis.password_file, config.cache.redis.password);
  for (const UpstreamConfig& upstream : config.upstreams) {
    for (const auto& [name, value] : upstream.headers) add(value.file, value.value);
  }
  values_ = std::move(values);
}

std::shared_ptr<const SecretValues> Secrets::values() const {
  std::lock_guard lock(mutex_);
  return values_;
}

// Whether another value is in `values` now.
bool Secrets::look_at(Watched& watched, SecretValues& values) {
  if (watched.stamp && stamp_of(watched.file) == watched.stamp) return false;
  SecretFile read = read_secret_file(watched.file);
  if (!read.fault.empty()) {
    ++watched.failures;
    watched.stamp.reset();  // it may be well again without looking different
    if (!watched.failing) {
      log_warning("secret file: " + read.fault + "; its last value stays in use");
    }
    watched.failing = true;
    return false;
  }
  watched.stamp = read.stamp;
  std::string& value = values.by_file.at(watched.file);
  const bool changed = value != read.value;
  if (changed || watched.failing) {
    log_info("secret file: `" + watched.file + "` was read again; its value " +
             (changed ? "is new" : "is the same"));
  }
  watched.failing = false;
  value = std::move(read.value);
  return changed;
}

void Secrets::look() {
  constexpr int kMostRounds = 3;
  auto next = std::make_shared<SecretValues>(*values());
  bool changed = false;
  // Files of one folder may be replaced between two of our looks: look until nothing moves.
  for (int round = 0; round < kMostRounds; ++round) {
    bool moved = false;
    for (auto& watched : watched_) moved = look_at(*watched, *next) || moved;
    if (!moved) break;
    changed = true;
  }
  if (!changed) return;
  std::lock_guard lock(mutex_);
  values_ = std::move(next);
}

void Secrets::collect(MetricSink& sink) const {
  for (const auto& watched : watched_) {
    sink.counter("siding_secret_read_failures_total",
                 "Looks at a secret's file that found no usable value; the last one stays in use",
                 static_cast<double>(watched->failures), {{"file", watched->file}});
  }
}

}  // namespace siding
