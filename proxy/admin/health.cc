// See health.h.
#include "proxy/admin/health.h"

#include <utility>

#include "proxy/admin/metrics.h"
#include "proxy/admin/reply.h"

namespace siding {

HealthDoor::HealthDoor(const Observer& observer, NotReady not_ready)
    : observer_(observer), not_ready_(std::move(not_ready)) {}

Task<> HealthDoor::handle(Stream& stream) {
  answer(stream);
  co_return;
}

void HealthDoor::answer(Stream& stream) const {
  std::string_view path = stream.head.path();
  if (path != "/healthz" && path != "/readyz" && path != "/metrics") {
    send_reply(stream, 404, "there is /healthz, /readyz and /metrics\n");
  } else if (stream.head.method != "GET" && stream.head.method != "HEAD") {
    send_reply(stream, 405, "only GET and HEAD\n", kPlainText, "GET, HEAD");
  } else if (path == "/healthz") {
    send_reply(stream, 200, "ok\n");
  } else if (path == "/metrics") {
    send_reply(stream, 200, render_metrics(observer_), kMetricsType);
  } else {
    std::string reason = not_ready_();
    if (reason.empty()) {
      send_reply(stream, 200, "ready\n");
    } else {
      send_reply(stream, 503, "not ready: " + reason + "\n");
    }
  }
}

}  // namespace siding
