// Every way in which something can end, as enums whose to_string() is the metric label, the word in
// the access log and the detail shown to people alike. New outcomes are added here and nowhere else.
// Invariant: a table and its enum have the same order and length (checked at compile time).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace siding {

/// On whose side a failure lies.
enum class Side : uint8_t { local, downstream, upstream, count_ };

/// Why an operation on a connection failed.
enum class Failure : uint8_t {
  refused,          ///< nobody listens there
  unreachable,      ///< no route, or connect ran into its timeout
  dns_error,        ///< the name does not exist or the resolver says no
  dns_timeout,      ///< no resolver answered
  address_denied,   ///< the address is one that we never connect to
  reset,            ///< the peer reset the connection
  closed,           ///< the peer closed before it was done
  timeout,          ///< nothing came in time
  malformed,        ///< bytes that are not HTTP as RFC 9112 wants it
  too_large,        ///< over a limit
  no_buffer,        ///< the memory and spill budgets are used up
  no_descriptor,    ///< EMFILE, ENFILE
  tls_certificate,  ///< the peer's certificate is not accepted
  tls,              ///< no TLS with the peer, or it broke
  breaker_open,     ///< its addresses failed, and are left alone for a while
  rate_limited,     ///< its `rate` has no place in time
  internal,
  count_
};

/// How an exchange ended: what the client was told, and why.
enum class Outcome : uint8_t {
  ok,                   ///< an answer of the backend or upstream went out whole
  bad_request,          ///< 400: ambiguous or malformed (RFC 9112)
  head_too_large,       ///< 431
  target_too_long,      ///< 414
  head_timeout,         ///< 408: the head did not come in time
  body_timeout,         ///< 408: the body did not come in time
  body_too_large,       ///< 413
  not_implemented,      ///< 501: CONNECT by a client, unknown protocols and transfer codings
  version_unsupported,  ///< 505
  expectation_failed,   ///< 417
  no_route,             ///< 404
  method_not_allowed,   ///< 405
  forbidden,            ///< 403: egress to a destination that is not allowed
  auth_required,        ///< 407: egress without its secret
  queue_full,           ///< 503: count bound of the queue
  queue_bytes,          ///< 503: byte bound of the queue
  queue_too_slow,       ///< 503: at the queue's pace its turn would come too late
  queue_timeout,        ///< 503: no worker in time
  no_buffer,            ///< 503: no room for the body
  no_tunnel,            ///< 503: as many tunnels are open as there may be
  backend_down,         ///< 503: the backend cannot be reached
  not_cached,           ///< 504: the client wants a stored answer only
  leg_failed,           ///< 502: a leg of a fan-out without which there is no answer
  leg_timeout,          ///< 504: the same, for want of time
  deadline,             ///< 504: the exchange's deadline passed
  backend_timeout,      ///< 504
  backend_closed,       ///< 502: closed or reset without an answer
  backend_malformed,    ///< 502: not an HTTP answer
  backend_aborted,      ///< answer torn in its middle by the backend
  upstream_tls,         ///< 502: no TLS with the upstream of a worker's call; says why
  upstream_down,        ///< 503: its breaker is open, and the worker's calls are guarded
  upstream_timeout,     ///< 504: a guarded call of the worker's took too long
  tunnel_idle,          ///< a tunnel was closed because no byte went through it for long
  self_call,            ///< 508: the backend calls itself and no worker is free
  client_gone,          ///< the client left before the answer was whole
  internal,             ///< 500
  count_
};

/// What became of one speculative call.
enum class PrefetchOutcome : uint8_t {
  used,            ///< handed to the worker's own call
  joined,          ///< the worker's call waited for the one in flight
  failed_over,     ///< a time-out was handed over as that failure
  unused,          ///< fetched, but the worker never asked
  missed,          ///< the worker asked for something else
  cancelled,       ///< the client left, or the request was shed
  connect_failed,  ///< could not connect: the worker's own call goes out
  too_large,       ///< over the bound of a pin
  observed,        ///< `observe`, or `auto` before its dry match: no call was made
  count_
};

