// The command line: from arguments to one Command, or to a text to show instead (help, version, what
// is wrong).
// Invariant: pure; neither reads files nor ends the process.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "proxy/tools/commands.h"

namespace siding {

using Command = std::variant<ShowText, RunOptions, CheckOptions, DemoOptions, TryOptions,
                             EnvOptions, ExplainOptions, PurgeOptions, HealthOptions>;

/// `arguments` are those after the program's name.
Command parse_command_line(const std::vector<std::string>& arguments, std::string_view version);

}  // namespace siding
