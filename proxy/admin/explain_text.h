// An exchange told in words: what happened, how long each part took, which prefetch was of use and
// why another was not.
// Invariant: whatever a client or a worker sent is escaped; no line of text needs more than about
// 100 columns.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/outcome.h"
#include "proxy/observe/ring.h"

namespace siding {

/// For people.
std::string explain_text(const std::vector<Ring::Ref>& records);
/// For programs: {"exchanges": [...]}; times in milliseconds.
std::string explain_json(const std::vector<Ring::Ref>& records);

/// What an outcome means and where to look, in a sentence or two.
std::string_view meaning(Outcome outcome);
std::string_view meaning(CacheResult result);

}  // namespace siding
