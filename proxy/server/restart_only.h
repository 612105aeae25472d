// What a running process cannot change: the few options that a reload leaves as they were at the start.
#pragma once

#include <string>

#include "config/config.h"

namespace siding {

/// Those that `next` has otherwise than `started`, as the file names them: "threads, [log] access". Empty:
/// there are none.
std::string restart_only(const Config& started, const Config& next);

}  // namespace siding
