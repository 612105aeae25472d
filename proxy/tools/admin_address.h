// Where the siding listens that a command wants to ask.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace siding {

/// `admin`, as it was given, or the [admin] listen of the configuration in `files`. nullopt if there is
/// none, which has been shown on stderr in the name of `command`.
std::optional<std::string> admin_address(std::string_view command, const std::string& admin,
                                         const std::vector<std::string>& files);

}  // namespace siding
