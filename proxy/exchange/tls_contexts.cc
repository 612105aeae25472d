// See tls_contexts.h.
#include "proxy/exchange/tls_contexts.h"

#include "config/certificates.h"
#include "proxy/observe/log.h"

namespace siding {

TlsContexts::TlsContexts(const Config& config) : unlisted_({system_ca_file(), "", ""}) {
  for (const UpstreamConfig& upstream : config.upstreams) {
    if (upstream.url.scheme != "https") continue;
    const TlsConfig& tls = upstream.tls;
    add(upstream.name,
        {tls.ca_file.empty() ? system_ca_file() : tls.ca_file, tls.certificate, tls.key});
  }
  const RedisConfig& redis = config.cache.redis;
  if (redis.url.scheme == "rediss") {
    add(std::string(kRedis), {redis.ca_file.empty() ? system_ca_file() : redis.ca_file, "", ""});
  }
}

void TlsContexts::add(const std::string& name, TlsFiles files) {
  auto known = std::make_unique<Known>(std::move(files));
  make(name, *known);
  known_.emplace(name, std::move(known));
}

TlsContexts::Stamps TlsContexts::Known::stamps() const {
  Stamps out;
  for (const std::string* file : {&files.ca_file, &files.certificate, &files.key}) {
    if (!file->empty()) out.push_back(stamp_of(*file));
  }
  return out;
}

const TlsContexts::Known* TlsContexts::find(const std::string& upstream) const {
  if (upstream.empty()) return &unlisted_;
  auto known = known_.find(upstream);
  return known == known_.end() ? nullptr : known->second.get();
}

void TlsContexts::make(const std::string& upstream, Known& known) {
  known.read = known.stamps();
  auto made = TlsContext::client(known.files);
  std::lock_guard lock(mutex_);
  if (made) {
    if (known.context) log_info(upstream + ": the files of its TLS were read again");
    known.context = std::move(*made);
    known.failure.clear();
    return;
  }
  ++known.failures;
  if (known.failure != made.error().detail) {
    log_warning(upstream + ": TLS: " + made.error().detail +
                (known.context ? "; what was read before stays in use" : ""));
  }
  known.failure = made.error().detail;
}

Result<std::shared_ptr<TlsContext>> TlsContexts::of(const std::string& upstream) const {
  std::lock_guard lock(mutex_);
  const Known* known = find(upstream);
  if (known != nullptr && known->context) return known->context;
  return Error(Failure::tls, Side::local, true, known == nullptr ? "not https" : known->failure);
}

bool TlsContexts::has_unlisted() const {
  std::lock_guard lock(mutex_);
  return unlisted_.context != nullptr;
}

void TlsContexts::make_unlisted() {
  // Several may have asked for it at once.
  if (!has_unlisted()) make("hosts that are no [upstream]", unlisted_);
}

void TlsContexts::look() {
  for (auto& [upstream, known] : known_) {
    // Two files of one folder may be replaced between two looks: a key that does not fit yet is no
    // reason to wait for another change.
    std::unique_lock lock(mutex_);
    const bool failed = !known->failure.empty();
    lock.unlock();
    if (failed || known->stamps() != known->read) make("upstream." + upstream, *known);
  }
}

void TlsContexts::collect(MetricSink& sink) const {
  for (const auto& [upstream, known] : known_) {
    sink.counter("siding_tls_read_failures_total",
                 "Looks at the files of an upstream's TLS that found none to use; the last stay",
                 static_cast<double>(known->failures), {{"upstream", upstream}});
  }
}

}  // namespace siding
