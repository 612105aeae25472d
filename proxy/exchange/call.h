// One call of siding's own to an upstream, whoever asks for it: a place within the upstream's
// concurrency, a connection, the request, the whole answer.
// Invariants: bounded in time and bytes; a connection that was closed while it was kept is replaced
// once, for methods that may be repeated.
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

/// A connection to a backend: a kept one, if it may be reused, or a new one.
Task<Result<Lease>> lease_backend(LoopServices& services, Pool& pool, const BackendConfig& backend,
                                  bool may_reuse, TimePoint deadline);
/// Likewise to an upstream, in clear or by TLS, as its url says.
Task<Result<Lease>> lease_upstream(LoopServices& services, Upstream& upstream,
                                   Duration connect_timeout, bool may_reuse, TimePoint deadline);
/// A new connection to a host that is no [upstream].
Task<Result<Lease>> lease_unlisted(LoopServices& services, const OriginUrl& origin,
                                   Duration connect_timeout);

/// Sets the fields that the configuration adds to every call of an upstream.
void set_upstream_fields(const Services& services, const Upstream& upstream, Fields& fields);
/// Marks a request as caused by this process (RFC 8586).
void add_cdn_loop(const Services& services, Fields& fields);

}  // namespace siding