/// What became of one leg of a fan-out.
enum class LegOutcome : uint8_t {
  ok,            ///< its answer is a part of the whole
  timeout,       ///< not in its time, or not before the deadline
  failed,        ///< no answer: not reached, or broken off
  breaker_open,  ///< its upstream is left alone for a while
  rate_limited,  ///< its upstream's `rate` had no place in time
  status,        ///< an answer, but not of 200 to 299
  invalid,       ///< it says that it is JSON, and is not; or it came packed
  too_large,     ///< over the leg's max_body
  value_absent,  ///< a value of its call is missing, such as one of a leg that failed
  no_room,       ///< [limits] memory is used up
  lost,          ///< nobody waited for it any more: a race was won, or a required leg failed
  count_
};

/// What the cache did for a request.
enum class CacheResult : uint8_t {
  none,         ///< its route has none
  hit,          ///< answered by it
  stale,        ///< answered by it with what is past its lifetime
  revalidated,  ///< the origin said that the stored answer still holds
  miss,         ///< fetched
  joined,       ///< fetched by another request's call
  pass,         ///< not for the cache: its method, its conditions
  count_
};

/// What a client did, mostly on a connection of many streams, that costs us more than it. Each is bounded
/// by a rate or a time; who goes beyond it loses the connection.
enum class Abuse : uint8_t {
  resets,           ///< streams opened and reset (CVE-2023-44487)
  stream_faults,    ///< streams that we had to reset for its faults (CVE-2025-8671)
  refused_streams,  ///< more streams at once than it may have
  malformed,        ///< frames that break the rules of the connection: it ends at once
  header_stall,     ///< a block of fields that does not end in time, or has too many frames
  header_bomb,      ///< blocks of fields beyond the limits of a head
  pings,
  settings,
  priorities,
  window_updates,  ///< beyond what the answers that it gets explain
  empty_data,
  unknown_frames,
  useless_bytes,  ///< most of what it sends belongs to no request
  read_stall,     ///< answers that it does not read
  count_
};

/// Why a speculative call was not made.
enum class PrefetchSkip : uint8_t {
  value_absent,     ///< a value of the template is missing or invalid
  unsafe_method,    ///< the client's method is not safe
  condition,        ///< `when` is not met
  off,              ///< mode = "off"
  observing,        ///< mode = "observe", or `auto` has not seen a full dry match
  budget,           ///< too many unused ones on the route
  client_paused,    ///< too many unused ones for this client
  template_paused,  ///< the rule matched too seldom
  tunnelled,        ///< the worker reaches that host by CONNECT
  pins_full,        ///< the bound of all pins in bytes
  body_too_large,   ///< its body is longer than what a worker's call is held back for
  upstream_busy,    ///< the upstream's bounds left no room for it until dispatch
  count_
};

