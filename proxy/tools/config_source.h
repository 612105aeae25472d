// Loads the configuration that a command was given and shows its faults on stderr, the same way for
// all commands.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/load.h"

namespace siding {

/// Null if there was an error, which has been shown.
ConfigRef load_or_complain(const std::vector<std::string>& files);
/// The same for `toml` as config_from_flags() made it: a fault names the flag.
ConfigRef load_flags_or_complain(const std::string& toml);

/// The flag that wrote the line of a place such as "flags:4:7", for Diagnostic::place.
std::string flag_of_place(std::string_view place, std::string_view toml);

}  // namespace siding
