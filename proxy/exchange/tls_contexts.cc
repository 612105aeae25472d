// See tls_contexts.h.
#include "proxy/exchange/tls_contexts.h"

#include "config/certificates.h"
#include "proxy/observe/log.h"

namespace siding {

namespace {
std::shared_ptr<OfTlsFiles<TlsContext>> context_of(std::string name, const TlsFiles& files) {
  auto context = std::make_shared<OfTlsFiles<TlsContext>>(
      name, std::vector{files.ca_file, files.certificate, files.key},
      [files] { return TlsContext::client(files); });
  if (!context->get()) log_warning(name + ": TLS: " + context->failure());
  return context;
}
}  // namespace

TlsContexts::TlsContexts(const Config& config, const TlsContexts* before) {
  for (const UpstreamConfig& upstream : config.upstreams) {
    if (upstream.url.scheme != "https") continue;
    const TlsConfig& tls = upstream.tls;
    add(upstream.name,
        {tls.ca_file.empty() ? system_ca_file() : tls.ca_file, tls.certificate, tls.key,
         upstream.http2},
        before);
  }
  const RedisConfig& redis = config.cache.redis;
  if (redis.url.scheme == "rediss") {
    add(std::string(kRedis),
        {redis.ca_file.empty() ? system_ca_file() : redis.ca_file, "", "", false}, before);
  }
  if (before == nullptr) return;
  std::lock_guard lock(before->mutex_);
  unlisted_ = before->unlisted_;
}

void TlsContexts::add(const std::string& name, TlsFiles files, const TlsContexts* before) {
  if (before != nullptr) {
    const auto old = before->known_.find(name);
    if (old != before->known_.end() && old->second.files == files) {
      known_.emplace(name, old->second).first->second.context->look();
      return;
    }
  }
  known_.emplace(name, Known{files, context_of(name == kRedis ? name : "upstream." + name, files)});
}

Result<std::shared_ptr<TlsContext>> TlsContexts::of(const std::string& upstream) const {
  std::unique_lock lock(mutex_);
  std::shared_ptr<Context> known = unlisted_;
  lock.unlock();
  if (!upstream.empty()) {
    auto found = known_.find(upstream);
    known = found == known_.end() ? nullptr : found->second.context;
  }
  if (known == nullptr) return Error(Failure::tls, Side::local, true, "not https");
  if (std::shared_ptr<TlsContext> context = known->get()) return context;
  return Error(Failure::tls, Side::local, true, known->failure());
}

bool TlsContexts::has_unlisted() const {
  std::lock_guard lock(mutex_);
  return unlisted_ && unlisted_->get();
}

void TlsContexts::make_unlisted() {
  std::unique_lock lock(mutex_);
  const std::shared_ptr<Context> known = unlisted_;
  lock.unlock();
  if (known != nullptr) {
    // Several may have asked for it at once; or it could not be made the last time.
    if (!known->get()) known->look();
    return;
  }
  auto made = context_of("hosts that are no [upstream]", {system_ca_file(), "", "", false});
  lock.lock();
  unlisted_ = std::move(made);
}

void TlsContexts::look() {
  for (auto& [upstream, known] : known_) known.context->look();
}

void TlsContexts::collect(MetricSink& sink) const {
  for (const auto& [upstream, known] : known_) {
    sink.counter("siding_tls_read_failures_total",
                 "Looks at the files of an upstream's TLS that found none to use; the last stay",
                 static_cast<double>(known.context->failures()), {{"upstream", upstream}});
  }
}

}  // namespace siding
