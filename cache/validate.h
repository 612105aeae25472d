// Validation, in both directions: asking the origin whether a stored response still holds, and
// answering a client that asks the same of the cache (RFC 9111 4.3, RFC 9110 section 13).
// Invariant: a stored response is only ever updated by an answer that is certain to speak of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "cache/policy.h"
#include "http/message.h"

namespace siding {

/// An entity tag (RFC 9110 8.8.3).
struct EntityTag {
  std::string_view opaque;  ///< between the quotes
  bool weak = false;
  bool same_weakly(const EntityTag& o) const { return opaque == o.opaque; }
  bool same_strongly(const EntityTag& o) const { return !weak && !o.weak && opaque == o.opaque; }
};
/// nullopt for what is none, such as one without quotes.
std::optional<EntityTag> parse_entity_tag(std::string_view text);

/// Whether a response can be validated: it is a success, and has a good ETag or Last-Modified.
bool has_validator(const ResponseHead& response);

// --- Towards the origin --------------------------------------------------------------------------

/// Makes `request` ask for `stored` conditionally: its validators replace the client's own conditions
/// and Range, which the cache answers from what comes. False, and nothing is changed, if it has none:
/// then the client's conditions go to the origin, and a 304 to them is the client's.
bool make_conditional(Fields& request, const ResponseHead& stored);

/// Whether a 304 that answers make_conditional() speaks of `stored` (RFC 9111 4.3.4): by a strong
/// validator, else by a weak one. One without any can only mean the one response that was asked for.
/// If not, the request is to be sent again without conditions.
bool speaks_of(const ResponseHead& not_modified, const Fields& stored);

/// What a 200 to HEAD, forwarded by the cache, means for a stored answer to GET (RFC 9111 4.3.5).
enum class HeadEffect : uint8_t {
  none,        ///< another status: nothing
  update,      ///< it is the same response: update_stored()
  invalidate,  ///< it has changed: to be validated before its next use
};
HeadEffect head_effect(const ResponseHead& answer, const ResponseHead& stored);

/// Updates stored fields from a 304 or an answer to HEAD (RFC 9111 3.2): replaces those that it has,
/// but for what is not stored, and for what describes the stored bytes: Content-Length,
/// Content-Encoding, Content-Type, Content-Range. Set-Cookie only if the route stores it. An Age that
/// the newer one does not have goes. Freshness and Vary are to be computed anew, with the times of the
/// newer one.
void update_stored(Fields& stored, const Fields& newer, const CachePolicy& policy,
                   WallTime response_time);

// --- Towards the client --------------------------------------------------------------------------

/// Whether a client's own conditions make its answer 304 (RFC 9110 13.2.2): If-None-Match by weak
/// comparison; only without it, and not for QUERY, If-Modified-Since, against Last-Modified, else Date,
/// else `response_time`. Only a stored 200 has conditions.
bool is_not_modified(const RequestHead& request, const ResponseHead& stored,
                     WallTime response_time);
/// The fields of the 304 for a stored response (RFC 9110 15.4.5): all but those that describe the
/// content; Last-Modified only if there is no ETag.
Fields not_modified_fields(const Fields& stored);

}  // namespace siding
