// One call of siding's own to an upstream, whoever asks for it: a place within the upstream's
// concurrency, a connection, the request, the whole answer.
// Invariants: bounded in time and bytes; only what may be repeated is: once without asking where a kept
// connection had been closed (or, whatever it is, where an HTTP/2 server had not looked at it), and within
// the upstream's `retries` and its budget where no answer came or one of 502, 503, 504 (429 if it says
// when).
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "http/message.h"
#include "http/template.h"
#include "proxy/exchange/services.h"

namespace siding {

struct CallAnswer {
  ResponseHead head;  ///< as received
  Buffer body;
  Fields trailers;
};

struct CallRequest {
  RequestHead head;        ///< `fields` go out as they are; authority and scheme are the upstream's
  Slice body;              ///< whole; with or without bytes
  bool repeatable = true;  ///< making it twice does no harm
};

struct CallOptions {
  TimePoint deadline = kNever;
  uint64_t max_body = UINT64_MAX;  ///< Failure::too_large above it
  std::function<void()> begun{};   ///< each time that it has an address with room: it goes out now
};

Task<Result<CallAnswer>> call_upstream(LoopServices& services, Upstream& upstream,
                                       CallRequest request, CallOptions options);

/// Whether an address serves: no call, so it is outside of the upstream's limits, and neither its breaker
/// nor the counters are told.
Task<Result<CallAnswer>> probe_address(LoopServices& services, Upstream& upstream,
                                       SocketAddress address, CallRequest request,
                                       CallOptions options);

/// Before a call is made again: longer each time, and somewhere between half of that and all of it, so
/// that those who failed together do not come back together.
Duration retry_pause(uint32_t tries, uint64_t random);

/// Sets the fields that the configuration adds to every call of an upstream.
void set_upstream_fields(const LoopServices& services, const Upstream& upstream, Fields& fields);
/// What the templates of a call make of the values of a request.
struct FilledCall {
  std::string missing;  ///< the value that is not there; nothing else counts then
  std::string target;   ///< without the upstream's base path
  Fields fields;        ///< those of the call, and Content-Type where there is a body
  std::string body;
};
FilledCall fill_call(const CallConfig& call, const TemplateValues& values);
/// Makes a call of siding's own out of its configuration, its fields and its body: method, target,
/// authority, what the upstream's configuration adds, and our mark.
CallRequest address_call(const LoopServices& services, const Upstream& upstream,
                         const CallConfig& call, std::string_view target, Fields fields,
                         std::string_view body);
/// Marks a request as caused by this process (RFC 8586).
void add_cdn_loop(const Services& services, Fields& fields);

}  // namespace siding
