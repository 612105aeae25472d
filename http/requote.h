// What python-requests puts on the wire for a URL that was put together from unquoted text: its
// parse_url (urllib3 1.26) and requote_uri, done to one component.
// Invariant: the result holds only characters that may stand in that component, and no new "/", "?",
// "#", "&" or ";" that was not in the text.
#pragma once

#include <string>
#include <string_view>

namespace siding {

/// The escapes of a component are believed only if every `%` in it begins one; else each `%` becomes
/// "%25", those of real escapes too. So a component can be requoted only as a whole.
std::string requote_path(std::string_view path);
std::string requote_query(std::string_view query);

}  // namespace siding