namespace outcome_detail {
struct Named {
  std::string_view name;
  uint16_t status;
  std::string_view error_type;  // of RFC 9209
};
inline constexpr std::array<Named, static_cast<size_t>(Outcome::count_)> kOutcomes{{
    {"ok", 200, ""},
    {"bad_request", 400, "http_request_error"},
    {"head_too_large", 431, "http_request_error"},
    {"target_too_long", 414, "http_request_error"},
    {"head_timeout", 408, "http_request_error"},
    {"body_timeout", 408, "http_request_error"},
    {"body_too_large", 413, "http_request_error"},
    {"not_implemented", 501, "http_request_error"},
    {"version_unsupported", 505, "http_request_error"},
    {"expectation_failed", 417, "http_request_error"},
    {"no_route", 404, "destination_not_found"},
    {"method_not_allowed", 405, "http_request_denied"},
    {"forbidden", 403, "http_request_denied"},
    {"auth_required", 407, "http_request_denied"},
    {"queue_full", 503, "connection_limit_reached"},
    {"queue_bytes", 503, "connection_limit_reached"},
    {"queue_too_slow", 503, "connection_limit_reached"},
    {"queue_timeout", 503, "connection_limit_reached"},
    {"no_buffer", 503, "proxy_internal_response"},
    {"no_tunnel", 503, "connection_limit_reached"},
    {"backend_down", 503, "destination_unavailable"},
    {"not_cached", 504, "proxy_internal_response"},
    {"leg_failed", 502, "destination_unavailable"},
    {"leg_timeout", 504, "http_response_timeout"},
    {"deadline", 504, "http_response_timeout"},
    {"backend_timeout", 504, "http_response_timeout"},
    {"backend_closed", 502, "connection_terminated"},
    {"backend_malformed", 502, "http_protocol_error"},
    {"backend_aborted", 502, "http_response_incomplete"},
    {"upstream_tls", 502, "tls_protocol_error"},
    {"upstream_down", 503, "destination_unavailable"},
    {"upstream_timeout", 504, "http_response_timeout"},
    {"tunnel_idle", 504, "connection_timeout"},
    {"self_call", 508, "proxy_loop_detected"},
    {"client_gone", 499, "http_request_error"},
    {"internal", 500, "proxy_internal_error"},
}};
static_assert(kOutcomes.back().status == 500);

inline constexpr std::array<std::string_view, static_cast<size_t>(Failure::count_)> kFailures{
    "refused",      "unreachable",   "dns_error",       "dns_timeout", "address_denied",
    "reset",        "closed",        "timeout",         "malformed",   "too_large",
    "no_buffer",    "no_descriptor", "tls_certificate", "tls",         "breaker_open",
    "rate_limited", "internal"};
static_assert(!kFailures.back().empty());

inline constexpr std::array<std::string_view, static_cast<size_t>(PrefetchOutcome::count_)>
    kPrefetchOutcomes{"used",      "joined",         "failed_over", "unused",  "missed",
                      "cancelled", "connect_failed", "too_large",   "observed"};
static_assert(!kPrefetchOutcomes.back().empty());

inline constexpr std::array<std::string_view, static_cast<size_t>(LegOutcome::count_)> kLegOutcomes{
    "ok",      "timeout",   "failed",       "breaker_open", "rate_limited", "status",
    "invalid", "too_large", "value_absent", "no_room",      "lost"};
static_assert(!kLegOutcomes.back().empty());

inline constexpr std::array<std::string_view, static_cast<size_t>(CacheResult::count_)>
    kCacheResults{"none", "hit", "stale", "revalidated", "miss", "joined", "pass"};
static_assert(!kCacheResults.back().empty());

inline constexpr std::array<std::string_view, static_cast<size_t>(Abuse::count_)> kAbuses{
    "resets",      "stream_faults",  "refused_streams", "malformed",  "header_stall",
    "header_bomb", "pings",          "settings",        "priorities", "window_updates",
    "empty_data",  "unknown_frames", "useless_bytes",   "read_stall"};
static_assert(!kAbuses.back().empty());

inline constexpr std::array<std::string_view, static_cast<size_t>(PrefetchSkip::count_)>
    kPrefetchSkips{"value_absent", "unsafe_method", "condition",      "off",
                   "observing",    "budget",        "client_paused",  "template_paused",
                   "tunnelled",    "pins_full",     "body_too_large", "upstream_busy"};
static_assert(!kPrefetchSkips.back().empty());
}  // namespace outcome_detail

constexpr std::string_view to_string(Outcome o) {
  return outcome_detail::kOutcomes[static_cast<size_t>(o)].name;
}
/// The status that siding itself answers with on this outcome (for `ok` and `client_gone`: only a
/// number for the log).
constexpr int status_of(Outcome o) {
  return outcome_detail::kOutcomes[static_cast<size_t>(o)].status;
}
/// The error type of a Proxy-Status field (RFC 9209, section 2.3); "" for `ok`.
constexpr std::string_view error_type(Outcome o) {
  return outcome_detail::kOutcomes[static_cast<size_t>(o)].error_type;
}
constexpr std::string_view to_string(Failure f) {
  return outcome_detail::kFailures[static_cast<size_t>(f)];
}
constexpr std::string_view to_string(PrefetchOutcome o) {
  return outcome_detail::kPrefetchOutcomes[static_cast<size_t>(o)];
}
constexpr std::string_view to_string(PrefetchSkip s) {
  return outcome_detail::kPrefetchSkips[static_cast<size_t>(s)];
}
constexpr std::string_view to_string(LegOutcome o) {
  return outcome_detail::kLegOutcomes[static_cast<size_t>(o)];
}
constexpr std::string_view to_string(CacheResult r) {
  return outcome_detail::kCacheResults[static_cast<size_t>(r)];
}
constexpr std::string_view to_string(Abuse a) {
  return outcome_detail::kAbuses[static_cast<size_t>(a)];
}
constexpr std::string_view to_string(Side s) {
  return s == Side::local ? "local" : s == Side::downstream ? "downstream" : "upstream";
}

}  // namespace siding
