// What an answer to an unsafe request makes invalid (RFC 9111 4.4).
// Invariant: an answer never invalidates anything of another origin.
#pragma once

#include <string>
#include <vector>

#include "http/message.h"

namespace siding {

/// The origin-form targets, each once, for which every stored answer (of all methods and variants) is
/// to be dropped: the request's own, and those of Location and Content-Location. None if the method is
/// safe or the answer is neither 2xx nor 3xx. A method that siding does not know counts as unsafe.
std::vector<std::string> invalidated_targets(const RequestHead& request,
                                             const ResponseHead& response);

}  // namespace siding
