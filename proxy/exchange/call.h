// One call of siding's own to an upstream, whoever asks for it: a place within the upstream's
// concurrency, a connection, the request, the whole answer.
// Invariants: bounded in time and bytes; only what may be repeated is: once without asking where a kept
// connection had been closed, and within the upstream's `retries` and its budget where no answer came
// or one of 502, 503, 504 (429 if it says when).
#pragma once

#include <cstdint>

#include "http/message.h"
#include "proxy/exchange/services.h"

namespace siding {

struct CallAnswer {
  ResponseHead head;  ///< as received
  Buffer body;
  Fields trailers;
};

struct CallOptions {
  TimePoint deadline = kNever;
  uint64_t max_body = UINT64_MAX;  ///< Failure::too_large above it
  bool* begun = nullptr;           ///< set once it has its place and begins for real
};

/// `head.fields` goes out as it is; authority and scheme are the upstream's. No body.
Task<Result<CallAnswer>> call_upstream(LoopServices& services, Upstream& upstream, RequestHead head,
                                       CallOptions options);

/// Before a call is made again: longer each time, and somewhere between half of that and all of it, so
/// that those who failed together do not come back together.
Duration retry_pause(uint32_t tries, uint64_t random);

/// Sets the fields that the configuration adds to every call of an upstream.
void set_upstream_fields(const Services& services, const Upstream& upstream, Fields& fields);
/// Makes a call of siding's own out of its fields: method, target, authority, what the upstream's
/// configuration adds, and our mark.
void address_call(const Services& services, const Upstream& upstream, std::string_view method,
                  std::string_view target, RequestHead& head);
/// Marks a request as caused by this process (RFC 8586).
void add_cdn_loop(const Services& services, Fields& fields);

}  // namespace siding
