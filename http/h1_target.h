// Request targets (RFC 9112 section 3.2) and authorities (RFC 9110 section 4.2).
// Invariant: an authority that was let through is empty, or a host of letters, digits and "-._~", or
// a bracketed IPv6 literal, with at most one port of 0 to 65535; so it has one reading only.
#pragma once

#include <string_view>

#include "http/message.h"

namespace siding {

/// Host and optional port, as Host and :authority carry it. Not empty, no userinfo, nothing encoded.
bool valid_authority(std::string_view text);

/// Reads `text` in the form that `head.method` allows into target, scheme, authority and form.
/// Returns what is wrong with it, or "".
std::string_view parse_target(std::string_view text, RequestHead& head);

}  // namespace siding
