// URI references in answers (Location, Content-Location), resolved against the request's URI
// (RFC 3986 5.2), for what a cache asks of them: are they of the same origin, and which target?
// Invariant: never a target of another origin (RFC 9110 4.3.1).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "http/message.h"

namespace siding {

/// "https://example.org:8443", or without the port where it is the scheme's own. nullopt for an
/// authority that is none, or another scheme than http and https.
std::optional<std::string> origin_of(std::string_view scheme, std::string_view authority);

/// The origin-form target that `reference` means, without its fragment; nullopt if it is of another
/// origin than the request, or no http reference at all.
std::optional<std::string> resolve_same_origin(const RequestHead& request,
                                               std::string_view reference);

}  // namespace siding
