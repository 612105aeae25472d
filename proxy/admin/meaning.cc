// What each outcome means, and what the cache did, for `explain`. No default: the compiler asks for a
// sentence when one is added.
#include "proxy/admin/explain_text.h"

namespace siding {

std::string_view meaning(Outcome outcome) {
  switch (outcome) {
    case Outcome::ok: return "the answer went out whole";
    case Outcome::bad_request:
      return "the request is not what RFC 9112 calls HTTP/1.1; nothing of it was forwarded";
    case Outcome::head_too_large: return "the request head is over [limits] max_head or max_fields";
    case Outcome::target_too_long: return "the request target is over [limits] max_target";
    case Outcome::head_timeout: return "the client did not send the whole head in time";
    case Outcome::body_timeout: return "the client stopped sending its body";
    case Outcome::body_too_large: return "the body is over the route's or the [limits] max_body";
    case Outcome::not_implemented: return "siding does not serve that kind of request";
    case Outcome::version_unsupported:
      return "the request is of an HTTP version that siding does not speak here";
    case Outcome::expectation_failed:
      return "the Expect field asks for something else than 100-continue";
    case Outcome::no_route:
      return "no [[route]] matches; a route without a path would serve everything else";
    case Outcome::method_not_allowed: return "the method is not allowed here";
    case Outcome::forbidden:
      return "egress: that destination is not allowed; name it by an [upstream]";
    case Outcome::auth_required:
      return "egress: the call came without the secret in Proxy-Authorization";
    case Outcome::queue_full: return "as many requests as queue.size allows were waiting already";
    case Outcome::queue_bytes:
      return "the bodies of those who wait take as much as queue.bytes allows";
    case Outcome::queue_too_slow:
      return "at the pace of the queue its turn would have come after its deadline or "
             "queue.timeout";
    case Outcome::queue_timeout:
      return "no worker was free within queue.timeout: the workers are slower than what comes in";
    case Outcome::no_buffer: return "no room for the body: [limits] memory and spill are used up";
    case Outcome::no_tunnel:
      return "as many tunnels are open as [limits] max_connections and the descriptors allow";
    case Outcome::backend_down:
      return "the backend could not be reached: is it running, and on that address?";
    case Outcome::not_cached:
      return "the client asked for a stored answer only (only-if-cached), and there is none to "
             "send";
    case Outcome::leg_failed:
      return "an upstream of the fan-out failed without which there is no answer: see the legs";
    case Outcome::leg_timeout:
      return "an upstream of the fan-out without which there is no answer was too slow: see the "
             "legs";
    case Outcome::deadline: return "the route's deadline passed";
    case Outcome::backend_timeout: return "the backend did not answer in time";
    case Outcome::backend_closed:
      return "the backend closed the connection without an answer: look for a crash in its log";
    case Outcome::backend_malformed: return "what the backend sent is no HTTP answer";
    case Outcome::backend_aborted:
      return "the backend broke off in the middle of its answer: look for a crash in its log";
    case Outcome::upstream_tls:
      return "egress: no TLS with the upstream; the answer to the worker says why";
    case Outcome::upstream_down:
      return "egress: the upstream failed a moment ago, and guard_worker leaves it alone";
    case Outcome::upstream_timeout:
      return "egress: the upstream did not answer within its timeout, and guard_worker ends it";
    case Outcome::tunnel_idle:
      return "no byte went through the tunnel for [limits] tunnel_idle_timeout (send_timeout, "
             "when one side had ended)";
    case Outcome::self_call:
      return "the backend called itself while all its workers were busy: it would wait for ever";
    case Outcome::client_gone: return "the client left before the answer was whole";
    case Outcome::internal: return "a fault of siding's own: please report it";
    case Outcome::count_: break;
  }
  return {};
}

std::string_view meaning(CacheResult result) {
  switch (result) {
    case CacheResult::hit: return "the stored answer was fresh";
    case CacheResult::stale:
      return "the stored answer was past its lifetime, and allowed to be sent";
    case CacheResult::revalidated: return "the origin said that the stored answer still holds";
    case CacheResult::miss: return "nothing was stored that could be sent: it was fetched";
    case CacheResult::joined: return "another request's fetch answered it too";
    case CacheResult::pass: return "the cache has nothing to do with such a request";
    case CacheResult::none:
    case CacheResult::count_: break;
  }
  return {};
}

}  // namespace siding
