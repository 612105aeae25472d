// See front_tls.h.
#include "proxy/server/front_tls.h"

#include "proxy/downstream/arrival.h"
#include "proxy/observe/log.h"

namespace siding {

namespace {
/// A ticket is opened for so long after its key was replaced, twice; none lives longer than that.
constexpr Duration kTicketKeyTime = std::chrono::hours(12);
}  // namespace

FrontTls::FrontTls(const std::vector<ListenAddress>& addresses, const Clock& clock)
    : clock_(clock), rotated_(clock.now()) {
  for (const ListenAddress& address : addresses) {
    by_address_.push_back(nullptr);
    if (!address.tls) continue;
    by_address_.back() = fronts_.emplace_back(std::make_unique<Front>(address)).get();
    read(*fronts_.back());
  }
}

FrontTls::Stamps FrontTls::Front::stamps() const {
  Stamps out;
  for (const CertificateFiles* files : config.certificates()) {
    for (const std::string* file : {&files->certificate, &files->key, &files->ocsp}) {
      if (!file->empty()) out.push_back(stamp_of(*file));
    }
  }
  if (!config.client_ca.empty()) out.push_back(stamp_of(config.client_ca));
  return out;
}

void FrontTls::read(Front& front) {
  front.read = front.stamps();
  auto made = TlsServerContext::make(front.config, front.tickets,
                                     {std::begin(kProtocols), std::end(kProtocols)}, clock_);
  std::lock_guard lock(mutex_);
  if (made) {
    if (front.context) log_info(front.listen + ": the files of its TLS were read again");
    front.context = std::move(*made);
    front.failure.clear();
    return;
  }
  ++front.failures;
  if (front.context && front.failure != made.error().detail) {
    log_warning(front.listen + ": TLS: " + made.error().detail +
                "; what was read before stays in use");
  }
  front.failure = made.error().detail;
}

std::string FrontTls::fault() const {
  for (const auto& front : fronts_) {
    if (!front->context) return "no TLS at " + front->listen + ": " + front->failure;
  }
  return {};
}

std::shared_ptr<const TlsServerContext> FrontTls::of(size_t address) const {
  std::lock_guard lock(mutex_);
  return by_address_[address]->context;
}

void FrontTls::look() {
  const TimePoint now = clock_.now();
  const bool rotate = now >= after(rotated_, kTicketKeyTime);
  if (rotate) rotated_ = now;
  for (const auto& front : fronts_) {
    if (rotate) front->tickets->rotate();
    // A key that does not fit yet is no reason to wait for another change; see TlsContexts::look().
    if (!front->failure.empty() || front->stamps() != front->read) read(*front);
    warn_of_old_staples(*front);
  }
}

void FrontTls::warn_of_old_staples(const Front& front) const {
  for (size_t i = 0; i < front.context->certificates(); ++i) {
    const TlsServerContext::Certificate& certificate = front.context->certificate(i);
    if (!certificate.ocsp_old(clock_)) continue;
    warn_once("ocsp:" + certificate.file + std::to_string(certificate.ocsp_expires),
              front.listen + ": the OCSP response about `" + certificate.file +
                  "` is too old, and is not shown until its file has a newer one");
  }
}

void FrontTls::collect(MetricSink& sink) const {
  const int64_t now = unix_seconds(clock_);
  for (const auto& front : fronts_) {
    sink.counter("siding_client_tls_read_failures_total",
                 "Looks at the files of a listener's TLS that found none to use; the last stay",
                 static_cast<double>(front->failures), {{"listen", front->listen}});
    std::unique_lock lock(mutex_);
    const std::shared_ptr<const TlsServerContext> context = front->context;
    lock.unlock();
    for (size_t i = 0; i < context->certificates(); ++i) {
      const TlsServerContext::Certificate& certificate = context->certificate(i);
      sink.gauge("siding_certificate_expires_seconds",
                 "Until the end of a certificate that clients are shown; negative: it has expired",
                 static_cast<double>(certificate.expires - now),
                 {{"listen", front->listen}, {"certificate", certificate.file}});
    }
  }
}

}  // namespace siding
