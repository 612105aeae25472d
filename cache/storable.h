// Whether a response may be stored, and which of its fields (RFC 9111 section 3).
// Invariant: what is unsure is not stored, and the word for why is the same in Cache-Status, in the
// metrics and in the access log.
#pragma once

#include <cstdint>
#include <string_view>

#include "cache/directives.h"
#include "cache/freshness.h"
#include "cache/policy.h"
#include "http/message.h"

namespace siding {

enum class StoreReason : uint8_t {
  stored,
  disabled,  ///< the route has no cache
  method,    ///< neither GET nor QUERY, nor a POST that says what GET would answer (9110 9.3.3)
  request_content,   ///< a GET with a content, which is in no key
  status,            ///< interim, 206, 304, or an answer to this one request only
  request_no_store,  ///< the client wants no trace
  no_store,          ///< the response's directive
  must_understand,   ///< a status that siding knows nothing of
  private_,          ///< for one user
  authorization,  ///< the request had credentials (a client's certificate is one too), and nothing
                  ///< says that others may see the answer
  set_cookie,     ///< the answer gives a cookie to one client
  vary_star,      ///< `Vary: *`: no later request can match
  not_cacheable,  ///< no lifetime, and a status that needs one
  useless,    ///< no validator, and no time in which it may be sent as long as the origin is well
  too_large,  ///< over the route's max_object
  count_
};
std::string_view to_string(StoreReason r);

struct StoreDecision {
  StoreReason reason = StoreReason::stored;
  bool store() const { return reason == StoreReason::stored; }
};

/// `request` as the client sent it and `response` as it came from the origin, hop-by-hop fields or not.
/// A POST is stored as the answer to GET of the same URI, after its invalidation. Bodies without a
/// Content-Length are the caller's to hold against max_object.
StoreDecision may_store(const RequestHead& request, const ResponseHead& response,
                        const CachePolicy& policy, ResponseTimes times);

/// The fields to store of a response that may be stored (RFC 9111 3.1): without what is meant for one
/// connection or one proxy, and without what `private="..."` and `no-cache="..."` name. Age stays, as
/// the age is computed from it. Where there is no good Date, that is `response_time` (RFC 9110 6.6.1).
/// Trailers never become fields.
Fields fields_to_store(const Fields& response, WallTime response_time);

}  // namespace siding
