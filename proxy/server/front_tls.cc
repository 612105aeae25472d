// See front_tls.h.
#include "proxy/server/front_tls.h"

#include "proxy/downstream/arrival.h"
#include "proxy/observe/log.h"

namespace siding {

namespace {
/// A ticket is opened for so long after its key was replaced, twice; none lives longer than that.
constexpr Duration kTicketKeyTime = std::chrono::hours(12);

std::vector<std::string> files_of(const ListenTls& tls) {
  std::vector<std::string> files{tls.client_ca};
  for (const CertificateFiles* one : tls.certificates()) {
    files.insert(files.end(), {one->certificate, one->key, one->ocsp});
  }
  return files;
}
}  // namespace

FrontTls::Front::Front(const ListenAddress& address, std::shared_ptr<TicketKeys> keys,
                       const Clock& clock)
    : listen(address.text()),
      tls(*address.tls),
      tickets(std::move(keys)),
      rotated(clock.now()),
      context(listen, files_of(tls), [this, &clock] {
        return TlsServerContext::make(tls, tickets, {std::begin(kProtocols), std::end(kProtocols)},
                                      clock);
      }) {}

FrontTls::FrontTls(const std::vector<ListenAddress>& addresses, const Clock& clock,
                   const FrontTls* before)
    : clock_(clock) {
  for (const ListenAddress& address : addresses) {
    by_address_.push_back(nullptr);
    if (!address.tls) continue;
    std::shared_ptr<Front> known;
    for (size_t i = 0; before != nullptr && i < before->fronts_.size(); ++i) {
      if (before->fronts_[i]->listen == address.text()) known = before->fronts_[i];
    }
    if (!known || known->tls != *address.tls) {
      auto keys = known ? known->tickets : std::make_shared<TicketKeys>();
      known = std::make_shared<Front>(address, std::move(keys), clock);
    } else {
      known->context.look();
    }
    by_address_.back() = fronts_.emplace_back(std::move(known)).get();
  }
}

std::string FrontTls::fault() const {
  for (const auto& front : fronts_) {
    if (!front->context.get()) {
      return "no TLS at " + front->listen + ": " + front->context.failure();
    }
  }
  return {};
}

std::shared_ptr<const TlsServerContext> FrontTls::of(size_t address) const {
  return by_address_[address]->context.get();
}

void FrontTls::look() {
  const TimePoint now = clock_.now();
  for (const auto& front : fronts_) {
    if (now >= after(front->rotated, kTicketKeyTime)) {
      front->rotated = now;
      front->tickets->rotate();
    }
    front->context.look();
    warn_of_old_staples(*front);
  }
}

void FrontTls::warn_of_old_staples(const Front& front) const {
  const std::shared_ptr<const TlsServerContext> context = front.context.get();
  for (size_t i = 0; i < context->certificates(); ++i) {
    const TlsServerContext::Certificate& certificate = context->certificate(i);
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
                 static_cast<double>(front->context.failures()), {{"listen", front->listen}});
    const std::shared_ptr<const TlsServerContext> context = front->context.get();
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
