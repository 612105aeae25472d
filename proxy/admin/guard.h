// Who may use the [admin] door: programs of this machine, and no web page that its browser shows.
// Invariant: the Host must be a loopback literal or localhost, so that no page reaches the door by a name of
// its own that resolves to 127.0.0.1; what changes something is also closed to requests that a page of
// another site makes its visitor send.
#pragma once

#include <string_view>

#include "proxy/downstream/stream.h"

namespace siding {

/// Whether an authority is localhost or a loopback literal, with or without a port.
bool is_loopback_authority(std::string_view authority);

/// Both answer 403 and return true for who is refused.
bool refuse_host(Stream& stream);
bool refuse_other_sites(Stream& stream);

}  // namespace siding
