// The first steps of exchange.h: who asks, whether it can be served at all, and its whole body.
#include <algorithm>

#include "cache/key.h"
#include "http/forwarded.h"
#include "http/hop.h"
#include "proxy/exchange/exchange.h"

namespace siding {

namespace {

constexpr size_t kBodyWindow = 256 * 1024;

/// Clients are told apart by address; IPv6 ones by their /64, of which each has plenty.
uint64_t client_key(const SocketAddress& address) {
  in6_addr bytes = address.bytes();
  size_t size = IN6_IS_ADDR_V4MAPPED(&bytes) ? 16 : 8;
  return key_hash({reinterpret_cast<const char*>(bytes.s6_addr), size});
}

}  // namespace

void Exchange::begin_record() {
  const RequestHead& head = stream_.head;
  record_.wall = services_.loop.clock().wall();
  record_.outcome = Outcome::client_gone;  // unless something else is said below
  record_.method = head.method;
  record_.host = head.authority;
  record_.target = head.target;
  record_.minor_version = head.minor_version;
  const SocketAddress& peer = stream_.peer();
  trusted_peer_ = snapshot().trusted.trusts(peer);
  if (!peer.is_unix()) peer_ip_ = peer.ip();
  record_.client = peer_ip_;
  client_ = client_key(peer);
  if (trusted_peer_) {
    record_.client = client_address(
        head.fields, std::string(record_.client),
        [this](std::string_view address) { return snapshot().trusted.trusts(address); });
    std::optional<SocketAddress> address = SocketAddress::parse(record_.client, 0);
    if (address) client_ = client_key(*address);
  }
  origin_ = asked_origin(head.fields, {peer_ip_, trusted_peer_, stream_.scheme, head.authority});
  std::optional<std::string_view> id = request_id(head.fields);
  record_.request_id = id ? std::string(*id) : services_.new_request_id();
}

bool Exchange::refuse_early() {
  RequestHead& head = stream_.head;
  if (head.form == TargetForm::authority) {
    answer(Outcome::not_implemented, "CONNECT tunnels are not served here");
    return true;
  }
  if (expectation(head) == Expectation::unsupported) {
    answer(Outcome::expectation_failed, "the only expectation is 100-continue");
    return true;
  }
  MaxForwards forwards = count_forward(head);
  if (forwards == MaxForwards::malformed) {
    answer(Outcome::bad_request, "Max-Forwards is not a number");
    return true;
  }
  if (forwards == MaxForwards::answer_here || head.method == "TRACE") {
    // TRACE would show a client the fields that we add for the backend.
    answer(head.method == "TRACE" ? Outcome::method_not_allowed : Outcome::no_route,
           "answered by the proxy itself (Max-Forwards)");
    return true;
  }
  return false;
}

/// False if the request has been answered.
bool Exchange::find_route() {
  Router::Match match = snapshot().router.match(stream_.head);
  if (!match.fault.empty()) {
    answer(Outcome::bad_request, match.fault);
    return false;
  }
  if (match.route == nullptr) {
    answer(Outcome::no_route, "no route matches this request");
    return false;
  }
  route_ = match.route;
  captures_ = std::move(match.captures);
  if (!route_->backend.empty()) backend_ = &snapshot().backend(route_->backend);
  record_.route = route_->text();
  record_.backend = route_->backend;
  if (route_->deadline) deadline_ = after(stream_.started, *route_->deadline);
  self_call_ = stream_.head.fields.has_token("cdn-loop", shared().self_id);
  return true;
}

/// The whole request body: a worker is never asked before it is here.
Task<bool> Exchange::take_body() {
  const LimitsConfig& limits = snapshot().config->limits;
  uint64_t most = route_->max_body != 0 ? route_->max_body : limits.max_body;
  if (most == 0) most = UINT64_MAX;
  if (stream_.framing.kind == BodyFraming::Kind::length && stream_.framing.length > most) {
    answer(Outcome::body_too_large, "the request body is larger than this route takes");
    co_return false;
  }
  body_ = std::make_unique<BodyStore>(shared().bodies);
  while (true) {
    stream_.grant(kBodyWindow);
    if (!stream_.body.empty()) {
      Buffer piece = std::exchange(stream_.body, Buffer());
      if (body_->size() + piece.size() > most) {
        answer(Outcome::body_too_large, "the request body is larger than this route takes");
        co_return false;
      }
      Result<> kept = co_await body_->append(std::move(piece));
      if (!kept) {
        record_.detail = kept.error().detail;
        // At once: others of this turn are about to ask for the same room, and would all be refused.
        body_.reset();
        answer(Outcome::no_buffer, "there is no room for the request body now");
        co_return false;
      }
      continue;
    }
    if (stream_.body_fault) {
      answer(*stream_.body_fault, "the request body did not come whole");
      co_return false;
    }
    if (stream_.body_ended) break;
    bool in_time = co_await Wait(stream_.body_changed, deadline_);
    if (!in_time) {
      answer(Outcome::body_timeout, "the request body did not come before the deadline");
      co_return false;
    }
  }
  record_.bytes_in = body_->size();
  record_.spilled = body_->spilled();
  co_return true;
}

}  // namespace siding
