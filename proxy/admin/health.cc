// See health.h.
#include "proxy/admin/health.h"

#include <utility>

#include "proxy/admin/metrics.h"
#include "proxy/admin/reply.h"
#include "proxy/loop/loop.h"
#include "proxy/loop/wait.h"

namespace siding {

namespace {
constexpr Duration kDrainLook = std::chrono::milliseconds(20);
constexpr int kMostWaiting = 8;
constexpr std::string_view kWaitForDrain = "/wait-for-drain";
}  // namespace

HealthDoor::HealthDoor(const Observer& observer, Options options)
    : observer_(observer), options_(std::move(options)) {}

Task<> HealthDoor::handle(Stream& stream) {
  if (stream.head.path() == kWaitForDrain && stream.head.method == "GET") {
    co_await wait_for_drain(stream);
    co_return;
  }
  answer(stream);
}

Task<> HealthDoor::wait_for_drain(Stream& stream) {
  if (waiting_ >= kMostWaiting) {
    send_reply(stream, 503, "too many wait already\n");
    co_return;
  }
  struct Waiting {
    explicit Waiting(int& n) : count(n) { ++count; }
    ~Waiting() { --count; }
    int& count;
  };
  const Waiting one(waiting_);
  if (options_.begin_drain) options_.begin_drain();
  while (!options_.drained()) {
    const TimePoint next = after(Loop::current().now(), kDrainLook);
    co_await SleepUntil(next);
  }
  send_reply(stream, 200, "drained\n");
}

void HealthDoor::answer(Stream& stream) const {
  std::string_view path = stream.head.path();
  if (path == kWaitForDrain) {
    send_reply(stream, 405, "only GET\n", kPlainText, "GET");
  } else if (path != "/healthz" && path != "/readyz" && path != "/metrics") {
    send_reply(stream, 404, "there is /healthz, /readyz, /metrics and /wait-for-drain\n");
  } else if (stream.head.method != "GET" && stream.head.method != "HEAD") {
    send_reply(stream, 405, "only GET and HEAD\n", kPlainText, "GET, HEAD");
  } else if (path == "/healthz") {
    send_reply(stream, 200, "ok\n");
  } else if (path == "/metrics") {
    send_reply(stream, 200, render_metrics(observer_), kMetricsType);
  } else {
    std::string reason = options_.not_ready();
    if (reason.empty()) {
      send_reply(stream, 200, "ready\n");
    } else {
      send_reply(stream, 503, "not ready: " + reason + "\n");
    }
  }
}

}  // namespace siding
